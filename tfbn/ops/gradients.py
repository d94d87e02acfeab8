"""Gradients written by hand, in graphs and under tapes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.ops.empty import hide_empty_shape

# Takes the outputs' gradients and the inputs; returns the gradient, or None, for each of the inputs.
Gradient = Callable[..., Sequence[Any]]

_GRADIENTS: dict[str, Gradient] = {}


def register(name: str, outputs: int, gradient: Gradient) -> None:
    """Registers `gradient(grads, *inputs)` of a function with this number of outputs."""

    def identity_gradient(op: tf.Operation, *grads: tf.Tensor) -> list[tf.Tensor | None]:
        input_grads = gradient([hide_empty_shape(grad) for grad in grads[:outputs]], *op.inputs[outputs:])
        return [None] * outputs + list(input_grads)

    with contextlib.suppress(KeyError):  # the module is imported again; the first registration still serves
        tf.RegisterGradient(name)(identity_gradient)
    _GRADIENTS[name] = gradient


def with_gradient(name: str, outputs: Sequence[tf.Tensor], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """`outputs`, with the gradient with respect to `inputs` that is registered as `name`.

    By name rather than by tf.custom_gradient, because a MetaGraph keeps the name: imported elsewhere it runs, and
    after `import tfbn.ops` it differentiates. A tf.function is stored in a SavedModel, which knows only
    tf.custom_gradient.
    """
    if tape_may_differentiate():
        # A tape looks a gradient up by the op's type, and would use the identity's.
        return under_tape(_GRADIENTS[name], outputs, *inputs)
    with tf.compat.v1.get_default_graph().gradient_override_map({"IdentityN": name}):
        return tf.identity_n([*outputs, *inputs])[: len(outputs)]


def tape_may_differentiate() -> bool:
    """Whether a tape may: in eager code and functions. In other graphs only tf.gradients differentiates."""
    return _tensorflow.tape_may_record() or _tensorflow.graph_around_bodies().building_function


def zero_where_empty(value: tf.Tensor, nonempty: tf.Tensor) -> tf.Tensor:
    """`value`, whose gradient is zero, not NaN, where `nonempty` is 0: in eager code and functions."""

    def masked(grads: Sequence[tf.Tensor], _: tf.Tensor, nonempty: tf.Tensor) -> list[tf.Tensor | None]:
        return [tf.math.multiply_no_nan(grads[0], nonempty), None]

    (value,) = under_tape(masked, [value], value, tf.cast(tf.cast(nonempty, tf.bool), value.dtype))
    return value


def zero_second_where_empty(op: tf.Operation) -> None:
    """Makes the fused kernel's second derivative by its scale zero for empty inputs, in a session's graph, without ops.

    A MetaGraph of it keeps TensorFlow's own second derivative.
    """

    def first(grads: list[Any]) -> list[Any]:
        gradient_op = getattr(grads[0], "op", None)  # another op, or none, where a caller overrides the gradient
        if gradient_op is not None and gradient_op.type == "FusedBatchNormGradV3":
            zero_by_scale_where_empty(gradient_op)
        return grads

    _tensorflow.change_gradients(op, first)


def zero_by_scale_where_empty(op: tf.Operation) -> None:
    """Makes the derivative by the scale zero for empty inputs, of the op that is the kernel's gradient."""

    def second(grads: list[Any]) -> list[Any]:
        if grads[2] is None:
            return grads  # not asked for, as in a body of control flow v2 whose scale is a constant
        nonempty = tf.cast(tf.cast(tf.size(op.inputs[1]), tf.bool), grads[2].dtype)
        return [*grads[:2], tf.math.multiply_no_nan(grads[2], nonempty), *grads[3:]]

    _tensorflow.change_gradients(op, second)


def under_tape(gradient: Gradient, outputs: Sequence[tf.Tensor], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """`outputs`, whose gradients with respect to `inputs` are `gradient(grads, *inputs)`: in eager code and functions.

    For tf.gradients and tapes alike; not for graphs that are exported as a MetaGraph.
    """
    outputs = [tf.stop_gradient(output) for output in outputs]

    @tf.custom_gradient
    def identity(*inputs: tf.Tensor) -> Any:
        def backward(*grads: tf.Tensor) -> Sequence[Any]:
            return gradient([hide_empty_shape(grad) for grad in grads], *inputs)

        return [tf.identity(output) for output in outputs], backward

    # Identities, because a tape may run this over a function's graph from outside of it.
    return identity(*(tf.identity(value) for value in inputs))
