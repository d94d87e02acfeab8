"""A base class like tf.layers.Layer: a scope, weights, updates and losses; without Keras."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, shapes
from tfbn.graph import variables


class Layer:
    """A layer that creates its weights at the first call, in `build`, and shares them from then on."""

    floating_only = True
    stateful = False
    supports_masking = False

    def __init__(
        self, trainable: bool = True, name: str | None = None, dtype: Any = None, _scope: Any = None, _reuse: Any = None
    ) -> None:
        self.trainable = trainable
        self.dtype = None if dtype is None else tf.as_dtype(dtype)
        self.built = False
        self._updates: list[tf.Operation] = []
        self._losses: list[tf.Tensor] = []
        self._weights: dict[bool, list[Any]] = {True: [], False: []}  # by whether they are trainable
        self._name = name
        self._reuse = _reuse
        self._scope: Any = None
        if _scope:
            with tf.compat.v1.variable_scope(_scope) as self._scope:
                pass

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of this shape."""
        self.built = True

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        return inputs

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Callable | None = None,
        trainable: bool = True,
        constraint: Callable | None = None,
        use_resource: bool | None = None,
        partitioner: Callable | None = None,
    ) -> Any:
        """A variable of the layer, for `build` of a subclass to call: created, or reused as the layer is."""
        with self._opened() as scope:
            before = tf.compat.v1.global_variables() if regularizer is not None else []
            variable = tf.compat.v1.get_variable(
                name,
                shape=shape,
                dtype=dtype or self.dtype or tf.float32,
                initializer=variables.initializer_object(initializer),
                trainable=trainable and bool(self.trainable),
                constraint=constraint,
                use_resource=use_resource,
                partitioner=partitioner,
            )
            losses: tuple[tf.Tensor, ...] = ()
            if regularizer is not None and not any(variables.parts(variable)[0] is other for other in before):
                losses = variables.add_loss(variable, regularizer, f"{scope.original_name_scope}{name}/Regularizer")
        self._track(variable, trainable, losses)
        return variable

    add_variable = add_weight

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        checks.check_graph(type(self).__name__)
        inputs = tf.convert_to_tensor(inputs)
        if self.floating_only:
            shapes.check_floating(inputs)
        with self._opened():
            if not self.built:
                self.dtype = self.dtype or inputs.dtype
                self.build(inputs.shape)
                self.built = True
            return self.call(inputs, *args, **kwargs)

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the layer."""
        return self(inputs, *args, **kwargs)

    def _track(self, variable: Any, trainable: bool, losses: tuple[tf.Tensor, ...] = ()) -> None:
        self._weights[trainable and bool(self.trainable)] += variables.parts(variable)
        self._losses += losses

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tf.compat.v1.VariableScope]:
        """The layer's variable scope and name scope, named at the first call and then always the same."""
        if self._scope is None:
            base = self._name or snake_case(type(self).__name__)
            first = (base,) if self._reuse else (None, base)
            with tf.compat.v1.variable_scope(*first) as self._scope:
                pass
        reuse = True if self.built else self._reuse
        with tf.compat.v1.variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as opened:
            with tf.compat.v1.name_scope(self._scope.original_name_scope):
                yield opened

    @property
    def name(self) -> str:
        name = getattr(self._name, "name", self._name)  # a VariableScope has one
        return name or self.scope_name.rpartition("/")[2]

    @property
    def scope_name(self) -> str:
        """The full name of the variable scope, known from the first call or build on."""
        if self._scope is None:
            raise ValueError(
                "scope_name: expected a layer that was called or built, got one that was not. Call it first."
            )
        return self._scope.name

    @property
    def updates(self) -> list[tf.Operation]:
        """The update ops of all calls; nothing where trainable is False."""
        return list(self._updates) if self.trainable else []

    @property
    def losses(self) -> list[tf.Tensor]:
        """The losses of the weights' regularizers, which are in REGULARIZATION_LOSSES too."""
        return list(self._losses)

    @property
    def trainable_weights(self) -> list[Any]:
        """The weights that an optimizer trains; nothing where trainable is False."""
        return list(self._weights[True]) if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The other weights; all of them where trainable is False."""
        return [*([] if self.trainable else self._weights[True]), *self._weights[False]]

    @property
    def weights(self) -> list[Any]:
        return self.trainable_weights + self.non_trainable_weights

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights


def snake_case(name: str) -> str:
    """ScaledNorm becomes scaled_norm; a leading underscore, which scopes must not have, gets a word before it."""
    words = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return "private" + words if words.startswith("_") else words
