"""Finds the placeholders and variables that say whether a graph trains, and puts constants in their place."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Set
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.export.decide import DecidedGraph
from tfbn.export.evaluate import PREDICATES
from tfbn.export.freeze import dtype_of, freeze
from tfbn.graphdef import walks
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import become_constant, data_inputs
from tfbn.graphdef.op_types import PLACEHOLDERS, SELECTS, SWITCHES, VARIABLES


def find_deciding(graph: Graph, decisions: Iterable[Any] | None = None) -> list[str]:
    """The placeholders and variables that decide branches and selections, in the graph's order.

    `decisions` are the Switches and Selects to look at, by default all.
    """
    starts = []
    for node in graph.values() if decisions is None else decisions:
        inputs = data_inputs(node)
        if node.op in SWITCHES and graph[inputs[1][0]].op != "LoopCond":
            starts.append(inputs[1][0])
        elif node.op in SELECTS:
            starts.append(inputs[0][0])

    def follow(name: str) -> list[str]:
        return [source for source, _ in data_inputs(graph[name])] if graph[name].op in PREDICATES else []

    reached = walks.reach(starts, follow)
    return [name for name in graph if name in reached and _has_zero(graph[name])]


def _has_zero(node: Any) -> bool:
    if node.op not in (*PLACEHOLDERS, *VARIABLES):
        return False
    return dtype_of(node) not in (tf.string, tf.resource, tf.variant)


def find_switches(graph: Graph, decide: Callable[[tuple[str, ...]], DecidedGraph]) -> tuple[str, ...]:
    """The placeholders and variables that make layers infer when they are zero.

    `decide` decides the graph with zeros in place of the named ops. One that only removes a layer from the graph is no
    switch. For a possible layer of an unknown form, the switch leaves its averages and no statistics of the batch.

    Raises:
      ValueError: either of two would do for the same layer.
    """
    before = decide(())
    switches: dict[str, Set[str]] = {}
    settled_by: dict[str, Set[str]] = {}
    for name in find_deciding(graph) if before.modes or before.recognized.unexplained else []:
        after = decide((name,))
        turned = set() if after.absent else before.modes.keys() - after.modes.keys()
        if turned and _infers({before.modes[op][0] for op in turned}, after):
            switches[name] = turned
        else:
            settled_by[name] = _find_settled(before, after)
    for name, other in itertools.combinations(switches, 2):
        if shared := switches[name] & switches[other]:
            raise ValueError(
                f"expected one placeholder or variable that says whether {min(shared)} trains, got {name} and {other}. "
                f'Name the one to pin to False: is_training="{name}", or a list of both.'
            )
    settled = [op for names in settled_by.values() for op in names]
    for name, names in settled_by.items():
        if any(settled.count(op) == 1 for op in names):
            switches[name] = names
    return tuple(name for name in find_deciding(graph) if name in switches)


def _find_settled(before: DecidedGraph, after: DecidedGraph) -> set[str]:
    """The ops of possible layers that normalize by the batch before, and only by averages after."""
    return {
        candidate.node.name
        for candidate in before.recognized.unexplained
        if any(source.name in before.needed for source in candidate.sources)
        and not any(source.name in after.needed for source in candidate.sources)
        and any(variable.name in after.needed for variable in candidate.variables)
    }


def _infers(scopes: Set[str], decided: DecidedGraph) -> bool:
    """Whether any of these layers normalizes by its averages."""
    layers = (layer for scope, layer in decided.recognized.layers.items() if scope in scopes)
    return any(
        call.mode == "inference" and call.node.name in decided.needed
        for layer in layers
        for call in layer.normalizations
    )


def pin(graph: Graph, names: Iterable[str]) -> Graph:
    """A copy with False, or a zero, in place of these ops."""
    copies = graph.copy()
    for name in names:
        node = copies[name]
        if node.op in VARIABLES:
            freeze(copies, {name: np.zeros(_shape(node), dtype_of(node).as_numpy_dtype)})
        else:
            become_constant(node, np.zeros(_shape(node), _dtype(node).as_numpy_dtype))
    return copies


def _shape(node: Any) -> list[int]:
    shape = node.attr["shape"].shape if "shape" in node.attr else None
    sizes = [] if shape is None or shape.unknown_rank else [dim.size for dim in shape.dim]
    return [] if any(size < 0 for size in sizes) else sizes


def _dtype(node: Any) -> tf.DType:
    return dtype_of(node) if "dtype" in node.attr else tf.bool
