"""Decides the conditionals of some layers for training while the rest of the graph infers.

Their predicates are computed a second time, from ones in place of the pinned zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.errors import Finding
from tfbn.export.decide import DecidedGraph
from tfbn.export.drop_updates import is_random
from tfbn.export.evaluate import PREDICATES
from tfbn.export.find_switches import find_deciding
from tfbn.export.keep import KeptLayers
from tfbn.graphdef.conditions import Conditions
from tfbn.graphdef.dataflow import Node
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import Tensor, control_inputs, copy_node, data_inputs, set_inputs
from tfbn.graphdef.op_types import MERGES, PLACEHOLDERS, SELECTS, SWITCHES, VARIABLES

_REMEDY = """\
  Build the layer with is_training=True, restore the checkpoint into that graph, and export it with the same
  keep_training. Left out of keep_training, the layer normalizes by its moving statistics."""


class Conditionals:
    """Groups Switches by conditional, with the ops in the branches between them and their Merges."""

    def __init__(self, kept: KeptLayers) -> None:
        self.kept = kept
        self._nodes = kept.recognized.dataflow.nodes
        order = kept.recognized.order
        switches = [node for node in order if node.type in SWITCHES and node.name in self._nodes]
        self._identities = {
            (_folder(node.name), node.inputs[0][0]): node.name
            for node in {switch.inputs[1][0]: None for switch in switches}
            if node.type == "Identity"
        }
        self._conditions = Conditions(kept.recognized.dataflow, order, self._conditional)
        self._switches: dict[str, list[str]] = {}
        for switch in switches:
            self._switches.setdefault(self._conditional(switch), []).append(switch.name)
        self._joined = [
            set().union(*inputs) - inputs[0].intersection(*inputs)
            for inputs in (
                [self._branches(source, index) for source, index in node.inputs]
                for node in order
                if node.type in MERGES
            )
        ]

    def _conditional(self, switch: Node) -> str:
        """The name of a Switch's conditional: that of the op from which only this conditional gets its predicate.

        A cond of control flow v1 has such an op for all its Switches except the one that its constants wait for.
        """
        (data, _), (predicate, _) = switch.inputs[:2]
        own = self._identities.get((_folder(switch.name), predicate)) if data is predicate else None
        return own or predicate.name

    def _branches(self, node: Node, index: int = -1) -> set[str]:
        """The conditionals whose branches contain an op's output."""
        own = {self._conditional(node)} if node.type in SWITCHES and index >= 0 else set()
        return own | {condition.of for condition in self._conditions.of(node) if condition.branch is not None}

    def enclosing(self, names: Iterable[str]) -> set[str]:
        """The conditionals that these ops are in, and those in the same calls of layers."""
        scopes = {self.kept.calls[name] for name in names}
        conditionals = {each for name in names for each in self._branches(self._nodes[name])}
        for conditional, switches in self._switches.items():
            if any(self.kept.call_around(name) in scopes for name in switches):
                conditionals.add(conditional)
        while True:  # a case has several predicates, one for each branch
            joined = set().union(*(each for each in self._joined if each & conditionals))
            if joined <= conditionals:
                return conditionals
            conditionals |= joined

    def decisions(self, names: Iterable[str]) -> list[str]:
        """The Switches and Selects that decide these ops."""
        scopes = {self.kept.calls[name] for name in names}
        selects = [
            name for name, node in self._nodes.items() if node.type in SELECTS and self.kept.call_around(name) in scopes
        ]
        return [name for conditional in self.enclosing(names) for name in self._switches.get(conditional, ())] + selects

    def beside(self, op: str, names: Set[str]) -> set[str]:
        """Those of `names` that are decided together with another op: in a branch with it, or in the same call."""
        if op not in self._nodes:
            return set()
        branches, call = self._branches(self._nodes[op]), self.kept.call_around(op)
        return {name for name in names if self.enclosing([name]) & branches or self.kept.calls[name] == call}


def choose_training(graph: Graph, decisions: Iterable[str], pinned: Iterable[str]) -> Graph:
    """Makes these Switches and Selects use predicates that are computed from ones in place of the pinned zeros."""
    twins = _Twins(graph, pinned)
    for name in decisions:
        inputs = data_inputs(graph[name])
        predicate = inputs[1 if graph[name].op in SWITCHES else 0]
        # The Switch that constants wait for also has the predicate as its data.
        changed = [twins.tensor(tensor) if tensor == predicate else tensor for tensor in inputs]
        set_inputs(graph[name], changed, control_inputs(graph[name]))
    return graph


class _Twins:
    """Copies of predicates for training, in addition to the pinned ones."""

    def __init__(self, graph: Graph, pinned: Iterable[str]) -> None:
        self._graph = graph
        self._twins: dict[str, str] = {name: self._one(graph[name]) for name in pinned}

    def tensor(self, tensor: Tensor) -> Tensor:
        """The twin of a predicate, or the predicate itself if it depends on nothing pinned."""
        return self._twin(tensor[0]), tensor[1]

    def _one(self, zero: Any) -> str:
        ones = np.ones_like(tf.make_ndarray(zero.attr["value"].tensor))
        return self._graph.add_constant(f"{zero.name}/training", ones)

    def _twin(self, name: str) -> str:
        if name not in self._twins:
            self._twins[name] = name
            node = self._graph[name]
            inputs = data_inputs(node)
            twins = [self.tensor(tensor) for tensor in inputs] if node.op in PREDICATES else inputs
            if twins != inputs:
                self._twins[name] = self._graph.free_name(f"{name}/training")
                twin = self._graph[self._twins[name]] = copy_node(node, self._twins[name])
                set_inputs(twin, twins, control_inputs(node))
        return self._twins[name]


def find_undecided(kept: KeptLayers, decided: DecidedGraph) -> set[str]:
    """The kept ops whose layers infer, and would have to be decided for training."""
    inferred = {kept.layers[name] for name in decided.needed if name in kept.layers}
    return {name for name in kept.ops - decided.modes.keys() if kept.layers[name] in inferred}


def find_refusals(conditionals: Conditionals, before: DecidedGraph, after: DecidedGraph) -> list[Finding]:
    """Layers that cannot train while the rest infers: `after` is `before` with these decided for training."""
    kept, missing = conditionals.kept, find_undecided(conditionals.kept, before)
    problems: dict[str, str] = {}
    for name in kept.ops - after.modes.keys():
        if name in missing:
            problems[name] = "nothing that is pinned to False takes it into training by being True, or 1, instead"
        elif any(name in ops and not ops & after.modes.keys() for ops in kept.ops_by_scope.values()):
            problems[name] = "the outputs are computed from it in training alone"
    for op, reason in _brought_along(kept, before, after).items():
        for name in conditionals.beside(op, missing) or missing:
            problems.setdefault(name, f"in its branch for training is {op}, too, which {reason}")
    return _findings(kept, problems)


def _findings(kept: KeptLayers, problems: dict[str, str]) -> list[Finding]:
    return [
        Finding(
            "keep_training",
            "error",
            layer,
            f"{name} cannot be kept normalizing by the batch: {problems[name]}.",
            _REMEDY,
        )
        for name, layer in kept.layers.items()
        if name in problems
    ]


def _brought_along(kept: KeptLayers, before: DecidedGraph, after: DecidedGraph) -> dict[str, str]:
    """The ops that the kept layers' branches bring into the graph although they do not belong to these layers."""
    reasons = dict.fromkeys(after.modes.keys() - before.modes.keys() - kept.ops, "normalizes by the batch")
    own = {
        variable.name
        for scope in {kept.layers[name] for name in kept.ops} & kept.recognized.layers.keys()
        for variables in kept.recognized.layers[scope].variables.values()
        for variable in variables
    }
    for name, node in after.needed.items():
        if name in before.needed:
            continue
        if is_random(node.op):
            reasons[name] = "is random"
        elif node.op in VARIABLES and name not in own:
            reasons[name] = "inference does not read"
    return reasons


def find_arithmetic(kept: KeptLayers, decided: DecidedGraph, pinned: Iterable[str]) -> list[Finding]:
    """Layers that compute with the flag that says whether they train, rather than branch on it."""
    nodes = decided.needed
    origins = {name: name for name in nodes if name in pinned or _is_flag(nodes[name])}
    problems: dict[str, str] = {}
    for name in nodes.in_order():
        node = nodes[name]
        places = slice(0, 1) if node.op in SWITCHES else slice(1, None) if node.op in SELECTS else slice(None)
        flags = [origins[source] for source, _ in data_inputs(node)[places] if source in origins]
        if flags and node.op in PREDICATES:
            origins[name] = flags[0]
        elif flags:
            call = kept.call_around(name)
            for op in kept.ops:
                if kept.calls[op] == call:
                    problems[op] = f"{name} computes with {flags[0]}, so that no branch is for training"
    return _findings(kept, problems)


def _is_flag(node: Any) -> bool:
    """Whether it is a single boolean to feed."""
    if node.op not in PLACEHOLDERS or "shape" not in node.attr:
        return False
    shape = node.attr["shape"].shape
    return node.attr["dtype"].type == tf.bool.as_datatype_enum and not shape.unknown_rank and not shape.dim


def find_run_decided(conditionals: Conditionals, decided: DecidedGraph) -> set[str]:
    """The ops of kept layers for which a placeholder or a variable still decides between batch and averages."""
    return {
        name
        for name, (_, mode) in decided.modes.items()
        if name in conditionals.kept.ops and mode == "dynamic"
        if find_deciding(
            decided.needed,
            [decided.needed[decision] for decision in conditionals.decisions([name]) if decision in decided.needed],
        )
    }


def _folder(name: str) -> str:
    return name.rpartition("/")[0]
