"""What tfbn.layers refuse."""

from __future__ import annotations

from typing import Any

from ..case import Case
from .network import CONTRIB, make_contrib, make_layer
from .network_v1 import TF_LAYERS


def cases() -> list[Case]:
    return [*_errors()]


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
            found.append(make_contrib(f"error_{name}", layer, arguments))
        shape = CONTRIB[layer][0]
        wrong = [4] if layer == "fully_connected" else [3, 5, 4]
        found.append(make_contrib("error_rank", layer, {}, shape=wrong))
        found.append(make_contrib("error_unknown_rank", layer, {}, unknown_rank=True))
        found.append(make_contrib("error_unknown_channels", layer, {}, dynamic=[len(shape) - 1]))
        for dtype in ("int32", "string"):
            found.append(make_contrib(f"error_{dtype}", layer, {}, dtype=dtype))
    given = {"num_outputs": 4, "kernel_size": 2}
    found.append(make_layer("convolution/error_rank", "convolution", given, shape=[3, 4]))
    found.append(make_layer("convolution/error_conv_dims", "convolution", {**given, "conv_dims": 1}))
    for layer in ("max_pool2d", "avg_pool2d"):
        found.append(make_layer(f"{layer}/error_data_format", layer, {"kernel_size": 2, "data_format": "NDHWC"}))
        found.append(make_layer(f"{layer}/error_rank", layer, {"kernel_size": 2}, shape=[3, 4, 5]))
        found.append(make_layer(f"{layer}/error_kernel", layer, {"kernel_size": [2, 2, 2]}))
        found.append(make_layer(f"{layer}/error_too_large", layer, {"kernel_size": 9}))
    found.append(make_layer("softmax/error_rank", "softmax", {}, shape=[4]))
    found.append(make_layer("softmax/error_unknown_rank", "softmax", {}, unknown_rank=True))
    found.append(make_layer("softmax/error_unknown_channels", "softmax", {}, dynamic=[3]))
    found.append(make_layer("flatten/error_unknown_rank", "flatten", {}, unknown_rank=True))
    found.append(make_layer("dropout/error_keep_prob", "dropout", {"keep_prob": 1.5}))
    found.append(make_layer("dropout/error_none", "dropout", {"is_training": None}))
    found.append(make_layer("dropout/error_string", "dropout", {"is_training": "no"}))
    for layer, (shape, needed) in TF_LAYERS.items():
        errors = {"reuse_of_nothing": {"name": "nobody", "reuse": True}, "units": {}}
        if layer != "dense":
            errors["bad_data_format"] = {"data_format": "NCHW"}
            errors["bad_padding"] = {"padding": "full"}
        for name, arguments in errors.items():
            if name != "units":
                found.append(
                    make_layer(f"tf_layers/{layer}/error_{name}", f"v1.{layer}", {**needed, **arguments}, shape=shape)
                )
        found.append(make_layer(f"tf_layers/{layer}/error_rank", f"v1.{layer}", needed, shape=[4]))
        found.append(make_layer(f"tf_layers/{layer}/error_int32", f"v1.{layer}", needed, shape=shape, dtype="int32"))
    return found
