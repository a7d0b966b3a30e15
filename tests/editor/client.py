"""A client for a language server over stdio: as much of the protocol as an editor needs to open, complete and hover."""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECONDS = 30
"""The longest that one answer may take."""
CAPABILITIES = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "textDocument": {
        "completion": {"completionItem": {"documentationFormat": ["markdown", "plaintext"], "snippetSupport": True}},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "publishDiagnostics": {"relatedInformation": True},
    },
}


class Client:
    """A language server as a child process, and what an editor would say to it."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self.settings = folder, settings
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.published: queue.Queue[dict[str, Any]] = queue.Queue()
        self.configured = threading.Event()
        self.writing = threading.Lock()
        self.last = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        root = self.folder.as_uri()
        folders = [{"uri": root, "name": self.folder.name}]
        self.ask("initialize", processId=None, rootUri=root, capabilities=CAPABILITIES, workspaceFolders=folders)
        self.tell("initialized")
        self.tell("workspace/didChangeConfiguration", settings=self.settings)
        if not self.configured.wait(SECONDS):
            raise TimeoutError("the server never asked for its settings")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.ask("shutdown")
            self.tell("exit")
        self.process.terminate()
        self.process.wait(SECONDS)

    def open(self, uri: str, text: str) -> None:
        """Opens a document."""
        self.tell("textDocument/didOpen", textDocument={"uri": uri, "languageId": "yaml", "version": 1, "text": text})

    def close(self, uri: str) -> None:
        """Closes a document, so that it is not checked again."""
        self.tell("textDocument/didClose", textDocument={"uri": uri})

    def diagnostics(self, uri: str) -> list[dict[str, Any]]:
        """What the server finds in a document that was opened just now."""
        while True:
            params = _next(self.published)
            if params["uri"] == uri:
                found: list[dict[str, Any]] = params["diagnostics"]
                return found

    def ask(self, method: str, **params: Any) -> Any:
        """A request and its result."""
        self.last += 1
        self._send({"id": self.last, "method": method, "params": params})
        while True:
            answer = _next(self.answers)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def tell(self, method: str, **params: Any) -> None:
        """A notification."""
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin
        with self.writing:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()

    def _listen(self) -> None:
        for message in self._messages():
            if "method" not in message:
                self.answers.put(message)
            elif "id" in message:
                self._send({"id": message["id"], "result": self._answer(message["method"], message.get("params") or {})})
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

    def _answer(self, method: str, params: dict[str, Any]) -> Any:
        """What the server asks the editor: its settings; anything else is acknowledged."""
        if method != "workspace/configuration":
            return None
        self.configured.set()
        return [self.settings.get(item.get("section", "")) for item in params["items"]]


def _next(messages: queue.Queue[dict[str, Any]]) -> dict[str, Any]:
    try:
        return messages.get(timeout=SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer for {SECONDS} s") from None


def applied(text: str, item: dict[str, Any]) -> str:
    """A text after a completion was chosen, each place in it left as it stands."""
    edit = item["textEdit"]
    lines = text.split("\n")
    start, end = edit["range"]["start"], edit["range"]["end"]
    line = lines[start["line"]]
    # As editors do: what is inserted on further lines is indented like the line that it starts on.
    margin = line[: len(line) - len(line.lstrip())]
    new = plain(edit["newText"]).replace("\n", "\n" + margin)
    return "\n".join(
        [
            *lines[: start["line"]],
            line[: start["character"]] + new + lines[end["line"]][end["character"] :],
            *lines[end["line"] + 1 :],
        ]
    )


def plain(snippet: str) -> str:
    """A snippet's text: `${1:32}` is 32, `$1` is nothing."""
    text = re.sub(r"(?<!\\)\$\{\d+:?([^{}]*)\}", r"\1", snippet)
    return re.sub(r"(?<!\\)\$\d+", "", text).replace("\\$", "$").replace("\\}", "}")
