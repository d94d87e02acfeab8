"""Read-modify-write of a variable that several calls share: each on the value it finds, in whatever order they come.

A variable that one call updates is read and assigned plainly. When a second call of the same graph updates it too, as
under reuse, both take turns by a mutex from then on; one that was built plainly is rebuilt under it. An ordering by
control dependencies would instead make each update wait for the batch of another, which a step may not have fed.

Two kinds of updates take the mutex from the start, because their rivals are not in sight: those in a loop or a branch,
which rounds of a loop around it may run side by side, and those of a variable on a job, as a parameter server's, which
other processes update too. The mutex is beside the variable and its name is the variable's, so that all find the same.

Right in the body of a loop updates come in program order: a round ends with its updates, one after the other.

One limit: a session that ran the first call's update before the second was built goes on without its mutex, since
TensorFlow lets no session see a change of what it ran.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.graph import variables


class Change(NamedTuple):
    """What one call does to a variable: `build(name)` makes the ops that read and assign it, when `ready` is there."""

    variable: Any
    ready: list[Any]
    build: Callable[[Any], Any]


class _First(NamedTuple):
    """The only call so far, built without a mutex."""

    change: Change
    op: tf.Operation  # what its collections and outputs hold
    subtracts: bool


def subtract(variable: Any, ready: list[Any], decrement: Callable[[], tf.Tensor]) -> Any:
    """variable.assign_sub(decrement()), once `ready`; has an `op`, and as a tensor is the value after it."""
    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        return _apply(Change(variable, ready, lambda name: _subtract(variable, decrement(), name)), name)


def replace(variable: Any, ready: list[Any], value: Callable[[], tf.Tensor]) -> Any:
    """variable.assign(value()), once `ready`; as `subtract`."""
    with tf.compat.v1.name_scope("AssignNewValue"):
        return _apply(Change(variable, ready, lambda name: variable.assign(value(), name=name)), None)


def _subtract(variable: Any, decrement: tf.Tensor, name: str | None) -> Any:
    # Locking lets what `_lock_first` leaves of a subtraction, one of zero, run beside another call's.
    return variable.assign_sub(decrement, use_locking=True, name=name)


def _apply(change: Change, name: str | None) -> Any:
    graph = _tensorflow.graph_around_bodies()
    table = _tensorflow.graph_table(graph).setdefault("shared", {})
    key = variables.full_name(change.variable)
    in_body = _tensorflow.in_v1_body() or _tensorflow.in_v2_body()
    if key not in table and not in_body and _job(change.variable) is None:
        update = _plain(change, name)
        table[key] = _First(change, update.op, name is not None)
        return update
    if key not in table or isinstance(table[key], _First):
        # Whatever this call's surroundings are, the mutex is made outside of them.
        with graph.as_default(), tf.control_dependencies(None), tf.device(None):
            table[key] = _lock_first(table[key]) if key in table else _mutex(change.variable)
    if _tensorflow.in_round():
        return _in_turn(change, table[key])
    return _locked(change, table[key])


def _in_turn(change: Change, mutex: tf.Tensor) -> tf.Tensor:
    """As `_locked`: after the updates of the variable built in this body before, and before the next round."""
    before = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("in turn", {})
    key = variables.full_name(change.variable), _tensorflow.round_context()
    value = _locked(change._replace(ready=[*change.ready, *before.get(key, [])]), mutex)
    before[key] = [value]
    _tensorflow.end_round_after([value.op])
    return value


def _plain(change: Change, name: str | None) -> Any:
    with tf.control_dependencies(change.ready):
        update = change.build(name)
        # `_lock_first` can redirect a subtraction itself, for an assignment it needs an op behind it.
        return update if name else tf.identity(tf.convert_to_tensor(update))


def _locked(change: Change, mutex: tf.Tensor) -> tf.Tensor:
    """A value of the variable that exists once the change is made, while no other call reads or assigns it."""
    with _beside(change.variable), tf.control_dependencies(change.ready):
        lock = tf.raw_ops.MutexLock(mutex=mutex)
    with _at_job(change.variable), tf.control_dependencies([lock]):
        value = tf.convert_to_tensor(change.build(None))
    with _beside(change.variable), tf.control_dependencies([value]):
        tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with _at_job(change.variable), tf.control_dependencies(lock.consumers()):
        return tf.identity(value)


def _lock_first(first: _First) -> tf.Tensor:
    """Rebuilds what was built plainly, and returns the mutex."""
    with tf.compat.v1.name_scope(f"{first.op.name}/shared/"), tf.device(first.op.device):
        mutex = _mutex(first.change.variable)
        value = _locked(first.change, mutex)
        if first.subtracts:
            # What stood here subtracted the change; now it subtracts nothing, once the change is made.
            with tf.control_dependencies([value]):
                _tensorflow.replace_input(first.op, 1, tf.zeros(value.shape, value.dtype))
        else:
            _tensorflow.replace_input(first.op, 0, value)
    return mutex


def _mutex(variable: Any) -> tf.Tensor:
    with _beside(variable):
        return tf.raw_ops.MutexV2(container="", shared_name=f"{variables.full_name(variable)}/mutex")


def _job(variable: Any) -> str | None:
    return tf.DeviceSpec.from_string(variable.device or "").job


def _at_job(variable: Any) -> Any:
    """A variable on a job is changed there: no other process waits for the mutex while tensors travel."""
    return tf.device(variable.device) if _job(variable) else contextlib.nullcontext()


def _beside(variable: Any) -> Any:
    """The CPU of the variable's machine: mutexes have no other kernel."""
    device = tf.DeviceSpec.from_string(variable.device or "")
    return tf.device(device.replace(device_type="CPU", device_index=0))
