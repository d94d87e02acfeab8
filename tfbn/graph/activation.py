"""The call of an activation_fn after a batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# TensorFlow has several functions of this name, on some versions.
_TANH = (tf.tanh, tf.nn.tanh, tf.compat.v1.tanh, tf.compat.v1.nn.tanh)


def activate(outputs: Any, activation_fn: Callable[..., Any] | None) -> Any:
    """The activated outputs.

    TensorFlow's graph optimizer makes one op of a convolution, its batch norm in inference and an activation, for which
    it has no kernel where that is tanh: `Fusion is not implemented: [FusedBatchNorm,Tanh]`. It does not look through
    ensure_shape, which checks nothing here.
    """
    if activation_fn is None:
        return outputs
    return activation_fn(tf.ensure_shape(outputs, outputs.shape) if activation_fn in _TANH else outputs)
