"""The functions of `tf.contrib.layers.utils` that users of layers call."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import tensorflow as tf

from tfbn.graph.named_outputs import collect_named_outputs

__all__ = ["collect_named_outputs", "convert_collection_to_dict", "last_dimension"]


def convert_collection_to_dict(collection: str, clear_collection: bool = False) -> OrderedDict[str, Any]:
    """The tensors of a collection by the names under which `collect_named_outputs` collected them.

    Args:
      collection: name of the collection.
      clear_collection: whether to empty the collection. Default False.

    Returns:
      An ordered dict; a tensor with several names is under each of them, one without a name under its op's.

    Example:
      >>> with tf.Graph().as_default():
      ...     outputs = collect_named_outputs("end_points", "net/conv1", tf.zeros([]))
      ...     list(convert_collection_to_dict("end_points"))
      ['net/conv1']
    """
    tensors = OrderedDict()
    for tensor in tf.compat.v1.get_collection(collection):
        default = tensor.op.name if tensor.name.endswith(":0") else tensor.name
        for alias in getattr(tensor, "aliases", [default]):
            tensors[alias] = tensor
    if clear_collection:
        tf.compat.v1.get_default_graph().clear_collection(collection)
    return tensors


def last_dimension(shape: tf.TensorShape, min_rank: int = 1) -> int:
    """The size of the last axis.

    Args:
      shape: TensorShape.
      min_rank: the smallest rank allowed. Default 1.

    Returns:
      An int.

    Raises:
      ValueError: rank or size unknown; a smaller rank.

    Example:
      >>> last_dimension(tf.TensorShape([None, 3]))
      3
    """
    if shape.rank is None:
        raise ValueError("dims of shape must be known but is None: set them with set_shape.")
    if shape.rank < min_rank:
        raise ValueError(f"rank of shape must be at least {min_rank} not: {shape.rank}. Got the shape {shape}.")
    size = shape.as_list()[-1]
    if size is None:
        raise ValueError(f"dimension -1 of shape must be known but is None: {shape}. Set it with set_shape.")
    return size
