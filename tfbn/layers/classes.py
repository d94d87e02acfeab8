"""The classes of `tf.layers`, which Keras 3 has removed: `Layer`, to derive from, and those without a window.

Those with one are in `tfbn.layers.window_classes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, shapes
from tfbn.graph import tf_layer
from tfbn.layers import dense, sizes, unweighted
from tfbn.layers.weighted import Parameter

_keys = tf.compat.v1.GraphKeys
ZEROS = tf.compat.v1.zeros_initializer()


class Layer(tf_layer.Layer):
    """The base class of custom layers, as tf.layers.Layer of TensorFlow 1.15, in a TF1 graph and without Keras.

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
          inputs: what the losses depend on; not kept.
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
        """The last part of the scope's name; before there is a scope, the class's name in snake case."""
        return tf_layer.snake_case(type(self).__name__) if not (self._name or self._scope) else super().name


class WeightedLayer(Layer):
    """Base of the classes with a kernel: floating inputs; variables and their arguments as attributes."""

    floating_only = True
    parameters: dict[str, Parameter]
    weights_by_name: dict[str, Any]

    @property
    def kernel(self) -> Any:
        """The variable, once there is one."""
        return self.weight("kernel")

    @property
    def bias(self) -> Any:
        """The variable; None without one."""
        return self.weights_by_name.get("bias")

    def weight(self, name: str) -> Any:
        """The variable of this name.

        Raises:
          AttributeError: no call has created it yet, or the layer has none of this name.
        """
        if name not in self.weights_by_name:
            raise AttributeError(
                f"{type(self).__name__} has no {name}: its first call creates {', '.join(self.parameters)}. Call it "
                "before."
            )
        return self.weights_by_name[name]

    @property
    def use_bias(self) -> bool:
        return "bias" in self.parameters


def argument_property(variable: str, kind: str) -> property:
    """A property for the initializer, regularizer or constraint of a variable, which may be set before `build`."""

    def read(layer: WeightedLayer) -> Any:
        return getattr(layer.parameters.get(variable, Parameter()), kind)

    def write(layer: WeightedLayer, value: Any) -> None:
        if variable in layer.parameters:
            layer.parameters[variable] = layer.parameters[variable]._replace(**{kind: value})

    return property(read, write)


for _kind in Parameter._fields:
    for _name in ("kernel", "bias"):
        setattr(WeightedLayer, f"{_name}_{_kind}", argument_property(_name, _kind))


class Dense(dense.Dense, WeightedLayer):
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
        bias_initializer: Any = ZEROS,
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


class Dropout(unweighted.Dropout, Layer):
    """Dropout as tf.layers.Dropout of TensorFlow 1.15, in a TF1 graph and without Keras.

    Args:
      name: name of the scope. Default 'dropout', made unique.
      **kwargs: `trainable` and `dtype`, which change nothing, and `_scope`.
      rate, noise_shape, seed: as in `tfbn.layers.v1.dropout`.

    Raises:
      ValueError: a rate out of range; training None, in the call.

    Example:
      >>> with tf.Graph().as_default():
      ...     Dropout(0.2)(tf.zeros([2, 8]), training=False)
      <tf.Tensor 'dropout/Identity:0' shape=(2, 8) dtype=float32>
    """

    floating_only = True

    def __init__(
        self, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, name=name, **kwargs)

    def call(self, inputs: tf.Tensor, training: Any = False) -> tf.Tensor:
        """The outputs.

        Args:
          inputs: floating tensor.
          training: bool, 0 or 1, or a scalar boolean tensor or variable, read in each run.

        Returns:
          A tensor of the inputs' shape and dtype.
        """
        return super().call(inputs, checks.check_flag(training, "training").value)


class Flatten(unweighted.Flatten, Layer):
    """Flattens all axes but the first into one, as tf.layers.Flatten of TensorFlow 1.15, without Keras.

    Args:
      data_format: 'channels_last' or None, or 'channels_first', which first moves the channels to the end.
      **kwargs: `name` of the scope, 'flatten' made unique by default, `trainable`, `dtype` and `_scope`.

    Raises:
      ValueError: another data_format; inputs of unknown rank, or a scalar.

    Example:
      >>> with tf.Graph().as_default():
      ...     Flatten()(tf.zeros([2, 4, 4, 3]))
      <tf.Tensor 'flatten/Reshape:0' shape=(2, 48) dtype=float32>
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(sizes.check_order(data_format or sizes.CHANNELS_LAST), **kwargs)
