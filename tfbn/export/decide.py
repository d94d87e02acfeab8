"""A graph with its conditionals decided, and the ops in it that still normalize by the batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.export import preserve_names
from tfbn.export.drop_updates import drop_updates
from tfbn.export.evaluate import evaluate
from tfbn.graph.original_names import OPS_SCOPE
from tfbn.graphdef import recognize
from tfbn.graphdef.forms import normalizes_samples
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import Tensor, tensor_name
from tfbn.graphdef.op_types import normalizes_by_batch


class DecidedGraph(NamedTuple):
    """The rest of a graph after constants have decided its conditionals."""

    graph: Graph
    recognized: recognize.Recognized
    absent: list[str]  # outputs that only training computes; if there are any, `needed` and `modes` are empty
    needed: Graph  # the ops that the outputs are computed from, without updates
    modes: dict[str, tuple[str, str]]  # the ops in it that normalize by the batch, as `find_training` returns them


def decide(graph: Graph, roots: list[str], named: Iterable[Tensor]) -> DecidedGraph:
    """Decides the conditionals that constants decide; the tensors `named` keep their names.

    Raises:
      ValueError: an output, an op of `roots`, is computed from the result of an update.
    """
    built: list[tf.Graph] = []

    def shape(tensor: Tensor) -> Any:
        if not built:
            built.append(graph.to_tensorflow())
        return built[0].get_tensor_by_name(tensor_name(tensor)).shape

    def dtype(name: str, index: int) -> tf.DType:
        return tf.int32 if index and graph[name].op == "Merge" else tf.as_dtype(graph[name].attr["T"].type).base_dtype

    evaluated = evaluate(graph, shape)
    preserve_names.restore(evaluated.graph, named, evaluated.instead, dtype)
    recognized = recognize.recognize(evaluated.graph)
    absent = [name for name in roots if name not in evaluated.graph]
    if absent:
        return DecidedGraph(evaluated.graph, recognized, absent, Graph([], graph), {})
    needed = drop_updates(evaluated.graph, roots)
    return DecidedGraph(evaluated.graph, recognized, [], needed, find_training(needed, recognized))


def find_training(graph: Graph, recognized: recognize.Recognized) -> dict[str, tuple[str, str]]:
    """The layer and the mode of each op that normalizes by the batch, or may, by the op's name.

    `recognized` is of a larger graph with the layers' variables and updates, by which ops are recognized.
    """
    training = {
        name: (_scope(name), "training")
        for name, node in graph.items()
        if normalizes_by_batch(node.op, node.attr) and not _normalizes_samples(name, recognized)
    }
    for layer in recognized.layers.values():
        for call in layer.normalizations:
            name = call.node.name
            if call.mode != "inference" and name in graph:
                dynamic = call.mode == "dynamic" or "dynamic" in layer.modes
                training[name] = (layer.scope, "dynamic" if dynamic else "training")
    return training


def _normalizes_samples(name: str, recognized: recognize.Recognized) -> bool:
    node = recognized.dataflow.nodes.get(name)
    return node is not None and normalizes_samples(node)


def _scope(name: str) -> str:
    """The scope of an op's layer: tfbn creates its ops in an inner scope."""
    folder = name.rpartition("/")[0]
    return folder.removesuffix(f"/{OPS_SCOPE}") or name
