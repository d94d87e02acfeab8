"""One parity case: a JSON-able description of a call of a function under test and of what surrounds it.

A case is a plain dictionary that lists only what differs from `DEFAULTS`. Argument values that JSON cannot hold are
written as `{"$": kind, ...}` and turned into objects by `arguments.py`. Runs on Python 3.7.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Dict, List

Case = Dict[str, Any]

DEFAULTS: Case = {
    "function": "batch_norm",  # one of functions.FUNCTIONS
    "shape": [4, 3, 2, 3],
    "dynamic": [],  # dimensions the placeholder leaves open
    "unknown_rank": False,
    "dtype": "float32",
    "form": "placeholder",  # or "numpy": the array itself is passed
    "batches": None,  # batch size of each step and of inference; None: shape[0] always
    "seed": 0,
    "spread": True,  # False: every value of a channel equal, so that its variance is zero
    "arguments": {},
    "arg_scope": [],  # keyword arguments of nested arg_scopes, outermost first
    "steps": 3,
    "surroundings": {},  # of the enclosing variable_scope: name, regularizer, partitioner, reuse, dtype, ...
    "calls": "one",  # one | reuse | reuse_together | default_names | same_scope | cond
    "second": {},  # arguments that the second call changes
    "resource": False,
    "control_flow_v2": False,
    "v2_behavior": False,  # of the newer TensorFlow; the original ignores it
    "updates_via": "run",  # run | group | control
    "second_order": False,
    "learning_rate": None,  # of a gradient descent that ends each step
    "build_only": False,  # True: nothing is run
    "phrase": None,  # what an error must say, where compare.py does not know it from the original's text
}

# The original does not see these, so they do not make another case for it.
IGNORED_BY_ORIGINAL = ("name", "v2_behavior", "phrase")


def make(name: str, **fields: Any) -> Case:
    """A case of this name; unknown fields are refused."""
    unknown = sorted(set(fields) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"unknown fields {unknown} in case {name}; known are {sorted(DEFAULTS)}")
    case = {key: value for key, value in fields.items() if value != DEFAULTS[key]}
    case["name"] = name
    return case


def get(case: Case, field: str) -> Any:
    """The value of a field, its default where the case leaves it out."""
    return case.get(field, DEFAULTS[field])


def argument(case: Case, name: str, default: Any = None) -> Any:
    """The encoded value an argument of the first call has, given there or by the innermost arg_scope that has it."""
    if name in get(case, "arguments"):
        return case["arguments"][name]
    for scope in reversed(get(case, "arg_scope")):
        if name in scope:
            return scope[name]
    return default


def batch_sizes(case: Case) -> List[int]:
    """The batch size of each training step, then of inference."""
    sizes = get(case, "batches")
    if sizes is not None:
        return list(sizes)
    return [get(case, "shape")[0]] * (get(case, "steps") + 1)


def fingerprint(case: Case, exclude: Any = IGNORED_BY_ORIGINAL) -> str:
    """A hash of everything in the case the original can see."""
    seen = {key: value for key, value in case.items() if key not in exclude}
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16]
