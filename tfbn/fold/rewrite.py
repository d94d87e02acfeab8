"""Writes the folded graph: the layers' new weights, a bias behind each, without the ops that these replace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.fold import kernels
from tfbn.fold.affine import Run
from tfbn.fold.chains import Chain
from tfbn.fold.frozen import Frozen
from tfbn.graphdef.dataflow import Node
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import become, control_inputs, data_inputs, set_inputs, split_tensor


def rewrite(
    graph_def: Any, frozen: Frozen, chains: Iterable[Chain], absorbed: Iterable[Run], lowered: Iterable[Run]
) -> Any:
    """A copy of the GraphDef with the chains folded, some runs removed and some lowered, without unused ops.

    The last op of each keeps its name, which others may use, except for runs that are removed.
    """
    graph = Graph.from_graph_def(graph_def)
    graph.redirect({(run.nodes[-1].name, 0): (run.data[0].name, run.data[1]) for run in absorbed})
    biases: dict[str, str] = {}
    for chain in chains:
        biases.update(_fold(graph, chain, frozen))
    added = {*biases.values()}
    for node in graph.values():
        if biases and node.name not in added:
            node.input[:] = [biases.get(split_tensor(text)[0], text) for text in node.input]
    for run in lowered:
        _lower(graph, run, frozen)
    _drop_idle_controls(graph)
    # Callers feed the inputs, needed or not.
    needed = graph.pruned([*(node.name for node, _ in frozen.kept), *frozen.inputs])
    folded = type(graph_def)()
    folded.CopyFrom(graph_def)
    del folded.node[:]
    folded.node.extend(needed.values())
    return folded


def _fold(graph: Graph, chain: Chain, frozen: Frozen) -> dict[str, str]:
    """Gives the layers their new weights; returns, by the ops that are gone, the BiasAdds in their place."""
    instead: dict[str, str] = {}
    in_place = chain.steps[-1].behind if len(chain.parts) == 1 and chain.steps else None
    anchors: set[Node] = set()
    for linear, slope, offset in chain.parts:
        node = graph[linear.node.name]
        dtype = tf.as_dtype(node.attr["T"].type)
        kernel = kernels.scale_outputs(linear.layer, linear.kernel, slope)
        weights = _add_constant(graph, f"{node.name}/folded_kernel", kernel.T if linear.transposed else kernel, dtype)
        bias = _add_constant(graph, f"{node.name}/folded_bias", offset, dtype)
        first, _, *others = data_inputs(node)
        set_inputs(node, [first, (weights, 0), *others], control_inputs(node))
        # The op that reassembles a dilated convolution stays next to it: converters recognize the pair by that.
        anchor = in_place or linear.node
        anchors.add(anchor)
        gone = {step.node.name for step in chain.steps if step.behind is anchor}
        if in_place:
            added = graph[chain.steps[-1].node.name]
            gone.remove(added.name)
        else:
            # The bias has to be where the layer's channels are; steps behind a reshape become an Identity.
            added = graph[graph.add("BiasAdd", f"{node.name}/folded_bias_add", [])]
            added.device = node.device
            gone.add(node.name)
        instead.update(dict.fromkeys(gone, added.name))
        become(added, "BiasAdd", T=dtype, data_format=b"NCHW" if linear.channels_first else b"NHWC")
        set_inputs(added, [(anchor.name, 0), (bias, 0)], [])
    for step in chain.steps:
        if step.behind not in anchors:
            become(graph[step.node.name], "Identity", T=frozen.dtype(step.data))
            set_inputs(graph[step.node.name], [(step.data[0].name, step.data[1])], [])
    return instead


def _lower(graph: Graph, run: Run, frozen: Frozen) -> None:
    """Reduces a run to a multiplication and an addition; of the oldest op types, for runtimes that know few."""
    first, end = graph[run.nodes[0].name], graph[run.nodes[-1].name]
    data = data_inputs(first)[run.nodes[0].inputs.index(run.data)]
    controls = [name for node in run.nodes for name in control_inputs(graph[node.name])]
    dtype = frozen.dtype(run.data)
    rank = len(frozen.shape(run.data) or ())
    slope, offset = (
        _add_constant(graph, f"{end.name}/lowered_{name}", _without_leading_ones(value, rank), dtype)
        for name, value in (("slope", run.slope), ("offset", run.offset))
    )
    scaled = graph.add("Mul", f"{end.name}/lowered_mul", [data, (slope, 0)], T=dtype)
    graph[scaled].device = end.device
    become(end, "Add", T=dtype)
    set_inputs(end, [(scaled, 0), (offset, 0)], controls)


def _without_leading_ones(value: np.ndarray, rank: int) -> np.ndarray:
    """The value in the smallest shape that broadcasts in the same way against a tensor of this rank."""
    while value.ndim > 1 and value.shape[0] == 1 and value.ndim <= rank:
        value = value[0]
    return value


def _add_constant(graph: Graph, name: str, value: np.ndarray, dtype: tf.DType) -> str:
    with np.errstate(over="ignore"):  # the comparison of the outputs reveals an overflow
        return graph.add_constant(name, value.astype(dtype.as_numpy_dtype))


def _drop_idle_controls(graph: Graph) -> None:
    """Drops waits for constants: TensorFlow 2 freezes graphs with such edges, which would keep the old weights."""
    idle: dict[str, bool] = {}

    def is_idle(name: str) -> bool:
        if name not in idle:
            node = graph[name]
            idle[name] = False  # in a loop, while it is being computed
            sources = [*(source for source, _ in data_inputs(node)), *control_inputs(node)]
            idle[name] = node.op in ("Const", "Identity", "NoOp") and all(map(is_idle, sources))
        return idle[name]

    for node in graph.values():
        controls = control_inputs(node)
        kept = [name for name in controls if not is_idle(name)]
        if len(kept) != len(controls):
            set_inputs(node, data_inputs(node), kept)
