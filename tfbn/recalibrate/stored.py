"""A layer's variables in a session: read and written by the ops that a graph has for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.dataflow import Node

Values = dict[str, np.ndarray]  # by short name


class Stored:
    """The variables by short name, given as nodes of the graph."""

    def __init__(self, graph: tf.Graph, variables: dict[str, Node]) -> None:
        self._read = {short: value_tensor(graph, node) for short, node in variables.items()}
        self._assign = {short: _assignment(graph, node) for short, node in variables.items()}

    def read(self, session: Any) -> Values:
        return dict(session.run(self._read))

    def write(self, session: Any, values: Values) -> None:
        """Values in any dtype and shape of as many elements."""
        for short, value in values.items():
            read, assignment = self._read[short], self._assign[short]
            cast = np.reshape(value, read.shape.as_list()).astype(read.dtype.base_dtype.as_numpy_dtype)
            # One by one: initial values may share a tensor.
            session.run(assignment, {assignment.inputs[1]: cast})


def value_tensor(graph: tf.Graph, node: Node) -> tf.Tensor:
    """The tensor of an existing op that reads the variable."""
    if node.type == "VarHandleOp":
        return graph.get_tensor_by_name(f"{node.name}/Read/ReadVariableOp:0")
    return graph.get_tensor_by_name(f"{node.name}:0")


def _assignment(graph: tf.Graph, node: Node) -> tf.Operation:
    """The variable's initializer, whose value is fed: no op needs to be added for it."""
    try:
        return graph.get_operation_by_name(f"{node.name}/Assign")
    except KeyError as error:
        raise ValueError(
            f"{node.name}: expected a variable with its initializer {node.name}/Assign in the graph, got one without. "
            "Import the whole MetaGraph rather than a part of the graph."
        ) from error
