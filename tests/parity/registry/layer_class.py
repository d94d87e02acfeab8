"""tf.layers.BatchNormalization as an object: what it says of itself, calls of it, and a subclass."""

from __future__ import annotations

from ..case import Case, make
from .encode import RANK_4, fed, l2
from .layers import LAYER_PATHS, LIVELY_LAYER, MAIN
from .training import SCHEDULE

WAYS = {
    "plain": {},
    "named": {"name": "norm"},
    "fed": {"training": fed(*SCHEDULE)},
    "inference": {"training": False},
    "regularized": {"beta_regularizer": l2(0.25), "gamma_regularizer": l2(0.5)},
    "center_false": {"center": False},
    "trainable_false": {"trainable": False},
    "float64": {},
}


def cases() -> list[Case]:
    found = []
    for path in MAIN:
        shape, given = LAYER_PATHS[path]
        for name, arguments in WAYS.items():
            fields = {"shape": shape, "arguments": {**LIVELY_LAYER, **given, **arguments}, "seed": 21, "steps": 2}
            dtype = "float64" if name == "float64" else "float32"
            found.append(_make(f"{name}/{path}", dtype=dtype, **fields))
        fields = {"shape": shape, "arguments": {**LIVELY_LAYER, **given}, "seed": 21, "steps": 2}
        found.append(_make(f"called_twice/{path}", calls="reuse", **fields))
        found.append(_make(f"called_for_inference/{path}", calls="reuse", second={"training": False}, **fields))
        found.append(_make(f"two_objects/{path}", calls="default_names", **fields))
        found.append(_make(f"subclass/{path}", function="ScaledNorm2D", **fields))
        found.append(_make(f"subclass_called_twice/{path}", function="ScaledNorm2D", calls="reuse", **fields))
    fields = {"shape": RANK_4, "arguments": LIVELY_LAYER, "seed": 21, "steps": 2, "surroundings": {"name": "outer"}}
    parts = {**fields, "surroundings": {"name": "outer", "partitioner": 2}}
    plain = {key: value for key, value in LIVELY_LAYER.items() if not key.startswith(("beta_", "gamma_"))}
    found.append(_make("partitioned", **{**parts, "arguments": plain}))
    return [*found, _make("outer", **fields), _make("outer_subclass", function="ScaledNorm2D", **fields)]


def _make(name: str, function: str = "BatchNormalization", **fields: object) -> Case:
    return make(f"class/{name}", function=function, **fields)
