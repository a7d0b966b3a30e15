"""What an editor makes of the JSON Schema: `python -m tests.editor.language_server [--folder FOLDER]`.

Installs the npm package yaml-language-server (the one behind VS Code's YAML extension, and others), speaks its
protocol over stdio, and holds completion, hover, messages and time to `expectations`. Needs node and npm.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TOP = Path(__file__).parents[2]
SCHEMA = TOP / "schemas" / "netspec-v1.schema.json"
PACKAGE = "yaml-language-server"
SECONDS = 30
"""The longest that one answer may take."""


class Server:
    """A language server as a child process; one document is open at a time."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.settings = settings
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.published: queue.Queue[dict[str, Any]] = queue.Queue()
        self.last = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        markup = {"documentationFormat": ["markdown", "plaintext"], "snippetSupport": True}
        capabilities = {
            "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
            "textDocument": {
                "completion": {"completionItem": markup},
                "hover": {"contentFormat": ["markdown", "plaintext"]},
                "publishDiagnostics": {"relatedInformation": True},
            },
        }
        root = self.folder.as_uri()
        folders = [{"uri": root, "name": "specs"}]
        self.ask("initialize", processId=None, rootUri=root, capabilities=capabilities, workspaceFolders=folders)
        self.tell("initialized")
        self.tell("workspace/didChangeConfiguration", settings=self.settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.ask("shutdown")
            self.tell("exit")
        self.process.terminate()
        self.process.wait(SECONDS)

    def ask(self, method: str, **params: Any) -> Any:
        """A request and its result."""
        self.last += 1
        self._send({"id": self.last, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=SECONDS)
            if answer.get("id") == self.last:
                assert "error" not in answer, answer
                return answer["result"]

    def tell(self, method: str, **params: Any) -> None:
        """A notification."""
        self._send({"method": method, "params": params})

    def open(self, uri: str, text: str) -> list[dict[str, Any]]:
        """Opens a document; what the server finds in it."""
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})
        return self._diagnostics(uri)

    def close(self, uri: str) -> None:
        """Closes a document, so that it is not checked again."""
        self.tell("textDocument/didClose", textDocument={"uri": uri})

    def _diagnostics(self, uri: str) -> list[dict[str, Any]]:
        while True:
            params = self.published.get(timeout=SECONDS)
            if params["uri"] == uri:
                found: list[dict[str, Any]] = params["diagnostics"]
                return found

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def _listen(self) -> None:
        for message in self._messages():
            if "method" not in message:
                self.answers.put(message)
            elif "id" in message:
                self._send({"id": message["id"], "result": self._answer(message)})
            elif message["method"] == "textDocument/publishDiagnostics":
                self.published.put(message["params"])

    def _messages(self) -> Iterator[dict[str, Any]]:
        assert self.process.stdout
        length = 0
        while line := self.process.stdout.readline():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif not line.strip():
                yield json.loads(self.process.stdout.read(length))

    def _answer(self, message: dict[str, Any]) -> Any:
        """What the server asks the editor: its settings; anything else is acknowledged."""
        if message["method"] != "workspace/configuration":
            return None
        return [self.settings.get(item.get("section", "")) for item in message["params"]["items"]]


def settings(folder: Path) -> dict[str, Any]:
    """The schema for every document below the folder; nothing is looked up in the network."""
    return {
        "yaml": {
            "schemas": {SCHEMA.as_uri(): f"{folder.as_posix()}/*.yaml"},
            "schemaStore": {"enable": False},
            "validate": True,
            "hover": True,
            "completion": True,
        }
    }
