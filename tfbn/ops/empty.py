"""Hides from TensorFlow that tensors are empty.

Its graph optimizer makes a Tile of the product of a constant and an empty tensor that is broadcast to it; there it
divides by zero, which ends the process. Gradients of empty batches are full of such products. It needs static sizes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def hide_empty_shape(value: Any) -> Any:
    """The tensor without the sizes of 0 in its static shape; the value itself if it has none, or is None."""
    sizes = [] if value is None or value.shape.rank is None else value.shape.as_list()
    if 0 not in sizes or tf.executing_eagerly():
        return value
    # The only op through which the optimizer does not infer a shape.
    return tf.compat.v1.placeholder_with_default(value, [size or None for size in sizes])
