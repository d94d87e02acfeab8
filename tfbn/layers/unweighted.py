"""Layers without variables: dropout, flattening (both also as tf.layers has them), softmax, one-hot encoding."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import tf_layer
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.graph.original_names import named
from tfbn.layers import scope as scopes
from tfbn.layers import sizes, utils


class Dropout(tf_layer.Layer):
    """Drops a part of the values in training."""

    def __init__(self, rate: Any, noise_shape: Any, seed: int | None, **common: Any) -> None:
        super().__init__(**common)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs: tf.Tensor, training: Any = False) -> tf.Tensor:
        """The outputs; `training` is a bool or a tensor."""
        if isinstance(training, bool):
            return self._drop(inputs) if training else tf.identity(inputs)
        return tf.cond(training, lambda: self._drop(inputs), lambda: tf.identity(inputs))

    def _drop(self, inputs: tf.Tensor) -> tf.Tensor:
        shape = self.noise_shape
        if shape is not None and not tf.is_tensor(shape):
            input_sizes = tf.shape(inputs)
            shape = tf.stack([input_sizes[axis] if size is None else size for axis, size in enumerate(shape)])
        with tf.compat.v1.name_scope("dropout"):
            name = tf.compat.v1.get_default_graph().unique_name("mul_1")
            dropped = tf.compat.v1.nn.dropout(inputs, rate=self.rate, noise_shape=shape, seed=self.seed)
        # The original's last op is a multiplication; there is none if all values are kept.
        return dropped if dropped is inputs else named(dropped, name)


class Flatten(tf_layer.Layer):
    """Flattens all axes but the first into one; for any dtype."""

    floating_only = False

    def __init__(self, order: str, **common: Any) -> None:
        super().__init__(**common)
        self.order = order

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        sizes.check_rank(self.name, inputs.shape, 1, at_least=True)
        if self.order == sizes.CHANNELS_FIRST and inputs.shape.rank > 1:
            inputs = tf.transpose(inputs, [0, *range(2, inputs.shape.rank), 1])
        batch, *rest = inputs.shape.as_list()
        outputs = tf.reshape(inputs, (batch or tf.shape(inputs)[0], -1))
        outputs.set_shape([batch, None if None in rest else math.prod(rest)])
        return outputs


@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> tf.Tensor:
    """Dropout as tf.contrib.layers.dropout of TensorFlow 1.15 does it.

        outputs = inputs / keep_prob   where a value is kept, with the probability keep_prob, and 0 elsewhere
        outputs = inputs               in inference

    Usable under `arg_scope`.

    Args:
      inputs: floating tensor.
      keep_prob: number or scalar tensor. Default 0.5.
      noise_shape: list of ints, with None for the inputs' own size, or int32 tensor: the shape of the random mask,
        with 1 for an axis whose values are kept or dropped together.
      is_training: bool, 0 or 1, or a scalar boolean tensor or variable, read in each run. Default True.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      scope: name or VariableScope. Default 'Dropout', made unique.
      seed: int. With it, and a seed of the graph, the same values are kept as in TensorFlow 1.15.5; without, they
        depend on how many ops the graph has, in every version.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: a keep_prob out of range; is_training None.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     dropout(tf.zeros([2, 8]), keep_prob=0.8, is_training=False)
      <tf.Tensor 'Dropout/Identity:0' shape=(2, 8) dtype=float32>
    """
    checks.check_graph("dropout")
    checks.check_collections(outputs_collections=outputs_collections)
    training = checks.check_flag(is_training)
    with scopes.layer_scope(scope, "Dropout", inputs) as variable_scope:
        layer = Dropout(1 - keep_prob, noise_shape, seed, name=variable_scope.name, _scope=variable_scope)
        outputs = layer(inputs, training=training.value)
        return collect_named_outputs(outputs_collections, variable_scope.name, outputs)


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> tf.Tensor:
    """Flattens all axes but the first into one, as tf.contrib.layers.flatten of TensorFlow 1.15 does.

    Usable under `arg_scope`.

    Args:
      inputs: tensor of known rank, at least 1.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      scope: name scope of the ops. Default 'Flatten'.

    Returns:
      A tensor of shape [N, K].

    Raises:
      ValueError: an unknown rank, or a scalar.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     flatten(tf.zeros([2, 4, 4, 3]))
      <tf.Tensor 'Flatten/flatten/Reshape:0' shape=(2, 48) dtype=float32>
    """
    checks.check_graph("flatten")
    checks.check_collections(outputs_collections=outputs_collections)
    with tf.compat.v1.name_scope(scope, "Flatten", [inputs]) as name_scope:
        return collect_named_outputs(outputs_collections, name_scope, Flatten(sizes.CHANNELS_LAST)(inputs))


@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> tf.Tensor:
    """The softmax of the last axis, as tf.contrib.layers.softmax of TensorFlow 1.15 gives it.

    Usable under `arg_scope`.

    Args:
      logits: floating tensor of rank 2 or more; the size of the last axis known.
      scope: name or VariableScope. Default 'softmax', made unique.

    Returns:
      A tensor of the logits' shape and dtype.

    Raises:
      ValueError: an unknown rank or last axis, or a rank below 2.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     softmax(tf.zeros([2, 5, 10]))
      <tf.Tensor 'softmax/Reshape_1:0' shape=(2, 5, 10) dtype=float32>
    """
    checks.check_graph("softmax")
    logits = tf.convert_to_tensor(logits)
    with tf.compat.v1.variable_scope(scope, "softmax", [logits]):
        flat = tf.reshape(logits, [-1, utils.last_dimension(logits.shape, min_rank=2)])
        outputs = tf.reshape(tf.nn.softmax(flat, name="Softmax"), tf.shape(logits))
        outputs.set_shape(logits.shape)
        return outputs


@add_arg_scope
def one_hot_encoding(
    labels: Any,
    num_classes: int,
    on_value: Any = 1.0,
    off_value: Any = 0.0,
    outputs_collections: Any = None,
    scope: Any = None,
) -> tf.Tensor:
    """Turns labels into vectors with a one at the label's place, as tf.contrib.layers.one_hot_encoding of 1.15 does.

    Usable under `arg_scope`.

    Args:
      labels: integer tensor; a label that is no class becomes zeros.
      num_classes: int, the length of the vectors.
      on_value, off_value: numbers, of the dtype of the outputs. Defaults 1.0 and 0.0.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      scope: name scope of the ops. Default 'OneHotEncoding'.

    Returns:
      A tensor of the labels' shape with num_classes as a last axis.

    Raises:
      TypeError: labels that are no integers.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     one_hot_encoding(tf.constant([1, 0]), 3)
      <tf.Tensor 'OneHotEncoding/one_hot:0' shape=(2, 3) dtype=float32>
    """
    checks.check_graph("one_hot_encoding")
    checks.check_collections(outputs_collections=outputs_collections)
    with tf.compat.v1.name_scope(scope, "OneHotEncoding", [labels, num_classes]) as name_scope:
        labels = tf.convert_to_tensor(labels)
        if not labels.dtype.is_integer:
            raise TypeError(f"labels: expected integers, got {labels.dtype.name}. Cast them, e.g. to tf.int64.")
        if labels.dtype == tf.int32:
            labels = tf.cast(labels, tf.int64, name="ToInt64")
        outputs = tf.one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, name_scope, outputs)
