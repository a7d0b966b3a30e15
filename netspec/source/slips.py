"""The slip behind a YAML parser's complaint: libyaml knows the rule that broke, this knows what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from netspec.diagnostics import Span
from netspec.source.document import split_lines

CLOSING = {"[": "]", "{": "}"}
_TOKEN = re.compile(
    r"""(?<![\w'])'(?:[^']|'')*+(?:'|\Z) | (?<!\w)"(?:[^"\\]|\\.)*+(?:"|\\?\Z) | (?:^|(?<=\s))\#[^\n]* | [\[\]{}]""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
"""What may hide brackets, and brackets. A quote that is not closed hides all that follows: each sign is read once."""
_KEY = re.compile(r"""[^\s"'\[{#][^:]*:(\s|$)""")
_FAR = 200
"""Signs of a line that a guess looks at: whoever wrote a longer one by hand is not helped by a guess."""


class Slip(NamedTuple):
    """What is wrong, where, and the way out."""

    code: str
    message: str
    span: Span
    help: tuple[str, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Trouble:
    """A complaint and the lines around it. Places count from 1; at `begin` the piece begins that broke."""

    problem: str
    lines: list[str]
    line: int
    column: int
    begin: tuple[int, int]

    @property
    def here(self) -> str:
        """The line of the complaint."""
        return self.text(self.line)

    @property
    def before(self) -> str:
        """What stands before the complaint on its line."""
        return self.here[: self.column - 1]

    @property
    def behind(self) -> str:
        """What stands on its line from the complaint on."""
        return self.here[self.column - 1 :]

    @property
    def above(self) -> int:
        """The number of the nearest line above that says something; 0 where there is none."""
        said = (n for n in range(self.line - 1, 0, -1) if self.text(n).strip() and self.text(n).lstrip()[0] != "#")
        return next(said, 0)

    def text(self, line: int) -> str:
        """A line by its number, '' outside of the file."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def span(self, length: int = 1) -> Span:
        """The place of the complaint."""
        return Span(self.line, self.column, self.line, self.column + length)

    def start(self, length: int = 1) -> Span:
        """The place where the broken piece begins."""
        line, column = self.begin
        return Span(line, column, line, column + length)

    def rest(self) -> str:
        """Everything from where the broken piece begins."""
        line, column = self.begin
        return "\n".join((self.text(line)[column - 1 :], *self.lines[line:]))


def yaml_slip(error: yaml.YAMLError, text: str) -> Slip:
    """What was meant where libyaml stopped."""
    if isinstance(error, yaml.reader.ReaderError):
        return _control(error, text)
    mark = getattr(error, "problem_mark", None)
    start = getattr(error, "context_mark", None) or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    begin = (start.line + 1, start.column + 1) if start else (1, 1)
    problem = str(getattr(error, "problem", None) or error)
    trouble = Trouble(problem, split_lines(text), line, column, begin)
    found = (slip for words, rule in _RULES if words in problem and (slip := rule(trouble)) is not None)
    return next(found, Slip("NS101", f"this is not YAML: {problem}", trouble.span()))


def _control(error: yaml.reader.ReaderError, text: str) -> Slip:
    """A character that no YAML file holds; libyaml counts the bytes before it."""
    before = text.encode()[: error.position].decode(errors="replace")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    message = f"the control character U+{int(error.character):04X} cannot stand in YAML"
    return Slip("NS101", message, Span(line, column, line, column + 1), ("remove it",))


def _colon(trouble: Trouble) -> Slip:
    """A `:` after what the parser takes for the end of a value."""
    here, above = trouble.here, trouble.text(trouble.above)
    indent = len(here) - len(here.lstrip())
    if re.match(r"\s*-[A-Za-z]", here):
        span = Span(trouble.line, indent + 1, trouble.line, indent + 2)
        return Slip("NS107", "a space is missing after `-`", span, (f"write `- {here.strip()[1:]}`",))
    if not re.fullmatch(r"\s*(- )?[\w.]+", trouble.before):
        key, _, value = here.strip().partition(": ")
        help = f"quote the text if the colon belongs to it: `{key}: '{value}'`"
        return Slip("NS106", "a `:` stands where no key can be", trouble.span(), (help,))
    bare = re.match(r"\s*- ([a-z]\w*)\s*(#.*)?$", above)
    if bare and not here.lstrip().startswith("-"):
        help = f"write `- {bare[1]}:` on line {trouble.above}"
        return Slip("NS106", f"`{bare[1]}` needs a colon before its siblings", trouble.span(), (help,))
    if ":" not in above and not above.lstrip().startswith("-"):
        return _without_colon(trouble, trouble.above)
    due = _open_columns([above], dash=here.lstrip().startswith("-"))
    help = f"start it in column {due[0]}, as the line above" if due else "write the value above in one line, or quote it"
    message = "this line stands deeper than the one above, which has its value already"
    return Slip("NS106", message, Span(trouble.line, indent + 1, trouble.line, trouble.column), (help,))


def _without_colon(trouble: Trouble, line: int) -> Slip:
    text = trouble.text(line)
    word, _, value = text.strip().partition(" ")
    column = len(text) - len(text.lstrip()) + 1
    if word.startswith("//"):
        return Slip("NS101", "`//` starts no comment", Span(line, column, line, column + 2), ("a comment starts with `#`",))
    help = f"write `{word}: {value.lstrip('= ')}`" if value else f"write `{word}:`"
    return Slip("NS101", f"a `:` is missing after `{word}`", Span(line, column, line, column + len(word)), (help,))


def _key_without_colon(trouble: Trouble) -> Slip:
    return _without_colon(trouble, trouble.begin[0])


def _sign(trouble: Trouble) -> Slip | None:
    """A value that starts with a sign that YAML reads otherwise."""
    line, column = trouble.begin
    match = re.match(r"([*?&!%@`|>-])[^,\]}#]*", trouble.text(line)[column - 1 :])
    if match is None:
        return None
    word = match[0].strip()
    quote = "'" if '"' in word else '"'
    sign = "a backtick" if match[1] == "`" else f"`{match[1]}`"
    message = f"{sign} has a meaning of its own in YAML"
    return Slip("NS108", message, trouble.start(len(word)), (f"quote it: {quote}{word}{quote}",))


def _list_beside_key(trouble: Trouble) -> Slip | None:
    item = trouble.behind[1:].strip()
    if not item:
        return None
    help = f"start `- {item}` on the line below, or write `[{item}]`"
    return Slip("NS101", "a list item cannot stand on the line of its key", trouble.span(), (help,))


def _tab(trouble: Trouble) -> Slip | None:
    return Slip("NS101", "a tab cannot indent YAML", trouble.span(), ("use spaces",)) if "\t" in trouble.here else None


def _open_quote(trouble: Trouble) -> Slip:
    quote = trouble.rest()[:1]
    help = f"write {quote} at the end of the text"
    return Slip("NS101", "a quoted text is not closed", trouble.start(), (help,), "opened here")


def _escape(trouble: Trouble) -> Slip:
    what = trouble.behind[:2]
    help = f"write `\\{what}`, or put the text in single quotes"
    return Slip("NS101", f"`{what}` is not an escape of YAML", trouble.span(2), (help,))


def _expression(trouble: Trouble) -> Slip | None:
    if trouble.here.count("$(") <= trouble.here.count(")"):
        return None
    return Slip("NS109", "`$(` is not closed on this line", trouble.span(), ("close it, or quote the expression",))


def _bracket(trouble: Trouble) -> Slip:
    """A list or mapping in brackets that breaks off: it is not closed, is closed by the wrong one, or lacks a comma."""
    opening = trouble.rest()[:1]
    closing = CLOSING.get(opening, "")
    if trouble.behind[:1] in ("]", "}"):
        wrong = trouble.behind[:1]
        help = f"write `{closing}` to close the `{opening}` of line {trouble.begin[0]}"
        return Slip("NS101", f"`{wrong}` cannot close `{opening}`", trouble.span(), (help,))
    if not _is_closed(trouble.rest()):
        return Slip(
            "NS101", f"`{opening}` is not closed", trouble.start(), (f"write `{closing}` where it ends",), "opened here"
        )
    words = re.search(r"([^\s,\[{:]+)\s+([\w$]+)$", trouble.before[-_FAR:])
    if trouble.behind.startswith(":") and words:
        column = max(0, len(trouble.before) - _FAR) + words.start(2) + 1
        span = Span(trouble.line, column, trouble.line, column + len(words[2]))
        return Slip("NS101", f"a `,` is missing before `{words[2]}`", span, (f"write `{words[1]}, {words[2]}`",))
    return Slip("NS101", "a `,` is missing before this", trouble.span(), ("write a `,` between each two values",))


def _no_value(trouble: Trouble) -> Slip | None:
    """In brackets stands nothing where a value was due."""
    if trouble.behind.startswith(","):
        return Slip("NS101", "nothing stands before this `,`", trouble.span(), ("write a value, or remove the `,`",))
    place = _last_open("\n".join(trouble.lines))
    if trouble.behind or place is None:
        return None
    sign = trouble.text(place[0])[place[1] - 1]
    span = Span(*place, place[0], place[1] + 1)
    return Slip("NS101", f"`{sign}` is not closed", span, (f"write `{CLOSING[sign]}` where it ends",), "opened here")


def _is_closed(text: str) -> bool:
    """Whether the bracket that a text starts with is closed somewhere."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return True
    return False


def last_open(tokens: Iterable[re.Match[str]]) -> int | None:
    """Where the last bracket stands that is never closed, among a text's tokens: brackets, and what may hide them."""
    waiting: list[int] = []
    for token in tokens:
        if token[0] in CLOSING:
            waiting.append(token.start())
        elif token[0] in ("]", "}") and waiting:
            waiting.pop()
    return waiting[-1] if waiting else None


def _last_open(text: str) -> tuple[int, int] | None:
    """Line and column of the last bracket that is never closed."""
    start = last_open(_TOKEN.finditer(text))
    if start is None:
        return None
    before = text[:start]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _out_of_place(trouble: Trouble) -> Slip:
    """A line that fits nothing above it, or text behind a value that has come to its end."""
    if not trouble.before.strip():
        return _indent(trouble)
    if trouble.behind[:1] in ("]", "}"):
        return Slip("NS101", f"`{trouble.behind[0]}` closes nothing", trouble.span(), ("remove it",))
    help = "put the whole value in quotes; inside single quotes, a quote is written twice"
    return Slip("NS101", "the value ends before this", trouble.span(len(trouble.behind.rstrip())), (help,))


def _indent(trouble: Trouble) -> Slip:
    dash = trouble.behind.startswith("-")
    columns = [str(column) for column in _open_columns(trouble.lines[: trouble.line - 1], dash=dash)]
    what = "a `-`" if dash else "a key"
    told = " or ".join(filter(None, (", ".join(columns[:-1]), *columns[-1:])))
    help = f"{what} that goes on with what stands above starts in column {told}"
    if not columns:
        help = "a value is a list or a mapping: every line of it starts with `- `, or none does"
    length = 1 if dash else len(trouble.behind.partition(":")[0])
    return Slip("NS101", "the indent fits nothing above", trouble.span(length), (help,), f"starts in column {trouble.column}")


def _open_columns(lines: list[str], *, dash: bool) -> list[int]:
    """The columns in which the lists (or the mappings) that are still open have their items; the innermost first."""
    found: list[int] = []
    least = 1 << 30
    for text in reversed(lines):
        column = len(text) - len(text.lstrip(" ")) + 1
        if text.strip() and not text.lstrip().startswith("#") and column < least:
            found += reversed([at for at, is_dash in _starts(text) if is_dash == dash])
            least = column
    return found


def _starts(text: str) -> list[tuple[int, bool]]:
    """The columns in which a line starts something, and whether that is a list: `- - a: 1` starts three."""
    starts = []
    text = text[:_FAR]
    column = len(text) - len(text.lstrip(" ")) + 1
    while text[column - 1 :].startswith("- "):
        starts.append((column, True))
        inner = text[column:].lstrip(" ")
        column = len(text) - len(inner) + 1
    return [*starts, (column, False)] if _KEY.match(text[column - 1 :]) else starts


_RULES: tuple[tuple[str, Callable[[Trouble], Slip | None]], ...] = (
    ("mapping values are not allowed", _colon),
    ("could not find expected ':'", _key_without_colon),
    ("alphabetic or numeric character", _sign),
    ("comment or line break", _sign),
    ("mapping keys are not allowed", _sign),
    ("found a tab character", _tab),
    ("cannot start any token", _tab),
    ("cannot start any token", _sign),
    ("block sequence entries are not allowed", _list_beside_key),
    ("block sequence entries are not allowed", _sign),
    ("found unexpected end of stream", _open_quote),
    ("unknown escape character", _escape),
    ("did not find expected ','", _expression),
    ("did not find expected ','", _bracket),
    ("did not find expected node content", _no_value),
    ("did not find expected node content", _sign),
    ("did not find expected key", _out_of_place),
    ("did not find expected '-'", _out_of_place),
)
