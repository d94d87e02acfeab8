"""Batch renormalization (arXiv:1702.03275): the corrections r and d, and their clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

CLIPPING_KEYS = ("rmax", "rmin", "dmax")


def corrections(
    mean: tf.Tensor,
    stddev: tf.Tensor,
    renorm_mean: tf.Tensor,
    renorm_stddev: tf.Tensor,
    epsilon: float,
    clipping: Mapping[str, Any],
) -> tuple[tf.Tensor, tf.Tensor]:
    """r = stddev / s and d = (mean - renorm_mean) / s, with s = max(renorm_stddev, sqrt(epsilon)).

    r is clipped to [rmin, rmax] and d to [-dmax, dmax], each bound a number or a tensor and absent bounds not applied.
    Both are constants to the gradient (section 3 of the paper).
    """
    # The floor keeps the division defined before the average has seen a batch.
    number = renorm_stddev.dtype.as_numpy_dtype
    floor = tf.constant(np.sqrt(number(epsilon)), renorm_stddev.dtype)
    scale = tf.maximum(renorm_stddev, floor)
    r = stddev / scale
    d = (mean - renorm_mean) / scale
    bound = {key: _to_dtype(value, r.dtype) for key, value in clipping.items() if value is not None}
    if "rmin" in bound:
        r = tf.maximum(r, bound["rmin"])
    if "rmax" in bound:
        r = tf.minimum(r, bound["rmax"])
    if "dmax" in bound:
        d = tf.minimum(tf.maximum(d, -bound["dmax"]), bound["dmax"])
    return tf.stop_gradient(r, name="renorm_r"), tf.stop_gradient(d, name="renorm_d")


def moving_variance(moving_stddev: tf.Tensor, epsilon: float) -> tf.Tensor:
    """maximum(moving_stddev ** 2 - epsilon, 0): renorm averages standard deviations, and inference needs a variance.

    Rounding may take the difference below zero.
    """
    return tf.nn.relu(tf.square(moving_stddev) - tf.constant(epsilon, moving_stddev.dtype))


def _to_dtype(value: Any, dtype: tf.DType) -> tf.Tensor:
    # tf.cast would convert a number to float32 first.
    return tf.cast(value, dtype) if tf.is_tensor(value) else tf.constant(value, dtype)
