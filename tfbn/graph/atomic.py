"""Read-modify-write of a variable that several calls share: each on the value it finds, in whatever order they come.

A variable that one call updates is read and assigned plainly. When a second call of the same graph updates it too, as
under reuse, both take turns by a mutex from then on; one that was built plainly is rebuilt under it. An ordering by
control dependencies would instead make each update wait for the batch of another, which a step may not have fed.

Two limits. A session that ran the first call's update before the second was built goes on without its mutex, since
TensorFlow lets no session see a change of what it ran. And in a loop or a branch only the body's own order holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.graph import variables

# Of a variable, its value as a tensor.
Read = Callable[[Any], tf.Tensor]


class Change(NamedTuple):
    """What one call does to a variable, once all of `ready` is there."""

    variable: Any
    ready: list[Any]
    build: Callable[[Any, Read], Any]  # makes the ops that read and assign it; the assignment has the name given


class _Shared(NamedTuple):
    first: Change
    op: tf.Operation  # what the first call's collections and outputs hold
    subtracts: bool
    mutex: tf.Tensor | None


def subtract(variable: Any, ready: list[Any], decrement: Callable[[Read], tf.Tensor]) -> Any:
    """variable.assign_sub(decrement(read)), once `ready`; has an `op`, and as a tensor is the value after it."""
    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        return _apply(Change(variable, ready, lambda name, read: _subtract(variable, decrement(read), name)), name)


def replace(variable: Any, ready: list[Any], value: Callable[[Read], tf.Tensor]) -> Any:
    """variable.assign(value(read)), once `ready`; as `subtract`."""
    with tf.compat.v1.name_scope("AssignNewValue"):
        return _apply(Change(variable, ready, lambda name, read: variable.assign(value(read), name=name)), None)


def _subtract(variable: Any, decrement: tf.Tensor, name: str | None) -> Any:
    # Locking lets what `_lock_first` leaves of a subtraction, one of zero, run beside another call's.
    return variable.assign_sub(decrement, use_locking=True, name=name)


def _apply(change: Change, name: str | None) -> Any:
    # In a loop or a branch the body's own order holds, and a mutex outside could not be taken.
    if _tensorflow.in_v1_body() or _tensorflow.in_v2_body():
        return _plain(change, name, _read_now)
    table = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("shared", {})
    key = variables.full_name(change.variable)
    if key not in table:
        # Nobody else assigns it, so the tensor that stands for the variable will do.
        update = _plain(change, name, tf.convert_to_tensor)
        table[key] = _Shared(change, update.op, name is not None, None)
        return update
    shared = table[key]
    if shared.mutex is None:
        shared = table[key] = _lock_first(shared)
    return _locked(change, shared.mutex)


def _read_now(variable: Any) -> tf.Tensor:
    """After what precedes it: a ref variable's own tensor is one read for the whole graph, and so may a cache be."""
    return variable.read_value()


def _plain(change: Change, name: str | None, read: Read) -> Any:
    with tf.control_dependencies(change.ready):
        update = change.build(name, read)
        # `_lock_first` can redirect a subtraction itself, for an assignment it needs an op behind it.
        return update if name else tf.identity(tf.convert_to_tensor(update))


def _locked(change: Change, mutex: tf.Tensor) -> tf.Tensor:
    """A value of the variable that exists once the change is made, while no other call reads or assigns it."""
    with _beside(change.variable), tf.control_dependencies(change.ready):
        lock = tf.raw_ops.MutexLock(mutex=mutex)
    with tf.control_dependencies([lock]):
        value = tf.convert_to_tensor(change.build(None, _read_now))
    with _beside(change.variable), tf.control_dependencies([value]):
        tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with tf.control_dependencies(lock.consumers()):
        return tf.identity(value)


def _lock_first(shared: _Shared) -> _Shared:
    variable = shared.first.variable
    # Whatever the second call's surroundings are, the first call is neither to wait for them nor to move there.
    clear, own_name = tf.control_dependencies(None), tf.compat.v1.name_scope(f"{shared.op.name}/shared/")
    with clear, own_name, tf.device(None), tf.device(shared.op.device):
        with _beside(variable):
            mutex = tf.raw_ops.MutexV2(container="", shared_name=f"{variables.full_name(variable)}/mutex")
        value = _locked(shared.first, mutex)
        if shared.subtracts:
            # What stood here subtracted the change; now it subtracts nothing, once the change is made.
            with tf.control_dependencies([value]):
                _tensorflow.replace_input(shared.op, 1, tf.zeros(value.shape, value.dtype))
        else:
            _tensorflow.replace_input(shared.op, 0, value)
    return shared._replace(mutex=mutex)


def _beside(variable: Any) -> Any:
    """The CPU of the variable's machine: mutexes have no other kernel."""
    device = tf.DeviceSpec.from_string(variable.device or "")
    return tf.device(device.replace(device_type="CPU", device_index=0))
