"""Diagnostics as text: `full`, with the lines of the file, and `concise`, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netspec.diagnostics.model import Diagnostic, Label, Severity, Span

_COLOURS = {Severity.error: "\x1b[1;31m", Severity.warning: "\x1b[1;33m", Severity.note: "\x1b[1;36m"}
_BOLD, _DIM, _BLUE, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[1;34m", "\x1b[0m"
_LONGEST_LINE = 160


def escaped(text: str) -> str:
    """What a stranger's file says, without control characters: they must not reach a terminal."""
    return "".join(c if c.isprintable() or c == " " else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


class Painter:
    """Colours, or none."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, code: str) -> str:
        """`text` in a colour."""
        return f"{code}{text}{_RESET}" if self.colour and text else text


def headline(diagnostic: Diagnostic, paint: Painter) -> str:
    """`file:line:column: error[NS203]: message`; without a place just `error[NS203]: message`."""
    place = ""
    if diagnostic.file:
        span = diagnostic.span or Span(1, 1, 1, 1)
        place = paint(f"{escaped(diagnostic.file)}:{span.line}:{span.column}:", _BOLD) + " "
    kind = paint(f"{diagnostic.severity.value}[{diagnostic.code}]", _COLOURS[diagnostic.severity])
    return f"{place}{kind}: {paint(escaped(diagnostic.message), _BOLD)}"


def concise(diagnostics: Iterable[Diagnostic], *, colour: bool = False) -> str:
    """One line each."""
    paint = Painter(colour)
    return "".join(headline(d, paint) + "\n" for d in diagnostics)


def full(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Sequence[str]], *, colour: bool = False) -> str:
    """Each with the lines it is about. `sources` holds the lines of each file."""
    paint = Painter(colour)
    return "\n".join(_full(d, sources.get(d.file, ()), paint) for d in diagnostics)


def _full(diagnostic: Diagnostic, lines: Sequence[str], paint: Painter) -> str:
    out = [headline(diagnostic, paint)]
    span = diagnostic.span
    shown = span is not None and 0 < span.line <= len(lines) and any(lines)
    width = 1
    if shown and span is not None:
        labels = [label for label in diagnostic.labels if 0 < label.span.line <= len(lines)]
        width = max(len(str(number)) for number in (span.line, *(label.span.line for label in labels)))
        out += _excerpt(diagnostic, span, labels, lines, width, paint)
    bar = paint(" " * width + " =", _BLUE)
    helps = [*diagnostic.help, f"run `netspec explain {diagnostic.code}`"]
    out += [f"{bar} {paint('help', _BOLD)}: {escaped(help)}" for help in helps]
    return "\n".join(out) + "\n"


def _excerpt(
    diagnostic: Diagnostic, span: Span, labels: Sequence[Label], lines: Sequence[str], width: int, paint: Painter
) -> list[str]:
    """The line that is wrong, and before and after it the lines of the labels, in the order of the file."""
    empty = paint(" " * width + " |", _BLUE)
    out = [empty]
    column = min(max((len(lines[label.span.line - 1]) for label in labels), default=0) + 3, 100)
    remarks = {label.span.line: label.text for label in labels if label.span.line != span.line}
    previous = None
    for number in sorted({span.line, *remarks}):
        if previous is not None and number > previous + 1:
            out.append(paint("...", _BLUE))
        if number == span.line:
            out += _marked(diagnostic, span, lines, width, paint, empty)
        else:
            out.append(_line(number, lines, width, paint, remarks[number], column))
        previous = number
    out.append(empty)
    return out


def _marked(diagnostic: Diagnostic, span: Span, lines: Sequence[str], width: int, paint: Painter, empty: str) -> list[str]:
    """The line that is wrong, with a mark under what is meant."""
    text = lines[span.line - 1]
    start = max(0, span.column - 1)
    offset = max(0, start - _LONGEST_LINE // 2) if len(text) > _LONGEST_LINE else 0
    end = span.end_column - 1 if span.end_line == span.line else len(text.rstrip())
    marked = "^" * max(1, min(end, offset + _LONGEST_LINE) - start)
    before = len(escaped(text[offset:start].replace("\t", " ")))
    caption = f"{marked} {escaped(diagnostic.caption)}".rstrip()
    mark = f"{empty} {' ' * before}{paint(caption, _COLOURS[diagnostic.severity])}"
    return [_line(span.line, lines, width, paint, offset=offset), mark]


def _line(
    number: int, lines: Sequence[str], width: int, paint: Painter, remark: str = "", column: int = 0, offset: int = 0
) -> str:
    text = escaped(lines[number - 1][offset : offset + _LONGEST_LINE].replace("\t", " "))
    margin = paint(f"{number:>{width}} |", _BLUE)
    if not remark:
        return f"{margin} {text}".rstrip()
    return f"{margin} {text.ljust(column)}{paint(escaped(remark), _DIM)}"


def summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    """`2 errors, 1 warning in 3 files`, or that all is well."""
    errors = sum(d.severity is Severity.error for d in diagnostics)
    warnings = sum(d.severity is Severity.warning for d in diagnostics)
    counts = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
    place = f"{files} file{'s' * (files != 1)}"
    return f"{', '.join(counts)} in {place}" if counts else f"{place} checked, no problems"
