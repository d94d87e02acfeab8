"""Creating variables, finding them by scope and name, and the global step: from contrib.framework and slim."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph.arg_scope import add_arg_scope

_keys = tf.compat.v1.GraphKeys


@add_arg_scope
def variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable | None = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Callable | None = None,
    custom_getter: Callable | None = None,
    use_resource: bool | None = None,
    synchronization: tf.VariableSynchronization = tf.VariableSynchronization.AUTO,
    aggregation: tf.compat.v1.VariableAggregation = tf.compat.v1.VariableAggregation.NONE,
) -> Any:
    """Creates or shares a variable in the variable scope, as tf.contrib.framework.variable of TensorFlow 1.15 does.

    Usable under `arg_scope`.

    Args:
      name: name within the variable scope.
      device: device of the variable: a string, or a function of the op that returns one. Default that of the scope.
      collections: list of the collections that the variable enters; its doubles count once. Default
        GLOBAL_VARIABLES.
      custom_getter: function that is called in place of tf.compat.v1.get_variable, with its arguments.
      shape, dtype, initializer, regularizer, trainable, caching_device, partitioner, use_resource, synchronization,
        aggregation: as in tf.compat.v1.get_variable.

    Returns:
      The variable.

    Raises:
      ValueError: a variable that exists without reuse, or does not with it; a shape that neither the argument nor the
        initializer tells.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     variable("weights", [3, 2], regularizer=tf.nn.l2_loss, device="/cpu:0").op.device
      '/device:CPU:0'
    """
    checks.check_graph("variable")
    checks.check_callables(regularizer=regularizer, partitioner=partitioner, custom_getter=custom_getter)
    checks.check_collections(collections=collections)
    getter = tf.compat.v1.get_variable
    if custom_getter is not None:
        getter = functools.partial(custom_getter, reuse=tf.compat.v1.get_variable_scope().reuse)
    with tf.compat.v1.device(device or ""):
        return getter(
            name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            regularizer=regularizer,
            trainable=trainable,
            collections=list(dict.fromkeys([_keys.GLOBAL_VARIABLES] if collections is None else collections)),
            caching_device=caching_device,
            partitioner=partitioner,
            use_resource=use_resource,
            synchronization=synchronization,
            aggregation=aggregation,
        )


@add_arg_scope
def model_variable(
    name: str,
    shape: Any = None,
    dtype: Any = tf.float32,
    initializer: Any = None,
    regularizer: Callable | None = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Callable | None = None,
    custom_getter: Callable | None = None,
    use_resource: bool | None = None,
    synchronization: tf.VariableSynchronization = tf.VariableSynchronization.AUTO,
    aggregation: tf.compat.v1.VariableAggregation = tf.compat.v1.VariableAggregation.NONE,
) -> Any:
    """Creates or shares a variable of the model, as tf.contrib.framework.model_variable of TensorFlow 1.15 does.

    It is a `variable` in GLOBAL_VARIABLES and MODEL_VARIABLES, whatever the collections. Usable under `arg_scope`; the
    device of such a scope is that of the layers' variables as well.

    Args:
      collections: list of further collections.
      name, shape, dtype, initializer, regularizer, trainable, caching_device, device, partitioner, custom_getter,
        use_resource, synchronization, aggregation: as in `variable`.

    Returns:
      The variable.

    Raises:
      ValueError, RuntimeError: as `variable`.

    Example:
      >>> with tf.Graph().as_default():
      ...     weights = model_variable("weights", [3, 2], trainable=False)
      ...     [variable.op.name for variable in get_model_variables()]
      ['weights']
    """
    return variable(
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=[*(collections or ()), _keys.GLOBAL_VARIABLES, _keys.MODEL_VARIABLES],
        caching_device=caching_device,
        device=device,
        partitioner=partitioner,
        custom_getter=custom_getter,
        use_resource=use_resource,
        synchronization=synchronization,
        aggregation=aggregation,
    )


def add_model_variable(var: Any) -> None:
    """Adds a variable that no layer has created to MODEL_VARIABLES, unless it is there.

    Args:
      var: the variable.

    Example:
      >>> with tf.Graph().as_default():
      ...     add_model_variable(tf.compat.v1.get_variable("scale", []))
      ...     [variable.op.name for variable in get_model_variables()]
      ['scale']
    """
    if not any(var is other for other in tf.compat.v1.get_collection(_keys.MODEL_VARIABLES)):
        tf.compat.v1.add_to_collection(_keys.MODEL_VARIABLES, var)


def get_variables(scope: Any = None, suffix: str | None = None, collection: str = _keys.GLOBAL_VARIABLES) -> list[Any]:
    """The variables of a collection, those of a scope or a name alone.

    Args:
      scope: a VariableScope, or a regular expression that a variable's name has to begin with: 'net' matches 'net2/x'
        too, 'net/' does not. Default all.
      suffix: what the name, without ':0', ends with; a regular expression as well.
      collection: name of the collection. Default GLOBAL_VARIABLES.

    Returns:
      A list, in the order of the collection.

    Example:
      >>> with tf.Graph().as_default():
      ...     _ = tf.compat.v1.get_variable("net/weights", []), tf.compat.v1.get_variable("net/biases", [])
      ...     [variable.op.name for variable in get_variables("net", suffix="weights")]
      ['net/weights']
    """
    if isinstance(scope, tf.compat.v1.VariableScope):
        scope = scope.name
    if suffix is not None:
        scope = f"{scope or ''}.*{suffix}{'' if ':' in suffix else ':'}"
    return tf.compat.v1.get_collection(collection, scope)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """The variables that layers have created: those in MODEL_VARIABLES.

    Args:
      scope: as in `get_variables`.
      suffix: as in `get_variables`.

    Returns:
      A list, in the order in which they were created.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     _ = tfbn.layers.fully_connected(tf.zeros([1, 2]), 3, scope="fc")
      ...     [variable.op.name for variable in get_model_variables("fc")]
      ['fc/weights', 'fc/biases']
    """
    return get_variables(scope, suffix, _keys.MODEL_VARIABLES)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables of this name, in any scope.

    Args:
      given_name: the name without a scope, such as 'weights'.
      scope: as in `get_variables`.

    Returns:
      A list, in the order in which they were created.

    Example:
      >>> with tf.Graph().as_default():
      ...     _ = tf.compat.v1.get_variable("net/weights", []), tf.compat.v1.get_variable("net/biases", [])
      ...     [variable.op.name for variable in get_variables_by_name("biases")]
      ['net/biases']
    """
    return get_variables(scope, f"/{given_name}:|^{given_name}:")


def get_variables_to_restore(include: Sequence[str] | None = None, exclude: Sequence[str] | None = None) -> list[Any]:
    """The variables of some scopes without those of others, for a Saver.

    Args:
      include: list of scopes, as in `get_variables`. Default all variables.
      exclude: list of scopes. Default none.

    Returns:
      A list, scope by scope.

    Raises:
      TypeError: include or exclude is neither a list nor a tuple.

    Example:
      >>> with tf.Graph().as_default():
      ...     _ = tf.compat.v1.get_variable("net/weights", []), tf.compat.v1.get_variable("logits/weights", [])
      ...     [variable.op.name for variable in get_variables_to_restore(exclude=["logits"])]
      ['net/weights']
    """
    for name, scopes in (("include", include), ("exclude", exclude)):
        if scopes is not None and not isinstance(scopes, (list, tuple)):
            raise TypeError(f"{name} is provided but is not a list or a tuple. Got {scopes!r}; pass [{scopes!r}].")
    included = get_variables() if include is None else [part for scope in include for part in get_variables(scope)]
    excluded = [part for scope in exclude or () for part in get_variables(scope)]
    return [variable for variable in included if not any(variable is other for other in excluded)]


def create_global_step(graph: tf.Graph | None = None) -> Any:
    """Creates the variable that counts training steps.

    Args:
      graph: the graph to create it in. Default the default graph.

    Returns:
      The variable `global_step`, an int64 scalar.

    Raises:
      ValueError: the graph has one.

    Example:
      >>> with tf.Graph().as_default():
      ...     create_global_step().op.name
      'global_step'
    """
    return tf.compat.v1.train.create_global_step(graph)


def get_or_create_global_step(graph: tf.Graph | None = None) -> Any:
    """The variable that counts training steps, created if the graph has none.

    Args:
      graph: the graph to look in. Default the default graph.

    Returns:
      The variable `global_step`, an int64 scalar.

    Example:
      >>> with tf.Graph().as_default():
      ...     get_or_create_global_step() is get_or_create_global_step()
      True
    """
    return tf.compat.v1.train.get_or_create_global_step(graph)
