"""Read-modify-write of a variable that several calls share: each on the current value, in any order of the calls.

A variable that one call updates is read and assigned without a mutex. When a second call of the same graph updates it
too, as under reuse, both take turns by a mutex from then on, and the first update is rebuilt under it. An ordering by
control dependencies would instead make each update wait for the batch of another, which a step may not have fed. A step
that runs them all can have them in a fixed order, by new ops: `in_order`.

Two kinds of updates take the mutex from the start, because concurrent updates cannot be seen from this graph: those in
a loop or a branch, which iterations of a loop around it may run side by side, and those of a variable on a job, as a
parameter server's, which other processes update too. The mutex is on the variable's machine and has the variable's
name, so that all use the same one.

Directly in the body of a loop, updates run in program order: an iteration ends with its updates, one after the other.

One limit: a session that ran the first call's update before the second was built goes on without the mutex, since
TensorFlow does not let a session see changes to an op that it has run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.graph import variables

# Returns the value of a variable as a tensor.
Read = Callable[[Any], tf.Tensor]


class Update(NamedTuple):
    """The update of a variable by one call, after all of `ready`."""

    variable: Any
    ready: list[Any]
    subtracts: bool
    build: Callable[[Any, Read], Any]  # builds the ops that read and assign it; a subtraction has the name passed


class _Built(NamedTuple):
    """An update with the full name of its variable, and the name of the op that the call built for it."""

    update: Update
    key: str
    op: str


class _Shared(NamedTuple):
    """A variable that calls share."""

    first: Update
    op: tf.Operation  # of the first call, which collections and outputs hold
    mutex: tf.Tensor | None


def subtract(variable: Any, ready: list[Any], decrement: Callable[[Read], tf.Tensor]) -> Any:
    """variable.assign_sub(decrement(read)), once `ready`; has an `op`, and as a tensor is the value after it."""

    def build(name: str | None, read: Read) -> Any:
        # With locking, the subtraction of zero that `_lock` leaves behind may run beside another call's.
        return variable.assign_sub(decrement(read), use_locking=True, name=name)

    with tf.compat.v1.name_scope("AssignMovingAvg") as name:
        if variable.dtype == variable.dtype.base_dtype:
            # The original's name for what assigns to a resource variable.
            name = tf.compat.v1.get_default_graph().unique_name("AssignSubVariableOp") + "/"
        return _apply(Update(variable, ready, True, build), name)


def replace(variable: Any, ready: list[Any], value: Callable[[Read], tf.Tensor], op_name: str) -> Any:
    """variable.assign(value(read)), once `ready`; as `subtract`."""
    with tf.compat.v1.name_scope(op_name) as name:
        return _apply(Update(variable, ready, False, lambda _, read: variable.assign(value(read))), name)


def alias_update(entry: tf.Operation, update: tf.Operation) -> None:
    """Tells `in_order` that a collection holds this op for the update."""
    built = _built_here()
    if update.name in built:
        built[entry.name] = built[update.name]


def in_order(updates: list[Any], reads: list[list[Any]]) -> list[Any]:
    """The updates; for those that change a variable in turns, new ops that do so in this order, first to last.

    `reads` are, for each update, the ops of the same step that must read the variables before they change: the new
    ops wait for all of them. The same updates of a variable get the same ops again, so that two steps that have them
    can run at once and count each once.
    """
    built = _built_here()
    by_variable: dict[str, dict[str, _Built]] = {}  # then by the op that the call built
    reads_by_key: dict[str, list[Any]] = {}
    chains = [_dependencies_first(built[op.name], built) if op.name in built else [] for op in map(_op, updates)]
    for chain, reading in zip(chains, reads):
        for link in chain:
            by_variable.setdefault(link.key, {})[link.op] = link
            reads_by_key.setdefault(link.key, []).extend(reading)
    ordered = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("ordered", {})
    renewed: dict[str, tf.Tensor] = {}
    for key, links in by_variable.items():
        if len(links) > 1:
            names = tuple(links)
            if (key, names) not in ordered:
                ordered[key, names] = _chain(list(links.values()), reads_by_key[key], built, renewed)
            renewed.update(zip(names, ordered[key, names]))
    return [renewed.get(chain[-1].op, update) if chain else update for chain, update in zip(chains, updates)]


def _apply(update: Update, name: str) -> Any:
    if _tensorflow.compiled_whole() or _tensorflow.in_program_order():
        # XLA has no mutexes. A function runs what reads and assigns variables in the order of the program.
        return _plain(update, name, _read_now)
    table, key = _shared(), variables.full_name(update.variable)
    shared = table.get(key)
    in_body = _tensorflow.in_v1_body() or _tensorflow.in_v2_body()
    if shared is None and not in_body and not _job(update.variable):
        # No other call assigns it, so the variable's own tensor will do.
        value = _plain(update, name, tf.convert_to_tensor)
        table[key] = _Shared(update, value.op, None)
    else:
        mutex = shared.mutex if shared is not None and shared.mutex is not None else _lock(update.variable, shared)
        serialized = _tensorflow.in_loop_body()
        value = _serialized(update, mutex, name) if serialized else _locked(update, mutex, name)
        table[key] = _Shared(update, value.op, mutex) if shared is None else shared._replace(mutex=mutex)
    if not in_body:
        _built_here()[value.op.name] = _Built(update, key, value.op.name)
    return value


def _plain(update: Update, name: str, read: Read) -> Any:
    with tf.control_dependencies(update.ready):
        if update.subtracts:
            return update.build(name, read)
        # `_lock` can redirect a subtraction itself; for an assignment it needs an op behind it.
        return tf.identity(tf.convert_to_tensor(update.build(None, read)), name)


def _locked(update: Update, mutex: tf.Tensor, name: str | None = None) -> tf.Tensor:
    """A value of the variable that exists once it is updated, while no other call reads or assigns it."""
    with _colocated(update.variable), tf.control_dependencies(update.ready):
        lock = tf.raw_ops.MutexLock(mutex=mutex)
    with _on_job(update.variable), tf.control_dependencies([lock]):
        value = tf.convert_to_tensor(update.build(None, _read_now))
    with _colocated(update.variable), tf.control_dependencies([value]):
        tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
    with _on_job(update.variable), tf.control_dependencies(lock.consumers()):
        return tf.identity(value, name)


def _serialized(update: Update, mutex: tf.Tensor, name: str) -> tf.Tensor:
    """As `_locked`, but after the variable's earlier updates in this body, and before the next iteration."""
    before = _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("in turn", {})
    key = variables.full_name(update.variable), _tensorflow.loop_context()
    value = _locked(update._replace(ready=[*update.ready, *before.get(key, [])]), mutex, name)
    before[key] = [value]
    _tensorflow.end_iteration_after([value.op])
    return value


def _lock(variable: Any, shared: _Shared | None) -> tf.Tensor:
    """The variable's mutex; an update that an earlier call built without it is rebuilt under it."""
    # Whatever scopes and devices surround this call, the first call's update must not depend on them.
    graph = _tensorflow.graph_around_bodies()
    with graph.as_default(), tf.control_dependencies(None), tf.device(None):
        if shared is None:
            return _mutex(variable)
        with tf.compat.v1.name_scope(f"{shared.op.name}/shared/"), tf.device(shared.op.device):
            mutex = _mutex(shared.first.variable)
            value = _locked(shared.first, mutex)
            if shared.first.subtracts:
                # This op subtracted the decrement; now it subtracts zero, after the variable is updated.
                with tf.control_dependencies([value]):
                    _tensorflow.replace_input(shared.op, 1, tf.zeros(value.shape, value.dtype))
            else:
                _tensorflow.replace_input(shared.op, 0, value)
        return mutex


def _chain(
    links: list[_Built], reads: list[Any], built: dict[str, _Built], renewed: dict[str, tf.Tensor]
) -> list[tf.Tensor]:
    """Builds the updates of one variable again, one after the other, after all that any of them waits for."""
    shared = _shared()[links[0].key]
    assert shared.mutex is not None
    clear, scope = tf.control_dependencies(None), tf.compat.v1.name_scope(f"{shared.op.name}/in_order/")
    with clear, scope, tf.device(None), tf.device(shared.op.device):
        ready = [value for link in links for value in link.update.ready if _op(value).name not in built]
        all_ready = tf.group(*ready, *reads)
        values: list[tf.Tensor] = []
        for link in links:
            updates_before = [
                renewed.get(_op(value).name, value) for value in link.update.ready if _op(value).name in built
            ]
            update = link.update._replace(ready=[*updates_before, *(values[-1:] or [all_ready])])
            values.append(_locked(update, shared.mutex))
    return values


def _dependencies_first(link: _Built, built: dict[str, _Built]) -> list[_Built]:
    """The updates that this one waits for, and this one."""
    return [*(built[_op(value).name] for value in link.update.ready if _op(value).name in built), link]


def _read_now(variable: Any) -> tf.Tensor:
    """A read at this point: a ref variable's own tensor is a single read for the whole graph, and so may be a cache."""
    return variable.read_value()


def _mutex(variable: Any) -> tf.Tensor:
    with _colocated(variable):
        return tf.raw_ops.MutexV2(container="", shared_name=f"{variables.full_name(variable)}/mutex")


def _colocated(variable: Any) -> Any:
    """The CPU of the variable's machine: mutexes have only a CPU kernel."""
    device = tf.DeviceSpec.from_string(variable.device or "")
    return tf.device(device.replace(device_type="CPU", device_index=0))


def _job(variable: Any) -> str | None:
    """The job of another process, or None; eagerly created variables name this process, `localhost`."""
    job = tf.DeviceSpec.from_string(variable.device or "").job
    return None if job == "localhost" else job


def _on_job(variable: Any) -> Any:
    """A variable on a job is updated there, so that no process holds the mutex while tensors are sent."""
    return tf.device(variable.device) if _job(variable) else contextlib.nullcontext()


def _shared() -> dict[str, _Shared]:
    return _tensorflow.graph_table(_tensorflow.graph_around_bodies()).setdefault("shared", {})


def _built_here() -> dict[str, _Built]:
    return _tensorflow.graph_table(tf.compat.v1.get_default_graph()).setdefault("changes", {})


def _op(value: Any) -> tf.Operation:
    return getattr(value, "op", value)
