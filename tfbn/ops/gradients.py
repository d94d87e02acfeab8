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
    """Registers `gradient(grads, *inputs)` of a function that has so many outputs."""

    def of_identity(op: tf.Operation, *grads: tf.Tensor) -> list[tf.Tensor | None]:
        own = gradient([hide_empty_shape(grad) for grad in grads[:outputs]], *op.inputs[outputs:])
        return [None] * outputs + list(own)

    with contextlib.suppress(KeyError):  # the module is imported anew; what it registered before serves
        tf.RegisterGradient(name)(of_identity)
    _GRADIENTS[name] = gradient


def with_gradient(name: str, outputs: Sequence[tf.Tensor], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """`outputs`, whose gradients with respect to `inputs` are what is registered as `name`.

    By name rather than by tf.custom_gradient, because a MetaGraph keeps the name: imported elsewhere it runs, and
    after `import tfbn.ops` it differentiates. In a tf.function a SavedModel is what keeps it, and that knows only
    tf.custom_gradient.
    """
    if tape_may_differentiate():
        # A tape knows an op by its type, and would take the identity's own gradient.
        return under_tape(_GRADIENTS[name], outputs, *inputs)
    with tf.compat.v1.get_default_graph().gradient_override_map({"IdentityN": name}):
        return tf.identity_n([*outputs, *inputs])[: len(outputs)]


def tape_may_differentiate() -> bool:
    """In eager code and functions; in other graphs tf.gradients does."""
    return _tensorflow.tape_may_record() or _tensorflow.graph_around_bodies().building_function


def zero_where_empty(value: tf.Tensor, nonempty: tf.Tensor) -> tf.Tensor:
    """`value`, whose gradient is zero, not NaN, where `nonempty` is 0: in eager code and functions."""

    def masked(grads: Sequence[tf.Tensor], _: tf.Tensor, nonempty: tf.Tensor) -> list[tf.Tensor | None]:
        return [tf.math.multiply_no_nan(grads[0], nonempty), None]

    (value,) = under_tape(masked, [value], value, tf.cast(tf.cast(nonempty, tf.bool), value.dtype))
    return value


def zero_second_where_empty(op: tf.Operation) -> None:
    """The same of the fused kernel's second derivative by its scale, in the graph of a session, which gets no ops.

    A MetaGraph of it keeps TensorFlow's own second derivative.
    """

    def first(found: list[Any]) -> list[Any]:
        own = getattr(found[0], "op", None)  # another's where a caller overrides the gradient
        if own is not None and own.type == "FusedBatchNormGradV3":
            zero_by_scale_where_empty(own)
        return found

    _tensorflow.change_gradients(op, first)


def zero_by_scale_where_empty(op: tf.Operation) -> None:
    """The same for the op that is the kernel's gradient."""

    def second(found: list[Any]) -> list[Any]:
        if found[2] is None:
            return found  # not asked for, as in a body of control flow v2 whose scale is a constant
        nonempty = tf.cast(tf.cast(tf.size(op.inputs[1]), tf.bool), found[2].dtype)
        return [*found[:2], tf.math.multiply_no_nan(found[2], nonempty), *found[3:]]

    _tensorflow.change_gradients(op, second)


def under_tape(gradient: Gradient, outputs: Sequence[tf.Tensor], *inputs: tf.Tensor) -> list[tf.Tensor]:
    """`outputs`, whose gradients with respect to `inputs` are `gradient(grads, *inputs)`: in eager code and functions.

    For tf.gradients and tapes alike; not for graphs that are exported as a MetaGraph.
    """
    outputs = [tf.stop_gradient(output) for output in outputs]

    @tf.custom_gradient
    def identity(*inputs: tf.Tensor) -> Any:
        def own(*grads: tf.Tensor) -> Sequence[Any]:
            return gradient([hide_empty_shape(grad) for grad in grads], *inputs)

        return [tf.identity(output) for output in outputs], own

    # Identities, because a tape may run this over a function's graph from outside of it.
    return identity(*(tf.identity(value) for value in inputs))
