"""Creation of the layer's variables: names, dtypes, collections, regularizers, partitioner and reuse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import policy, replicas
from tfbn.core.settings import Settings

_keys = tf.compat.v1.GraphKeys
_INITIALIZERS = {
    "beta": tf.compat.v1.zeros_initializer(),
    "gamma": tf.compat.v1.ones_initializer(),
    "moving_mean": tf.compat.v1.zeros_initializer(),
    "moving_variance": tf.compat.v1.ones_initializer(),
}
AFFINE = ("beta", "gamma")


class Variables(dict):
    """The layer's variables by short name, in order of creation, an absent one None; `losses` of their regularizers."""

    losses: tuple[tf.Tensor, ...] = ()

    def __missing__(self, name: str) -> None:
        return None


class Recipe(NamedTuple):
    """How to create the variables of a layer."""

    settings: Settings
    dtype: tf.DType
    center: bool
    scale: bool
    trainable: bool
    initializers: Mapping[str, Any]
    regularizers: Mapping[str, Any]
    constraints: Mapping[str, Any]
    collections: Any = None
    zero_debias: bool = False  # whether reuse expects the pair of zero debias as well

    @property
    def names(self) -> list[str]:
        """The short names of the variables, in order of creation."""
        absent = {"beta": not self.center, "gamma": not self.scale}
        names = [name for name in self.settings.path.order if not absent.get(name)]
        return names + list(policy.RENORM_VARIABLES if self.settings.renorm_clipping is not None else ())


def full_name(variable: Any) -> str:
    """The name of its op, or of the variable where a function's graph has no access to the op."""
    try:
        return variable.op.name
    except AttributeError:
        return variable.name.rpartition(":")[0]


def created_name(variable: Any) -> str:
    """The name that it was created with: in a replica, the op of a distributed variable is the replica's part."""
    distributed = isinstance(variable, tf.distribute.DistributedValues)
    return variable.name.rpartition(":")[0] if distributed else full_name(variable)


def in_scope(scope: tf.compat.v1.VariableScope, name: str) -> str:
    """The name get_variable gives in this scope; the root scope has no name."""
    return f"{scope.name}/{name}" if scope.name else name


def has_trained_statistics(variables: Variables) -> bool:
    """Whether a caller's collections have put moving statistics among the variables that optimizers train."""
    trained = tf.compat.v1.trainable_variables()
    return any(
        part is variable
        for name in ("moving_mean", "moving_variance")
        for part in parts(variables[name])
        for variable in trained
    )


def create_variables(scope: tf.compat.v1.VariableScope, recipe: Recipe) -> Variables:
    """Creates or reuses the variables in the open variable scope."""
    path, collections = recipe.settings.path, recipe.collections
    _check_reuse(scope, recipe)
    variables = Variables()
    for name in recipe.names:
        affine = name in AFFINE
        regularizer = recipe.regularizers.get(name) if affine and path.regularizers != "ignored" else None
        before = tf.compat.v1.global_variables() if regularizer is not None else []
        # get_variable would create the loss inside a branch too; one that returns no loss still replaces the scope's.
        replacing = (lambda variable: None) if regularizer is not None and path.regularizers == "replace" else None
        extra = [] if path.collects_after else collections_for(name, collections)
        aggregation = replicas.aggregation(recipe.settings.synchronized)
        with _no_creation_in_plain_functions(scope), contextlib.nullcontext() if affine else unpartitioned(scope):
            variable = tf.compat.v1.get_variable(
                name,
                shape=recipe.settings.layout.param_shape,
                dtype=recipe.dtype,
                initializer=_initializer(name, recipe.initializers),
                regularizer=replacing,
                trainable=recipe.trainable and affine,
                collections=[
                    *extra,
                    _keys.GLOBAL_VARIABLES,
                    *([_keys.MODEL_VARIABLES] if path.model_variables else []),
                ],
                constraint=recipe.constraints.get(name),
                synchronization=tf.VariableSynchronization.AUTO if affine else tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.NONE if affine else aggregation,
            )
        if regularizer is not None and not any(parts(variable)[0] is other for other in before):
            within = None if replacing else f"{scope.original_name_scope}{name}/Regularizer"
            variables.losses += add_loss(variable, regularizer, within)
        variables[name] = variable
    if path.collects_after:
        for name in ("moving_mean", "moving_variance", "beta", "gamma"):
            if name in variables:
                collect(variables[name], collections_for(name, collections))
    return variables


def _check_reuse(scope: tf.compat.v1.VariableScope, recipe: Recipe) -> None:
    """Raises where get_variable would, but before the first variable is created rather than between two."""
    # A custom getter may map names to anything, so only the getter can tell.
    if scope.custom_getter is not None:
        return
    shape, dtype = recipe.settings.layout.param_shape, recipe.dtype
    names = [in_scope(scope, name) for name in recipe.names]
    if recipe.zero_debias and scope.reuse is True:
        mean = in_scope(scope, "moving_mean")
        names += [in_scope(scope, f"{mean}/{name}") for name in ("biased", "local_step")]
    for name in names:
        stored = _tensorflow.stored_variable(name)
        if stored is not None and not scope.reuse:
            raise ValueError(
                f"Variable {name} already exists, disallowed. Expected a scope without batch norm variables, got "
                f"scope={scope.name!r}. Share them with reuse=True or tf.compat.v1.AUTO_REUSE, or leave scope out."
            )
        if stored is None and scope.reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). reuse=True expects every "
                f"variable of scope={scope.name!r} to be there already, with the same center, scale, renorm and zero "
                "debias; use tf.compat.v1.AUTO_REUSE for the first call."
            )
        is_part = stored is not None and full_name(stored) != name
        if stored is None or is_part or name.endswith(("/biased", "/local_step")):
            continue
        if stored.shape.as_list() != shape or stored.dtype.base_dtype != dtype:
            raise ValueError(
                f"Trying to share variable {name}, but specified shape {tuple(shape)} and dtype {dtype.name} and found "
                f"shape {stored.shape} and dtype {stored.dtype.base_dtype.name}. Calls that share a scope need inputs "
                "with as many channels and of one dtype; give this one its own scope."
            )


def create_debias_pair(scope: tf.compat.v1.VariableScope, moving_mean: Any, settings: Settings) -> tuple[Any, Any]:
    """`biased` and `local_step` of zero debias: under the moving mean's full name once more, as in the original."""
    in_model = settings.path.debias_is_model_variable
    collections = [_keys.GLOBAL_VARIABLES] + ([_keys.MODEL_VARIABLES] if in_model else [])
    with tf.compat.v1.variable_scope(created_name(moving_mean)) as inner, unpartitioned(inner):
        biased, local_step = (
            tf.compat.v1.get_variable(
                name,
                shape=shape,
                dtype=moving_mean.dtype.base_dtype,
                initializer=tf.compat.v1.zeros_initializer(),
                trainable=False,
                collections=collections,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=replicas.aggregation(settings.synchronized),
            )
            for name, shape in (("biased", moving_mean.shape), ("local_step", []))
        )
    return biased, local_step


def _no_creation_in_plain_functions(scope: tf.compat.v1.VariableScope) -> Any:
    """Refuses to create variables in a tf.function that eager code calls, which keeps none for the next trace.

    A custom getter, or the caller's own store, may still create them outside of the function.
    """
    if not _tensorflow.in_plain_function():
        return contextlib.nullcontext()

    def refuse(create: Callable, **arguments: Any) -> Any:
        if tf.executing_eagerly():  # outside of the function, where TensorFlow calls creators as well
            return create(**arguments)
        raise RuntimeError(
            f"batch norm in scope={scope.name!r}: expected a function that keeps its variables, got a tf.function, "
            "each trace of which would create new ones. Pass the function that builds the model to tfbn.TF1Module or "
            "tf.compat.v1.wrap_function, or create a tfbn.BatchNorm outside the tf.function."
        )

    return tf.variable_creator_scope(refuse)


@contextlib.contextmanager
def unpartitioned(scope: tf.compat.v1.VariableScope) -> Iterator[None]:
    """Moving statistics are assigned to, which partitioned variables do not support.

    Nor can a loop under control flow v2 be differentiated if it assigns to a variable that map_fn has cached.
    """
    partitioner, caching_device = scope.partitioner, scope.caching_device
    scope.set_partitioner(None)
    if _tensorflow.in_v2_body():
        scope.set_caching_device(None)
    try:
        yield
    finally:
        scope.set_partitioner(partitioner)
        scope.set_caching_device(caching_device)


def _initializer(name: str, initializers: Mapping[str, Any]) -> Any:
    """The function that creates the first value; a None in `initializers` stands for the variable scope's."""
    if name == "renorm_mean":
        return _initializer("moving_mean", initializers)
    if name not in ("moving_stddev", "renorm_stddev"):
        return initializer_object(initializers.get(name, _INITIALIZERS[name]))
    variance = _initializer("moving_variance", initializers) or _INITIALIZERS["moving_variance"]

    def square_root(shape: Any, dtype: Any = tf.float32, partition_info: Any = None) -> tf.Tensor:
        return tf.sqrt(variance(shape, dtype=dtype))

    return square_root


def initializer_object(initializer: Any) -> Any:
    """The initializer, created from its name or its class if need be."""
    if isinstance(initializer, str):
        return getattr(tf.compat.v1.initializers, initializer)()
    return initializer() if isinstance(initializer, type) else initializer


def collections_for(name: str, collections: Any) -> list[str]:
    """A list applies to every variable, a dict has one for each; a string, as in the original, is its letters."""
    if isinstance(collections, Mapping):
        collections = collections.get(name)
    return list(collections or ())


def parts(variable: Any) -> list[Any]:
    # A partitioned variable is a sequence of variables and not itself one; a custom getter may also give a tensor.
    return [variable] if isinstance(variable, (tf.Variable, tf.Tensor)) else list(variable)


def add_loss(variable: Any, regularizer: Any, scope: str | None = None) -> tuple[tf.Tensor, ...]:
    """The losses of a variable, or of its parts, collected; without a `scope` the name scope is the variable's."""
    losses = []
    # A loss made inside a branch or a loop could not be fetched.
    with _outside_bodies() if _tensorflow.in_v2_body() else tf.control_dependencies(None):
        for index, part in enumerate(parts(variable)):
            name = f"{full_name(part)}/Regularizer" if scope is None else f"{scope}_{index}" if index else scope
            with tf.compat.v1.name_scope(f"{name}/"):
                losses.append(regularizer(part))
    losses = [loss for loss in losses if loss is not None]
    for loss in losses:
        tf.compat.v1.add_to_collection(_keys.REGULARIZATION_LOSSES, loss)
    return tuple(losses)


def _outside_bodies() -> contextlib.AbstractContextManager:
    with tf.init_scope():
        eager = tf.executing_eagerly()
    # Eagerly the loss would be a number, computed from the variable's value during tracing.
    return _tensorflow.graph_around_bodies().as_default() if eager else tf.init_scope()


def collect(variable: Any, collections: Iterable[str]) -> None:
    """Adds a variable, or its parts, to the collections that do not have it."""
    for collection in collections:
        present = tf.compat.v1.get_collection(collection)
        for part in parts(variable):
            if not any(part is other for other in present):
                tf.compat.v1.add_to_collection(collection, part)
