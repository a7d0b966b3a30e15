"""What an editor makes of the JSON Schema: `python -m tests.editor.language_server [--folder FOLDER]`.

Installs the npm package yaml-language-server (VS Code's YAML extension is one, other editors use the same), speaks its
protocol over stdio, and holds completion, hover, messages and time to `expectations`. Needs node and npm. A folder that
is given keeps what was installed for the next time. Not a test for pytest: it downloads.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.editor.client import Client, applied
from tests.editor.expectations import BROKEN, HOVERED, LAYERS, OFFERED, WRITTEN, Offers, Shows, Tells, Writes

TOP = Path(__file__).parents[2]
SCHEMA = TOP / "schemas" / "netspec-v1.schema.json"
PACKAGE = "yaml-language-server"
HOLDERS = {"residual", "parallel", "repeat", "block", "share"}
"""Layers whose completion leaves a place for further layers, or names one."""
KEY = 10
"""The protocol's number for a completion that is a mapping's key."""
ROUNDS = 7
CHECKED, COMPLETED = 1.0, 0.5
"""Seconds that a spec of 200 layers may take, the first of them with the 0.2 that the server waits for more typing."""


@dataclass
class Desk:
    """An editor's window: documents are opened one at a time, and what is expected of them is counted."""

    client: Client
    folder: Path
    opened: int = 0
    met: int = 0
    failed: list[str] = field(default_factory=list)

    def expect(self, kind: str, what: str, wrong: str) -> None:
        """Prints one line for an expectation; `wrong` says what is there instead, '' where nothing is wrong."""
        print(f"{'FAIL' if wrong else 'ok':<5}{kind:<11}{what}" + (f"\n       {wrong}" if wrong else ""), flush=True)
        if wrong:
            self.failed.append(what)
        else:
            self.met += 1

    def told(self, text: str, uri: str = "") -> list[tuple[int, str]]:
        """The messages of a document with their lines, from 1."""
        uri = uri or self._new()
        self.client.open(uri, text)
        found = self.client.diagnostics(uri)
        self.client.close(uri)
        return sorted((each["range"]["start"]["line"] + 1, each["message"]) for each in found)

    def at_cursor(self, request: str, text: str) -> Any:
        """The answer to a request at the cursor of a document."""
        uri = self._new()
        before, _, after = text.partition("|")
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        self.client.open(uri, before + after)
        found = self.client.ask(f"textDocument/{request}", textDocument={"uri": uri}, position=position)
        self.client.close(uri)
        return found

    def _new(self) -> str:
        """A document of its own for each question: the server keeps what it has read under a name."""
        self.opened += 1
        return (self.folder / f"spec{self.opened}.yaml").as_uri()

    def completions(self, text: str) -> list[dict[str, Any]]:
        """What is offered at the cursor."""
        found = self.at_cursor("completion", text)
        items: list[dict[str, Any]] = found["items"] if found else []
        return items


def offers(desk: Desk, row: Offers) -> str:
    found = desk.completions(row.before + row.text)
    labels = [item["label"] for item in found]
    absent = [label for label in row.labels.split() if label not in labels]
    present = [label for label in row.never.split() if label in labels]
    odd = [label for label in labels if label.startswith(("[object", "- ("))]
    # The server writes the key that is being typed without its colon, where the line has one already.
    typed = re.findall(r"\w*$", row.text.partition("|")[0])[0]
    keys = [item for item in found if item["kind"] == KEY and not (typed and item["label"].startswith(typed))]
    bare = [item["label"] for item in keys if ":" not in item["insertText"]]
    told = {"not offered": absent, "offered": present, "odd": odd, "without a colon": bare}
    return "; ".join(f"{what}: {', '.join(each)}" for what, each in told.items() if each)


def writes(desk: Desk, row: Writes) -> str:
    text = row.before + row.text
    item = next((each for each in desk.completions(text) if each["label"] == row.label), None)
    if item is None:
        return f"`{row.label}` is not offered"
    found = applied(text.replace("|", ""), item).removeprefix(row.before)
    return "" if found == row.after else f"found {found!r}"


def shows(desk: Desk, row: Shows) -> str:
    found = desk.at_cursor("hover", row.before + row.text)
    value = found["contents"]["value"] if found else ""
    return "" if row.shown in value else f"found {value!r}"


def tells(desk: Desk, row: Tells) -> str:
    first = row.before.count("\n")
    found = [(line - first, message) for line, message in desk.told(row.before + row.text)]
    return "" if found == sorted(row.told) else f"found {found}"


def repository(desk: Desk) -> None:
    """Every spec of the repository, found by its own first line rather than by the settings."""
    for path in sorted((TOP / "specs").rglob("*.yaml")):
        found = desk.told(path.read_text(), path.as_uri())
        desk.expect("spec", str(path.relative_to(TOP)), str(found) if found else "")


def every_layer(desk: Desk) -> None:
    """Whatever a new layer item is offered makes a layer that is right."""
    text = LAYERS + "    - |\n"
    items = [item for item in desk.completions(text) if item["label"] not in {*HOLDERS, "name", "from"}]
    lines = [applied(text.replace("|", ""), item).removeprefix(LAYERS) for item in items]
    found = desk.told(LAYERS + "".join(lines))
    desk.expect("completion", f"each of {len(items)} layers is written as one that is right", str(found) if found else "")


def timed(desk: Desk) -> None:
    """The time that 200 layers take when the server is warm."""
    layer = "    - conv2d: {{filters: {0}, kernel_size: 3, padding: same, activation: relu}}\n      name: layer{0}\n"
    text = LAYERS + "".join(layer.format(number) for number in range(1, 201))
    checked = _median(lambda: desk.told(text))
    completed = _median(lambda: desk.completions(text + "    - |\n"))
    for what, seconds, limit in (("checked", checked, CHECKED), ("completed", completed, COMPLETED)):
        told = f"200 layers are {what} in {1000 * seconds:.0f} ms"
        desk.expect("time", told, f"the limit is {1000 * limit:.0f} ms" if seconds > limit else "")


def _median(act: Callable[[], object]) -> float:
    def rounds() -> Iterator[float]:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            act()
            yield time.perf_counter() - began

    act()
    return statistics.median(rounds())


def completion(desk: Desk) -> None:
    """What is offered, and what choosing it writes."""
    for row in OFFERED:
        desk.expect("completion", f"{row.what} offers {row.labels.replace(' ', ', ')}", offers(desk, row))
    for written in WRITTEN:
        desk.expect("completion", f"{written.what} writes {written.after.strip()!r}", writes(desk, written))
    every_layer(desk)


def hover(desk: Desk) -> None:
    """What is shown."""
    for row in HOVERED:
        desk.expect("hover", f"{row.what}: {row.shown}", shows(desk, row))


def messages(desk: Desk) -> None:
    """What is told of broken documents."""
    for row in BROKEN:
        lines = " ".join(f"[{line}] {message}" for line, message in row.told) or "nothing"
        desk.expect("message", f"{row.what}: {lines}", tells(desk, row))


def installed(folder: Path) -> list[str]:
    """The server's command, installed by its name where the folder does not have it yet."""
    package = folder / "node_modules" / PACKAGE
    if not package.is_dir():
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        subprocess.run(command, check=True)
    print(f"{PACKAGE} {json.loads((package / 'package.json').read_text())['version']}")
    return ["node", str(package / "bin" / PACKAGE), "--stdio"]


def settings(folder: Path) -> dict[str, Any]:
    """The schema for every document in the folder; nothing is looked up elsewhere."""
    found = {"schemas": {SCHEMA.as_uri(): f"{folder.as_posix()}/*.yaml"}, "schemaStore": {"enable": False}}
    return {"yaml": {**found, "validate": True, "hover": True, "completion": True}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="where the server is installed, or already is; else a temporary folder")
    given: Path | None = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        command = installed((given or folder / "server").resolve())
        with Client(command, folder, settings(folder)) as client:
            desk = Desk(client, folder)
            for part in (repository, completion, hover, messages, timed):
                part(desk)
    print(f"{desk.met} expectations met, {len(desk.failed)} failed")
    return 1 if desk.failed else 0


if __name__ == "__main__":
    sys.exit(main())
