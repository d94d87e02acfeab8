"""Tensors of which TensorFlow does not know that they are empty.

Its graph optimizer divides by zero, and takes the process down, where it makes a Tile of the product of a constant and
an empty tensor that is broadcast to it. Gradients of empty batches are full of these. It needs the sizes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def hide_empty_shape(value: Any) -> Any:
    """The tensor without the sizes of 0 in its static shape; None, and what has none of these, as it is."""
    sizes = [] if value is None or value.shape.rank is None else value.shape.as_list()
    if 0 not in sizes or tf.executing_eagerly():
        return value
    # The one op behind which the optimizer does not look for a shape.
    return tf.compat.v1.placeholder_with_default(value, [size or None for size in sizes])
