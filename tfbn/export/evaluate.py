"""Simplifies a graph in which some values are known: conditionals are decided, and the other branch is removed.

Values are followed through the few ops that predicates consist of. Nothing else is computed: a Switch with a known
predicate passes its data to one side, a Merge with one live input becomes that input, and a Select with a known
condition becomes the value that it selects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.graphdef.constants import compute
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import Tensor, control_inputs, data_inputs, set_attr, set_inputs
from tfbn.graphdef.op_types import MERGES, SELECTS, SWITCHES

Shape = Callable[[Tensor], Any]  # the static shape of a tensor

# The ops of predicates; arithmetic, as on a step counter, does not say whether a graph trains.
_COMPUTED = (
    "Identity",
    "RefIdentity",
    "StopGradient",
    "PreventGradient",
    "LogicalNot",
    "LogicalAnd",
    "LogicalOr",
    "Equal",
    "NotEqual",
    "Greater",
    "GreaterEqual",
    "Less",
    "LessEqual",
    "Cast",
)
# Ops that repeat a predicate for each channel: the index of the input with its value.
_SPREADING = {"Fill": 1, "BroadcastTo": 0, "Tile": 0, "Reshape": 0, "ExpandDims": 0, "Squeeze": 0}
_SHORT = {"LogicalAnd": False, "LogicalOr": True}  # the value of one input that decides the result
# The ops between a predicate and the placeholder or variable that decides it.
PREDICATES = frozenset((*_COMPUTED, *_SPREADING, "Enter", "RefEnter", "ReadVariableOp", *SWITCHES, *MERGES))


class Evaluated(NamedTuple):
    graph: Graph  # the ops that may still run; some have other inputs than before
    instead: dict[Tensor, Tensor]  # the replacements of tensors that are gone
    unreached: set[str]  # ops that can no longer run


def evaluate(graph: Graph, shape: Shape) -> Evaluated:
    """The graph with its conditionals decided, as far as constants decide them."""
    run = _Evaluation(graph, shape)
    for name in graph.in_order():
        run.visit(name)
    gone = {name for name, _ in run.instead} | run.unreached
    remaining = graph.select(graph.keys() - gone).copy()
    remaining.redirect(run.instead)
    for name in run.trimmed & remaining.keys():
        _without_dead_inputs(remaining[name], run)
    return Evaluated(remaining, run.instead, run.unreached)


class _Evaluation:
    def __init__(self, graph: Graph, shape: Shape) -> None:
        self.graph, self.shape = graph, shape
        self.known: dict[Tensor, Any] = {}
        self.instead: dict[Tensor, Tensor] = {}
        self.dead: set[Tensor] = set()  # the sides of Switches that are not taken
        self.unreached: set[str] = set()
        self.trimmed: set[str] = set()  # Merges that have lost inputs

    def visit(self, name: str) -> None:
        node = self.graph[name]
        inputs = [self.instead.get(tensor, tensor) for tensor in data_inputs(node)]
        if node.op in MERGES:
            self._merge(node, inputs)
        elif any(self._is_dead(tensor) for tensor in inputs) or any(
            control in self.unreached for control in control_inputs(node)
        ):
            self.unreached.add(name)
        elif node.op in SWITCHES:
            self._switch(node, inputs)
        elif node.op in SELECTS:
            self._select(node, inputs)
        else:
            self._compute(node, inputs)

    def _is_dead(self, tensor: Tensor) -> bool:
        return tensor in self.dead or tensor[0] in self.unreached

    def _switch(self, node: Any, inputs: list[Tensor]) -> None:
        data, predicate = inputs
        if predicate in self.known:
            side = int(bool(self.known[predicate]))
            self._put(node, side, data)
            self.dead.add((node.name, 1 - side))
        elif data in self.known:  # captured by a branch that the data decide
            self.known[node.name, 0] = self.known[node.name, 1] = self.known[data]

    def _merge(self, node: Any, inputs: list[Tensor]) -> None:
        # The iteration before has not been visited yet.
        initial = [tensor for tensor in inputs if self.graph[tensor[0]].op != "NextIteration"]
        alive = [tensor for tensor in initial if not self._is_dead(tensor)]
        if not alive:
            self.unreached.add(node.name)
        elif len(initial) == len(inputs) and len(alive) < len(inputs):
            if len(alive) == 1:
                self._put(node, 0, alive[0])
                self.known[node.name, 1] = np.int32(inputs.index(alive[0]))
            else:
                self.trimmed.add(node.name)

    def _select(self, node: Any, inputs: list[Tensor]) -> None:
        condition, *values = inputs
        if condition not in self.known:
            return
        value = values[0 if self.known[condition] else 1]
        # SelectV2 broadcasts. An unknown dimension is assumed to be the same in both.
        result, selected = self.shape((node.name, 0)), self.shape(value)
        if result.rank is not None and result.rank == selected.rank and result.as_list() == selected.as_list():
            self._put(node, 0, value)

    def _compute(self, node: Any, inputs: list[Tensor]) -> None:
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            if all(dim.size == 1 for dim in tensor.tensor_shape.dim) and tensor.dtype != tf.string.as_datatype_enum:
                self.known[node.name, 0] = tf.make_ndarray(tensor)
        elif node.op in _SHORT and any(_as_bool(self.known.get(tensor)) is _SHORT[node.op] for tensor in inputs):
            self.known[node.name, 0] = np.bool_(_SHORT[node.op])
        elif node.op in _SPREADING:
            if inputs[_SPREADING[node.op]] in self.known:
                self.known[node.name, 0] = self.known[inputs[_SPREADING[node.op]]]
        elif inputs and all(tensor in self.known for tensor in inputs):
            values = [self.known[tensor] for tensor in inputs]
            if node.op in _COMPUTED:
                self.known[node.name, 0] = compute(node.op, node.attr, *values)
            elif node.op in ("Enter", "RefEnter") and node.attr["is_constant"].b:
                self.known[node.name, 0] = values[0]

    def _put(self, node: Any, index: int, tensor: Tensor) -> None:
        self.instead[node.name, index] = tensor
        if tensor in self.known:
            self.known[node.name, index] = self.known[tensor]


def _as_bool(value: Any) -> bool | None:
    return None if value is None else bool(value)


def _without_dead_inputs(node: Any, run: _Evaluation) -> None:
    alive = [tensor for tensor in data_inputs(node) if not run._is_dead(tensor)]
    set_inputs(node, alive, control_inputs(node))
    set_attr(node, "N", len(alive))
