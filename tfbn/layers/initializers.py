"""contrib's initializers, which scale with the number of inputs and outputs of a unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_MODES = ("FAN_IN", "FAN_OUT", "FAN_AVG")


def variance_scaling_initializer(
    factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None, dtype: Any = tf.float32
) -> Callable[..., tf.Tensor]:
    """Random values whose variance falls with the number of connections, as contrib's initializer of this name.

    For a kernel of shape [..., inputs, outputs], with r the product of the sizes before those two:

        n = r * inputs  or  r * outputs  or  the mean of both, as mode says
        variance = factor / n

    A truncated normal distribution is drawn with the stddev sqrt(1.3 * factor / n), a uniform one between
    -sqrt(3 * factor / n) and +sqrt(3 * factor / n). TensorFlow's variance_scaling_initializer corrects differently
    for the truncation, so its numbers differ.

    Args:
      factor: number; 2 with FAN_IN is He's initialization, 1 with FAN_AVG is Xavier's.
      mode: 'FAN_IN', 'FAN_OUT' or 'FAN_AVG'.
      uniform: whether the distribution is uniform. Default False.
      seed: int. With it, and a seed of the graph, the values are those of TensorFlow 1.15.5; without, they depend on
        how many ops the graph has, in every version.
      dtype: floating dtype of the values where the caller names none. Default float32.

    Returns:
      A function of shape, dtype and partition_info.

    Raises:
      TypeError: an unknown mode; a dtype that is not floating.

    Example:
      >>> with tf.Graph().as_default():
      ...     variance_scaling_initializer(seed=1)([3, 3, 16, 32])
      <tf.Tensor 'truncated_normal:0' shape=(3, 3, 16, 32) dtype=float32>

    References:
      He et al., Delving Deep into Rectifiers, arXiv:1502.01852.
    """
    _check_floating(tf.as_dtype(dtype))
    if mode not in _MODES:
        raise TypeError(f"Unknown mode {mode!r} {list(_MODES)}: expected one of these names.")

    def _initializer(shape: Any, dtype: Any = dtype, partition_info: Any = None) -> tf.Tensor:
        dtype = tf.as_dtype(dtype)
        _check_floating(dtype)
        n = _connections([int(size) for size in shape], mode)
        if uniform:
            limit = math.sqrt(3.0 * factor / n)
            return tf.random.uniform(shape, -limit, limit, dtype, seed=seed)
        return tf.random.truncated_normal(shape, 0.0, math.sqrt(1.3 * factor / n), dtype, seed=seed)

    return _initializer


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: Any = tf.float32
) -> Callable[..., tf.Tensor]:
    """Xavier's, or Glorot's, initialization: the default of contrib's layers.

        variance = 1 / mean(inputs, outputs)

    `xavier_initializer_conv2d` is the same function.

    Args:
      uniform: whether the distribution is uniform. Default True.
      seed: as in `variance_scaling_initializer`.
      dtype: as in `variance_scaling_initializer`.

    Returns:
      A function of shape, dtype and partition_info.

    Raises:
      TypeError: a dtype that is not floating.

    Example:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     values = session.run(xavier_initializer(seed=1)([100, 200]))
      ...     bool(abs(values).max() <= (6 / 300) ** 0.5)
      True

    References:
      Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010.
    """
    return variance_scaling_initializer(factor=1.0, mode="FAN_AVG", uniform=uniform, seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer


def _check_floating(dtype: tf.DType) -> None:
    if not dtype.is_floating:
        raise TypeError(
            f"Cannot create initializer for non-floating point type. Expected a floating dtype, got {dtype.name}."
        )


def _connections(shape: list[int], mode: str) -> float:
    """The n of the formula; a vector has its length as inputs and outputs, a scalar 1."""
    receptive = math.prod(shape[:-2])
    last = [1, 1, *shape[-1:], *shape[-1:]] if len(shape) < 2 else shape
    inputs, outputs = receptive * last[-2], receptive * last[-1]
    return {"FAN_IN": inputs, "FAN_OUT": outputs, "FAN_AVG": (inputs + outputs) / 2.0}[mode]
