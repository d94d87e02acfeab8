"""Outputs in collections, under names that `tf.contrib.layers.utils` finds again."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def collect_named_outputs(collections: Any, alias: str, outputs: Any) -> Any:
    """Adds the outputs of a layer to collections, under a name.

    The name is kept in the tensor's attribute `aliases`, a list; a tensor may have several.

    Args:
      collections: name of a collection, or list of such; None or empty for none.
      alias: the name; a slash at its end is dropped.
      outputs: tensor.

    Returns:
      `outputs`, the same tensor.

    Example:
      >>> with tf.Graph().as_default():
      ...     outputs = collect_named_outputs("end_points", "net/conv1", tf.zeros([]))
      ...     outputs.aliases, len(tf.compat.v1.get_collection("end_points"))
      (['net/conv1'], 1)
    """
    if collections:
        outputs.aliases = [*getattr(outputs, "aliases", []), alias[:-1] if alias.endswith("/") else alias]
        tf.compat.v1.add_to_collections(collections, outputs)
    return outputs
