"""Prints the tables: time and memory of steps, graphs, folding, checkpoints, replicas, and other libraries."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Errors only, and the CPU unless told otherwise: the limits are for it. Both must stand before TensorFlow is loaded.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from benchmarks import measure, report

NAMES = (
    "time",
    "small",
    "module",
    "fold",
    "memory",
    "graph",
    "build",
    "scaling",
    "checkpoint",
    "replicas",
    "peers",
    "networks",
)
DONE, EXCEEDED, FAILED = 0, 1, 3

EPILOG = """\
Every ratio is the median of the rounds' ratios; what is compared runs in turns, on two threads. A ratio, a peak or a
count above its limit is marked.

exit status: 0 when the tables came out, 1 with --check when a limit is exceeded, 2 for wrong arguments, 3 when a table
could not be made (the others still are)
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--quick", action="store_true", help="fewer rounds and rows: under two minutes, and noisier")
    made.add_argument("--only", type=_names, default=NAMES, metavar="LIST", help=f"some of: {', '.join(NAMES)}")
    made.add_argument("--rounds", type=_positive, metavar="N", help="rounds of each table, instead of its own number")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the tables as JSON as well")
    made.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios as bars (PNG; needs matplotlib)")
    made.add_argument("--check", action="store_true", help="exit with 1 where a limit is exceeded")
    return made


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no table {unknown[0]!r}; there are {', '.join(NAMES)}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number of rounds, 1 or more, not {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None, **settings: Any) -> int:
    """`settings` go to measure.Settings, for tests that want it small."""
    given = parser().parse_args(arguments)
    chosen = measure.Settings(quick=given.quick, rounds=given.rounds, **settings)
    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    tables, status = [], DONE
    for name in [name for name in NAMES if name in given.only]:
        start = time.monotonic()
        try:
            table = maker(name)(chosen, lambda what, name=name: progress(f"{name}: {what}"))
        except RuntimeError as error:
            progress("")
            print(f"\n{name}: {error}", file=sys.stderr)
            status = FAILED
            continue
        progress("")
        tables.append(table)
        print(f"\n{report.text(table)}\n  ({time.monotonic() - start:.0f} s)", flush=True)
    if given.json:
        given.json.write_text(json.dumps(report.as_json(tables, machine), indent=2) + "\n", encoding="utf-8")
    if given.plot:
        report.plot(tables, given.plot)
    if given.check and status == DONE and any(row.exceeded for table in tables for row in table.rows):
        return EXCEEDED
    return status


def maker(name: str) -> Callable[..., report.Table]:
    """The module that makes a table; TensorFlow is loaded only now, so that --help answers at once."""
    from benchmarks import (
        build,
        checkpoints,
        folding,
        graphs,
        layers,
        memory,
        modules,
        networks,
        peers,
        replicas,
        scaling,
        times,
    )

    makers = {"time": times, "small": layers, "module": modules, "fold": folding, "memory": memory}
    makers.update({"graph": graphs, "build": build, "scaling": scaling, "checkpoint": checkpoints})
    makers.update({"replicas": replicas, "peers": peers, "networks": networks})
    return makers[name].table


def describe() -> dict[str, Any]:
    import tensorflow as tf

    return {
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def progress(what: str) -> None:
    """One line that is written over, on terminals; nothing elsewhere but what is under way, a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)
    elif what:
        print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
