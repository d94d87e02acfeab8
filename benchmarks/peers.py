"""Other libraries' layers, each in a process of its own, next to the op and to tfbn."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import measure, report, steps, times, worker
from benchmarks.measure import Settings

LIBRARIES = {"original": "the original", "keras": "Keras", "tf_keras": "tf_keras", "torch": "PyTorch"}


def table(settings: Settings, progress: Callable[[str], None]) -> report.Table:
    rows, notes = [], [times.QUARTILES]
    for library, title in LIBRARIES.items():
        python: str | Path | None = sys.executable
        if library == "original":
            python = measure.reference()
            if python is None:
                notes.append(measure.NO_REFERENCE)
                continue
        elif importlib.util.find_spec(library) is None:
            notes.append(f"{title} is not installed")
            continue
        progress(title)
        try:
            rows += of_library(library, title, python, settings)
        except (RuntimeError, OSError) as error:
            notes.append(f"{title} did not run: {str(error).strip()[-300:]}")
    title = f"other libraries' steps, NHWC {list(settings.shape)}, to the op's (of tfbn: to tfbn's own)"
    return report.Table("peers", title, "ratio", rows, notes)


def of_library(library: str, title: str, python: Any, settings: Settings) -> list[report.Row]:
    with started(library, json.dumps(settings.shape), python=python) as (version, names, ask):
        groups = {}
        for name in names:
            path = steps.PATHS.get(name.partition(", ")[0])
            if path is None or (settings.paths and path.name not in settings.paths):
                continue
            # The op in the library's own process where that has TensorFlow 2, else here.
            beside = worker.THE_OP + ("" if path.training else " (inference)")
            if beside in names:
                baseline: Callable[[], float] = functools.partial(ask, beside)
            else:
                baseline = here(path.name, False, settings.shape)
            groups[name] = {
                "baseline": baseline,
                "path": functools.partial(ask, name),
                "tfbn": here(path.name, True, settings.shape),
            }
        found = measure.interleave(groups, settings.rounds_or(20, 2))
    rows = []
    for name, times_of in found.items():
        ratio = measure.ratio(times_of["path"], times_of["baseline"])
        of_tfbn = measure.ratio(times_of["path"], times_of["tfbn"]).median
        rows.append(times.ratio_row(f"{title} {version}: {name}", ratio, **{"of tfbn": of_tfbn}))
    return rows


@functools.cache
def here(name: str, own: bool, shape: tuple[int, ...]) -> Callable[[], float]:
    path = steps.PATHS[name]
    return times.timed_step(path if own else path.baseline, shape, own)


@contextlib.contextmanager
def started(
    *arguments: str, python: Any = sys.executable, module: str = "worker"
) -> Iterator[tuple[Any, list[str], Callable]]:
    """The library's version, the names of its steps, and a function that runs one and returns its seconds."""
    process = subprocess.Popen(
        [str(python), "-W", "ignore", "-m", f"benchmarks.{module}", *arguments],
        cwd=measure.CHECKOUT,
        env=measure.environment(str(python) == sys.executable),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def answer() -> str:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"benchmarks.{module} {' '.join(arguments)} ended with status {process.wait()}")
        return line

    def ask(name: str) -> float:
        process.stdin.write(name + "\n")
        process.stdin.flush()
        return float(answer())

    try:
        version, names = json.loads(answer())
        yield version, names, ask
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
