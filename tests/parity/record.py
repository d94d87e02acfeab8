"""Runs the registry through the original and shows what would change in the recordings; writes only with --write.

python -m tests.parity.record [--write] [--family recordings/layers] [--names]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from . import case as cases
from . import compare, differences, make_reference, recordings
from .original import Original
from .registry import FAMILIES, registry

SHOWN = 20  # changed cases that are printed in full
SIGNATURE = Path(__file__).with_name("signature.json")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the recordings; otherwise only show what differs")
    parser.add_argument("--cached", action="store_true", help="take results of the same sources from the cache")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="record these alone (default: all)")
    parser.add_argument("--names", action="store_true", help="build only, and record the names of what is built")
    options = parser.parse_args(arguments)
    families = options.family or list(FAMILIES)
    try:
        original = Original(cached=options.cached)
    except make_reference.NoPython37 as error:
        print(error, file=sys.stderr)
        return make_reference.NO_PYTHON
    original.worker.start()
    try:
        results = run(original, with_instead(registry(families)), options.names)
    finally:
        original.stop()
    before, _ = recordings.load(families)
    if options.names:
        results = {name: {**before[name], **result} for name, result in results.items()}
    changed = show_changes(before, results)
    signature = json.dumps(original.worker.signatures, indent=1) + "\n"
    if not SIGNATURE.exists() or SIGNATURE.read_text() != signature:
        print("the signatures differ from signature.json")
        changed = True
    if options.write:
        for family in families:
            own = {name: results[name] for name in with_instead(registry([family]))}
            if options.names:
                recordings.save_names(own, recordings.HERE / family)
            else:
                recordings.save(own, original.worker.versions, recordings.HERE / family)
        SIGNATURE.write_text(signature)
        print(f"wrote {len(results)} results of {original.worker.versions}")
    elif changed:
        print("nothing written; --write writes")
    return 0


def with_instead(named: dict[str, cases.Case]) -> dict[str, cases.Case]:
    """The cases, and after each that the original fails at, the case it can answer instead."""
    found = dict(named)
    for case in named.values():
        for instead in differences.possible_instead(case):
            found.setdefault(instead["name"], instead)
    return found


def run(original: Original, named: dict[str, cases.Case], names: bool) -> recordings.Results:
    """The results of the cases, or their names alone."""
    results = {}
    for position, (name, case) in enumerate(named.items(), start=1):
        print(f"\r{position}/{len(named)} {name:60.60}", end="", file=sys.stderr, flush=True)
        if names:
            built = original.run({**case, "build_only": True})
            results[name] = {field: built[field] for field in recordings.NAMES if field in built}
        else:
            results[name] = dict(original.run(case), case=cases.fingerprint(case))
    print(f"\r{len(named)} cases run{'':60}", file=sys.stderr)
    return results


def show_changes(before: recordings.Results, after: recordings.Results) -> bool:
    """Print what differs from the recordings; whether anything does."""
    named = with_instead(registry())
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    for title, names in (("new", added), ("gone", removed)):
        if names:
            print(f"{len(names)} {title}: {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}")
    rows: dict[str, list[Any]] = {}
    bits = []
    for name in sorted(set(before) & set(after)):
        # A phrase is asked of our errors only.
        found = compare.differences(dict(named[name], phrase=None), before[name], after[name])
        if before[name]["case"] != after[name]["case"]:
            rows[name] = ["the case itself", *found]
        elif found:
            rows[name] = found
        elif not _same_bits(before[name]["arrays"], after[name]["arrays"]):
            bits.append(name)
    for name, found in list(rows.items())[:SHOWN]:
        print(f"{name} changed:", *[str(row)[:200] for row in found[:5]], sep="\n    ")
    if len(rows) > SHOWN:
        print(f"and {len(rows) - SHOWN} more changed")
    if bits:
        print(f"{len(bits)} within the tolerances but not to the last bit: {', '.join(bits[:10])}")
    if not (added or removed or rows or bits):
        print("the recordings are what the original does")
    return bool(added or removed or rows or bits)


def _same_bits(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> bool:
    return set(before) == set(after) and all(before[name].tobytes() == after[name].tobytes() for name in before)


if __name__ == "__main__":
    sys.exit(main())
