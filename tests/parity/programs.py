"""Small programs that a side runs by their names, and the recordings of what the original made of them.

    python -m tests.parity.programs [--write] [--kind train_steps]

A kind is a module: `NAMES` are its programs, `run(side, name)` what one of them shows, `load()` and `save()` read and
write its recordings. Runs on Python 3.7.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any, Dict

import numpy as np

KINDS = ("layer_cases", "layer_programs", "train_steps")


def run(kind: str, name: str, side: Any) -> Any:
    """What a program shows, with the kinds of variables and of control flow that the side starts with."""
    tf, on = side.tf, side.name == "v2_on"
    (tf.enable_resource_variables if on else tf.disable_resource_variables)()
    (tf.enable_control_flow_v2 if on else tf.disable_control_flow_v2)()
    with tf.Graph().as_default():
        return module_of(kind).run(side, name)


def module_of(kind: str) -> Any:
    return importlib.import_module("." + kind, __package__)


def main() -> int:
    from .original import Original

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the recordings; otherwise only say what differs")
    parser.add_argument("--kind", action="append", choices=KINDS, help="these alone (default: all)")
    options = parser.parse_args()
    original = Original(cached=False)
    try:
        for kind in options.kind or KINDS:
            module = module_of(kind)
            results = {name: record(original.worker, kind, name) for name in module.NAMES}
            recorded = module.load()
            changed = [name for name, result in results.items() if not same(result, recorded.get(name))]
            print(f"{kind}: {len(results)} recorded, {len(changed)} differ {changed}")
            if options.write:
                module.save(results)
    finally:
        original.stop()
    return 0


def record(worker: Any, kind: str, name: str) -> Dict[str, Any]:
    """What a program shows under the side of a worker."""
    result = worker.run({"program": [kind, name]})
    assert isinstance(result, list) or result.get("stage") not in ("aborted", "harness"), result
    return result


def same(one: Any, other: Any) -> bool:
    """But for the order in which threads add up."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (float, np.ndarray)) and np.shape(one) == np.shape(other):
        largest = np.abs(np.asarray(one)[np.isfinite(one)]).max(initial=0.0)
        return bool(np.allclose(one, other, rtol=0, atol=1e-5 * largest, equal_nan=True))
    return bool(one == other)


if __name__ == "__main__":
    sys.exit(main())
