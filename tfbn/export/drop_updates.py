"""Drops dependencies that an inference graph does not need: on updates, and on ops with no effect but their value."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn.graphdef.arithmetic import VARIABLES
from tfbn.graphdef.dataflow import assigns
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.messages import QUANTIZED_FOR_EVALUATION
from tfbn.graphdef.nodes import control_inputs, data_inputs, set_inputs

# Ops that TensorFlow counts as stateful, and that change nothing: what waits for them does not need to.
_READ = (*VARIABLES, "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VarIsInitializedOp")
_RANDOM = ("Random", "Multinomial", "TruncatedNormal", "ParameterizedTruncatedNormal")
_STATELESS = "Stateless"
_CHANGES = ("Apply", "SparseApply", "Scatter", "ScatterNd")
_MUTEXES = ("MutexV2", "MutexLock", "ConsumeMutexLock", "CountUpTo", "DestroyResourceOp")


def changes_variables(node: Any) -> bool:
    """Whether an op assigns a variable, in an update, by an optimizer or otherwise, or holds others off it."""
    if assigns(node.op) or node.op in _MUTEXES:
        return True
    if node.op.startswith("Resource"):
        return not node.op.startswith("ResourceGather")
    # By reference, unlike the ScatterNd that only computes.
    return node.op.startswith(_CHANGES) and node.op != "ScatterNd" and "use_locking" in node.attr


def list_updates(graph: Graph, outputs: list[str]) -> list[str]:
    """The ops that change variables and run when the outputs do."""
    needed = graph.reach(outputs)
    return [name for name, node in graph.items() if name in needed and assigns(node.op)]


def drop_updates(graph: Graph, outputs: list[str]) -> Graph:
    """Removes control dependencies on variable updates from `graph` and returns what the outputs still need.

    Raises:
      ValueError: an output is computed from what such an op returns.
    """
    changed = {name for name, node in graph.items() if changes_variables(node)}
    following = _following(graph, changed)
    for name in outputs:
        if name in following:
            sources = graph.reach([name], controls=False)
            is_quantized = any(graph[each].op.startswith("FakeQuant") for each in sources)
            raise ValueError(
                f"expected outputs that only read variables, got {name}, which is computed from what "
                f"{min(sources & changed)} assigns. "
                f"{QUANTIZED_FOR_EVALUATION if is_quantized else 'Give outputs from before that op.'}"
            )
    for node in graph.values():
        waits = control_inputs(node)
        left = [name for name in waits if name not in following]
        if len(left) < len(waits):
            if not left and not data_inputs(node):
                left = _frame_of(graph, [name for name in waits if name in following])
            set_inputs(node, data_inputs(node), left)
    return graph.pruned(outputs)


def _following(graph: Graph, changed: set[str]) -> set[str]:
    """The ops that change variables and those that compute with what they return."""
    found = set(changed)
    for name in graph.in_order():
        if any(source in found for source, _ in data_inputs(graph[name])):
            found.add(name)
    return found


def _frame_of(graph: Graph, names: list[str]) -> list[str]:
    """What puts an op without inputs into the loop that these are in: a value that each iteration begins with."""
    waiting, seen = list(names), set(names)
    for name in waiting:  # grows on the way
        node = graph[name]
        inputs = data_inputs(node)
        if node.op == "Identity" and _begins_iteration(graph, *inputs[0]):
            return [name]
        if node.op not in ("Enter", "RefEnter"):  # what comes before is outside of the loop
            found = [*(source for source, _ in inputs), *control_inputs(node)]
            waiting.extend(each for each in dict.fromkeys(found) if each not in seen)
            seen.update(found)
    return []


def _begins_iteration(graph: Graph, name: str, index: int) -> bool:
    return graph[name].op == "Switch" and index == 1 and graph[data_inputs(graph[name])[1][0]].op == "LoopCond"


def drop_needless_controls(graph: Graph, outputs: list[str]) -> Graph:
    """The same without control inputs from ops that have no effect, but for those that place an op in a loop or branch.

    They might be all that keeps a computation of the training step in the graph.
    """
    operations = graph.to_tensorflow()
    placed: set[str] = set()  # in a branch or a loop, or after one
    effects: set[str] = set()
    for name in graph.in_order():
        node = graph[name]
        before = [*(source for source, _ in data_inputs(node)), *control_inputs(node)]
        if node.op in ("Switch", "RefSwitch", "Enter", "RefEnter", "Merge") or any(each in placed for each in before):
            placed.add(name)
        if any(each in effects for each in before) or _has_effect(operations.get_operation_by_name(name)):
            effects.add(name)
    for node in graph.values():
        left = [name for name in control_inputs(node) if name in effects or (name in placed and not data_inputs(node))]
        set_inputs(node, data_inputs(node), left)
    _switch_no_constants(graph)
    return graph.pruned(outputs)


def _switch_no_constants(graph: Graph) -> None:
    """Lets what is in a branch be placed by the branch's own predicate, rather than by a constant passed into it.

    A cond on is_training, decided, leaves such a constant behind in a branch that goes by the data.
    """
    taken = {name for node in graph.values() if node.op != "Identity" for name, _ in data_inputs(node)}
    taken.update(
        source
        for node in graph.values()
        if node.op == "Identity" and node.name in taken
        for source, _ in data_inputs(node)
    )
    for node in graph.values():
        if node.op == "Switch" and node.name not in taken and node.attr["T"].type == tf.bool.as_datatype_enum:
            value, predicate = data_inputs(node)
            if graph[value[0]].op == "Const":
                set_inputs(node, [predicate, predicate], control_inputs(node))


def _has_effect(op: tf.Operation) -> bool:
    return op.op_def.is_stateful and not (op.type in _READ or is_random(op.type))


def is_random(op: str) -> bool:
    """Whether ops of this type give random numbers, from a seed among their inputs or without."""
    return op[len(_STATELESS) if op.startswith(_STATELESS) else 0 :].startswith(_RANDOM)
