"""The layers that the networks need, as ops by hand: get_variable, TensorFlow's ops, and no argument checked."""

from __future__ import annotations

from typing import Any, Callable

import tensorflow as tf

from benchmarks import hand_written

v1 = tf.compat.v1


def batch_norm(inputs: Any, scale: bool = True, is_training: Any = True) -> Any:
    """The fused op in a scope, its updates in UPDATE_OPS. `scale` is always True."""
    if tf.is_tensor(is_training):
        outputs, updates = hand_written.placeholder(inputs, "BatchNorm", is_training)
    else:
        outputs, updates = hand_written.plain(inputs, "BatchNorm", is_training)
    for update in updates:
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
    return outputs


def _layer(
    name: str,
    shape: list[int],
    channels: int,
    compute: Callable[[Any], Any],
    activation_fn: Any = tf.nn.relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    scope: str | None = None,
) -> Any:
    with v1.variable_scope(scope, name):
        outputs = compute(v1.get_variable("weights", shape, initializer=v1.glorot_uniform_initializer()))
        if normalizer_fn is None:
            outputs += v1.get_variable("biases", [channels], initializer=v1.zeros_initializer())
        else:
            outputs = normalizer_fn(outputs, **normalizer_params or {})
        return outputs if activation_fn is None else activation_fn(outputs)


def conv2d(inputs: Any, channels: int, size: int, stride: int = 1, **more: Any) -> Any:
    def compute(weights: Any) -> Any:
        return v1.nn.conv2d(inputs, weights, [1, stride, stride, 1], "SAME")

    return _layer("Conv", [size, size, int(inputs.shape[-1]), channels], channels, compute, **more)


def separable_conv2d(inputs: Any, _: None, size: int, multiplier: int, stride: int, **more: Any) -> Any:
    """Its first half alone, as the original's without num_outputs."""

    def compute(weights: Any) -> Any:
        return v1.nn.depthwise_conv2d(inputs, weights, [1, stride, stride, 1], "SAME")

    before = int(inputs.shape[-1])
    return _layer("Separable", [size, size, before, multiplier], before * multiplier, compute, **more)


def conv2d_transpose(inputs: Any, channels: int, size: int, stride: int, **more: Any) -> Any:
    batch, height, width, before = v1.shape(inputs)[0], *(int(each) for each in inputs.shape[1:])

    def compute(weights: Any) -> Any:
        shape = [batch, height * stride, width * stride, channels]
        outputs = v1.nn.conv2d_transpose(inputs, weights, shape, [1, stride, stride, 1], "SAME")
        outputs.set_shape([None, *shape[1:]])
        return outputs

    return _layer("Transpose", [size, size, channels, before], channels, compute, **more)


def fully_connected(inputs: Any, channels: int, **more: Any) -> Any:
    if more.get("normalizer_fn") is not None:
        # The op takes rank 4.
        more["normalizer_fn"] = _flat(more["normalizer_fn"])
    shape = [int(inputs.shape[-1]), channels]
    return _layer("Full", shape, channels, lambda weights: tf.matmul(inputs, weights), **more)


def _flat(normalizer_fn: Any) -> Any:
    def normalize(inputs: Any, **arguments: Any) -> Any:
        return normalizer_fn(inputs[:, None, None], **arguments)[:, 0, 0]

    return normalize


def max_pool2d(inputs: Any, size: int, stride: int, padding: str) -> Any:
    return v1.nn.max_pool2d(inputs, [1, size, size, 1], [1, stride, stride, 1], padding)
