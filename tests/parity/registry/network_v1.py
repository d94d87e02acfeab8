"""tfbn.layers.v1: the functions of tf.layers."""

from __future__ import annotations

from typing import Any

from ..case import Case
from .encode import AUTO_REUSE, HALVE, TANH, fed, l2
from .network import BIASES, IMAGES, L2, WEIGHTS, make_layer
from .training import SCHEDULE

TF_LAYERS: dict[str, tuple[list[int], dict[str, Any]]] = {
    "dense": ([5, 4], {"units": 3}),
    "conv2d": (IMAGES, {"filters": 4, "kernel_size": 3}),
    "conv2d_transpose": (IMAGES, {"filters": 4, "kernel_size": 3, "strides": 2}),
}


def cases() -> list[Case]:
    return [*_tf_layers()]


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
            found.append(make_layer(f"tf_layers/{layer}/{name}", f"v1.{layer}", {**given, **arguments}, **fields))
        for name, arguments, calls in (
            ("reuse", {"name": "s", "kernel_regularizer": L2, "activity_regularizer": l2(0.5)}, "reuse"),
            ("same_name", {"name": "s"}, "same_scope"),
            ("default_names", {}, "default_names"),
        ):
            fields = {"shape": shape, "calls": calls, "surroundings": {"name": "outer", "regularizer": 0.25}}
            found.append(make_layer(f"tf_layers/{layer}/{name}", f"v1.{layer}", {**given, **arguments}, **fields))
        initial = {"shape": shape, "surroundings": {"name": "outer", "initializer": 0.5}}
        found.append(make_layer(f"tf_layers/{layer}/scope_initializer", f"v1.{layer}", needed, **initial))
        found.append(make_layer(f"tf_layers/{layer}/float64", f"v1.{layer}", given, shape=shape, dtype="float64"))
    found.append(make_layer("tf_layers/dense/rank4", "v1.dense", {**_given_dense(), "name": "d"}, shape=[2, 3, 2, 4]))
    for layer in ("max_pooling2d", "average_pooling2d"):
        for name, arguments in {
            "plain": {"pool_size": 2, "strides": 2},
            "strides_none": {"pool_size": [2, 3], "strides": None, "padding": "same"},
            "name": {"pool_size": 2, "strides": [1, 2], "name": "pool"},
        }.items():
            found.append(make_layer(f"tf_layers/{layer}/{name}", f"v1.{layer}", arguments))
        again = {"pool_size": 2, "strides": 2, "name": "pool"}
        found.append(make_layer(f"tf_layers/{layer}/same_name", f"v1.{layer}", again, calls="same_scope"))
    for name, arguments in {
        "default": {},
        "training": {"training": True, "seed": 7, "rate": 0.25},
        "fed": {"training": fed(*SCHEDULE), "seed": 7},
        "name": {"training": True, "seed": 7, "name": "drop", "noise_shape": [3, 1, 4, 1]},
    }.items():
        found.append(make_layer(f"tf_layers/dropout/{name}", "v1.dropout", arguments))
    for name, arguments in {"plain": {}, "name": {"name": "f"}, "first": {"data_format": "channels_first"}}.items():
        found.append(make_layer(f"tf_layers/flatten/{name}", "v1.flatten", arguments))
    return found


def _given_dense() -> dict[str, Any]:
    return {"units": 3, "kernel_initializer": WEIGHTS, "bias_initializer": BIASES, "activation": HALVE}
