"""Makes what fails smaller: a value is taken out, or replaced by a part of itself, as long as it still fails."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[str | int, ...]


def shrunk_tree(tree: Any, fails: Callable[[Any], bool], *, most: int = 200) -> Any:
    """The smallest tree that was found to fail, after at most so many trials."""
    trials = 0
    found = True
    while found:
        found = False
        for smaller in _smaller(tree):
            trials += 1
            if trials > most:
                return tree
            if fails(smaller):
                tree, found = smaller, True
                break
    return tree


def _smaller(tree: Any) -> Iterator[Any]:
    """The tree without one of its parts, large ones first; then with a mapping or list replaced by what it holds."""
    places = sorted(_places(tree), key=lambda place: -_size(_at(tree, place)))
    for place in places:
        yield _without(tree, place)
    for place in places:
        inner = _at(tree, place)
        for each in inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else ():
            yield _with(tree, place, each)


def _places(tree: Any, place: Place = ()) -> Iterator[Place]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, each in pairs:
        yield (*place, key)
        yield from _places(each, (*place, key))


def _size(tree: Any) -> int:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return 1 + sum(map(_size, parts))


def _at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def _without(tree: Any, place: Place) -> Any:
    changed = copy.deepcopy(tree)
    del _at(changed, place[:-1])[place[-1]]
    return changed


def _with(tree: Any, place: Place, value: Any) -> Any:
    changed = copy.deepcopy(tree)
    _at(changed, place[:-1])[place[-1]] = value
    return changed


def shrunk_text(text: str, fails: Callable[[str], bool], *, most: int = 400) -> str:
    """The shortest text that was found to fail: halves, quarters, ... down to letters are taken out."""
    trials, step = 0, max(len(text) // 2, 1)
    while step:
        at = 0
        while at < len(text):
            trials += 1
            if trials > most:
                return text
            smaller = text[:at] + text[at + step :]
            if fails(smaller):
                text = smaller
            else:
                at += step
        step //= 2
    return text
