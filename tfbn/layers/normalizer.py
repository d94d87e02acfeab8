"""Calls a normalizer_fn, with a warning if it would normalize another axis than the channels'."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graph import compatibility
from tfbn.graph.arg_scope import arg_scope_func_key, current_arg_scope
from tfbn.graph.batch_norm import batch_norm
from tfbn.graph.batch_normalization import batch_normalization
from tfbn.layers.norms import group_norm, instance_norm, layer_norm

# By key: the argument for the channels' axis, its default, the values that fit channels first, and the remedy.
_AXES: dict[str, tuple[str, Any, tuple[Any, ...], str]] = {
    arg_scope_func_key(batch_norm): ("data_format", "NHWC", ("NCHW",), "'data_format': 'NCHW'"),
    arg_scope_func_key(batch_normalization): ("axis", -1, (1, [1]), "'axis': 1"),
    arg_scope_func_key(instance_norm): ("data_format", "NHWC", ("NCHW",), "'data_format': 'NCHW'"),
    arg_scope_func_key(group_norm): ("channels_axis", -1, (1, -3), "'channels_axis': -3, 'reduction_axes': (-2, -1)"),
    arg_scope_func_key(layer_norm): ("begin_params_axis", -1, (1,), "'begin_params_axis': 1"),
}


def apply(
    caller: str, outputs: tf.Tensor, function: Callable, params: Mapping[str, Any], data_format: str | None
) -> tf.Tensor:
    """Calls the normalizer as the original does: with its params, and without the layer's data_format."""
    if data_format is not None and data_format.startswith("NC"):
        compatibility.warn(caller, _other_axis(function, params, data_format, outputs.shape), "tf.contrib.layers")
    return function(outputs, **params)


def _other_axis(
    function: Callable, params: Mapping[str, Any], data_format: str, shape: tf.TensorShape
) -> list[compatibility.Ignored]:
    """Reports a normalizer that does not get the data_format."""
    params = dict(params)
    while isinstance(function, functools.partial):
        params = {**function.keywords, **params}
        function = function.func
    key = arg_scope_func_key(function)
    if key not in _AXES:
        return []
    argument, default, right, remedy = _AXES[key]
    value = {**current_arg_scope().get(key, {}), **params}.get(argument, default)
    if value in right:
        return []
    return [
        compatibility.Ignored(
            "normalizer_fn",
            f"does not get the data_format {data_format!r} and takes the last axis, of {shape[-1]}, for the channels, "
            f"with {argument}={value!r}",
            f"pass normalizer_params={{{remedy}, ...}}, which gives the variables another shape, or leave it for the "
            "sake of a checkpoint",
        )
    ]
