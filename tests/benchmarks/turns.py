"""Contenders take turns, so that what the machine does meanwhile happens to all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

R = TypeVar("R")


def present(contenders: Mapping[str, R | None]) -> dict[str, R]:
    """Those whose packages are here."""
    return {who: contender for who, contender in contenders.items() if contender is not None}


def turns(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round; a first round, which compiles, does not count."""
    seconds: dict[str, list[float]] = {who: [] for who in contenders}
    for index in range(rounds + 1):
        for who, contender in contenders.items():
            began = time.perf_counter()
            contender()
            if index:
                seconds[who].append(time.perf_counter() - began)
    return seconds


def show(title: str, seconds: Mapping[str, list[float]], figure: Callable[[float], str]) -> None:
    """Each contender's `figure` of its median seconds, and how netspec compares: the median of the rounds' ratios."""
    print(title)
    for who, times in seconds.items():
        ratio = statistics.median(t / n for t, n in zip(times, seconds["netspec"], strict=True))
        told = "" if who == "netspec" else f"   netspec is {ratio:.2f} times as fast"
        print(f"  {who:<14}{figure(statistics.median(times)):>22}{told}", flush=True)
