"""Read-modify-write of a variable that several calls share: each on the value it finds, in whatever order they come.

A variable that one call updates is read and assigned plainly. When a second call of the same graph updates it too, as
under reuse, both take turns by a mutex from then on; one that was built plainly is rebuilt under it. An ordering by
control dependencies would instead make each update wait for the batch of another, which a step may not have fed. A step
that runs them all can have them in a fixed order, by ops of its own: `in_order`.

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

# Of a variable, its value as a tensor.
Read = Callable[[Any], tf.Tensor]


class Change(NamedTuple):
    """What one call does to a variable, once all of `ready` is there."""

    variable: Any
    ready: list[Any]
    subtracts: bool
    build: Callable[[Any, Read], Any]  # makes the ops that read and assign it; a subtraction has the name given


class _Made(NamedTuple):
    """A change, the full name of its variable, and the name of the op that the call made of it."""

    change: Change
    key: str
    op: str


class _Shared(NamedTuple):
    first: Change
    op: tf.Operation  # what the first call's collections and outputs hold
    mutex: tf.Tensor | None


def subtract(variable: Any, ready: list[Any], decrement: Callable[[Read], tf.Tensor]) -> Any:
    """variable.assign_sub(decrement(read)), once `ready`; has an `op`, and as a tensor is the value after it."""
    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        return _apply(
            Change(variable, ready, True, lambda name, read: _subtract(variable, decrement(read), name)), name
        )


def replace(variable: Any, ready: list[Any], value: Callable[[Read], tf.Tensor], op_name: str) -> Any:
    """variable.assign(value(read)), once `ready`; as `subtract`."""
    with tf.compat.v1.name_scope(op_name) as name:
        return _apply(Change(variable, ready, False, lambda _, read: variable.assign(value(read))), name)


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


def _apply(change: Change, name: str) -> Any:
    if _tensorflow.compiled_whole() or _tensorflow.in_program_order():
        # XLA has no mutexes. A function runs what reads and assigns variables in the order of the program.
        return _plain(change, name, _read_now)
    table, key = _shared(), variables.full_name(change.variable)
    shared = table.get(key)
    in_body = _tensorflow.in_v1_body() or _tensorflow.in_v2_body()
    if shared is None and not in_body and not _job(change.variable):
        # Nobody else assigns it, so the tensor that stands for the variable will do.
        update = _plain(change, name, tf.convert_to_tensor)
        table[key] = _Shared(change, update.op, None)
    else:
        mutex = shared.mutex if shared is not None and shared.mutex is not None else _new_mutex(change.variable, shared)
        in_round = _tensorflow.in_round()
        update = _in_turn(change, mutex, name) if in_round else _locked(change, mutex, name)
        table[key] = _Shared(change, update.op, mutex) if shared is None else shared._replace(mutex=mutex)
    if not in_body:
        _changes()[update.op.name] = _Made(change, key, update.op.name)
    return update


def _in_turn(change: Change, mutex: tf.Tensor, name: str) -> tf.Tensor:
    """As `_locked`: after the updates of the variable built in this body before, and before the next round."""
    before = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("in turn", {})
    key = variables.full_name(change.variable), _tensorflow.round_context()
    value = _locked(change._replace(ready=[*change.ready, *before.get(key, [])]), mutex, name)
    before[key] = [value]
    _tensorflow.end_round_after([value.op])
    return value


def _read_now(variable: Any) -> tf.Tensor:
    """After what precedes it: a ref variable's own tensor is one read for the whole graph, and so may a cache be."""
    return variable.read_value()


def _plain(change: Change, name: str, read: Read) -> Any:
    with tf.control_dependencies(change.ready):
        if change.subtracts:
            return change.build(name, read)
        # `_lock_first` can redirect a subtraction itself, for an assignment it needs an op behind it.
        return tf.identity(tf.convert_to_tensor(change.build(None, read)), name)


def _locked(change: Change, mutex: tf.Tensor, name: str | None = None) -> tf.Tensor:
    """A value of the variable that exists once the change is made, while no other call reads or assigns it."""
    with _beside(change.variable), tf.control_dependencies(change.ready):
        lock = tf.raw_ops.MutexLock(mutex=mutex)
    with _at_job(change.variable), tf.control_dependencies([lock]):
        value = tf.convert_to_tensor(change.build(None, _read_now))
    with _beside(change.variable), tf.control_dependencies([value]):
        tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with _at_job(change.variable), tf.control_dependencies(lock.consumers()):
        return tf.identity(value, name)


def _new_mutex(variable: Any, shared: _Shared | None) -> tf.Tensor:
    """The variable's mutex; what a call before has built plainly is rebuilt under it."""
    # Whatever this call's surroundings are, the first call is neither to wait for them nor to move there.
    graph = _tensorflow.graph_around_bodies()
    with graph.as_default(), tf.control_dependencies(None), tf.device(None):
        if shared is not None:
            return _lock_first(shared)
        return _mutex(variable)


def _lock_first(shared: _Shared) -> tf.Tensor:
    with tf.compat.v1.name_scope(f"{shared.op.name}/shared/"), tf.device(shared.op.device):
        mutex = _mutex(shared.first.variable)
        value = _locked(shared.first, mutex)
        if shared.first.subtracts:
            # What stood here subtracted the change; now it subtracts nothing, once the change is made.
            with tf.control_dependencies([value]):
                _tensorflow.replace_input(shared.op, 1, tf.zeros(value.shape, value.dtype))
        else:
            _tensorflow.replace_input(shared.op, 0, value)
    return mutex


def _mutex(variable: Any) -> tf.Tensor:
    with _beside(variable):
        return tf.raw_ops.MutexV2(container="", shared_name=f"{variables.full_name(variable)}/mutex")


def _job(variable: Any) -> str | None:
    """The job of another process; what is made eagerly names its own, `localhost`."""
    job = tf.DeviceSpec.from_string(variable.device or "").job
    return None if job == "localhost" else job


def _at_job(variable: Any) -> Any:
    """A variable on a job is changed there: no other process waits for the mutex while tensors travel."""
    return tf.device(variable.device) if _job(variable) else contextlib.nullcontext()


def _shared() -> dict[str, _Shared]:
    return _tensorflow.graph_table(_tensorflow.graph_around_bodies()).setdefault("shared", {})


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
