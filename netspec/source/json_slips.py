"""The slip behind a complaint of the JSON parser, whatever version of Python words it."""

from __future__ import annotations

import re

from netspec.diagnostics import Span
from netspec.source.slips import CLOSING, Slip, last_open

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]|-?Infinity|NaN|[0-9]{1000,}', re.DOTALL)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_IN_A_TEXT = ("Unterminated string", "Invalid control character", "Invalid \\")


def json_slip(problem: str, text: str, position: int) -> Slip:
    """What was meant where the parser stopped, at a 0-based position."""
    if problem.startswith(_IN_A_TEXT):
        return _in_a_text(problem, text, position)
    if "trailing comma" in problem:
        position = text.index(",", position) + 1
    position += len(text[position:]) - len(text[position:].lstrip())
    here, before = text[position : position + 1], text[:position].rstrip()
    if not here:
        return _cut_off(text)
    if here in ("]", "}") and before.endswith(","):
        return _slip(text, position, f"a `,` stands before `{here}`", "remove it: in JSON nothing follows the last comma")
    if text.startswith(("//", "/*", "#"), position):
        return _slip(text, position, "JSON has no comments", "remove it, or write the spec as YAML")
    if here == "'":
        return _slip(text, position, "JSON puts texts into double quotes", "write `\"` for `'`")
    if "Extra data" in problem:
        return _slip(text, position, "something follows the end of the spec", "a file holds one object")
    return _word(problem, text, position) or _missing(problem, text, position, len(before))


def not_finite(text: str) -> Slip:
    """`NaN` or `Infinity`, which Python reads and JSON does not have, or more digits than Python reads."""
    found = next((token for token in _TOKEN.finditer(text) if token[0][-1] in "Ny0123456789"), None)
    word = found[0] if found else ""
    what = f"`{word}`" if len(word) < 20 else f"a number of {len(word)} digits"
    return _slip(
        text, found.start() if found else 0, f"{what} is not a number of JSON", "write a finite number", len(word) or 1
    )


def _slip(text: str, position: int, message: str, help: str, length: int = 1) -> Slip:
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return Slip("NS101", message, Span(line, column, line, column + length), (help,))


def _in_a_text(problem: str, text: str, position: int) -> Slip:
    if problem.startswith("Invalid \\"):
        start = text.rindex("\\", 0, position + 1)
        what = text[start : start + 2]
        return _slip(text, start, f"`{what}` is not an escape of JSON", f"write `\\{what}` for the sign itself", 2)
    if problem.startswith("Invalid") and text[position] not in "\r\n":
        return _slip(text, position, "a control character in a text", "write it as an escape: a tab is `\\t`")
    start = text.rindex('"', 0, position + 1)
    return _slip(text, start, "a text is not closed on its line", 'write `"` at its end; a line break in it is `\\n`')


def _cut_off(text: str) -> Slip:
    """The file ends, and something is still open."""
    start = last_open(_TOKEN.finditer(text))
    if start is None:
        return _slip(text, 0, "the file is empty", 'a spec starts with `{"netspec": 1`')
    return _slip(text, start, f"`{text[start]}` is not closed", f"write `{CLOSING[text[start]]}` where it ends")


def _word(problem: str, text: str, position: int) -> Slip | None:
    """A text without quotes, one of Python's words, or a number that JSON does not write like that."""
    begun, rest = re.search(r"[\w.+-]*$", text[max(0, position - 40) : position]), re.match(r"[\w.+-]*", text[position:])
    assert begun is not None
    assert rest is not None
    word = begun[0] + rest[0]
    if not rest[0] or ("delimiter" in problem and not begun[0]):
        return None
    start = position - len(begun[0])
    if not text[:start].strip():
        return _slip(text, start, "a JSON file starts with `{`", "call the file `.yaml` if it is YAML", len(word))
    if word in _WORDS:
        return _slip(text, start, f"`{word}` is not a word of JSON", f"write `{_WORDS[word]}`", len(word))
    if word[0].isdigit() or word[0] in ".+-":
        return _slip(text, start, f"`{word}` is not a number of JSON", "write it as 0.5, 1000 or 1e-3", len(word))
    return _slip(text, start, f"`{word}` stands without quotes", f'write `"{word}"`', len(word))


def _missing(problem: str, text: str, position: int, end: int) -> Slip:
    """A comma, a colon or a value; `end` is where the text before the place ends."""
    start = last_open(_TOKEN.finditer(text[:position]))
    if text[position] in ("]", "}") and start is not None and CLOSING[text[start]] != text[position]:
        help = f"write `{CLOSING[text[start]]}` for the `{text[start]}` that was opened last"
        return _slip(text, position, f"`{text[position]}` cannot close `{text[start]}`", help)
    if "',' delimiter" in problem:
        return _slip(text, end, "a `,` is missing", "write a `,` between each two values")
    if "':' delimiter" in problem:
        return _slip(text, end, "a `:` is missing after the key", 'write `"key": value`')
    what = "a key in double quotes" if "property name" in problem else "a value"
    return _slip(text, position, f"expected {what}, found `{text[position]}`", "check the commas and brackets around it")
