"""The dense layer, and contrib's `fully_connected`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graph.arg_scope import add_arg_scope
from tfbn.layers import scope as scopes
from tfbn.layers import sizes
from tfbn.layers.initializers import xavier_initializer
from tfbn.layers.weighted import Parameter, Weighted


class Dense(Weighted):
    """Multiplies the last axis by a matrix."""

    def __init__(self, units: int, **common: Any) -> None:
        super().__init__(**common)
        self.units = units

    def build(self, input_shape: Any) -> None:
        """Creates the matrix and the bias."""
        shape = tf.TensorShape(input_shape)
        sizes.check_rank(self.name, shape, 2, at_least=True)
        depth = shape.as_list()[-1]
        if depth is None:
            raise ValueError(
                f"The last dimension of the inputs to `Dense` should be defined. Found `None` in {shape}. Set it with "
                "inputs.set_shape."
            )
        self.create(kernel=[depth, self.units], bias=[self.units])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        if inputs.shape.rank == 2:
            return self.finish(tf.matmul(inputs, self.kernel_value()))
        outputs = tf.tensordot(inputs, self.kernel_value(), [[inputs.shape.rank - 1], [0]])
        outputs.set_shape([*inputs.shape[:-1], self.units])
        return self.finish(outputs)


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Callable | None = tf.nn.relu,
    normalizer_fn: Callable | None = None,
    normalizer_params: Mapping[str, Any] | None = None,
    weights_initializer: Any = xavier_initializer(),
    weights_regularizer: Callable | None = None,
    biases_initializer: Any = tf.compat.v1.zeros_initializer(),
    biases_regularizer: Callable | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> tf.Tensor:
    """A dense layer as tf.contrib.layers.fully_connected of TensorFlow 1.15 makes it, in a TF1 graph, without Keras.

        outputs = activation_fn(normalizer_fn(inputs @ weights))   with a normalizer_fn
        outputs = activation_fn(inputs @ weights + biases)         otherwise

    The last axis is multiplied, whatever the rank. Usable under `arg_scope`.

    Args:
      inputs: floating tensor of rank 2 or more; the size of the last axis known.
      num_outputs: int, the size of the last axis of the outputs.
      scope: name or VariableScope of the variables `weights` and `biases`. Default 'fully_connected', made unique.
      activation_fn, normalizer_fn, normalizer_params, weights_initializer, weights_regularizer, biases_initializer,
        biases_regularizer, reuse, variables_collections, outputs_collections, trainable: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype.

    Raises:
      ValueError: num_outputs is no int; a rank below 2 or unknown; the last axis unknown; reuse without scope; a
        variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     net = fully_connected(tf.zeros([2, 5]), 3, normalizer_fn=tfbn.batch_norm)
      ...     print([variable.op.name for variable in tf.compat.v1.trainable_variables()])
      ['fully_connected/weights', 'fully_connected/BatchNorm/beta']
    """
    after = scopes.After(activation_fn, normalizer_fn, normalizer_params, variables_collections, outputs_collections)
    scopes.check("fully_connected", after, ("weights", "biases"), scope, reuse)
    if isinstance(num_outputs, bool) or not isinstance(num_outputs, int):
        raise ValueError(f"num_outputs type should be one of [int], got {type(num_outputs)}. Pass int(num_outputs).")
    sizes.check_count("num_outputs", num_outputs)
    kernels = {"kernel": Parameter(weights_initializer, weights_regularizer)}
    biases = Parameter(biases_initializer, biases_regularizer)
    with scopes.layer_scope(scope, "fully_connected", inputs, reuse, scopes.KERNEL) as variable_scope:
        layer = Dense(
            units=num_outputs,
            **scopes.layer_arguments(variable_scope, reuse, trainable, after, kernels, biases),
        )
        return scopes.finish("fully_connected", variable_scope, layer(inputs), layer, after)
