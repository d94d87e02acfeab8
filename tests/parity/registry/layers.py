"""tf.layers.batch_normalization: its paths with every argument, axes of every rank, what surrounds it, its errors."""

from __future__ import annotations

from typing import Any

from ..case import Case, make
from .around import SURROUNDINGS
from .encode import (
    AUTO_REUSE,
    INITIALIZERS,
    LIVELY,
    RANK_4,
    adjustment,
    clip,
    constant,
    fed,
    l2,
    numpy,
    scope,
    variable,
)
from .training import SCHEDULE, STATIC

CLIPPING = {"rmax": 1.5, "rmin": 0.5, "dmax": 0.75}
LIVELY_LAYER: dict[str, Any] = {
    "momentum": LIVELY["decay"],
    "training": True,
    **{f"{name}_initializer": value for name, value in INITIALIZERS.items()},
}
# Shape and arguments that lead to each path.
LAYER_PATHS: dict[str, tuple[list[int], dict[str, Any]]] = {
    "fused": (RANK_4, {}),
    "nonfused": (RANK_4, {"fused": False}),
    "renorm": (RANK_4, {"renorm": True, "renorm_clipping": CLIPPING}),
    "virtual": ([6, 3, 2, 3], {"virtual_batch_size": 2}),
    "several_axes": ([4, 3, 2, 3], {"axis": [1, 3]}),
    "adjusted": (RANK_4, {"adjustment": adjustment("example")}),
    "virtual_renorm": ([6, 2, 3], {"virtual_batch_size": 3, "renorm": True, "renorm_clipping": CLIPPING}),
    "several_axes_renorm": ([4, 3, 2, 3], {"axis": [-1, 1], "renorm": True}),
    "virtual_several_axes": ([4, 3, 2, 2], {"virtual_batch_size": 2, "axis": [3, 1]}),
}
# What shows the mechanics once, as the others share them.
MAIN = ("fused", "nonfused", "renorm", "virtual", "several_axes")
EVERY_PATH: dict[str, dict[str, Any]] = {
    "momentum_0": {"momentum": 0.0},
    "momentum_1_int": {"momentum": 1},
    "momentum_default": {"momentum": 0.99},
    "momentum_tensor": {"momentum": constant(0.8)},
    "momentum_tensor_float64": {"momentum": constant(0.8, "float64")},
    "momentum_fed": {"momentum": fed(0.5, 0.8, 0.9, dtype="float32")},
    "center_false": {"center": False},
    "scale_false": {"scale": False},
    "center_and_scale_false": {"center": False, "scale": False},
    "epsilon_1e-7": {"epsilon": 1e-7},
    "epsilon_0.1": {"epsilon": 0.1},
    "regularizers": {"beta_regularizer": l2(0.25), "gamma_regularizer": l2(0.5)},
    "trainable_false": {"trainable": False},
    "trainable_false_fed": {"trainable": False, "training": fed(*SCHEDULE)},
    "name": {"name": "my_scope"},
    "name_nested": {"name": "o/i"},
    "name_scope_object": {"name": scope("held/inner")},
    "name_auto_reuse": {"name": "s", "reuse": AUTO_REUSE},
}
CONSTRAINTS = {"gamma_constraint": clip(0.75, 1.25), "beta_constraint": clip(0.0, 0.6)}
FIVE_RANKS = {1: [6], 2: [5, 3], 3: [4, 3, 2], 4: [3, 2, 2, 3], 5: [3, 2, 2, 2, 3]}


def cases() -> list[Case]:
    return [*_paths(), *_training(), *_arguments(), *_axes(), *_around(), *_steps(), *_single(), *_errors()]


def _make(name: str, **fields: Any) -> Case:
    return make(f"layers/{name}", function="batch_normalization", **fields)


def _lively(path: str) -> tuple[list[int], dict[str, Any]]:
    shape, given = LAYER_PATHS[path]
    return shape, {**LIVELY_LAYER, **given}


def _paths() -> list[Case]:
    found = []
    for path, (shape, given) in LAYER_PATHS.items():
        _, lively = _lively(path)
        size = given.get("virtual_batch_size", 1)
        open_batch = {"dynamic": [0], "batches": [2 * size, size, 4 * size, 3 * size], "seed": 4}
        found += [
            _make(f"plain/{path}", shape=shape, arguments=given, seed=1),
            _make(f"plain_training/{path}", shape=shape, arguments={**given, "training": True}, seed=1),
            _make(f"resource/{path}", shape=shape, arguments=lively, resource=True, seed=3),
            _make(f"dynamic_batch/{path}", shape=shape, arguments=lively, **open_batch),
            _make(f"no_spread/{path}", shape=shape, arguments=lively, spread=False, seed=19),
            _make(f"array_inputs/{path}", shape=shape, arguments=lively, form="numpy", steps=1, seed=19),
        ]
        if "virtual_batch_size" not in given:
            empty = {"dynamic": [0], "batches": [4, 0, 4, 4], "seed": 19}
            found.append(_make(f"empty_batch/{path}", shape=shape, arguments=lively, **empty))
            if "axis" not in given:
                open_all = {**open_batch, "dynamic": [0, 1, 2]}
                found.append(_make(f"dynamic_all/{path}", shape=shape, arguments=lively, **open_all))
        for dtype in ("float16", "bfloat16", "float32", "float64"):
            fields = {"shape": shape, "dtype": dtype, "arguments": lively, "steps": 2, "seed": 2}
            found.append(_make(f"{dtype}/{path}", **fields, second_order=dtype != "bfloat16"))
    return found


def _training() -> list[Case]:
    found = []
    for path in LAYER_PATHS:
        shape, lively = _lively(path)
        for name, value in STATIC.items():
            if path in MAIN[:2] or name in ("false", "constant_true"):
                fields = {"shape": shape, "arguments": {**lively, "training": value}, "seed": 7, "steps": 1}
                found.append(_make(f"training_{name}/{path}", **fields))
        for name, value in (("placeholder", fed(*SCHEDULE)), ("variable", variable(*SCHEDULE))):
            fields = {"shape": shape, "arguments": {**lively, "training": value}, "seed": 8}
            found.append(_make(f"training_{name}/{path}_ref", **fields))
            v2 = {"resource": True, "control_flow_v2": True, "second_order": True}
            found.append(_make(f"training_{name}/{path}_resource_v2", **fields, **v2))
    shape, lively = _lively("nonfused")
    fields = {"shape": shape, "arguments": {**lively, "training": fed(*SCHEDULE)}, "seed": 8}
    return [*found, _make("training_placeholder/nonfused_ref_v2", **fields, control_flow_v2=True)]


def _arguments() -> list[Case]:
    found = []
    for path in MAIN:
        shape, lively = _lively(path)
        for name, given in EVERY_PATH.items():
            fields = {"shape": shape, "arguments": {**lively, **given}, "seed": 9, "steps": 2}
            found.append(_make(f"{name}/{path}", **fields))
    return found


def _axes() -> list[Case]:
    """Every axis of every rank, from both ends, and several of them in any order."""
    found = []
    for rank, shape in FIVE_RANKS.items():
        axes: list[Any] = [*range(-rank, rank), [rank - 1]]
        if rank > 1:
            axes += [[0, -1], [-1, 0], list(range(rank))]
        if rank > 2:
            axes += [list(range(1, rank)), [2, 1]]
        for axis in axes:
            name = "_".join(map(str, axis)) if isinstance(axis, list) else axis
            listed = "list_" if isinstance(axis, list) else ""
            fields = {"shape": shape, "arguments": {**LIVELY_LAYER, "axis": axis}, "seed": rank, "steps": 2}
            found.append(_make(f"rank{rank}/axis_{listed}{name}", **fields, second_order=axis == 1))
        if rank > 1:
            halved = {**LIVELY_LAYER, "virtual_batch_size": 2}
            for axis in (1, -1):
                fields = {"shape": [4, *shape[1:]], "arguments": {**halved, "axis": axis}, "seed": rank, "steps": 2}
                found.append(_make(f"rank{rank}/virtual_axis_{axis}", **fields))
    return found


def _around() -> list[Case]:
    found = []
    for path in MAIN:
        shape, lively = _lively(path)
        two = {"shape": shape, "seed": 13, "steps": 2}
        named = {**lively, "name": "s"}
        regularized = {**named, "beta_regularizer": l2(0.5)}
        found += [
            _make(f"reuse/{path}", arguments=named, calls="reuse", **two),
            _make(f"reuse_resource/{path}", arguments=named, calls="reuse", resource=True, **two),
            _make(f"reuse_regularized/{path}", arguments=regularized, calls="reuse", **two),
            _make(f"reuse_scope_object/{path}", arguments={**named, "name": scope("held")}, calls="reuse", **two),
            _make(f"reuse_for_inference/{path}", arguments=named, calls="reuse", second={"training": False}, **two),
            _make(f"default_names/{path}", arguments=lively, calls="default_names", **two),
            _make(f"auto_reuse_twice/{path}", arguments={**named, "reuse": AUTO_REUSE}, calls="same_scope", **two),
        ]
        flat = path not in ("virtual", "several_axes")  # others have one row, which nothing can cut in two
        for name, surroundings in SURROUNDINGS.items():
            if flat or "partitioner" not in name:
                plain = {key: value for key, value in lively.items() if not key.startswith(("beta_", "gamma_"))}
                found.append(_make(f"around_{name}/{path}", arguments=plain, surroundings=surroundings, **two))
        both = {**lively, "beta_regularizer": l2(0.5)}
        found.append(
            _make(f"around_both_regularizers/{path}", arguments=both, surroundings=SURROUNDINGS["regularizer"], **two)
        )
        found.append(_make(f"cond/{path}", shape=shape, arguments=lively, calls="cond", seed=16))
    shape, lively = _lively("fused")
    auto = {"arguments": {**lively, "name": "s"}, "calls": "same_scope", "surroundings": SURROUNDINGS["auto_reuse"]}
    found.append(_make("auto_reuse_of_the_scope", shape=shape, seed=13, steps=2, **auto))
    for via in ("group", "control"):
        for path in ("fused", "renorm"):
            shape, lively = _lively(path)
            for kind, training in (("static", True), ("fed", fed(*SCHEDULE))):
                fields = {"shape": shape, "updates_via": via, "resource": True, "seed": 15, "steps": 2}
                name = f"updates_via_{via}/{path}_{kind}"
                found.append(_make(name, arguments={**lively, "training": training}, **fields))
    return found


def _steps() -> list[Case]:
    """Optimizer steps, and the constraints they apply."""
    found = []
    for path in LAYER_PATHS:
        shape, lively = _lively(path)
        fields = {"shape": shape, "learning_rate": 0.0625, "seed": 20}
        found.append(_make(f"descent/{path}", arguments=lively, **fields))
        constrained = {**lively, **CONSTRAINTS}
        found.append(_make(f"constraints/{path}", arguments=constrained, **fields))
        found.append(_make(f"constraints_resource/{path}", arguments=constrained, resource=True, **fields))
    return found


def _single() -> list[Case]:
    ways: dict[str, dict[str, Any]] = {
        "initializers/by_name": {"gamma_initializer": "zeros", "beta_initializer": "ones"},
        "initializers/by_class": {
            "beta_initializer": {"$": "initializer", "function": "ones"},
            "moving_variance_initializer": {"$": "initializer", "function": "ones"},
        },
        "initializers/by_class_renorm": {
            "moving_variance_initializer": {"$": "initializer", "function": "ones"},
            "renorm": True,
        },
        "renorm/plain": {"renorm": True},
        "renorm/momentum": {"renorm": True, "renorm_momentum": 0.5},
        "renorm/momentum_0": {"renorm": True, "renorm_momentum": 0},
        "renorm/momentum_tensor": {"renorm": True, "renorm_momentum": constant(0.7)},
        "renorm/rmax_only": {"renorm": True, "renorm_clipping": {"rmax": 1.25}},
        "renorm/schedule": {
            "renorm": True,
            "renorm_clipping": {
                "rmax": fed(1.0, 1.5, 3.0, dtype="float32"),
                "rmin": fed(1.0, 0.5, 0.25, dtype="float32"),
                "dmax": fed(0.0, 0.5, 2.0, dtype="float32"),
            },
        },
        "renorm/clipping_ignored": {"renorm_clipping": {"rmax": 1.0}},
        "renorm/unknown_key_ignored": {"renorm_clipping": {"rmiddle": 1.0}},
        "renorm/momentum_ignored": {"renorm_momentum": 1.5},
        "fused/true": {"fused": True},
        "fused/true_with_renorm": {"fused": True, "renorm": True},
        "fused/true_with_several_axes": {"fused": True, "axis": [1, 3]},
        "fused/true_with_axis_2": {"fused": True, "axis": 2},
        "fused/true_with_virtual_batches": {"fused": True, "virtual_batch_size": 2},
        "adjustment/channel": {"adjustment": adjustment()},
        "adjustment/channel_axis_1": {"adjustment": adjustment(), "axis": 1},
        "adjustment/several_axes": {"adjustment": adjustment(), "axis": [1, 2]},
        "adjustment/example_fed": {"adjustment": adjustment("example"), "training": fed(*SCHEDULE)},
        "adjustment/false": {"adjustment": adjustment(), "training": False},
        "adjustment/no_parameters": {"adjustment": adjustment(), "scale": False, "center": False},
        "adjustment/renorm": {"adjustment": adjustment("example"), "renorm": True},
        "adjustment/variables_resource": {"adjustment": adjustment("variables")},
        "virtual/size_1": {"virtual_batch_size": 1},
        "virtual/size_4": {"virtual_batch_size": 4},
        "virtual/no_parameters": {"virtual_batch_size": 2, "scale": False, "center": False},
        "virtual/numpy_size": {"virtual_batch_size": numpy(2, "int64")},
    }
    found = []
    for index, (name, arguments) in enumerate(ways.items()):
        resource = name.endswith("_resource") or bool(index % 2)
        steps = 3 if "schedule" in name or "fed" in name else 2
        fields = {"shape": RANK_4, "arguments": {**LIVELY_LAYER, **arguments}, "resource": resource, "seed": 10}
        found.append(_make(name, **fields, steps=steps))
    shape, lively = _lively("virtual")
    fields = {"shape": shape, "arguments": lively, "seed": 10, "steps": 2}
    remainder = {"dynamic": [0], "batches": [4, 2, 3]}
    none = {**LIVELY_LAYER, "beta_initializer": None, "moving_mean_initializer": None}
    given = {"surroundings": SURROUNDINGS["initializer"], "seed": 10, "steps": 2}
    found.append(_make("initializers/none", shape=RANK_4, arguments=none, **given))
    found.append(_make("virtual/inference_of_a_remainder", **{**fields, **remainder}))
    found.append(_make("virtual/training_on_a_remainder", **{**fields, **remainder, "batches": [4, 3, 4]}))
    found.append(_make("virtual/open_inside", **{**fields, "dynamic": [1]}))
    found.append(_make("virtual/empty", **{**fields, "dynamic": [0], "batches": [4, 0, 4]}))
    return found


def _errors() -> list[Case]:
    ways: dict[str, dict[str, Any]] = {
        "axis_too_large": {"axis": 4},
        "axis_too_small": {"axis": -5},
        "axis_too_large_in_list": {"axis": [1, 7]},
        "axis_twice": {"axis": [3, -1]},
        "axis_tuple": {"axis": {"$": "tuple", "items": [3]}},
        "axis_string": {"axis": "3"},
        "axis_none": {"axis": None},
        "axis_empty": {"axis": []},
        "virtual_0": {"virtual_batch_size": 0},
        "virtual_negative": {"virtual_batch_size": -2},
        "virtual_float": {"virtual_batch_size": 2.0},
        "virtual_over_the_batch_axis": {"virtual_batch_size": 2, "axis": 0},
        "virtual_with_adjustment": {"virtual_batch_size": 2, "adjustment": adjustment()},
        "virtual_no_divisor": {"virtual_batch_size": 3},
        "renorm_unknown_key": {"renorm": True, "renorm_clipping": {"rmax": 2.0, "rmiddle": 1.0}},
        "renorm_momentum_above_1": {"renorm": True, "renorm_momentum": 1.5},
        "momentum_above_1": {"momentum": 1.5},
        "momentum_negative": {"momentum": -0.1},
        "momentum_none": {"momentum": None},
        "momentum_string": {"momentum": "0.9"},
        "epsilon_negative": {"epsilon": -0.001},
        "epsilon_string": {"epsilon": "0.001"},
        "initializer_unknown": {"beta_initializer": "nothing"},
        "regularizer_by_name": {"beta_regularizer": "l2"},
        "constraint_by_name": {"gamma_constraint": "non_neg"},
        "reuse_of_nothing": {"name": "s", "reuse": True},
        "reuse_of_nothing_unnamed": {"reuse": True},
        "training_none": {"training": None},
        "training_2": {"training": 2},
        "training_string": {"training": "no"},
        "training_float": {"training": 0.5},
        "training_list": {"training": [True]},
        "training_float_tensor": {"training": constant(1.0)},
        "training_int_tensor": {"training": constant(1, "int32")},
        "training_vector": {"training": constant([True, False], "bool")},
        "unknown_argument": {"decay": 0.9},
    }
    found = []
    for path in ("fused", "nonfused"):
        for name, given in ways.items():
            if path == "nonfused" and not name.startswith(("training", "momentum", "epsilon")):
                continue
            arguments = {**LIVELY_LAYER, **LAYER_PATHS[path][1], **given}
            found.append(_make(f"errors/{name}/{path}", shape=RANK_4, arguments=arguments, seed=17, steps=2))
        fields = {"shape": RANK_4, "arguments": {**LIVELY_LAYER, **LAYER_PATHS[path][1]}, "seed": 17, "steps": 2}
        found.append(_make(f"errors/unknown_rank/{path}", unknown_rank=True, **fields))
        found.append(_make(f"errors/unknown_channels/{path}", dynamic=[3], **fields))
        for dtype in ("int32", "complex64", "string", "bool"):
            found.append(_make(f"errors/{dtype}_inputs/{path}", dtype=dtype, **fields))
        named = {**fields, "arguments": {**fields["arguments"], "name": "s"}}
        found.append(_make(f"errors/same_name/{path}", calls="same_scope", **named))
    return found
