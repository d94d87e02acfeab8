"""The ops that update the statistics, and whether they are collected or run inline."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core import averages, policy
from tfbn.core.values import State
from tfbn.graph import atomic, variables
from tfbn.graph.original_names import Names, named


def build(state: State, changes: list[averages.Change]) -> list[Any]:
    """The updates of the moving mean and the moving variance, which wait for all other changes."""
    *others, mean, variance = changes
    ops = [_build(state, change).op for change in others]
    return [_build(state, change, ops) for change in (mean, variance)]


def _build(state: State, change: averages.Change, others: list[tf.Operation] | None = None) -> Any:
    """Applies a change to variables, in turn with other calls that change the same ones."""
    *first, last = change.assignments

    def amount(read: atomic.Read) -> tf.Tensor:
        values: dict[str, tf.Tensor] = {}

        def current(name: str) -> tf.Tensor:
            if name not in values:
                values[name] = read(getattr(state, name))
            return values[name]

        for assignment in first:
            assign = getattr(getattr(state, assignment.name), assignment.method)
            values[assignment.name] = tf.convert_to_tensor(assign(assignment.amount(current)))
        return last.amount(current)

    variable, ready = getattr(state, last.name), [*change.ready, *(others or [])]
    if last.method == "assign_sub":
        return atomic.subtract(variable, ready, amount)
    # The original's names; the original counts the update of moving_stddev with the others.
    if last.name == "moving_variance":
        tf.compat.v1.get_default_graph().unique_name("AssignMovingAvg")
    op_name = "AssignNewValue" if last.name == "moving_variance" else "AssignMovingAvg"
    return atomic.replace(variable, ready, amount, op_name)


def check_assignable(variable: Any) -> None:
    """Refuses ref variables in a body of control flow v2."""
    # Only a reused variable can be one: TensorFlow makes resource variables in these bodies.
    if _tensorflow.in_v2_body() and variable.dtype != variable.dtype.base_dtype:
        raise TypeError(
            "expected resource variables inside the body of a control flow v2 cond, while or map, got "
            f"{variables.full_name(variable)} of dtype {variable.dtype.name}, which TensorFlow cannot assign there. "
            "Call tf.compat.v1.enable_resource_variables() first, or create it with variable_scope(use_resource=True)."
        )


class Wired(NamedTuple):
    outputs: tf.Tensor
    updates: tuple[Any, ...]  # operations or tensors, as a collection has them
    collections: tuple[Any, ...] | None  # that got the updates; None where the outputs wait for them


def wire(outputs: tf.Tensor, updates: list[Any], path: policy.OriginalPath, collections: Any, names: Names) -> Wired:
    """Collects the updates, or makes the outputs wait for them; all under the names reserved for them."""
    # An op inside a branch or a loop body cannot be fetched from outside, so the body itself must run it.
    if collections is None or (collections and (_tensorflow.in_v1_body() or _tensorflow.in_v2_body())):
        assignments = tuple(update.op for update in updates)
        with tf.control_dependencies(assignments):
            return Wired(named(outputs, names.output), assignments, None)
    collections = (collections,) if isinstance(collections, str) else tuple(collections)
    # A resource variable's assignment is neither tensor nor operation; session.run, tf.group, prune and MetaGraph
    # export all take the value read after it.
    values = updates
    if names.updates or path.update_kind == "tensor":
        values = [named(_read_after(update), name) for update, name in zip_longest(updates, names.updates)]
    entries = tuple(value.op if path.update_kind == "operation" else value for value in values)
    for entry, update in zip(entries, updates):
        atomic.alias_update(getattr(entry, "op", entry), update.op)
        tf.compat.v1.add_to_collections(collections, entry)
    return Wired(named(outputs, names.output), entries, collections)


def _read_after(update: Any) -> tf.Tensor:
    """The variable after its update, read in the scope of the assignment, as the original names that read."""
    if isinstance(update, tf.Tensor):
        return update
    with tf.compat.v1.name_scope(f"{update.op.name.rpartition('/')[0]}/"):
        return tf.convert_to_tensor(update)
