"""Variables and arithmetic: `$name`, `$(...)` and `$$` in a spec's values.

Expressions have their own parser: numbers, variables, `+ - * // / % ( )` and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from netspec.components.base import describe, quoted
from netspec.components.fields import parse_count
from netspec.diagnostics import Problem, suggest
from netspec.source import MAX_SCALAR, Plain

Number: TypeAlias = int | float
Variables: TypeAlias = Mapping[str, Plain]

_REFERENCE = re.compile(r"\$(?:\$|([A-Za-z_]\w*)|(\())")
_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(//|[-+*/%()]))")
BROKEN = "\0broken"
"""Stands for the value of a variable whose definition failed; known by identity."""
LATER = "\0later"
"""Stands for the value of a variable that is defined further below; known by identity."""

_ALLOWED = "an expression holds numbers, variables and + - * // / % ( )"
_LONGEST = 1000
_LARGEST = 2**62
_DEEPEST = 32


def substitute(text: str, variables: Variables) -> Plain:
    """`text` with its variables and expressions replaced; a lone one keeps its type.

    Raises Problem: NS301 for an unknown name, NS302 for a bad expression, NS109 for an open `$(`.
    """
    if "$" not in text:
        return text
    pieces: list[Plain] = []
    position = 0
    while (match := _REFERENCE.search(text, position)) is not None:
        if match.start() > position:
            pieces.append(text[position : match.start()])
        if match[2]:
            end = _closing(text, match.end())
            pieces.append(evaluate(text[match.end() : end], variables))
            position = end + 1
        else:
            pieces.append(_look_up(match[1], variables) if match[1] else "$")
            position = match.end()
    if position < len(text):
        pieces.append(text[position:])
    if len(pieces) == 1:
        return pieces[0]
    texts = [_as_text(piece, text) for piece in pieces]
    if sum(len(each) for each in texts) > MAX_SCALAR:
        help = "a variable that stands in itself twice doubles with every line"
        raise Problem("NS002", f"a text longer than {MAX_SCALAR:,} characters when variables are replaced", help=help)
    return "".join(texts)


def _closing(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise Problem("NS109", f"`$(` is not closed in {quoted(text)}", help="close it, or quote the expression")


class Broken(Exception):
    """A variable whose own definition failed: that has been told, and what uses it is passed over."""


def _look_up(name: str, variables: Variables) -> Plain:
    value = variables.get(name)
    if name not in variables:
        help = suggest(name, variables, list_up_to=0) or "define it under `vars:`"
        raise Problem("NS301", f"unknown variable `${name}`", help=help, caption="not defined in `vars`")
    if isinstance(value, str) and value is LATER:
        raise Problem("NS301", f"`${name}` has no value yet", help="a variable uses those above it: move its line down")
    if isinstance(value, str) and value is BROKEN:
        raise Broken
    return value


def _as_text(piece: Plain, text: str) -> str:
    if isinstance(piece, bool):
        return "true" if piece else "false"
    if isinstance(piece, (str, int, float)):
        return str(piece)
    message = f"a variable in `{text}` is {describe(piece)}"
    raise Problem("NS302", message, help="only numbers and texts can stand inside a longer text")


def evaluate(expression: str, variables: Variables) -> Number:
    """The value of an expression. Raises Problem NS301 or NS302."""
    if len(expression) > _LONGEST:
        raise Problem("NS302", f"an expression is at most {_LONGEST} characters long")
    try:
        parser = _Parser(_tokens(expression), variables)
        value = parser.sum(0)
        if parser.rest:
            raise Problem("NS302", f"did not expect `{parser.rest[0]}`", help=_ALLOWED)
    except Problem as problem:
        if problem.code != "NS302":
            raise
        raise Problem("NS302", f"{problem.message} in `$({expression})`", help=problem.help) from None
    return value


def _tokens(expression: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    expression = expression.rstrip()
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise Problem("NS302", f"did not expect `{expression[position:].strip()[0]}`", help=_ALLOWED)
        tokens.append(match[1] or match[2] or match[3])
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[str], variables: Variables) -> None:
        self.rest, self.variables = tokens, variables

    def sum(self, depth: int) -> Number:
        value = self.term(depth)
        while self.rest and self.rest[0] in ("+", "-"):
            sign = self.rest.pop(0)
            other = self.term(depth)
            value = _bounded(value + other if sign == "+" else value - other)
        return value

    def term(self, depth: int) -> Number:
        value = self.factor(depth)
        while self.rest and self.rest[0] in ("*", "/", "//", "%"):
            value = _apply(self.rest.pop(0), value, self.factor(depth))
        return value

    def factor(self, depth: int) -> Number:
        if depth > _DEEPEST:
            raise Problem("NS302", "the expression is nested too deeply")
        if not self.rest:
            raise Problem("NS302", "a number is missing", help=_ALLOWED)
        token = self.rest.pop(0)
        if token == "-":
            return -self.factor(depth + 1)
        if token == "(":
            value = self.sum(depth + 1)
            if not self.rest or self.rest.pop(0) != ")":
                raise Problem("NS302", "a `)` is missing", help="close the bracket")
            return value
        if token[0].isdigit() or token[0] == ".":
            return _bounded(int(token) if token.isdigit() and len(token) < 30 else float(token))
        if not (token[0].isalpha() or token[0] == "_"):
            raise Problem("NS302", f"did not expect `{token}`", help=_ALLOWED)
        if self.rest and self.rest[0] == "(":
            raise Problem("NS302", f"there is no function `{token}`", help=_ALLOWED)
        found = _look_up(token, self.variables)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            count = parse_count(found) if isinstance(found, str) else None
            help = f"write {count} in `vars`" if count else "an expression computes with numbers alone"
            raise Problem("NS302", f"`{token}` is {describe(found)}", help=help)
        return found


def _apply(operator: str, a: Number, b: Number) -> Number:
    if operator == "*":
        return _bounded(a * b)
    if b == 0:
        raise Problem("NS302", "division by zero", help="the divisor is zero for these variables")
    if operator == "//":
        return _bounded(a // b)
    if operator == "%":
        return _bounded(a % b)
    exact = isinstance(a, int) and isinstance(b, int) and a % b == 0
    return _bounded(a // b if exact else a / b)


def _bounded(value: Number) -> Number:
    if value != value or abs(value) > _LARGEST:
        raise Problem("NS302", "the result is too large", help="numbers end at 2^62")
    return value
