"""Read-modify-write of a variable that several calls share: each on the value it finds, in whatever order they come.

A variable that one call updates is read and assigned plainly. When a second call of the same graph updates it too, as
under reuse, both take turns by a mutex from then on; one that was built plainly is rebuilt under it. An ordering by
control dependencies would instead make each update wait for the batch of another, which a step may not have fed. A step
that runs them all can have them in a fixed order, by ops of its own: `in_order`.

Two limits. A session that ran the first call's update before the second was built goes on without its mutex, since
TensorFlow lets no session see a change of what it ran. And in a loop or a branch only the body's own order holds.
"""

from __future__ import annotations

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


class _Made(NamedTuple):
    """A change, the full name of its variable, and the name of the op that the call made of it."""

    change: Change
    key: str
    op: str


class _Shared(NamedTuple):
    first: Change
    op: tf.Operation  # what the first call's collections and outputs hold
    subtracts: bool
    mutex: tf.Tensor | None


def subtract(variable: Any, ready: list[Any], decrement: Callable[[], tf.Tensor]) -> Any:
    """variable.assign_sub(decrement()), once `ready`; has an `op`, and as a tensor is the value after it."""
    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        return _apply(Change(variable, ready, lambda name: _subtract(variable, decrement(), name)), name)


def replace(variable: Any, ready: list[Any], value: Callable[[], tf.Tensor]) -> Any:
    """variable.assign(value()), once `ready`; as `subtract`."""
    with tf.compat.v1.name_scope("AssignNewValue"):
        return _apply(Change(variable, ready, lambda name: variable.assign(value(), name=name)), None)


def stands_for(entry: tf.Operation, update: tf.Operation) -> None:
    """Tells `in_order` that a collection holds this op for the update."""
    made = _changes()
    if update.name in made:
        made[entry.name] = made[update.name]


def in_order(updates: list[Any], reads: list[list[Any]]) -> list[Any]:
    """The updates; for those that change a variable in turns, fresh ops that do so in this order, first to last.

    `reads` are for each update what reads the variables in the same step and is to find them as they were: the fresh
    ops wait for all of them. The same updates of a variable get the same ops again, so that two steps that have them
    can run at once and count each once.
    """
    made = _changes()
    found: dict[str, dict[str, _Made]] = {}  # by variable, then by the op that the call made
    waits: dict[str, list[Any]] = {}
    chains = [_with_first(made[op.name], made) if op.name in made else [] for op in map(_op, updates)]
    for chain, reading in zip(chains, reads):
        for each in chain:
            found.setdefault(each.key, {})[each.op] = each
            waits.setdefault(each.key, []).extend(reading)
    ordered = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("ordered", {})
    fresh: dict[str, tf.Tensor] = {}
    for key, of_variable in found.items():
        if len(of_variable) > 1:
            names = tuple(of_variable)
            if (key, names) not in ordered:
                ordered[key, names] = _chain(list(of_variable.values()), waits[key], made, fresh)
            fresh.update(zip(names, ordered[key, names]))
    return [fresh.get(chain[-1].op, update) if chain else update for chain, update in zip(chains, updates)]


def _subtract(variable: Any, decrement: tf.Tensor, name: str | None) -> Any:
    # Locking lets what `_lock_first` leaves of a subtraction, one of zero, run beside another call's.
    return variable.assign_sub(decrement, use_locking=True, name=name)


def _apply(change: Change, name: str | None) -> Any:
    # In a loop or a branch the body's own order holds, and a mutex outside could not be taken.
    if _tensorflow.in_v1_body() or _tensorflow.in_v2_body():
        return _plain(change, name)
    table, key = _shared(), variables.full_name(change.variable)
    if key not in table:
        update = _plain(change, name)
        table[key] = _Shared(change, update.op, name is not None, None)
    else:
        shared = table[key]
        if shared.mutex is None:
            shared = table[key] = _lock_first(shared)
        update = _locked(change, shared.mutex)
    _changes()[update.op.name] = _Made(change, key, update.op.name)
    return update


def _plain(change: Change, name: str | None) -> Any:
    with tf.control_dependencies(change.ready):
        update = change.build(name)
        # `_lock_first` can redirect a subtraction itself, for an assignment it needs an op behind it.
        return update if name else tf.identity(tf.convert_to_tensor(update))


def _locked(change: Change, mutex: tf.Tensor) -> tf.Tensor:
    """A value of the variable that exists once the change is made, while no other call reads or assigns it."""
    with _beside(change.variable), tf.control_dependencies(change.ready):
        lock = tf.raw_ops.MutexLock(mutex=mutex)
    with tf.control_dependencies([lock]):
        value = tf.convert_to_tensor(change.build(None))
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


def _shared() -> dict[str, _Shared]:
    return _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("shared", {})


def _changes() -> dict[str, _Made]:
    return _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("changes", {})


def _op(value: Any) -> tf.Operation:
    return getattr(value, "op", value)


def _with_first(made: _Made, known: dict[str, _Made]) -> list[_Made]:
    """The changes that an update makes: those that it waits for, and its own."""
    first = [known[_op(each).name] for each in made.change.ready if _op(each).name in known]
    return [*first, made]


def _chain(
    order: list[_Made], reads: list[Any], known: dict[str, _Made], fresh: dict[str, tf.Tensor]
) -> list[tf.Tensor]:
    """Makes the changes of one variable again, one after the other, once every one of them can be made."""
    shared = _shared()[order[0].key]
    assert shared.mutex is not None
    clear, own_name = tf.control_dependencies(None), tf.compat.v1.name_scope(f"{shared.op.name}/in_order/")
    with clear, own_name, tf.device(None), tf.device(shared.op.device):
        ready = [each for made in order for each in made.change.ready if _op(each).name not in known]
        all_ready = tf.group(*ready, *reads)
        values: list[tf.Tensor] = []
        for made in order:
            first = [fresh.get(_op(each).name, each) for each in made.change.ready if _op(each).name in known]
            change = made.change._replace(ready=[*first, *(values[-1:] or [all_ready])])
            values.append(_locked(change, shared.mutex))
    return values


def _beside(variable: Any) -> Any:
    """The CPU of the variable's machine: mutexes have no other kernel."""
    device = tf.DeviceSpec.from_string(variable.device or "")
    return tf.device(device.replace(device_type="CPU", device_index=0))
