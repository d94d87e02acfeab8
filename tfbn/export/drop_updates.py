"""Drops dependencies that an inference graph does not need: on updates, and on ops with no effect but their value."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn.graphdef.graph import Graph
from tfbn.graphdef.messages import QUANTIZED_FOR_EVALUATION
from tfbn.graphdef.nodes import control_inputs, data_inputs, set_inputs
from tfbn.graphdef.op_types import VARIABLES, assigns

# Ops that TensorFlow counts as stateful but that change nothing, so that nothing needs to wait for them.
_READ = (*VARIABLES, "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VarIsInitializedOp")
_RANDOM = ("Random", "Multinomial", "TruncatedNormal", "ParameterizedTruncatedNormal")
_STATELESS = "Stateless"
_CHANGES = ("Apply", "SparseApply", "Scatter", "ScatterNd")
_MUTEXES = ("MutexV2", "MutexLock", "ConsumeMutexLock", "CountUpTo", "DestroyResourceOp")


def changes_variables(node: Any) -> bool:
    """Whether an op assigns a variable, in an update, by an optimizer or otherwise, or guards one by a mutex."""
    if assigns(node.op) or node.op in _MUTEXES:
        return True
    if node.op.startswith("Resource"):
        return not node.op.startswith("ResourceGather")
    # By reference; the plain ScatterNd only computes.
    return node.op.startswith(_CHANGES) and node.op != "ScatterNd" and "use_locking" in node.attr


def list_updates(graph: Graph, outputs: list[str]) -> list[str]:
    """The ops that change variables and run when the outputs do."""
    needed = graph.reach(outputs)
    return [name for name, node in graph.items() if name in needed and assigns(node.op)]


def drop_updates(graph: Graph, outputs: list[str]) -> Graph:
    """Removes control dependencies on variable updates from `graph` and returns what the outputs still need.

    Raises:
      ValueError: an output is computed from the result of an update.
    """
    changed = {name for name, node in graph.items() if changes_variables(node)}
    following = _following(graph, changed)
    for name in outputs:
        if name in following:
            sources = graph.reach([name], controls=False)
            is_quantized = any(graph[source].op.startswith("FakeQuant") for source in sources)
            raise ValueError(
                f"expected outputs that only read variables, got {name}, which is computed from what "
                f"{min(sources & changed)} assigns. "
                f"{QUANTIZED_FOR_EVALUATION if is_quantized else 'Give outputs from before that op.'}"
            )
    for node in graph.values():
        controls = control_inputs(node)
        remaining = [name for name in controls if name not in following]
        if len(remaining) < len(controls):
            if not remaining and not data_inputs(node):
                remaining = _frame_of(graph, [name for name in controls if name in following])
            set_inputs(node, data_inputs(node), remaining)
    return graph.pruned(outputs)


def _following(graph: Graph, changed: set[str]) -> set[str]:
    """The ops that change variables, and those that compute with their results."""
    dependent = set(changed)
    for name in graph.in_order():
        if any(source in dependent for source, _ in data_inputs(graph[name])):
            dependent.add(name)
    return dependent


def _frame_of(graph: Graph, names: list[str]) -> list[str]:
    """A control input that puts an op into the loop that these ops are in: a value at the start of each iteration."""
    waiting, seen = list(names), set(names)
    for name in waiting:  # grows on the way
        node = graph[name]
        inputs = data_inputs(node)
        if node.op == "Identity" and _begins_iteration(graph, *inputs[0]):
            return [name]
        if node.op not in ("Enter", "RefEnter"):  # its inputs are outside of the loop
            sources = [*(source for source, _ in inputs), *control_inputs(node)]
            waiting.extend(source for source in dict.fromkeys(sources) if source not in seen)
            seen.update(sources)
    return []


def _begins_iteration(graph: Graph, name: str, index: int) -> bool:
    return graph[name].op == "Switch" and index == 1 and graph[data_inputs(graph[name])[1][0]].op == "LoopCond"


def drop_needless_controls(graph: Graph, outputs: list[str]) -> Graph:
    """The same without control inputs from ops that have no effect, except those that place an op in a loop or branch.

    Otherwise these might keep a computation of the training step in the graph.
    """
    operations = graph.to_tensorflow()
    placed: set[str] = set()  # ops in a branch or a loop, or after one
    effects: set[str] = set()
    for name in graph.in_order():
        node = graph[name]
        before = [*(source for source, _ in data_inputs(node)), *control_inputs(node)]
        if node.op in ("Switch", "RefSwitch", "Enter", "RefEnter", "Merge") or any(op in placed for op in before):
            placed.add(name)
        if any(op in effects for op in before) or _has_effect(operations.get_operation_by_name(name)):
            effects.add(name)
    for node in graph.values():
        remaining = [
            name for name in control_inputs(node) if name in effects or (name in placed and not data_inputs(node))
        ]
        set_inputs(node, data_inputs(node), remaining)
    _switch_no_constants(graph)
    return graph.pruned(outputs)


def _switch_no_constants(graph: Graph) -> None:
    """Places ops in a branch by the branch's own predicate, rather than by a constant that is switched into it.

    A decided cond on is_training leaves such a constant behind in a branch that the data decide.
    """
    used = {name for node in graph.values() if node.op != "Identity" for name, _ in data_inputs(node)}
    used.update(
        source
        for node in graph.values()
        if node.op == "Identity" and node.name in used
        for source, _ in data_inputs(node)
    )
    for node in graph.values():
        if node.op == "Switch" and node.name not in used and node.attr["T"].type == tf.bool.as_datatype_enum:
            value, predicate = data_inputs(node)
            if graph[value[0]].op == "Const":
                set_inputs(node, [predicate, predicate], control_inputs(node))


def _has_effect(op: tf.Operation) -> bool:
    return op.op_def.is_stateful and not (op.type in _READ or is_random(op.type))


def is_random(op: str) -> bool:
    """Whether ops of this type generate random numbers, with a seed as an input or without."""
    return op[len(_STATELESS) if op.startswith(_STATELESS) else 0 :].startswith(_RANDOM)
