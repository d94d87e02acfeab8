"""What is refused: by the original with an error, or by us where the original goes wrong later."""

from __future__ import annotations

from ..case import Case, make
from .encode import LIVELY, PATHS, constant, numpy, scope, weights

BAD_DECAY = {"decay_above_1": 1.5, "decay_negative": -0.1}
BAD_TRAINING = {
    "none": None,
    "string": "no",
    "float": 0.5,
    "list": [True],
    "2": 2,
    "object": {"$": "object"},
    "float_tensor": constant(1.0),
    "int_tensor": constant(1, "int32"),
    "vector": constant([True, False], "bool"),
}


def cases() -> list[Case]:
    found = []
    for path in ("function_rank2", "core_fused", "core_nonfused", "core_renorm", "legacy_weights"):
        shape, given = PATHS[path]
        arguments = {**LIVELY, **given}
        fields = {"shape": shape, "seed": 17, "steps": 2}
        found.append(make(f"bad_data_format/{path}", arguments={**arguments, "data_format": "NWHC"}, **fields))
        found.append(make(f"unknown_rank/{path}", arguments=arguments, unknown_rank=True, **fields))
        found.append(make(f"unknown_channels/{path}", arguments=arguments, dynamic=[len(shape) - 1], **fields))
        found.append(make(f"reuse_without_scope/{path}", arguments={**arguments, "reuse": True}, **fields))
        missing = {**arguments, "reuse": True, "scope": "s"}
        found.append(make(f"reuse_of_nothing/{path}", arguments=missing, **fields))
        found.append(make(f"same_scope/{path}", arguments={**arguments, "scope": "s"}, calls="same_scope", **fields))
        for dtype in ("int32", "complex64", "string", "bool"):
            found.append(make(f"{dtype}_inputs/{path}", arguments=arguments, dtype=dtype, **fields))
        for name, value in BAD_DECAY.items():
            found.append(make(f"{name}/{path}", arguments={**arguments, "decay": value}, **fields))
        found.append(make(f"epsilon_negative/{path}", arguments={**arguments, "epsilon": -0.001}, **fields))
        for name, value in BAD_TRAINING.items():
            found.append(make(f"training_{name}/{path}", arguments={**arguments, "is_training": value}, **fields))
        found.append(make(f"epsilon_tensor/{path}", arguments={**arguments, "epsilon": constant(0.1)}, **fields))
    return found + _single()


def _single() -> list[Case]:
    ways = {
        "weights/long": {"batch_weights": weights("long")},
        "weights/matrix": {"batch_weights": weights("matrix")},
        "weights/scalar": {"batch_weights": constant(1.0)},
        "renorm/unknown_key": {"renorm": True, "renorm_clipping": {"rmax": 2.0, "rmiddle": 1.0}},
        "renorm/unknown_key_ignored": {"renorm_clipping": {"rmiddle": 1.0}},
        "renorm/with_weights": {"renorm": True, "batch_weights": weights()},
        "renorm/with_collection": {"renorm": True, "updates_collections": ["my_updates"]},
        "renorm/with_inline": {"renorm": True, "updates_collections": None},
        "renorm/with_zero_debias": {"renorm": True, "zero_debias_moving_mean": True},
        "renorm/decay_above_1": {"renorm": True, "renorm_decay": 1.5},
        "reuse/scope_object_missing": {"scope": scope("held"), "reuse": True},
        "decay/string": {"decay": "0.9"},
        "decay/none": {"decay": None},
        "decay/numpy": {"decay": numpy(0.9, "float32")},
        "epsilon/string": {"epsilon": "0.001"},
        "epsilon/zero": {"epsilon": 0.0},
        "data_format/lower": {"data_format": "nhwc"},
        "data_format/none": {"data_format": None},
        "renorm/decay_ignored": {"renorm_decay": 1.5},
        "unknown_argument": {"momentum": 0.9},
    }
    return [make(name, arguments={**LIVELY, **arguments}, seed=18, steps=2) for name, arguments in ways.items()]
