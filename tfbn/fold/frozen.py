"""A frozen GraphDef to look around in: who takes which tensor, what shape it has, what the graph is used for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfbn.graph.dataflow import Dataflow, Node, Tensor, controls_of
from tfbn.graph.recognize import VARIABLES

_UNUSED = ("Const", "Placeholder", "PlaceholderWithDefault")


class Frozen:
    """The graph of `graph_def`, which is used for the tensors of `outputs`, by default for all that nothing takes."""

    def __init__(self, graph_def: Any, outputs: Sequence[str] | None = None) -> None:
        dataflow = Dataflow(graph_def)
        self.nodes = list(dataflow.nodes.values())
        self.in_functions = [node for node in dataflow.all if node.callers]
        for node in [*self.nodes, *self.in_functions]:
            if node.type in VARIABLES:
                raise ValueError(
                    f"graph_def: expected a frozen graph, got one with the variable {node.name}. Freeze it first, with "
                    "tfbn.export.inference_graph, or tf.compat.v1.graph_util.convert_variables_to_constants."
                )
        self._users: dict[Tensor, list[Node]] = {}
        self._waiting: dict[Node, list[Node]] = {}
        for node in self.nodes:
            for tensor in node.inputs:
                self._users.setdefault(tensor, []).append(node)
            for each in controls_of(node):
                self._waiting.setdefault(each, []).append(node)
        used = {node for node, _ in self._users} | set(self._waiting)
        last = [(node, 0) for node in self.nodes if node not in used and node.type not in _UNUSED]
        # What a graph is kept for, and what of it has a value.
        self.kept = last if outputs is None else self._named(dataflow, outputs)
        self.outputs = [tensor for tensor in self.kept if tensor[0].type not in ("NoOp", "Assert")]
        self._graph = tf.Graph()
        with self._graph.as_default():
            try:
                tf.graph_util.import_graph_def(graph_def, name="")
            except (ValueError, tf.errors.OpError) as error:
                raise ValueError(
                    f"graph_def: expected a graph that can be imported, got one that cannot: {error}"
                ) from error

    def users(self, tensor: Tensor) -> list[Node]:
        """The ops that take the tensor, once for each input."""
        return self._users.get(tensor, [])

    def waiting_for(self, node: Node) -> list[Node]:
        """The ops that a control edge makes wait for it."""
        return self._waiting.get(node, [])

    def has_other_use(self, node: Node) -> bool:
        """Whether anything but the first output of an op is used."""
        used = any(each is node and index for each, index in (*self._users, *self.outputs))
        return used or bool(self.waiting_for(node))

    @property
    def inputs(self) -> list[str]:
        """The names of the placeholders."""
        return [node.name for node in self.nodes if node.type == "Placeholder"]

    @property
    def placeholders(self) -> dict[str, tf.Tensor]:
        return {name: self._graph.get_tensor_by_name(f"{name}:0") for name in self.inputs}

    def dtype(self, tensor: Tensor) -> tf.DType:
        return self._graph.get_tensor_by_name(f"{tensor[0].name}:{tensor[1]}").dtype

    def shape(self, tensor: Tensor) -> list[int | None] | None:
        """As far as TensorFlow infers it."""
        shape = self._graph.get_tensor_by_name(f"{tensor[0].name}:{tensor[1]}").shape
        return None if shape.rank is None else shape.as_list()

    @staticmethod
    def _named(dataflow: Dataflow, outputs: Sequence[str]) -> list[Tensor]:
        found = []
        for text in outputs:
            name, _, index = text.partition(":")
            if name not in dataflow.nodes:
                raise ValueError(
                    f"outputs: expected names of the graph's tensors or ops, got {text!r}, which it has not."
                )
            found.append((dataflow.nodes[name], int(index or 0)))
        return found
