"""Layers of an export whose moving statistics are still their initial values, as if no batch had updated them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.errors import Finding
from tfbn.graphdef.constants import Constants
from tfbn.graphdef.dataflow import Dataflow, source_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.op_types import VARIABLES
from tfbn.graphdef.recognize import Recognized
from tfbn.graphdef.short_names import STATISTICS

# The initial values of the original and Keras. Others are read from the graph's initializers.
_DEFAULTS = {"moving_mean": 0, "moving_variance": 1}
_PROBLEM = "its moving mean and variance still have their initial values: no batch has updated them."
_REMEDY = """\
  If it was trained, the step left its updates out, as tfbn.check_updates(step) says: train on with them, or collect the
  statistics from data by tfbn.recalibrate_session, or restore a checkpoint that has them. If not, nothing is wrong."""


def find_never_updated(graph: Graph, recognized: Recognized, values: Mapping[str, Any], source: Any) -> list[Finding]:
    """A warning for each layer that infers by the initial values of its statistics.

    Args:
      graph: the inference graph.
      recognized: its layers.
      values: of its variables, by the names of their ops; those that are already constants may be missing.
      source: the GraphDef of the training graph, with its initializers.
    """
    layers = {
        scope: [layer.variables[name] for name in STATISTICS]
        for scope, layer in recognized.layers.items()
        if set(STATISTICS) <= layer.variables.keys() and any(each.mode == "inference" for each in layer.normalizations)
    }
    initial = _initial_values(source, {node.name for pair in layers.values() for nodes in pair for node in nodes})

    def is_initial(name: str, statistic: str) -> bool:
        value = values[name] if name in values else tf.make_ndarray(graph[name].attr["value"].tensor)
        candidates = [_DEFAULTS[statistic], *initial.get(name, ())]
        return any(bool((value == np.asarray(each, value.dtype)).all()) for each in candidates)

    return [
        Finding("never updated", "warning", scope, _PROBLEM, _REMEDY)
        for scope, pair in layers.items()
        if all(is_initial(node.name, statistic) for statistic, nodes in zip(STATISTICS, pair) for node in nodes)
    ]


def _initial_values(graph_def: Any, names: Iterable[str]) -> dict[str, list[np.ndarray]]:
    """The constants that are assigned to variables, by the names of their ops."""
    targets, constants = set(names), Constants()
    assigned: dict[str, list[np.ndarray]] = {}
    for node in Dataflow(graph_def).all:
        if node.type in ("Assign", "AssignVariableOp"):
            variable = source_of(node.inputs[0])
            value = constants.value(node.inputs[1]) if variable.name in targets and variable.type in VARIABLES else None
            if value is not None:
                assigned.setdefault(variable.name, []).append(value)
    return assigned
