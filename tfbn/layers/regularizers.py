"""contrib's regularizers: functions of a variable that give a scalar loss."""

from __future__ import annotations

import logging
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks

Regularizer = Callable[[Any], Any]


def l1_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """The sum of absolute values, as contrib's regularizer of this name.

        loss = scale * sum(abs(weights))

    Args:
      scale: float, at least 0, or a scalar tensor. 0.0 gives a regularizer that adds no loss.
      scope: name scope of the ops. Default 'l1_regularizer'.

    Returns:
      A function of a variable.

    Raises:
      ValueError: an integer or a negative number.

    Example:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     float(session.run(l1_regularizer(0.5)(tf.constant([1.0, -3.0]))))
      2.0
    """
    return _scaled(scale, scope, "l1_regularizer", lambda weights: tf.reduce_sum(tf.abs(weights)))


def l2_regularizer(scale: Any, scope: str | None = None) -> Regularizer:
    """Half the sum of squares, as contrib's regularizer of this name.

        loss = scale * sum(weights ** 2) / 2

    Keras' regularizer of this name has no half: `tf.keras.regularizers.l2(scale / 2)` is this one.

    Args:
      scale: float, at least 0, or a scalar tensor. 0.0 gives a regularizer that adds no loss.
      scope: name scope of the ops. Default 'l2_regularizer'.

    Returns:
      A function of a variable.

    Raises:
      ValueError: an integer or a negative number.

    Example:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     float(session.run(l2_regularizer(0.5)(tf.constant([1.0, -3.0]))))
      2.5
    """
    return _scaled(scale, scope, "l2_regularizer", tf.nn.l2_loss)


def l1_l2_regularizer(scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None) -> Regularizer:
    """Both, as contrib's regularizer of this name.

        loss = scale_l1 * sum(abs(weights)) + scale_l2 * sum(weights ** 2) / 2

    Args:
      scale_l1: as scale of `l1_regularizer`. Default 1.0.
      scale_l2: as scale of `l2_regularizer`. Default 1.0.
      scope: name scope of the ops. Default 'l1_l2_regularizer'.

    Returns:
      A function of a variable.

    Raises:
      ValueError: an integer or a negative number.

    Example:
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     float(session.run(l1_l2_regularizer(0.5, 0.5)(tf.constant([1.0, -3.0]))))
      4.5
    """
    _check_scale("scale_l1", scale_l1)
    _check_scale("scale_l2", scale_l2)
    scope = scope or "l1_l2_regularizer"
    if _is_zero(scale_l1):
        return l2_regularizer(scale_l2, scope)
    if _is_zero(scale_l2):
        return l1_regularizer(scale_l1, scope)
    regularizers = (l1_regularizer(scale_l1), l2_regularizer(scale_l2))

    def l1_l2(weights: Any) -> tf.Tensor:
        with tf.compat.v1.name_scope(scope, "sum_regularizer", [weights]) as name:
            return tf.add_n([regularizer(weights) for regularizer in regularizers], name=name)

    return l1_l2


def _scaled(scale: Any, scope: str | None, default: str, measure: Callable[[tf.Tensor], tf.Tensor]) -> Regularizer:
    _check_scale("scale", scale)
    if _is_zero(scale):
        logging.getLogger("tensorflow").info("Scale of 0 disables regularizer.")
        return lambda weights: None

    def regularizer(weights: Any) -> tf.Tensor:
        with tf.compat.v1.name_scope(scope, default, [weights]) as name:
            factor = tf.convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return tf.multiply(factor, measure(weights), name=name)

    return regularizer


def _check_scale(name: str, scale: Any) -> None:
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"{name} cannot be an integer: {scale}. Expected a float of at least 0; write {scale}.0.")
    if isinstance(scale, numbers.Real) and scale < 0:
        raise ValueError(
            f"Setting a scale less than 0 on a regularizer: {scale}. {name}: expected a float of at least 0."
        )


def _is_zero(scale: Any) -> bool:
    return isinstance(scale, numbers.Real) and scale == 0


def apply_regularization(regularizer: Callable, weights_list: Sequence[Any] | None = None) -> tf.Tensor:
    """The sum of a regularizer's losses, collected, as tf.contrib.layers.apply_regularization of TensorFlow 1.15 does.

    Args:
      regularizer: function of a tensor that returns a scalar, or None for no loss.
      weights_list: list of tensors or variables. Default those in the collection WEIGHTS.

    Returns:
      A scalar tensor, which is in REGULARIZATION_LOSSES.

    Raises:
      ValueError: there are no weights, or a loss is no scalar.
      TypeError: a regularizer that is no function.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     apply_regularization(l2_regularizer(0.1), [tf.ones([3]), tf.ones([2])])
      <tf.Tensor 'get_regularization_penalty:0' shape=() dtype=float32>
    """
    checks.check_graph("apply_regularization")
    if not callable(regularizer):
        raise TypeError(f"regularizer: expected a function, got {regularizer!r}. One is l2_regularizer(scale).")
    weights = list(weights_list or tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.WEIGHTS))
    if not weights:
        raise ValueError("No weights to regularize. Expected a weights_list, or weights in the collection WEIGHTS.")
    with tf.compat.v1.name_scope("get_regularization_penalty", values=weights) as scope:
        losses = [regularizer(weight) for weight in weights]
        losses = [tf.constant(0.0) if loss is None else loss for loss in losses]
        for loss in losses:
            if loss.shape.rank != 0:
                raise ValueError(
                    f"regularizer must return a scalar Tensor instead of a Tensor with rank {loss.shape.rank}. Got the "
                    f"shape {loss.shape}; add it up with tf.reduce_sum."
                )
        total = tf.add_n(losses, name=scope)
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.REGULARIZATION_LOSSES, total)
        return total
