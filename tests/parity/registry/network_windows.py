"""tfbn.layers: windows, ranks and rates; separable convolutions; pooling, dropout, flattening and softmax."""

from __future__ import annotations

from typing import Any

from ..case import Case
from .encode import constant, drawn, fed, variable
from .network import BIASES, IMAGES, L2, NORMALIZED, WEIGHTS, make_contrib, make_layer
from .training import SCHEDULE


def cases() -> list[Case]:
    return [*_windows(), *_separable(), *_unweighted()]


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
        found.append(make_contrib(f"window_{name}", "conv2d", arguments))
        if "rate" not in name and name != "stride_pair":
            found.append(make_contrib(f"window_{name}", "separable_conv2d", arguments))
        if "rate" not in name and name != "size_1":  # below the stride, where TensorFlow 2's kernel corrupts the heap
            found.append(make_contrib(f"window_{name}", "conv2d_transpose", arguments))
            found.append(make_contrib(f"window_{name}_dynamic", "conv2d_transpose", arguments, dynamic=[0, 1, 2]))
        found.append(make_contrib(f"window_{name}_dynamic", "conv2d", arguments, dynamic=[0, 1, 2]))
    found.append(make_contrib("window_rate", "separable_conv2d", {"rate": 2}))
    given = {"num_outputs": 4, "kernel_size": 2, "weights_initializer": WEIGHTS, "biases_initializer": BIASES}
    for rank, shape in {3: [3, 5, 2], 4: IMAGES, 5: [2, 3, 4, 3, 2]}.items():
        for name, arguments in {"plain": {}, "stride": {"stride": 2}, "normalized": NORMALIZED}.items():
            found.append(
                make_layer(f"convolution/rank{rank}_{name}", "convolution", {**given, **arguments}, shape=shape)
            )
    found.append(make_layer("convolution/rank3_rate", "convolution", {**given, "rate": 2}, shape=[3, 5, 2]))
    for rank, shape in {2: [5, 4], 3: [3, 2, 4], 4: [2, 3, 2, 4]}.items():
        for name, arguments in {"plain": {}, "normalized": NORMALIZED}.items():
            found.append(make_contrib(f"rank{rank}_{name}", "fully_connected", arguments, shape=shape))
    found.append(make_contrib("rank4_dynamic", "fully_connected", {}, shape=[2, 3, 2, 4], dynamic=[0, 1]))
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
    found = [make_contrib(name, "separable_conv2d", arguments) for name, arguments in ways.items()]
    outer = {"name": "outer", "regularizer": 0.25}
    regularized = {"num_outputs": None, "weights_regularizer": L2}
    found.append(make_contrib("depthwise_only_twice_regularized", "separable_conv2d", regularized, surroundings=outer))
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
                make_layer(
                    f"{layer}/{name}", layer, arguments, surroundings={"name": "outer"} if name == "scope" else {}
                )
            )
        found.append(make_layer(f"{layer}/twice", layer, windows["scope"], calls="same_scope"))
        found.append(make_layer(f"{layer}/NCHW", layer, {"kernel_size": 2, "data_format": "NCHW"}))
        found.append(make_layer(f"{layer}/dynamic", layer, {"kernel_size": 2}, dynamic=[0, 1, 2]))
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
        found.append(
            make_layer(f"dropout/{name}", "dropout", arguments, dynamic=[0] if name == "noise_shape_open" else [])
        )
    for dtype in ("float64", "float16"):
        found.append(make_layer(f"dropout/{dtype}", "dropout", {"seed": 7}, dtype=dtype))
    for name, shape, dynamic in (
        ("rank2", [3, 4], []),
        ("rank4", IMAGES, []),
        ("open_batch", IMAGES, [0]),
        ("open_inside", IMAGES, [0, 2]),
        ("rank1", [4], []),
    ):
        found.append(
            make_layer(
                f"flatten/{name}", "flatten", {"outputs_collections": "end_points"}, shape=shape, dynamic=dynamic
            )
        )
    found.append(make_layer("flatten/twice", "flatten", {}, calls="same_scope"))
    for name, shape, dynamic in (("rank2", [3, 4], [0]), ("rank3", [2, 3, 4], []), ("rank4", IMAGES, [0, 1])):
        found.append(make_layer(f"softmax/{name}", "softmax", {"scope": "probabilities"}, shape=shape, dynamic=dynamic))
    return found
