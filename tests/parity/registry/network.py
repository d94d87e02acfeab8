"""tfbn.layers with weights: batch norm as the normalizer, every argument, what surrounds them; whole networks."""

from __future__ import annotations

from typing import Any

from ..case import Case, make
from .around import SURROUNDINGS
from .encode import (
    AUTO_REUSE,
    BATCH_NORM,
    TANH,
    drawn,
    fed,
    function,
    l2,
    made,
    partial,
    scope,
    variable,
)
from .training import SCHEDULE

IMAGES = [3, 5, 4, 3]
WEIGHTS, BIASES = drawn(1), drawn(2)
L2 = made("layers.l2_regularizer", scale=0.25)
NORMALIZED = {
    "normalizer_fn": BATCH_NORM,
    "normalizer_params": {
        "decay": 0.8,
        "scale": True,
        "param_initializers": {"beta": drawn(3), "gamma": drawn(4), "moving_mean": drawn(5)},
    },
}
CONTRIB: dict[str, tuple[list[int], dict[str, Any]]] = {
    "conv2d": (IMAGES, {"num_outputs": 4, "kernel_size": 3}),
    "conv2d_transpose": (IMAGES, {"num_outputs": 4, "kernel_size": 3, "stride": 2}),
    "separable_conv2d": (IMAGES, {"num_outputs": 4, "kernel_size": 3, "depth_multiplier": 2}),
    "fully_connected": ([5, 4], {"num_outputs": 3}),
    "repeat": (
        IMAGES,
        {"repetitions": 2, "layer": function("layers.conv2d"), "num_outputs": 3, "kernel_size": 2, "scope": "two"},
    ),
}


def cases() -> list[Case]:
    return [*_normalized(), *_arguments(), *_around(), *_models()]


def make_layer(name: str, function: str, arguments: dict[str, Any], **fields: Any) -> Case:
    given = {"shape": IMAGES, "steps": 2, "seed": 31, **fields}
    return make(f"network/{name}", function=f"layers.{function}", arguments=arguments, **given)


def make_contrib(name: str, layer: str, arguments: dict[str, Any], **fields: Any) -> Case:
    shape, needed = CONTRIB[layer]
    given = {"weights_initializer": WEIGHTS, "biases_initializer": BIASES, **needed, **arguments}
    return make_layer(f"{layer}/{name}", layer, given, **{"shape": shape, **fields})


def _normalized() -> list[Case]:
    """Batch norm as normalizer_fn, however it is told what it needs."""
    params = NORMALIZED["normalizer_params"]
    ways: dict[str, dict[str, Any]] = {
        "batch_norm": NORMALIZED,
        "batch_norm_plain": {"normalizer_fn": BATCH_NORM},
        "batch_norm_inference": {**NORMALIZED, "normalizer_params": {**params, "is_training": False}},
        "batch_norm_fed": {**NORMALIZED, "normalizer_params": {**params, "is_training": fed(*SCHEDULE)}},
        "batch_norm_variable": {**NORMALIZED, "normalizer_params": {**params, "is_training": variable(*SCHEDULE)}},
        "batch_norm_inline": {**NORMALIZED, "normalizer_params": {**params, "updates_collections": None}},
        "batch_norm_renorm": {**NORMALIZED, "normalizer_params": {**params, "renorm": True}},
        "batch_norm_zero_debias": {
            **NORMALIZED,
            "normalizer_params": {**params, "zero_debias_moving_mean": True},
        },
        "batch_norm_partial": {
            "normalizer_fn": partial("batch_norm", decay=0.8, scale=True),
            "normalizer_params": None,
        },
        "tf_layers_norm": {
            "normalizer_fn": function("batch_normalization"),
            "normalizer_params": {"momentum": 0.8, "training": True},
        },
        "regularizers": {
            **NORMALIZED,
            "weights_regularizer": L2,
            "biases_regularizer": L2,
            "normalizer_params": {**params, "param_regularizers": {"beta": l2(0.25), "gamma": l2(0.5)}},
        },
        "collections": {
            **NORMALIZED,
            "variables_collections": {"weights": ["w"], "biases": ["b"]},
            "outputs_collections": "end_points",
            "normalizer_params": {**params, "variables_collections": ["norms"], "outputs_collections": "normalized"},
        },
    }
    found = []
    for layer in CONTRIB:
        for index, (name, arguments) in enumerate(ways.items()):
            if layer not in ("conv2d", "fully_connected") and name not in (
                "batch_norm",
                "batch_norm_fed",
                "regularizers",
            ):
                continue
            steps = 3 if name.endswith(("_fed", "_variable")) else 2
            found.append(make_contrib(name, layer, arguments, resource=bool(index % 2), steps=steps))
        found.append(
            make_contrib("batch_norm_second_order", layer, {**NORMALIZED, "activation_fn": TANH}, second_order=True)
        )
    params = NORMALIZED["normalizer_params"]
    fused = {**NORMALIZED, "normalizer_params": {**params, "fused": False}, "activation_fn": TANH}
    found.append(make_contrib("batch_norm_composed_second_order", "conv2d", fused, second_order=True))
    found.append(make_contrib("batch_norm_linear", "conv2d", {**NORMALIZED, "activation_fn": None}))
    composed = {**NORMALIZED, "normalizer_params": {**params, "fused": False, "is_training": fed(*SCHEDULE)}}
    found.append(make_contrib("batch_norm_composed_ref_v2", "conv2d", composed, control_flow_v2=True, steps=3))
    found.append(make_contrib("batch_norm_composed_linear", "conv2d", {**composed, "activation_fn": None}, steps=3))
    scoped = [
        {"$functions": ["layers.conv2d", "batch_norm"], "trainable": False},
        {"$functions": ["batch_norm"], "decay": 0.7, "is_training": fed(*SCHEDULE), "updates_collections": None},
        {"$functions": ["layers.conv2d"], **NORMALIZED, "activation_fn": TANH, "weights_regularizer": L2},
    ]
    found.append(make_contrib("arg_scopes", "conv2d", {"trainable": True}, arg_scope=scoped))
    both = [{"$functions": ["layers.conv2d"], **NORMALIZED, "normalizer_params": {"decay": 0.6}, "padding": "VALID"}]
    found.append(make_contrib("explicit_wins", "conv2d", {"normalizer_params": {"scale": True}}, arg_scope=both))
    found.append(make_contrib("named_by_arg_scope", "conv2d", {}, arg_scope=[{"scope": "from_arg_scope"}]))
    for data_format in ("NCHW", "NHWC"):
        told = {**NORMALIZED["normalizer_params"], "data_format": "NCHW"}
        images = {"shape": [3, 3, 5, 4]} if data_format == "NCHW" else {}
        given = {**NORMALIZED, "data_format": data_format}
        for layer in ("conv2d", "conv2d_transpose", "separable_conv2d"):
            found.append(make_contrib(f"{data_format}_not_told", layer, given, **images))
            told_case = make_contrib(f"{data_format}_told", layer, {**given, "normalizer_params": told}, **images)
            if data_format == "NCHW":
                found.append(told_case)
    return found


def _arguments() -> list[Case]:
    """The arguments that all layers with weights share."""
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "linear": {"activation_fn": None},
        "no_biases": {"biases_initializer": None, "activation_fn": None},
        "tanh": {"activation_fn": TANH},
        "l1": {"weights_regularizer": made("layers.l1_regularizer", scale=0.25)},
        "l2": {"weights_regularizer": L2, "biases_regularizer": L2},
        "l1_l2": {"weights_regularizer": made("layers.l1_l2_regularizer", scale_l1=0.25, scale_l2=0.5)},
        "l1_l2_of_one": {"weights_regularizer": made("layers.l1_l2_regularizer", scale_l1=0.0, scale_l2=0.5)},
        "l2_of_zero": {"weights_regularizer": made("layers.l2_regularizer", scale=0.0)},
        "xavier": {"weights_initializer": made("layers.xavier_initializer", seed=4)},
        "xavier_normal": {"weights_initializer": made("layers.xavier_initializer", seed=4, uniform=False)},
        "fan_in": {"weights_initializer": made("layers.variance_scaling_initializer", seed=4)},
        "fan_out_uniform": {
            "weights_initializer": made(
                "layers.variance_scaling_initializer", seed=4, factor=1.0, mode="FAN_OUT", uniform=True
            )
        },
        "initializer_by_class": {"biases_initializer": {"$": "initializer", "function": "ones"}},
        "initializer_by_name": {"biases_initializer": "ones"},
        "variables_list": {"variables_collections": ["mine", "also_mine"]},
        "variables_dict": {"variables_collections": {"weights": ["w", "both"], "biases": ["both"]}},
        "variables_dict_of_others": {"variables_collections": {"kernel": ["w"]}},
        "variables_string": {"variables_collections": "ab"},
        "outputs": {"outputs_collections": "end_points"},
        "outputs_list": {"outputs_collections": ["one", "two"], "scope": "o/i"},
        "trainable_false": {"trainable": False},
        "scope": {"scope": "my_scope"},
        "scope_nested": {"scope": "o/i"},
        "scope_object": {"scope": scope("held/inner")},
        "scope_auto_reuse": {"scope": "s", "reuse": AUTO_REUSE},
    }
    found = []
    for layer in CONTRIB:
        if layer == "repeat":
            continue
        for index, (name, arguments) in enumerate(ways.items()):
            if layer not in ("conv2d", "fully_connected") and index % 3:
                continue
            found.append(
                make_contrib(
                    name, layer, arguments, resource=bool(index % 2), learning_rate=0.125 if index % 5 == 2 else None
                )
            )
        for dtype in ("float64", "float16"):
            found.append(make_contrib(dtype, layer, {"weights_regularizer": L2}, dtype=dtype))
        found.append(make_contrib("dynamic_batch", layer, {}, dynamic=[0], batches=[3, 2, 4]))
    return found


def _around() -> list[Case]:
    """Reuse, default names, and what an enclosing variable_scope gives."""
    found = []
    for layer in CONTRIB:
        norm = {**NORMALIZED, "weights_regularizer": L2}
        if layer != "repeat":
            found.append(make_contrib("reuse", layer, {**norm, "scope": "s"}, calls="reuse"))
            found.append(
                make_contrib("reuse_outer", layer, {**norm, "scope": "s"}, calls="reuse", surroundings={"name": "o"})
            )
            found.append(make_contrib("same_scope", layer, {**norm, "scope": "s"}, calls="same_scope"))
        found.append(make_contrib("default_names", layer, {**norm, "scope": None}, calls="default_names"))
        for name, given in SURROUNDINGS.items():
            if layer in ("conv2d", "fully_connected"):
                found.append(make_contrib(f"around_{name}", layer, norm, surroundings=given))
                found.append(make_contrib(f"around_{name}_biases", layer, {}, surroundings=given))
            elif name in ("partitioner", "regularizer"):
                found.append(make_contrib(f"around_{name}", layer, norm, surroundings=given))
    named = {"weights_regularizer": L2, "activation_fn": None, "biases_initializer": None, "rate": 2}
    found.append(make_contrib("dilated_linear", "conv2d", named))
    return found


def _models() -> list[Case]:
    """Whole networks, under arg_scopes."""
    found = []
    for name, is_training in (("static", True), ("inference", False), ("fed", fed(*SCHEDULE))):
        for resource in (False, True):
            fields = {"shape": [4, 8, 8, 3], "steps": 3, "seed": 32, "resource": resource, "control_flow_v2": resource}
            full = f"network/model/{name}_{'resource' if resource else 'ref'}"
            found.append(make(full, function="slim_model", arguments={"is_training": is_training}, **fields))
    fields["learning_rate"] = 0.125
    found.append(make("network/model/trained", function="slim_model", arguments={"is_training": True}, **fields))
    repeated = {"normalizer_fn": BATCH_NORM, "scope": "three", "repetitions": 3}
    found.append(make_contrib("scope", "repeat", repeated))
    found.append(make_contrib("none", "repeat", {"repetitions": 0, "normalizer_fn": None}))
    found.append(make_contrib("partial", "repeat", {"layer": partial("layers.conv2d", padding="VALID"), **NORMALIZED}))
    return found
