"""Shows one case of the registry: its description, and what the original and tfbn make of it, side by side.

python -m tests.parity.show fused/renorm        one case; a part of a name lists those that have it
python -m tests.parity.show fused/renorm --live  the original is run, not its recording read
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

from . import case as cases
from . import compare, comparison, live, make_reference, recordings
from .original import Original
from .registry import registry
from .worker import Worker

WIDTH = 46


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity.show", description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="of a case, or a part of it")
    parser.add_argument("--live", action="store_true", help="run the original rather than read its recording")
    parser.add_argument("--equal", action="store_true", help="show the fields that agree as well")
    options = parser.parse_args(arguments)
    named = registry()
    if options.name not in named:
        similar = [name for name in named if options.name in name]
        print("\n".join(similar) or f"no case has {options.name!r} in its name")
        return int(not similar)
    case = named[options.name]
    recorded, _ = recordings.load()
    try:
        expected = live_result(case) if options.live else recorded[options.name]
    except make_reference.NoPython37 as error:
        print(error, file=sys.stderr)
        return make_reference.NO_PYTHON
    regime = live.regime(case)
    with Worker(regime) as worker:
        found = worker.run(case)
    judged = comparison.judge(case, expected, found, lambda other: recorded.get(other["name"]))
    print(json.dumps(case, indent=2))
    print(f"\nunder {regime}:")
    print(table(case, expected, found, options.equal))
    for name in judged.known:
        print(f"known difference: {name}")
    for row in judged.rows:
        print(f"unexplained: {row}")
    return int(bool(judged.rows))


def live_result(case: cases.Case) -> dict[str, Any]:
    original = Original()
    try:
        return original.run(case)
    finally:
        original.stop()


def table(case: cases.Case, expected: dict[str, Any], found: dict[str, Any], equal: bool) -> str:
    """A line for each field: its name, the original's value and ours; a star marks those that differ."""
    differing = {row.field for row in compare.differences(case, expected, found)}
    lines = [f"  {'':38} {'TensorFlow 1.15.5':{WIDTH}} tfbn"]
    sides = [flat(side) for side in (expected, found)]
    for field in dict.fromkeys([*sides[0], *sides[1]]):
        differs = any(field == name or field.startswith(f"{name}.") for name in differing)
        if differs or equal or field in ("stage", "output"):
            left, right = (side.get(field, "-") for side in sides)
            lines.append(f"{'*' if differs else ' '} {field:38} {left:{WIDTH}} {right}")
    return "\n".join(lines)


def flat(result: dict[str, Any]) -> dict[str, str]:
    """The fields of a result as short texts; entries of dicts and lists of dicts are fields of their own."""
    lines: dict[str, str] = {}
    for field, value in result.items():
        if field == "arrays":
            lines.update({name: brief(array) for name, array in value.items()})
        elif field not in ("log", "case"):
            rows = compare.by_index(value)
            if isinstance(rows, dict):
                lines.update({f"{field}.{key}": str(entry)[:WIDTH] for key, entry in rows.items()})
            else:
                lines[field] = str(rows)[:WIDTH]
    return lines


def brief(array: np.ndarray) -> str:
    values = " ".join(f"{value:.6g}" if array.dtype.kind == "f" else str(value) for value in array.ravel()[:3])
    return f"{array.dtype.name}{list(array.shape)} {values}{' ...' if array.size > 3 else ''}"[:WIDTH]


if __name__ == "__main__":
    sys.exit(main())
