"""tfbn.layers: every function with every argument, batch norm as the normalizer, what surrounds them, errors."""

from __future__ import annotations

from typing import Any

from ..case import Case, make
from .around import SURROUNDINGS
from .encode import (
    AUTO_REUSE,
    BATCH_NORM,
    HALVE,
    TANH,
    constant,
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
TF_LAYERS: dict[str, tuple[list[int], dict[str, Any]]] = {
    "dense": ([5, 4], {"units": 3}),
    "conv2d": (IMAGES, {"filters": 4, "kernel_size": 3}),
    "conv2d_transpose": (IMAGES, {"filters": 4, "kernel_size": 3, "strides": 2}),
}


def cases() -> list[Case]:
    return [
        *_normalized(),
        *_arguments(),
        *_windows(),
        *_separable(),
        *_around(),
        *_unweighted(),
        *_models(),
        *_tf_layers(),
        *_errors(),
    ]


def _make(name: str, function: str, arguments: dict[str, Any], **fields: Any) -> Case:
    given = {"shape": IMAGES, "steps": 2, "seed": 31, **fields}
    return make(f"network/{name}", function=f"layers.{function}", arguments=arguments, **given)


def _contrib(name: str, layer: str, arguments: dict[str, Any], **fields: Any) -> Case:
    shape, needed = CONTRIB[layer]
    given = {"weights_initializer": WEIGHTS, "biases_initializer": BIASES, **needed, **arguments}
    return _make(f"{layer}/{name}", layer, given, **{"shape": shape, **fields})


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
            found.append(_contrib(name, layer, arguments, resource=bool(index % 2), steps=steps))
        found.append(
            _contrib("batch_norm_second_order", layer, {**NORMALIZED, "activation_fn": TANH}, second_order=True)
        )
    params = NORMALIZED["normalizer_params"]
    fused = {**NORMALIZED, "normalizer_params": {**params, "fused": False}, "activation_fn": TANH}
    found.append(_contrib("batch_norm_composed_second_order", "conv2d", fused, second_order=True))
    found.append(_contrib("batch_norm_linear", "conv2d", {**NORMALIZED, "activation_fn": None}))
    composed = {**NORMALIZED, "normalizer_params": {**params, "fused": False, "is_training": fed(*SCHEDULE)}}
    found.append(_contrib("batch_norm_composed_ref_v2", "conv2d", composed, control_flow_v2=True, steps=3))
    found.append(_contrib("batch_norm_composed_linear", "conv2d", {**composed, "activation_fn": None}, steps=3))
    scoped = [
        {"$functions": ["layers.conv2d", "batch_norm"], "trainable": False},
        {"$functions": ["batch_norm"], "decay": 0.7, "is_training": fed(*SCHEDULE), "updates_collections": None},
        {"$functions": ["layers.conv2d"], **NORMALIZED, "activation_fn": TANH, "weights_regularizer": L2},
    ]
    found.append(_contrib("arg_scopes", "conv2d", {"trainable": True}, arg_scope=scoped))
    both = [{"$functions": ["layers.conv2d"], **NORMALIZED, "normalizer_params": {"decay": 0.6}, "padding": "VALID"}]
    found.append(_contrib("explicit_wins", "conv2d", {"normalizer_params": {"scale": True}}, arg_scope=both))
    found.append(_contrib("named_by_arg_scope", "conv2d", {}, arg_scope=[{"scope": "from_arg_scope"}]))
    for data_format in ("NCHW", "NHWC"):
        told = {**NORMALIZED["normalizer_params"], "data_format": "NCHW"}
        images = {"shape": [3, 3, 5, 4]} if data_format == "NCHW" else {}
        given = {**NORMALIZED, "data_format": data_format}
        for layer in ("conv2d", "conv2d_transpose", "separable_conv2d"):
            found.append(_contrib(f"{data_format}_not_told", layer, given, **images))
            told_case = _contrib(f"{data_format}_told", layer, {**given, "normalizer_params": told}, **images)
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
                _contrib(
                    name, layer, arguments, resource=bool(index % 2), learning_rate=0.125 if index % 5 == 2 else None
                )
            )
        for dtype in ("float64", "float16"):
            found.append(_contrib(dtype, layer, {"weights_regularizer": L2}, dtype=dtype))
        found.append(_contrib("dynamic_batch", layer, {}, dynamic=[0], batches=[3, 2, 4]))
    return found


def _windows() -> list[Case]:
    """Kernel sizes, strides, paddings, rates and ranks."""
    ways: dict[str, dict[str, Any]] = {
        "pair": {"kernel_size": [2, 3]},
        "size_1": {"kernel_size": 1},
        "valid": {"padding": "VALID"},
        "lower": {"padding": "valid"},
        "stride": {"stride": 2},
        "stride_pair": {"stride": [1, 2]},
        "stride_valid": {"stride": 2, "padding": "VALID"},
        "rate": {"rate": 2},
        "rate_pair": {"rate": [2, 1], "padding": "VALID"},
        "rate_normalized": {"rate": 2, **NORMALIZED},
    }
    found = []
    for name, arguments in ways.items():
        found.append(_contrib(f"window_{name}", "conv2d", arguments))
        if "rate" not in name and name != "stride_pair":
            found.append(_contrib(f"window_{name}", "separable_conv2d", arguments))
        if "rate" not in name and name != "size_1":  # below the stride, where TensorFlow 2's kernel corrupts the heap
            found.append(_contrib(f"window_{name}", "conv2d_transpose", arguments))
            found.append(_contrib(f"window_{name}_dynamic", "conv2d_transpose", arguments, dynamic=[0, 1, 2]))
        found.append(_contrib(f"window_{name}_dynamic", "conv2d", arguments, dynamic=[0, 1, 2]))
    found.append(_contrib("window_rate", "separable_conv2d", {"rate": 2}))
    given = {"num_outputs": 4, "kernel_size": 2, "weights_initializer": WEIGHTS, "biases_initializer": BIASES}
    for rank, shape in {3: [3, 5, 2], 4: IMAGES, 5: [2, 3, 4, 3, 2]}.items():
        for name, arguments in {"plain": {}, "stride": {"stride": 2}, "normalized": NORMALIZED}.items():
            found.append(_make(f"convolution/rank{rank}_{name}", "convolution", {**given, **arguments}, shape=shape))
    found.append(_make("convolution/rank3_rate", "convolution", {**given, "rate": 2}, shape=[3, 5, 2]))
    for rank, shape in {2: [5, 4], 3: [3, 2, 4], 4: [2, 3, 2, 4]}.items():
        for name, arguments in {"plain": {}, "normalized": NORMALIZED}.items():
            found.append(_contrib(f"rank{rank}_{name}", "fully_connected", arguments, shape=shape))
    found.append(_contrib("rank4_dynamic", "fully_connected", {}, shape=[2, 3, 2, 4], dynamic=[0, 1]))
    return found


def _separable() -> list[Case]:
    ways: dict[str, dict[str, Any]] = {
        "depthwise_only": {"num_outputs": None},
        "depthwise_only_normalized": {"num_outputs": None, **NORMALIZED},
        "depthwise_only_rate": {"num_outputs": None, "rate": 2, "activation_fn": None, "biases_initializer": None},
        "depthwise_only_lower": {"num_outputs": None, "padding": "valid"},
        "depthwise_only_collections": {
            "num_outputs": None,
            "variables_collections": {"weights": ["w"], "biases": ["b"]},
        },
        "depthwise_only_regularized": {"num_outputs": None, "weights_regularizer": L2, "biases_regularizer": L2},
        "pointwise_initializer": {"pointwise_initializer": drawn(8)},
        "weights_collections": {"variables_collections": {"weights": ["w"]}},
    }
    found = [_contrib(name, "separable_conv2d", arguments) for name, arguments in ways.items()]
    outer = {"name": "outer", "regularizer": 0.25}
    regularized = {"num_outputs": None, "weights_regularizer": L2}
    found.append(_contrib("depthwise_only_twice_regularized", "separable_conv2d", regularized, surroundings=outer))
    return found


def _around() -> list[Case]:
    """Reuse, default names, and what an enclosing variable_scope gives."""
    found = []
    for layer in CONTRIB:
        norm = {**NORMALIZED, "weights_regularizer": L2}
        if layer != "repeat":
            found.append(_contrib("reuse", layer, {**norm, "scope": "s"}, calls="reuse"))
            found.append(
                _contrib("reuse_outer", layer, {**norm, "scope": "s"}, calls="reuse", surroundings={"name": "o"})
            )
            found.append(_contrib("same_scope", layer, {**norm, "scope": "s"}, calls="same_scope"))
        found.append(_contrib("default_names", layer, {**norm, "scope": None}, calls="default_names"))
        for name, given in SURROUNDINGS.items():
            if layer in ("conv2d", "fully_connected"):
                found.append(_contrib(f"around_{name}", layer, norm, surroundings=given))
                found.append(_contrib(f"around_{name}_biases", layer, {}, surroundings=given))
            elif name in ("partitioner", "regularizer"):
                found.append(_contrib(f"around_{name}", layer, norm, surroundings=given))
    named = {"weights_regularizer": L2, "activation_fn": None, "biases_initializer": None, "rate": 2}
    found.append(_contrib("dilated_linear", "conv2d", named))
    return found


def _unweighted() -> list[Case]:
    """Pooling, dropout, flattening and softmax."""
    found = []
    windows: dict[str, dict[str, Any]] = {
        "plain": {"kernel_size": 2},
        "pair": {"kernel_size": [3, 2], "stride": 1},
        "stride_pair": {"kernel_size": 2, "stride": [1, 2]},
        "same": {"kernel_size": 3, "padding": "SAME"},
        "scope": {"kernel_size": 2, "scope": "pool", "outputs_collections": "end_points"},
    }
    for layer in ("max_pool2d", "avg_pool2d"):
        for name, arguments in windows.items():
            found.append(
                _make(f"{layer}/{name}", layer, arguments, surroundings={"name": "outer"} if name == "scope" else {})
            )
        found.append(_make(f"{layer}/twice", layer, windows["scope"], calls="same_scope"))
        found.append(_make(f"{layer}/NCHW", layer, {"kernel_size": 2, "data_format": "NCHW"}))
        found.append(_make(f"{layer}/dynamic", layer, {"kernel_size": 2}, dynamic=[0, 1, 2]))
    drops: dict[str, dict[str, Any]] = {
        "plain": {"seed": 7},
        "keep": {"seed": 7, "keep_prob": 0.75},
        "keep_all": {"seed": 7, "keep_prob": 1.0},
        "keep_tensor": {"seed": 7, "keep_prob": constant(0.75)},
        "fed": {"seed": 7, "is_training": fed(*SCHEDULE)},
        "variable": {"seed": 7, "is_training": variable(*SCHEDULE)},
        "inference": {"is_training": False},
        "constant": {"is_training": constant(False, "bool")},
        "noise_shape": {"seed": 7, "noise_shape": [3, 1, 1, 3]},
        "noise_shape_open": {"seed": 7, "noise_shape": [None, 1, None, 3]},
        "scope": {"seed": 7, "scope": "drop", "outputs_collections": "end_points"},
    }
    for name, arguments in drops.items():
        found.append(_make(f"dropout/{name}", "dropout", arguments, dynamic=[0] if name == "noise_shape_open" else []))
    for dtype in ("float64", "float16"):
        found.append(_make(f"dropout/{dtype}", "dropout", {"seed": 7}, dtype=dtype))
    for name, shape, dynamic in (
        ("rank2", [3, 4], []),
        ("rank4", IMAGES, []),
        ("open_batch", IMAGES, [0]),
        ("open_inside", IMAGES, [0, 2]),
        ("rank1", [4], []),
    ):
        found.append(
            _make(f"flatten/{name}", "flatten", {"outputs_collections": "end_points"}, shape=shape, dynamic=dynamic)
        )
    found.append(_make("flatten/twice", "flatten", {}, calls="same_scope"))
    for name, shape, dynamic in (("rank2", [3, 4], [0]), ("rank3", [2, 3, 4], []), ("rank4", IMAGES, [0, 1])):
        found.append(_make(f"softmax/{name}", "softmax", {"scope": "probabilities"}, shape=shape, dynamic=dynamic))
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
    found.append(_contrib("scope", "repeat", repeated))
    found.append(_contrib("none", "repeat", {"repetitions": 0, "normalizer_fn": None}))
    found.append(_contrib("partial", "repeat", {"layer": partial("layers.conv2d", padding="VALID"), **NORMALIZED}))
    return found


def _tf_layers() -> list[Case]:
    found = []
    for layer, (shape, needed) in TF_LAYERS.items():
        given = {"kernel_initializer": WEIGHTS, "bias_initializer": BIASES, **needed}
        ways: dict[str, dict[str, Any]] = {
            "plain": {},
            "no_bias": {"use_bias": False},
            "activation": {"activation": TANH},
            "regularizers": {"kernel_regularizer": L2, "bias_regularizer": L2, "activity_regularizer": l2(0.5)},
            "constraints": {
                "kernel_constraint": {"$": "clip", "low": -0.25, "high": 0.5},
                "bias_constraint": {"$": "clip", "low": 0.0, "high": 0.5},
            },
            "trainable_false": {"trainable": False, "kernel_regularizer": L2},
            "name": {"name": "my_layer"},
            "name_nested": {"name": "o/i"},
            "name_auto_reuse": {"name": "s", "reuse": AUTO_REUSE},
        }
        if layer != "dense":
            key = "strides"
            ways["valid_lower"] = {"padding": "VALID", "kernel_size": [2, 3]}
            ways["same"] = {"padding": "same", key: 1}
            ways["strides"] = {key: [2, 2], "padding": "Same"}
            ways["channels_first"] = {"data_format": "channels_first"}
        if layer == "conv2d":
            ways["dilated"] = {"dilation_rate": 2, "padding": "same", "strides": 1}
        for index, (name, arguments) in enumerate(ways.items()):
            rate = 0.125 if name == "constraints" else None
            fields = {"shape": shape, "resource": bool(index % 2), "learning_rate": rate}
            found.append(_make(f"tf_layers/{layer}/{name}", f"v1.{layer}", {**given, **arguments}, **fields))
        for name, arguments, calls in (
            ("reuse", {"name": "s", "kernel_regularizer": L2, "activity_regularizer": l2(0.5)}, "reuse"),
            ("same_name", {"name": "s"}, "same_scope"),
            ("default_names", {}, "default_names"),
        ):
            fields = {"shape": shape, "calls": calls, "surroundings": {"name": "outer", "regularizer": 0.25}}
            found.append(_make(f"tf_layers/{layer}/{name}", f"v1.{layer}", {**given, **arguments}, **fields))
        initial = {"shape": shape, "surroundings": {"name": "outer", "initializer": 0.5}}
        found.append(_make(f"tf_layers/{layer}/scope_initializer", f"v1.{layer}", needed, **initial))
        found.append(_make(f"tf_layers/{layer}/float64", f"v1.{layer}", given, shape=shape, dtype="float64"))
    found.append(_make("tf_layers/dense/rank4", "v1.dense", {**given_dense(), "name": "d"}, shape=[2, 3, 2, 4]))
    for layer in ("max_pooling2d", "average_pooling2d"):
        for name, arguments in {
            "plain": {"pool_size": 2, "strides": 2},
            "strides_none": {"pool_size": [2, 3], "strides": None, "padding": "same"},
            "name": {"pool_size": 2, "strides": [1, 2], "name": "pool"},
        }.items():
            found.append(_make(f"tf_layers/{layer}/{name}", f"v1.{layer}", arguments))
        again = {"pool_size": 2, "strides": 2, "name": "pool"}
        found.append(_make(f"tf_layers/{layer}/same_name", f"v1.{layer}", again, calls="same_scope"))
    for name, arguments in {
        "default": {},
        "training": {"training": True, "seed": 7, "rate": 0.25},
        "fed": {"training": fed(*SCHEDULE), "seed": 7},
        "name": {"training": True, "seed": 7, "name": "drop", "noise_shape": [3, 1, 4, 1]},
    }.items():
        found.append(_make(f"tf_layers/dropout/{name}", "v1.dropout", arguments))
    for name, arguments in {"plain": {}, "name": {"name": "f"}, "first": {"data_format": "channels_first"}}.items():
        found.append(_make(f"tf_layers/flatten/{name}", "v1.flatten", arguments))
    return found


def given_dense() -> dict[str, Any]:
    return {"units": 3, "kernel_initializer": WEIGHTS, "bias_initializer": BIASES, "activation": HALVE}


def _errors() -> list[Case]:
    found = []
    ways: dict[str, dict[str, dict[str, Any]]] = {
        "conv2d": {
            "bad_data_format": {"data_format": "NWHC"},
            "bad_padding": {"padding": "FULL"},
            "kernel_of_three": {"kernel_size": [3, 3, 3]},
            "kernel_string": {"kernel_size": "ab"},
            "stride_of_one": {"stride": [2]},
            "stride_and_rate": {"stride": 2, "rate": 2},
            "too_large": {"kernel_size": 7, "padding": "VALID"},
            "unknown_argument": {"filters": 3},
            "reuse_without_scope": {"reuse": True},
            "reuse_of_nothing": {"reuse": True, "scope": "nobody"},
        },
        "conv2d_transpose": {"bad_data_format": {"data_format": "NWC"}, "bad_padding": {"padding": "FULL"}},
        "separable_conv2d": {"bad_data_format": {"data_format": None}, "kernel_of_three": {"kernel_size": [3, 3, 3]}},
        "fully_connected": {
            "float_outputs": {"num_outputs": 3.0},
            "reuse_without_scope": {"reuse": True},
            "reuse_of_nothing": {"reuse": True, "scope": "nobody"},
        },
    }
    for layer, errors in ways.items():
        for name, arguments in errors.items():
            found.append(_contrib(f"error_{name}", layer, arguments))
        shape = CONTRIB[layer][0]
        wrong = [4] if layer == "fully_connected" else [3, 5, 4]
        found.append(_contrib("error_rank", layer, {}, shape=wrong))
        found.append(_contrib("error_unknown_rank", layer, {}, unknown_rank=True))
        found.append(_contrib("error_unknown_channels", layer, {}, dynamic=[len(shape) - 1]))
        for dtype in ("int32", "string"):
            found.append(_contrib(f"error_{dtype}", layer, {}, dtype=dtype))
    given = {"num_outputs": 4, "kernel_size": 2}
    found.append(_make("convolution/error_rank", "convolution", given, shape=[3, 4]))
    found.append(_make("convolution/error_conv_dims", "convolution", {**given, "conv_dims": 1}))
    for layer in ("max_pool2d", "avg_pool2d"):
        found.append(_make(f"{layer}/error_data_format", layer, {"kernel_size": 2, "data_format": "NDHWC"}))
        found.append(_make(f"{layer}/error_rank", layer, {"kernel_size": 2}, shape=[3, 4, 5]))
        found.append(_make(f"{layer}/error_kernel", layer, {"kernel_size": [2, 2, 2]}))
        found.append(_make(f"{layer}/error_too_large", layer, {"kernel_size": 9}))
    found.append(_make("softmax/error_rank", "softmax", {}, shape=[4]))
    found.append(_make("softmax/error_unknown_rank", "softmax", {}, unknown_rank=True))
    found.append(_make("softmax/error_unknown_channels", "softmax", {}, dynamic=[3]))
    found.append(_make("flatten/error_unknown_rank", "flatten", {}, unknown_rank=True))
    found.append(_make("dropout/error_keep_prob", "dropout", {"keep_prob": 1.5}))
    found.append(_make("dropout/error_none", "dropout", {"is_training": None}))
    found.append(_make("dropout/error_string", "dropout", {"is_training": "no"}))
    for layer, (shape, needed) in TF_LAYERS.items():
        errors = {"reuse_of_nothing": {"name": "nobody", "reuse": True}, "units": {}}
        if layer != "dense":
            errors["bad_data_format"] = {"data_format": "NCHW"}
            errors["bad_padding"] = {"padding": "full"}
        for name, arguments in errors.items():
            if name != "units":
                found.append(
                    _make(f"tf_layers/{layer}/error_{name}", f"v1.{layer}", {**needed, **arguments}, shape=shape)
                )
        found.append(_make(f"tf_layers/{layer}/error_rank", f"v1.{layer}", needed, shape=[4]))
        found.append(_make(f"tf_layers/{layer}/error_int32", f"v1.{layer}", needed, shape=shape, dtype="int32"))
    return found
