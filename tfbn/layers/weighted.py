"""What the layers of tf.layers with kernels share: arguments, bias, activation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import tf_layer, variables

_keys = tf.compat.v1.GraphKeys


class Parameter(NamedTuple):
    """How to create one of the variables; an initializer of None is that of the variable scope."""

    initializer: Any = None
    regularizer: Callable | None = None
    constraint: Callable | None = None


class Weighted(tf_layer.Layer):
    """A layer with kernels by name, and optionally a bias and an activation."""

    def __init__(
        self,
        kernels: Mapping[str, Parameter],
        bias: Parameter | None,
        activation: Callable | None = None,
        activity_regularizer: Callable | None = None,
        **common: Any,
    ) -> None:
        self.parameters: dict[str, Parameter] = {}
        for name, parameter in {**kernels, **({} if bias is None else {"bias": bias})}.items():
            checks.check_initializer(f"initializer of the {name}", parameter.initializer)
            checks.check_callables(
                **{
                    f"regularizer of the {name}": parameter.regularizer,
                    f"constraint of the {name}": parameter.constraint,
                }
            )
            initializer = variables.initializer_object(parameter.initializer)
            self.parameters[name] = parameter._replace(initializer=initializer)
        checks.check_callables(activation=activation, activity_regularizer=activity_regularizer)
        super().__init__(**common)
        self.activation = activation
        self.activity_regularizer = activity_regularizer
        self.weights_by_name: dict[str, Any] = {}

    def create(self, **shapes: list[int]) -> None:
        """Creates the variables with these names, in this order; the bias only if the layer has one."""
        for name, shape in shapes.items():
            if name in self.parameters:
                self.weights_by_name[name] = self.add_weight(name, shape, **self.parameters[name]._asdict())
        self.built = True

    def create_replacing(self, **shapes: list[int]) -> None:
        """As `create`, but a regularizer replaces the variable scope's instead of adding to it."""
        with self._opened():
            for name, shape in shapes.items():
                if name in self.parameters:
                    parameter = self.parameters[name]
                    self.weights_by_name[name] = tf.compat.v1.get_variable(
                        name,
                        shape,
                        self.dtype,
                        variables.initializer_object(parameter.initializer),
                        parameter.regularizer,
                        trainable=bool(self.trainable),
                    )
                    self._track(self.weights_by_name[name], True)
        self.built = True

    def kernel_value(self, name: str = "kernel") -> tf.Tensor:
        """A kernel's value; the parts of a partitioned one are concatenated."""
        return tf.convert_to_tensor(self.weights_by_name[name])

    def finish(self, outputs: tf.Tensor, data_format: str | None = None) -> tf.Tensor:
        """Adds the bias and applies the activation."""
        return self.activate(self.add_bias(outputs, data_format))

    def add_bias(self, outputs: tf.Tensor, data_format: str | None = None) -> tf.Tensor:
        """Adds the bias, if the layer has one."""
        if "bias" not in self.weights_by_name:
            return outputs
        return tf.nn.bias_add(outputs, self.weights_by_name["bias"], data_format=data_format, name="BiasAdd")

    def activate(self, outputs: tf.Tensor) -> tf.Tensor:
        """Applies the activation, and collects the loss of the activity_regularizer."""
        if self.activation is not None:
            outputs = self.activation(outputs)
        if self.activity_regularizer is not None:
            with tf.compat.v1.name_scope("ActivityRegularizer"):
                loss = self.activity_regularizer(outputs)
                if loss is not None:
                    loss /= tf.cast(tf.shape(outputs)[0], loss.dtype)
                    self._losses += (loss,)
                    tf.compat.v1.add_to_collection(_keys.REGULARIZATION_LOSSES, loss)
        return outputs
