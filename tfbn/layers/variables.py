"""Variables of the default graph by scope and name, and the global step: from contrib.framework and slim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

_keys = tf.compat.v1.GraphKeys


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
    """The variables that layers have made: those in MODEL_VARIABLES.

    Args:
      scope: as in `get_variables`.
      suffix: as in `get_variables`.

    Returns:
      A list, in the order in which they were made.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     _ = tfbn.layers.fully_connected(tf.zeros([1, 2]), 3, scope="fc")
      ...     [variable.op.name for variable in get_model_variables("fc")]
      ['fc/weights', 'fc/biases']
    """
    return get_variables(scope, suffix, _keys.MODEL_VARIABLES)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The variables of this name, in whatever scope.

    Args:
      given_name: the name without a scope, such as 'weights'.
      scope: as in `get_variables`.

    Returns:
      A list, in the order in which they were made.

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
    """Makes the variable that counts training steps.

    Args:
      graph: the graph to make it in. Default the default graph.

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
    """The variable that counts training steps, made where the graph has none.

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
