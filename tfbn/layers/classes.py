"""The classes of `tf.layers`, which Keras 3 has taken away: `Layer`, to derive from, `Dense` and `Conv2D`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, shapes
from tfbn.graph import tf_layer
from tfbn.layers import convolutions, dense, sizes
from tfbn.layers.weighted import Parameter

_keys = tf.compat.v1.GraphKeys
_ZEROS = tf.compat.v1.zeros_initializer()


class Layer(tf_layer.Layer):
    """The base of layers of one's own, as tf.layers.Layer of TensorFlow 1.15, in a TF1 graph and without Keras.

    A subclass creates its variables in `build` with `add_weight`, or `add_variable`, and computes in `call`. The first
    call opens the variable scope, named by the class in snake case or by `name`, made unique, and builds; later calls
    share the variables.

    Args:
      trainable: whether the variables enter TRAINABLE_VARIABLES.
      name: name of the scope.
      dtype: of the variables. Default that of the first call's inputs.
      **kwargs: `_scope`, a name or VariableScope to open as it is, and `_reuse`.

    Raises:
      TypeError: other keywords.

    Example:
      >>> class Scale(Layer):
      ...     def build(self, input_shape):
      ...         self.factor = self.add_weight("factor", [input_shape[-1]], initializer=tf.ones_initializer())
      ...         super().build(input_shape)
      ...     def call(self, inputs):
      ...         return inputs * self.factor
      >>> with tf.Graph().as_default():
      ...     layer = Scale()
      ...     outputs = layer(layer(tf.zeros([2, 3])))
      ...     print(layer.name, [variable.op.name for variable in layer.trainable_variables])
      scale ['scale/factor']
    """

    floating_only = False

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        unknown = sorted(set(kwargs) - {"_scope", "_reuse"})
        if unknown:
            raise TypeError(
                f"Keyword argument not understood: {unknown[0]}. Expected trainable, name and dtype, got {unknown} as "
                "well; keep arguments of a subclass in its own __init__."
            )
        super().__init__(trainable=trainable, name=name, dtype=dtype, **kwargs)
        self._added_losses: list[Any] = []

    def __call__(self, inputs: Any, *args: Any, scope: Any = None, **kwargs: Any) -> Any:
        """The outputs of `call`.

        Args:
          inputs: tensor, or nest of tensors.
          scope: name or VariableScope that the first call opens in place of the layer's own.
          *args, **kwargs: further arguments of `call`.

        Returns:
          What `call` returns.
        """
        checks.check_graph(type(self).__name__)
        inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
        flat = tf.nest.flatten(inputs)
        if self.floating_only:
            for tensor in flat:
                shapes.check_floating(tensor)
        if scope is not None and self._scope is None:
            with tf.compat.v1.variable_scope(scope) as self._scope:
                pass
        with self._opened():
            if not self.built:
                if self.dtype is None and flat:
                    self.dtype = flat[0].dtype
                self.build(tf.nest.map_structure(lambda tensor: tensor.shape, inputs))
                self.built = True
            return self.call(inputs, *args, **kwargs)

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Adds losses to those of the layer, and to REGULARIZATION_LOSSES.

        Args:
          losses: tensor, or list of tensors.
          inputs: what the losses are of; not kept.
        """
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            self._added_losses.append(loss)
            tf.compat.v1.add_to_collection(_keys.REGULARIZATION_LOSSES, loss)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Adds updates to those of the layer, and to UPDATE_OPS, unless the layer is not trainable.

        Args:
          updates: op or tensor, or list of such.
          inputs: what the updates depend on; not kept.
        """
        for update in updates if isinstance(updates, (list, tuple)) else [updates]:
            self._updates.append(getattr(update, "op", update))
            if self.trainable:
                tf.compat.v1.add_to_collection(_keys.UPDATE_OPS, self._updates[-1])

    def count_params(self) -> int:
        """How many numbers the variables have."""
        return sum(math.prod(variable.shape.as_list()) for variable in self.weights)

    @property
    def losses(self) -> list[Any]:
        """Those of `add_loss`, then those of the variables' regularizers."""
        return [*self._added_losses, *super().losses]

    @property
    def name(self) -> str:
        """The last part of the scope's name; that of the class in snake case as long as there is no scope."""
        return tf_layer.snake_case(type(self).__name__) if not (self._name or self._scope) else super().name


class _Weighted(Layer):
    """What `Dense` and `Conv2D` have in common: floating inputs, and their variables as attributes."""

    floating_only = True
    weights_by_name: dict[str, Any]

    @property
    def kernel(self) -> Any:
        """The variable, once there is one."""
        return self.weights_by_name["kernel"]

    @property
    def bias(self) -> Any:
        """The variable; None without one."""
        return self.weights_by_name.get("bias")

    @property
    def use_bias(self) -> bool:
        return "bias" in self.parameters  # type: ignore[attr-defined]  # of the layer beside


class Dense(dense.Dense, _Weighted):
    """The dense layer as tf.layers.Dense of TensorFlow 1.15, in a TF1 graph and without Keras.

    Its variables are `kernel` and `bias`, shared by all calls.

    Args:
      name: name of the scope. Default 'dense', made unique.
      **kwargs: `_scope`, a name or VariableScope to open as it is, and `_reuse`.
      units, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint, trainable: as in `tfbn.layers.v1.dense`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Dense(3, activation=tf.nn.relu)
      ...     outputs = layer(tf.zeros([2, 5])) + layer(tf.ones([2, 5]))
      ...     print(layer.kernel.op.name, [variable.op.name for variable in tf.compat.v1.global_variables()])
      dense/kernel ['dense/kernel', 'dense/bias']
    """

    def __init__(
        self,
        units: int,
        activation: Callable | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = _ZEROS,
        kernel_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        activity_regularizer: Callable | None = None,
        kernel_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=sizes.check_count("units", units),
            kernels={"kernel": Parameter(kernel_initializer, kernel_regularizer, kernel_constraint)},
            bias=Parameter(bias_initializer, bias_regularizer, bias_constraint) if use_bias else None,
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            name=name,
            **kwargs,
        )


class Conv2D(convolutions.Convolution, _Weighted):
    """The convolution as tf.layers.Conv2D of TensorFlow 1.15, in a TF1 graph and without Keras.

    Its variables are `kernel` and `bias`, shared by all calls.

    Args:
      name: name of the scope. Default 'conv2d', made unique.
      **kwargs: `_scope`, a name or VariableScope to open as it is, and `_reuse`.
      filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
        bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint, trainable: as in `tfbn.layers.v1.conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv2D(4, 3, padding="same")
      ...     print(layer(tf.zeros([2, 8, 8, 3])).shape, layer.bias.op.name)
      (2, 8, 8, 4) conv2d/bias
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = (1, 1),
        activation: Callable | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = _ZEROS,
        kernel_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        activity_regularizer: Callable | None = None,
        kernel_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=2,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            order=sizes.check_order(data_format),
            rate=dilation_rate,
            kernels={"kernel": Parameter(kernel_initializer, kernel_regularizer, kernel_constraint)},
            bias=Parameter(bias_initializer, bias_regularizer, bias_constraint) if use_bias else None,
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            name=name,
            **kwargs,
        )
