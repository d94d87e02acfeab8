"""A frozen GraphDef for lookups: the consumers of tensors, their shapes, the outputs of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef import tensor_names, walks
from tfbn.graphdef.conditions import Conditions
from tfbn.graphdef.dataflow import Dataflow, Node, Tensor, controls_of, source_of
from tfbn.graphdef.messages import QUANTIZED_FOR_EVALUATION, reason
from tfbn.graphdef.op_types import VARIABLES, assigns

_UNUSED = ("Const", "Placeholder", "PlaceholderWithDefault")
_UPDATING = ("Scatter", "ResourceScatter", "Apply", "ResourceApply")
_FROM_EXPORT = (
    "Make an inference graph first, which leaves them out: tfbn.export.inference_graph(graph_def, outputs), or `tfbn "
    "export`. Both read frozen graphs."
)
_IN_LOOP = "it is in the body of {}, where nothing is folded"
_IN_BRANCH = "it is in a branch of {}, where nothing is folded: make an inference graph first, with tfbn.export"


class Frozen:
    """The graph of `graph_def`, used for the tensors of `outputs`, by default for all that no op takes."""

    def __init__(self, graph_def: Any, outputs: Sequence[str] | None = None) -> None:
        dataflow = Dataflow(graph_def)
        self._definitions, self._library = {node.name: node for node in graph_def.node}, graph_def.library
        self.nodes = list(dataflow.nodes.values())
        self.in_functions = [node for node in dataflow.in_functions() if node.type != "_Arg"]
        self.consumers = dataflow.consumers()
        self._conditions = Conditions(dataflow, dataflow.in_order())
        self._own = set(self.nodes)
        for node in [*self.nodes, *self.in_functions]:
            if node.type in VARIABLES:
                raise ValueError(
                    f"graph_def: expected a frozen graph, got one with the variable {node.name}. Freeze it first, with "
                    "tfbn.export.inference_graph, or tf.compat.v1.graph_util.convert_variables_to_constants."
                )
        self._check_updates_nothing()
        self._users: dict[Tensor, list[Node]] = {}
        self._waiting: dict[Node, list[Node]] = {}
        for node in [*self.nodes, *self.in_functions]:
            for tensor in node.inputs:
                self._users.setdefault(tensor, []).append(node)
            for control in controls_of(node):
                self._waiting.setdefault(control, []).append(node)
        used = {node for node, _ in self._users} | set(self._waiting)
        last = [(node, 0) for node in self.nodes if node not in used and node.type not in _UNUSED]
        # The outputs, and those of them that have a value.
        self.kept = last if outputs is None else self._find_outputs(outputs)
        self.outputs = [tensor for tensor in self.kept if tensor[0].type not in ("NoOp", "Assert")]
        self._with_other_outputs = {node for node, index in (*self._users, *self.outputs) if index}
        self._graph = tf.Graph()
        with self._graph.as_default():
            try:
                tf.graph_util.import_graph_def(graph_def, name="")
            except (ValueError, tf.errors.OpError) as error:
                raise ValueError(
                    f"graph_def: expected a graph that can be imported, got one that cannot: {reason(error)}"
                ) from error

    def _check_updates_nothing(self) -> None:
        """Refuses graphs with updates, which TensorFlow would refuse as well, with an error that says what to do."""
        for node in [*self.nodes, *self.in_functions]:
            updates = assigns(node.type) or node.type.startswith(_UPDATING)
            source = source_of(node.inputs[0]) if updates and node.inputs else None
            if source is not None and source.type == "Const":
                quantized = any("FakeQuant" in each.type for each in self.nodes)
                raise ValueError(
                    "graph_def: expected a graph for inference, got one that was frozen with its updates: "
                    f"{node.name} ({node.type}) changes {source.name}, which is a constant now. "
                    f"{QUANTIZED_FOR_EVALUATION if quantized else _FROM_EXPORT}"
                )

    def users(self, tensor: Tensor) -> list[Node]:
        """The ops that take the tensor, once for each input."""
        return self._users.get(tensor, [])

    def why_unfoldable(self, node: Node) -> str:
        """Why an op cannot be folded because of its place, in a function, a loop or a branch; '' elsewhere."""
        if node in self._own:
            branches = [condition.branch for condition in self._conditions.of(node)]
            if None in branches:
                return _IN_LOOP.format("a loop")
            return _IN_BRANCH.format("a conditional") if branches else ""
        caller = node.callers[0][0] if node.callers else None
        if caller is not None and "While" in caller.type:
            return _IN_LOOP.format(f"{caller.name} ({caller.type})")
        if caller is not None and ("If" in caller.type or "Case" in caller.type):
            return _IN_BRANCH.format(f"{caller.name} ({caller.type})")
        return "it is in a function: freeze the graph with its functions inlined"

    def remains_in(self, node: Node, names: Set[str]) -> bool:
        """Whether an op is among the ops with these names, or in a function that one of them calls."""
        around = walks.reach([node], lambda inner: [caller for caller, _ in inner.callers])
        return any(outer.name in names if outer in self._own else not outer.callers for outer in around)

    def waiting_for(self, node: Node) -> list[Node]:
        """The ops that wait for it by a control edge."""
        return self._waiting.get(node, [])

    def has_other_use(self, node: Node) -> bool:
        """Whether anything but the first output of an op is used."""
        return node in self._with_other_outputs or bool(self.waiting_for(node))

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
        """The shape that TensorFlow infers; None if it is unknown, as in functions."""
        if tensor[0] not in self._own:
            return None
        shape = self._graph.get_tensor_by_name(f"{tensor[0].name}:{tensor[1]}").shape
        return None if shape.rank is None else shape.as_list()

    def feed(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Arrays by names of tensors, checked.

        Raises:
          ValueError: the graph has no such tensor, or one of another shape or dtype.
        """
        expected = "inputs: expected arrays that the graph runs on"
        feed: dict[str, np.ndarray] = {}
        for text, value in inputs.items():
            name, index = self._locate(text, expected)
            tensor, array = f"{name}:{index or 0}", np.asarray(value)
            placeholder = self._graph.get_tensor_by_name(tensor)
            shape, dtype = placeholder.shape, placeholder.dtype
            if tensor in feed:
                raise ValueError(f"{expected}, got {tensor} twice.")
            if not shape.is_compatible_with(array.shape):
                raise ValueError(f"{expected}, {tensor} in the shape {shape}, got {list(array.shape)}.")
            if not _converts(array.dtype, dtype):
                raise ValueError(f"{expected}, {tensor} of dtype {dtype.name}, got {array.dtype}.")
            feed[tensor] = array
        return feed

    def _find_outputs(self, outputs: Sequence[str]) -> list[Tensor]:
        if not outputs:
            raise ValueError("outputs: expected at least one name of a tensor or an op, got none.")
        nodes = {node.name: node for node in self.nodes}
        tensors: list[Tensor] = []
        for text in outputs:
            name, index = self._locate(text, "outputs: expected names of the graph's tensors or ops")
            tensor = (nodes[name], index or 0)
            if tensor in tensors:
                raise ValueError(f"outputs: expected each tensor or op once, got {name}:{index or 0} twice.")
            tensors.append(tensor)
        return tensors

    def _locate(self, text: Any, expected: str) -> tuple[str, int | None]:
        if not isinstance(text, str):
            raise ValueError(f"{expected}, got {text!r}.")
        try:
            return tensor_names.locate(text, self._definitions, self._library)
        except tensor_names.NotInGraph as problem:
            raise ValueError(f"{expected}, got {text!r}{problem}") from None


def _converts(given: np.dtype, dtype: tf.DType) -> bool:
    """Whether values are numbers, or strings, in both: a session converts others too, and drops what is imaginary."""
    try:
        type_ = tf.as_dtype(given)
    except TypeError:
        return False
    if tf.string in (type_, dtype):
        return bool(type_ == dtype)
    return dtype.is_complex or not type_.is_complex
