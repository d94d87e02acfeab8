"""Timing on machines that do other things too: what is compared takes turns, and medians of ratios are reported."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Settings:
    """How much is measured; `shape` is NHWC. None for a table's own choice, which `quick` shortens."""

    quick: bool = False
    rounds: int | None = None
    shape: tuple[int, ...] = (32, 56, 56, 64)
    paths: tuple[str, ...] | None = None
    batches: tuple[int, ...] = (1, 8)
    small_layers: int = 53
    built_layers: int | None = None
    blocks: tuple[int, ...] = (3, 4, 6, 3)  # of ResNet-50's stages
    image: int = 224  # pixels in a row, for that network
    networks: tuple[str, ...] | None = None
    network_batch: int = 8
    network_image: int | None = None  # None: each network's own size
    tensors: int | None = None  # in a checkpoint, of `largest` bytes each
    largest: int | None = None

    def rounds_or(self, full: int, quick: int) -> int:
        return self.rounds or (quick if self.quick else full)


class Ratio(NamedTuple):
    """The median of the rounds' ratios, the quartiles around it, and the medians of both times in seconds."""

    median: float
    low: float
    high: float
    seconds: float
    baseline_seconds: float


def ratio(seconds: Sequence[float], baseline: Sequence[float]) -> Ratio:
    """Round by round, so that what slows the machine for a while slows both sides of a ratio."""
    if len(seconds) != len(baseline):
        raise ValueError(f"as many rounds of both sides are needed, not {len(seconds)} and {len(baseline)}")
    ratios = sorted(one / other for one, other in zip(seconds, baseline))
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Ratio(statistics.median(ratios), low, high, statistics.median(seconds), statistics.median(baseline))


def timed(run: Callable[[], Any], tidy: Callable[[], Any] = lambda: None) -> Callable[[], float]:
    """A function that calls `run` and returns the seconds this took; what it returned is freed off the clock."""

    def call() -> float:
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        del result
        tidy()
        return seconds

    return call


def interleave(
    groups: Mapping[str, Mapping[str, Callable[[], float]]], rounds: int, warm_up: int = 2
) -> dict[str, dict[str, list[float]]]:
    """Seconds of each member of each group, by round.

    The members of a group run one right after the other, and which of them is first changes from round to round. The
    groups' order is drawn anew for each round: what ran before leaves its traces in memory, and should not always be
    the same.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {member: [] for member in members} for name, members in groups.items()
    }
    random = Random(0)
    for number in range(-warm_up, rounds):
        for name, members in random.sample(list(groups.items()), len(groups)):
            order = list(members)
            shift = number % len(order)
            for member in order[shift:] + order[:shift]:
                seconds = members[member]()
                if number >= 0:
                    found[name][member].append(seconds)
    return found


def environment(own: bool = True) -> dict[str, str]:
    """For a process that runs a module of this package: `own` with tfbn from this checkout on its path."""
    if not own:
        from tests.parity import make_reference

        return make_reference.environment()
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def child(module: str, *arguments: str, python: str | Path = sys.executable, **more: str) -> str:
    """What a module of this package prints in a fresh process, whose environment has `more`.

    Raises RuntimeError where it fails.
    """
    own = str(python) == sys.executable
    process = subprocess.run(
        [str(python), "-W", "ignore", "-m", f"benchmarks.{module}", *arguments],
        cwd=CHECKOUT,
        env={**environment(own), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise RuntimeError(f"benchmarks.{module} {' '.join(arguments)} failed:\n{process.stderr[-2000:]}")
    return process.stdout


def reference() -> Path | None:
    """The interpreter of the original, if it has been built."""
    from tests.parity import make_reference

    python = make_reference.reference_home() / "bin" / "python"
    return python if python.exists() else None


NO_REFERENCE = (
    "no interpreter of the original here: build it with `python -m tests.parity.make_reference` (needs Python 3.7)"
)
