"""Every kind of is_training on every path, and what the control flow does with those that change from step to step."""

from __future__ import annotations

from ..case import Case, make
from .encode import LIVELY, PATHS, constant, fed, numpy, variable, weights

STATIC = {
    "true": True,
    "false": False,
    "one": 1,
    "zero": 0,
    "numpy_true": numpy(True),
    "numpy_false": numpy(False),
    "constant_true": constant(True, "bool"),
    "constant_false": constant(False, "bool"),
}
SCHEDULE = (True, False, True, False)


def cases() -> list[Case]:
    found = []
    for path, (shape, given) in PATHS.items():
        if path in ("function_collection", "legacy_collection"):
            continue  # as inline, but for what is collected, which around.py looks at
        arguments = {**LIVELY, **given}
        for name, value in STATIC.items():
            fields = {"shape": shape, "arguments": {**arguments, "is_training": value}, "seed": 7, "steps": 1}
            found.append(make(f"training_{name}/{path}", **fields))
        for name, value in (("placeholder", fed(*SCHEDULE)), ("variable", variable(*SCHEDULE))):
            fields = {"shape": shape, "arguments": {**arguments, "is_training": value}, "seed": 8}
            found.append(make(f"training_{name}/{path}_ref", **fields))
            found.append(make(f"training_{name}/{path}_resource_v2", **fields, resource=True, control_flow_v2=True))
        fields["arguments"] = {**arguments, "is_training": fed(*SCHEDULE)}
        found.append(make(f"training_placeholder/{path}_resource", **fields, resource=True, second_order=True))
        found.append(make(f"training_placeholder/{path}_ref_v2", **fields, control_flow_v2=True))
        for dtype in ("float16", "bfloat16"):
            half = {**arguments, "is_training": fed(*SCHEDULE)}
            if "batch_weights" in half:
                half["batch_weights"] = weights(dtype=dtype)
            halves = {"shape": shape, "dtype": dtype, "arguments": half, "seed": 8}
            found.append(make(f"training_placeholder/{path}_{dtype}", **halves))
    found.append(make("training_placeholder/core_fused_bfloat16_v2", **_bfloat16(), control_flow_v2=True))
    return found


def _bfloat16() -> dict:
    shape, given = PATHS["core_fused"]
    arguments = {**LIVELY, **given, "is_training": fed(*SCHEDULE)}
    return {"shape": shape, "dtype": "bfloat16", "arguments": arguments, "seed": 8, "resource": True}
