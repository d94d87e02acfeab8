"""Variables from checkpoints, some of them or under other names: from contrib.framework and slim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np
import tensorflow as tf

from tfbn import _tensorflow, bundle_index
from tfbn.arguments import checks
from tfbn.graph.variables import full_name, parts

VariableList = Union[Sequence[Any], Mapping[str, Any]]


def assign_from_checkpoint(
    model_path: str, var_list: VariableList, ignore_missing_vars: bool = False
) -> tuple[tf.Operation, dict[tf.Tensor, np.ndarray]]:
    """An op that assigns a checkpoint's values to variables, and what to feed it, as slim.assign_from_checkpoint.

    The values are read at once; they are in the feed, so the graph does not hold them.

    Args:
      model_path: path of a checkpoint, as tf.compat.v1.train.latest_checkpoint returns it.
      var_list: list of variables, or dict from names in the checkpoint to variables, or to lists of variables that all
        get the value.
      ignore_missing_vars: whether variables that the checkpoint does not have stay as they are, with a line in
        TensorFlow's log. Default False.

    Returns:
      The op and the feed: session.run(op, feed).

    Raises:
      ValueError: a variable that the checkpoint does not have, or has in another shape.
      tf.errors.NotFoundError: no checkpoint.
      RuntimeError: eager execution.

    Example:
      >>> import os, tempfile
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     weights = tf.compat.v1.get_variable("weights", initializer=[1.0, 2.0])
      ...     session.run(weights.initializer)
      ...     folder = tempfile.TemporaryDirectory()
      ...     path = tf.compat.v1.train.Saver().save(session, os.path.join(folder.name, "model"))
      ...     other = tf.compat.v1.get_variable("other", [2])
      ...     op, feed = assign_from_checkpoint(path, {"weights": other})
      ...     _ = session.run(op, feed)
      ...     session.run(other).tolist()
      [1.0, 2.0]
    """
    checks.check_graph("assign_from_checkpoint")
    bundle_index.check(model_path)
    reader = tf.compat.v1.train.NewCheckpointReader(model_path)
    variables_by_name = _stored(reader, model_path, _by_name(var_list), ignore_missing_vars)
    for name, variables in variables_by_name.items():
        _check_shape(name, variables, reader.get_variable_to_shape_map()[name])
    assignments, feed = [], {}
    for name, variables in variables_by_name.items():
        value = reader.get_tensor(name)
        for variable in variables:
            placeholder = tf.compat.v1.placeholder(
                variable.dtype.base_dtype, variable.shape, name=f"placeholder/{full_name(variable)}"
            )
            assignments.append(variable.assign(placeholder))
            feed[placeholder] = value[_index(variable)]
    return tf.group(*assignments), feed


def assign_from_checkpoint_fn(
    model_path: str,
    var_list: VariableList,
    ignore_missing_vars: bool = False,
    reshape_variables: bool = False,
) -> Callable[[tf.compat.v1.Session], None] | None:
    """A function of a session that restores variables, such as an init_fn, as slim.assign_from_checkpoint_fn.

    Args:
      model_path: path of a checkpoint, as tf.compat.v1.train.latest_checkpoint returns it.
      var_list: list of variables, or dict from names in the checkpoint to variables; not empty.
      ignore_missing_vars: whether variables that the checkpoint does not have stay as they are, with a line in
        TensorFlow's log. Default False.
      reshape_variables: whether values of another shape with as many numbers fit. Default False.

    Returns:
      The function; None where ignore_missing_vars leaves no variable.

    Raises:
      ValueError: an empty var_list.
      tf.errors.NotFoundError: no checkpoint. When the function is called: a variable that the checkpoint does not have.
      RuntimeError: eager execution.

    Example:
      >>> import os, tempfile
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     weights = tf.compat.v1.get_variable("weights", initializer=[1.0, 2.0])
      ...     session.run(weights.initializer)
      ...     folder = tempfile.TemporaryDirectory()
      ...     path = tf.compat.v1.train.Saver().save(session, os.path.join(folder.name, "model"))
      ...     _ = session.run(weights.assign([0.0, 0.0]))
      ...     assign_from_checkpoint_fn(path, [weights])(session)
      ...     session.run(weights).tolist()
      [1.0, 2.0]
    """
    checks.check_graph("assign_from_checkpoint_fn")
    if not var_list:
        raise ValueError("var_list cannot be empty. Expected the variables to restore, got none.")
    restored: Any = var_list
    if ignore_missing_vars:
        bundle_index.check(model_path)
        reader = tf.compat.v1.train.NewCheckpointReader(model_path)
        stored = _stored(reader, model_path, _by_name(var_list), ignore_missing_vars)
        if not stored:
            tf.compat.v1.logging.warning("No Variables to restore")
            return None
        restored = {name: variables[0] if len(variables) == 1 else variables for name, variables in stored.items()}
    saver = tf.compat.v1.train.Saver(restored, reshape=reshape_variables)

    def restore(session: tf.compat.v1.Session) -> None:
        bundle_index.check(model_path)
        saver.restore(session, model_path)

    return restore


def init_from_checkpoint(checkpoint_dir: str, assignment_map: Mapping[str, Any]) -> None:
    """Initializes variables from a checkpoint, as tf.contrib.framework.init_from_checkpoint does.

    Their initializers read the checkpoint from then on. It is tf.compat.v1.train.init_from_checkpoint.

    Args:
      checkpoint_dir: path of a checkpoint, or of the directory that has it.
      assignment_map: dict from names in the checkpoint to variables or names of such, or from scopes, which end with a
        slash, to scopes: {'net/': 'model/net/'}.

    Raises:
      ValueError: a variable that the checkpoint does not have, or has in another shape; a scope without its slash.

    Example:
      >>> import os, tempfile
      >>> with tf.Graph().as_default(), tf.compat.v1.Session() as session:
      ...     weights = tf.compat.v1.get_variable("net/weights", initializer=[1.0, 2.0])
      ...     session.run(weights.initializer)
      ...     folder = tempfile.TemporaryDirectory()
      ...     _ = tf.compat.v1.train.Saver().save(session, os.path.join(folder.name, "model"))
      ...     other = tf.compat.v1.get_variable("other/weights", [2])
      ...     init_from_checkpoint(folder.name, {"net/": "other/"})
      ...     session.run(other.initializer)
      ...     session.run(other).tolist()
      [1.0, 2.0]
    """
    checks.check_graph("init_from_checkpoint")
    bundle_index.check(checkpoint_dir)
    tf.compat.v1.train.init_from_checkpoint(checkpoint_dir, assignment_map)


def _by_name(var_list: VariableList) -> dict[str, list[Any]]:
    """The variables by their names in the checkpoint, with the parts of a partitioned one together."""
    if isinstance(var_list, Mapping):
        return {name: parts(variables) for name, variables in var_list.items()}
    by_name: dict[str, list[Any]] = {}
    for variable in var_list:
        for part in parts(variable):
            whole = _tensorflow.slice_of(part)
            by_name.setdefault(full_name(part) if whole is None else whole.name, []).append(part)
    return by_name


def _stored(reader: Any, path: str, variables: dict[str, list[Any]], ignore_missing_vars: bool) -> dict[str, list[Any]]:
    """The variables that the checkpoint has; without ignore_missing_vars all of them, or an error."""
    missing = [name for name in variables if not reader.has_tensor(name)]
    if missing and not ignore_missing_vars:
        raise ValueError(
            f"Checkpoint is missing variable [{missing[0]}]. Expected {path} to have the variables of var_list, got "
            f"none for {missing}; rename them by a dict from names in the checkpoint to variables, or pass "
            "ignore_missing_vars=True."
        )
    for name in missing:
        tf.compat.v1.logging.warning("Checkpoint is missing variable [%s]: %s", name, path)
    return {name: group for name, group in variables.items() if name not in missing}


def _check_shape(name: str, variables: Sequence[Any], stored: Sequence[int]) -> None:
    """Raises if the checkpoint's value does not have the shape of the variables, or of the whole they are parts of."""
    for variable in variables:
        whole = _tensorflow.slice_of(variable)
        shape = variable.shape.as_list() if whole is None else whole.shape
        if shape != list(stored):
            raise ValueError(
                f"Total size of new array must be unchanged for {name} lh_shape: [{tuple(stored)}], rh_shape: "
                f"[{tuple(shape)}]. Expected one shape in the checkpoint and in the graph: leave the variable out of "
                "var_list, or build it in the checkpoint's shape."
            )


def _index(variable: Any) -> tuple[slice, ...]:
    """The slices of a part of a partitioned variable within the whole; empty for any other variable."""
    whole = _tensorflow.slice_of(variable)
    if whole is None:
        return ()
    extents = [extent.split(",") for extent in whole.spec.split(" ")[-1].split(":")]
    return tuple(slice(int(start), int(start) + int(length)) for start, length in extents)
