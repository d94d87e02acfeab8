"""`create_train_op` and `get_updates`: which updates a step runs, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.arguments import checks
from tfbn.graph import atomic, registry, variables
from tfbn.graphdef import walks
from tfbn.graphdef.op_types import VARIABLES
from tfbn.training.check_updates import check_updates

_keys = tf.compat.v1.GraphKeys
_logging = tf.compat.v1.logging

# The original's marker, compared by identity: the global step of the graph.
_USE_GLOBAL_STEP = 0


def get_updates(scope: Any = None, collection: str = _keys.UPDATE_OPS, *, towers: str = "every") -> list[Any]:
    """The update ops of the layers under a scope, in the order in which they were built, for one step to run.

    A layer is under a scope if its variables are, however often and in whatever name scope it is called: `D` stands for
    `D/bn` and `D/block/bn`, not for `D2/bn`. Entries that other code put into the collection count by the variables
    they assign, or by their own names if they assign none.

    Calls that share variables take turns in no fixed order, so the last bits of the statistics would vary from run to
    run. For those calls the list has separate ops, which make the same updates in the order of the calls, after every
    call in the list has its batch statistics. So run them all in one step, and instead of the collection's entries:
    with both, the updates would count twice. Inline updates, with updates_collections=None, are in no collection and
    keep no order.

    Args:
      scope: name, VariableScope, or a list of them; a slash at the end is the same scope. Default None, every entry.
      collection: name of the collection that got the updates. Default UPDATE_OPS.
      towers: keyword only. Whose updates count where a layer is called several times: 'every' call's, or only those of
        the 'first' call in the list. Default 'every'.

    Returns:
      A list of operations and tensors for tf.control_dependencies, tf.group or Session.run; two for each call of a
      layer, mean first.

    Raises:
      ValueError: no variable under the scope; another word for towers.
      TypeError: a scope or a collection of another type.
      RuntimeError: eager execution.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     images = tf1.placeholder(tf1.float32, [None, 5])
      ...     for network in ("G", "D"):
      ...         with tf1.variable_scope(network):
      ...             images = tfbn.batch_norm(images, scope="bn")
      ...     with tf1.control_dependencies(tfbn.get_updates("D")):
      ...         train_op = tf1.train.GradientDescentOptimizer(0.1).minimize(tf1.reduce_mean(images ** 2))
      ...     print(len(tfbn.get_updates("D")), len(tfbn.get_updates()))
      2 4
    """
    checks.check_graph("get_updates")
    if not isinstance(collection, str):
        raise TypeError(
            f"collection: expected the name of a collection, got {collection!r}. Call it once for each collection."
        )
    scopes = _scopes("scope", scope)
    _check_towers(towers)
    return _in_order(_select_updates(tf.compat.v1.get_collection(collection), scopes, towers))


def create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = _USE_GLOBAL_STEP,
    update_ops: Iterable[Any] | None = None,
    variables_to_train: Iterable[Any] | None = None,
    transform_grads_fn: Callable | None = None,
    summarize_gradients: bool = False,
    gate_gradients: int = tf.compat.v1.train.Optimizer.GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    check_numerics: bool = True,
    *,
    update_scopes: Any = None,
    strict: bool = False,
    towers: str = "every",
) -> tf.Tensor:
    """A tensor that runs the updates, takes a training step and is the loss: tf.contrib.training.create_train_op.

    Every update runs before the gradients are taken, and the loss that comes back is the one before the step. Calls
    that share variables update them in the order of the calls, as with `get_updates`, so that equal runs give equal
    bits; if total_loss already waits for the updates, their wiring does not change.

    tf.contrib.slim.learning.create_train_op is the same except for two arguments: in place of clip_gradient_norm and
    gradient_multipliers, pass a transform_grads_fn that clips or multiplies.

    Args:
      total_loss: scalar tensor.
      optimizer: optimizer of tf.compat.v1.train, or anything with its compute_gradients and apply_gradients.
      global_step: variable that each step increments; None for no such variable. Default: the graph's global step,
        created if it is missing.
      update_ops: operations and tensors to run. Default None: the collection UPDATE_OPS. A list without some of these
        gives a log warning; [] runs none.
      variables_to_train: list of variables, all trainable. Default None: the collection TRAINABLE_VARIABLES.
      transform_grads_fn: function of the list of pairs (gradient, variable) that returns such a list.
      summarize_gradients: whether to add a histogram and a norm of each gradient to the summaries. Default False.
      gate_gradients, aggregation_method, colocate_gradients_with_ops: for the optimizer's compute_gradients. Defaults
        GATE_OP, None, False.
      check_numerics: whether a step with a loss that is not finite fails, with `LossTensor is inf or nan`. The
        variables may have been changed by then. Default True.
      update_scopes: keyword only. Name, VariableScope, or a list of them: only updates of layers under these run, as in
        `get_updates`. Default None, all updates. Inline updates run with the outputs in any case.
      strict: keyword only. Whether to raise if `check_updates` finds an error in the step. Default False.
      towers: keyword only. 'every' or 'first', as in `get_updates`.

    Returns:
      A tensor of the shape and dtype of total_loss; it is added to the collection TRAIN_OP.

    Raises:
      ValueError: nothing to train, or a variable that is not trainable (the original's bare AssertionErrors); no
        variable under one of update_scopes; another word for towers; no gradient for any variable.
      TypeError: an argument of another type.
      UpdatesNotWiredError: with strict, what `check_updates` finds.
      RuntimeError: eager execution.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default(), tf1.Session() as session:
      ...     outputs = tfbn.batch_norm(tf1.random.normal([8, 3], mean=5.0), scope="bn", decay=0.5)
      ...     train_op = tfbn.create_train_op(tf1.reduce_mean(outputs ** 2), tf1.train.AdamOptimizer(0.01))
      ...     session.run(tf1.global_variables_initializer())
      ...     loss = session.run(train_op)
      ...     print((session.run(tf1.global_variables("bn/moving_mean")[0]) > 1).all())
      True
    """
    checks.check_graph("create_train_op")
    total_loss = _check_loss(total_loss)
    _check_optimizer(optimizer)
    checks.check_callables(transform_grads_fn=transform_grads_fn)
    to_train = _select_variables(variables_to_train)
    scopes = _scopes("update_scopes", update_scopes)
    _check_towers(towers)
    updates = _updates(update_ops, scopes, towers)

    if global_step is _USE_GLOBAL_STEP:
        global_step = tf.compat.v1.train.get_or_create_global_step()
    updates = _in_order(updates, total_loss)
    if updates:
        with tf.control_dependencies(updates):
            barrier = tf.no_op(name="update_barrier")
        total_loss = _after(barrier, total_loss)
    gradients = optimizer.compute_gradients(
        total_loss,
        to_train,
        gate_gradients=gate_gradients,
        aggregation_method=aggregation_method,
        colocate_gradients_with_ops=colocate_gradients_with_ops,
    )
    if transform_grads_fn is not None:
        gradients = transform_grads_fn(gradients)
    if summarize_gradients:
        with tf.compat.v1.name_scope("summarize_grads"):
            _summarize(gradients)
    step = optimizer.apply_gradients(gradients, global_step=global_step)
    with tf.compat.v1.name_scope("train_op"):
        if check_numerics:
            total_loss = tf.debugging.check_numerics(total_loss, "LossTensor is inf or nan")
        train_op = _after(step, total_loss)
    if strict:
        check_updates(train_op, scope=scopes)
    tf.compat.v1.add_to_collection(_keys.TRAIN_OP, train_op)
    return train_op


def _check_loss(total_loss: Any) -> tf.Tensor:
    if total_loss is None:
        raise TypeError("total_loss: expected a scalar tensor, got None. Pass the loss that the network returns.")
    return tf.convert_to_tensor(total_loss)


def _check_optimizer(optimizer: Any) -> None:
    if not all(callable(getattr(optimizer, name, None)) for name in ("compute_gradients", "apply_gradients")):
        raise TypeError(
            "optimizer: expected an optimizer of tf.compat.v1.train, with compute_gradients and apply_gradients, got "
            f"{optimizer!r}. Keras optimizers do not work in a TF1 graph; use e.g. tf.compat.v1.train.AdamOptimizer."
        )


def _check_towers(towers: Any) -> None:
    if towers not in ("every", "first"):
        raise ValueError(
            f"towers: expected 'every' or 'first', got {towers!r}. Pass 'first' if only the first call of a layer "
            "should update its statistics."
        )


def _select_variables(variables_to_train: Iterable[Any] | None) -> list[Any]:
    known = tf.compat.v1.trainable_variables()
    if variables_to_train is None:
        variables_to_train = known
    elif isinstance(variables_to_train, tf.Variable) or not isinstance(variables_to_train, Iterable):
        raise TypeError(
            f"variables_to_train: expected a list of variables, got {variables_to_train!r}. Put it into a list."
        )
    to_train = list(variables_to_train)
    for variable in to_train:
        if not getattr(variable, "trainable", False) and not any(variable is other for other in known):
            raise ValueError(
                f"variables_to_train: expected trainable variables, got {getattr(variable, 'name', variable)!r}, which "
                "is not in TRAINABLE_VARIABLES. Create it with trainable=True, or leave it out."
            )
    if not to_train:
        raise ValueError(
            "variables_to_train: expected at least one variable, got none. Build the network before the train op, in "
            "the same graph; a step that only updates the statistics is session.run(tfbn.get_updates())."
        )
    return to_train


def _updates(update_ops: Iterable[Any] | None, scopes: list[str] | None, towers: str) -> list[Any]:
    collected = _unique(tf.compat.v1.get_collection(_keys.UPDATE_OPS))
    if update_ops is None:
        return _select_updates(collected, scopes, towers)
    if tf.is_tensor(update_ops) or not isinstance(update_ops, Iterable):
        raise TypeError(
            f"update_ops: expected a list of operations and tensors, got {update_ops!r}. Put it into a list."
        )
    updates = _unique(update_ops)
    missing = [entry for entry in collected if not any(entry is other for other in updates)]
    if missing:
        _logging.warning(
            "update_ops in create_train_op does not contain all the update_ops in GraphKeys.UPDATE_OPS: the step runs "
            "without %d of them, such as %s. Where that is meant, update_scopes says so without this warning.",
            len(missing),
            _op(missing[0]).name,
        )
    return _select_updates(updates, scopes, towers)


def _select_updates(entries: Iterable[Any], scopes: list[str] | None, towers: str) -> list[Any]:
    """The entries under the scopes; with towers 'first', those of the first call for each layer, and all others."""
    calls = _calls()
    chosen: list[Any] = []
    first: dict[str, registry.Call] = {}
    for entry in _unique(entries):
        call = calls.get(_op(entry).name)
        names = [call.scope] if call is not None else _variables_of(_op(entry))
        if scopes is not None and not any(_under(name, scope) for name in names for scope in scopes):
            continue
        if call is not None and towers == "first":
            if first.setdefault(_layer(call), call) is not call:
                continue
        chosen.append(entry)
    return chosen


def _in_order(entries: list[Any], loss: tf.Tensor | None = None) -> list[Any]:
    """The entries, in a fixed order among those that share variables, unless the loss already runs some of them."""
    known = _calls()
    calls = [known.get(_op(entry).name) for entry in entries]
    if loss is not None and _any_shared(calls):
        runs = _ancestors(loss.op)
        if any(_op(entry) in runs for entry in entries):
            # Built again in order, they would count twice.
            return entries
    return atomic.in_order(entries, [[] if call is None else [call.outputs] for call in calls])


def _any_shared(calls: list[registry.Call | None]) -> bool:
    layers = {id(call): _layer(call) for call in calls if call is not None}
    return len(set(layers.values())) < len(layers)


def _layer(call: registry.Call) -> str:
    """What calls that share variables have in common."""
    return variables.full_name(call.variables["moving_mean"])


def _calls() -> dict[str, registry.Call]:
    """The calls of the graph, by the names of their updates."""
    calls = registry.calls_of(_tensorflow.graph_around_bodies())
    return {_op(update).name: call for call in calls for update in call.updates}


def _variables_of(op: tf.Operation) -> list[str]:
    """The names of the variables that an update's op takes; else its own name."""
    while op.type == "Identity":
        op = op.inputs[0].op
    names = [value.op.name for value in op.inputs if value.op.type in VARIABLES]
    return names or [op.name]


def _under(name: str, scope: str) -> bool:
    return not scope or f"{name}/".startswith(f"{scope}/")


def _scopes(argument: str, scope: Any) -> list[str] | None:
    """The names of the scopes, without slashes at their ends; None for no restriction."""
    if scope is None:
        return None
    listed = [scope] if isinstance(scope, (str, tf.compat.v1.VariableScope)) else scope
    if not isinstance(listed, Iterable):
        raise TypeError(f"{argument}: expected a name, a VariableScope or a list of them, got {scope!r}.")
    scopes = []
    names = [variables.full_name(variable) for variable in tf.compat.v1.global_variables()]
    for item in listed:
        if not isinstance(item, (str, tf.compat.v1.VariableScope)):
            raise TypeError(f"{argument}: expected names or VariableScopes, got {item!r}.")
        path = (item if isinstance(item, str) else item.name).rstrip("/")
        if not any(_under(name, path) for name in names):
            known = sorted({name.partition("/")[0] for name in names})
            raise ValueError(
                f"{argument}: expected a scope that has variables, got {path!r}. Build the network first, and name a "
                f"variable scope, such as one of {known}; patterns are not taken."
            )
        scopes.append(path)
    return scopes


def _after(first: tf.Operation, tensor: tf.Tensor) -> tf.Tensor:
    with tensor.graph.colocate_with(tensor.op), tf.control_dependencies([first]):
        return tf.identity(tensor, name="control_dependency")


def _summarize(gradients: Iterable[Any]) -> None:
    for gradient, variable in gradients:
        if gradient is None:
            _logging.info("Var %s has no gradient", variable.op.name)
            continue
        values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
        tf.compat.v1.summary.histogram(f"{variable.op.name}_gradient", values)
        tf.compat.v1.summary.scalar(f"{variable.op.name}_gradient_norm", tf.linalg.global_norm([values]))


def _ancestors(op: tf.Operation) -> set[tf.Operation]:
    """Every op that runs when this one does."""
    return walks.reach([op], lambda node: (*(tensor.op for tensor in node.inputs), *node.control_inputs))


def _op(value: Any) -> tf.Operation:
    return getattr(value, "op", value)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list({id(value): value for value in values}.values())
