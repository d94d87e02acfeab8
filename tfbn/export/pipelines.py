"""Cuts input pipelines off a graph at the tensors that they yield: an export has placeholders there.

A pipeline is an iterator, a queue, a reader, a dataset or a staging area, with every op that takes its handle, or the
handle of an element. Its other outputs are data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.export.preserve_names import cut_inputs
from tfbn.graphdef.conditions import Conditions
from tfbn.graphdef.dataflow import Dataflow
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import Tensor, control_inputs, data_inputs, set_inputs, tensor_name
from tfbn.graphdef.op_types import PLACEHOLDERS

# These yield the next element each time that they run.
_STATEFUL = re.compile(
    ".*Iterator.*|.*(Queue|Reader|Barrier)(V2)?|(Ordered)?(Map)?(Uns|S)tage.*|(Ordered)?MapPeek|RecordInput|"
    "InfeedDequeue.*"
)
# These may compute from a placeholder, as a dataset of its rows: then they are part of the model.
_COMPUTING = re.compile(".*Dataset.*|PyFunc|PyFuncStateless|EagerPyFunc")
_WAY_OUT = (
    "Name tensors to feed that are behind the pipeline and outside of it: inputs=[...]. Or, where the branch is for "
    "training alone, pin what decides it: is_training=[...]."
)


class PipelineInput(NamedTuple):
    """A placeholder in place of a tensor that a pipeline yields."""

    tensor: str  # of the placeholder
    cut: str  # the tensor that it replaces, in the original graph
    dtype: str
    shape: list[int | None] | None  # None: any rank

    def __str__(self) -> str:
        sizes = None if self.shape is None else ["?" if size is None else str(size) for size in self.shape]
        shape = "of any shape" if sizes is None else f"[{', '.join(sizes)}]"
        before = "" if self.cut == self.tensor else f" (before: {self.cut})"
        return f"{self.tensor} {self.dtype} {shape}{before}"


def cut_pipelines(
    graph: Graph, outputs: list[Tensor], renamed: Mapping[str, str], built: tf.Graph | None
) -> tuple[Graph, tuple[PipelineInput, ...]]:
    """Puts placeholders in place of the tensors that input pipelines yield, and drops what `outputs` no longer need.

    Args:
      graph: the graph, which is changed.
      outputs: its outputs.
      renamed: dict from names of ops in `graph` to their names in `built`.
      built: the graph as it was built, if this process built it. It has the shapes that set_shape set.

    Returns:
      The graph that the outputs need, and a description of each new placeholder.

    Raises:
      ValueError: an output is an input pipeline's own, or a pipeline yields in a branch or a loop, where no placeholder
        can stand.
    """
    if not any(_STATEFUL.fullmatch(node.op) or _COMPUTING.fullmatch(node.op) for node in graph.values()):
        return graph, ()
    operations = graph.to_tensorflow()
    pipeline = _find_pipeline(graph, operations)
    rest = graph.select(graph.keys() - pipeline)
    yielded = {tensor for node in rest.values() for tensor in data_inputs(node) if tensor[0] in pipeline}
    yielded.update(tensor for tensor in outputs if tensor[0] in pipeline)
    _check_outputs(outputs, yielded, operations)
    place = {name: number for number, name in enumerate(graph)}
    cut = sorted(yielded, key=lambda tensor: (place[tensor[0]], tensor[1]))
    awaited = [name for node in rest.values() for name in control_inputs(node) if name in pipeline]
    _check_outside(graph, [*(name for name, _ in cut), *awaited])
    for node in rest.values() if awaited else ():
        # For example, ops that refill a queue or a staging area.
        set_inputs(node, data_inputs(node), (name for name in control_inputs(node) if name not in pipeline))
    placeholders = cut_inputs(graph, cut).placeholders
    described = [
        _describe(graph[placeholders[name, index][0]], (renamed.get(name, name), index), built) for name, index in cut
    ]
    return graph.pruned([name for name, _ in outputs]), tuple(described)


def _find_pipeline(graph: Graph, operations: tf.Graph) -> set[str]:
    """The ops of input pipelines."""
    pipeline: set[str] = set()
    fed: set[str] = set()  # computed from placeholders
    for name in graph.in_order():
        node = graph[name]
        inputs = data_inputs(node)
        if node.op in PLACEHOLDERS or any(source in fed for source, _ in inputs):
            fed.add(name)
        if (
            _STATEFUL.fullmatch(node.op)
            or (_COMPUTING.fullmatch(node.op) and name not in fed)
            or any(
                source in pipeline and _is_handle(operations.get_tensor_by_name(tensor_name((source, index))))
                for source, index in inputs
            )
        ):
            pipeline.add(name)
            fed.discard(name)
    return pipeline


def _is_handle(tensor: tf.Tensor) -> bool:
    # Before TensorFlow 2, handles of queues and readers were references to strings.
    return tensor.dtype in (tf.resource, tf.variant) or tensor.dtype == tf.dtypes.as_dtype("string_ref")


def _check_outputs(outputs: list[Tensor], yielded: set[Tensor], operations: tf.Graph) -> None:
    for tensor in outputs:
        name = tensor_name(tensor)
        if tensor in yielded and (tensor[1] > 0 or _is_handle(operations.get_tensor_by_name(name))):
            raise ValueError(
                f"expected outputs that the model computes, got {name}, which belongs to its input pipeline. Name a "
                "tensor computed from it, such as a tf.identity."
            )


def _check_outside(graph: Graph, names: list[str]) -> None:
    """Refuses pipelines in branches and loops: a placeholder is outside, with the same value in each iteration."""
    dataflow = Dataflow(graph)
    conditions = Conditions(dataflow, dataflow.in_order())
    for name in names:
        for condition in conditions.of(dataflow.nodes[name]):
            kind = "loop" if condition.branch is None else "branch"
            raise ValueError(
                f"expected input pipelines that can be cut off, got {name} ({graph[name].op}) in the {kind} of "
                f"{condition.of}, where a placeholder cannot replace it. {_WAY_OUT}"
            )


def _describe(placeholder: Any, tensor: Tensor, built: tf.Graph | None) -> PipelineInput:
    """Describes the placeholder of a tensor, and gives it the shape that the tensor was built with."""
    shape = tf.TensorShape(placeholder.attr["shape"].shape)
    if built is not None:
        try:
            shape = built.get_tensor_by_name(tensor_name(tensor)).shape
        except KeyError:  # it was in a function
            pass
        placeholder.attr["shape"].shape.CopyFrom(shape.as_proto())
    dtype = tf.as_dtype(placeholder.attr["dtype"].type)
    sizes = None if shape.rank is None else shape.as_list()
    return PipelineInput(tensor_name((placeholder.name, 0)), tensor_name(tensor), dtype.name, sizes)
