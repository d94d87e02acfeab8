"""The next value of a moving average, written as what is subtracted from it; and zero debias."""

from __future__ import annotations

import tensorflow as tf


def decrement(average: tf.Tensor, value: tf.Tensor, rate: tf.Tensor, guarded: bool) -> tf.Tensor:
    """(average - value) * rate: what to subtract from `average` so that it moves towards `value`.

    With `guarded`, a rate of zero gives exactly zero even where `value` is NaN or infinite, as of an empty batch.
    """
    difference = average - value
    return tf.math.multiply_no_nan(difference, rate) if guarded else difference * rate


def debias(biased: tf.Tensor, local_step: tf.Tensor, rate: tf.Tensor, moving_mean: tf.Tensor) -> tf.Tensor:
    """biased / (1 - (1 - rate)**local_step): a mean that began at zero, without that zero's share (arXiv:1412.6980, 3).

    Where that share is still everything (no step taken, or a rate of zero), `moving_mean`.
    """
    factor = 1 - tf.pow(1 - rate, local_step)
    return tf.where(factor > 0, tf.math.divide_no_nan(biased, factor), moving_mean)
