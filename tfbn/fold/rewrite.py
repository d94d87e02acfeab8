"""Writes the folded graph: the layers' new weights, a bias behind each, and nothing of what they replace."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.fold import kernels
from tfbn.fold.chains import Chain
from tfbn.fold.frozen import Frozen


def rewrite(graph_def: Any, frozen: Frozen, chains: Iterable[Chain]) -> Any:
    """A copy of the GraphDef with the chains folded, and without what nothing needs any more.

    The last op of each chain stays under its name, by which others ask for it.
    """
    made = type(graph_def)()
    made.CopyFrom(graph_def)
    del made.node[:]
    nodes = {}
    for node in graph_def.node:
        nodes[node.name] = copied = type(node)()
        copied.CopyFrom(node)
    for chain in chains:
        _fold(nodes, chain)
    made.node.extend(_needed(nodes, [node.name for node, _ in frozen.kept], frozen.inputs))
    return made


def _fold(nodes: dict[str, Any], chain: Chain) -> None:
    linear, last = chain.linear, chain.steps[-1]
    node, end = nodes[linear.node.name], nodes[last.node.name]
    dtype = tf.as_dtype(node.attr["T"].type).as_numpy_dtype
    kernel = kernels.scale_outputs(linear.layer, linear.kernel, last.slope)
    node.input[1] = _constant(nodes, f"{node.name}/folded_kernel", (kernel.T if linear.transposed else kernel), dtype)
    bias = _constant(nodes, f"{node.name}/folded_bias", last.offset, dtype)
    gone = {step.node.name for step in chain.steps if not step.moved}
    if last.moved:
        # The bias has to stand where the layer's channels are; what comes behind a reshape only hands on.
        added = _new(nodes, f"{node.name}/folded_bias_add", "BiasAdd", node.device)
        for step in chain.steps:
            if step.moved:
                _become(nodes[step.node.name], "Identity", [step.taken], node.attr["T"])
        gone.add(node.name)
    else:
        added = end
        gone.remove(end.name)
    for each in nodes.values():
        if each is not added:
            each.input[:] = [added.name if _source(text) in gone else text for text in each.input]
    _become(added, "BiasAdd", [node.name, bias], node.attr["T"])
    added.attr["data_format"].s = b"NCHW" if linear.channels_first else b"NHWC"


def _become(node: Any, op: str, inputs: list[str], dtype: Any) -> None:
    node.op = op
    node.input[:] = inputs
    node.attr.clear()
    node.attr["T"].CopyFrom(dtype)


def _constant(nodes: dict[str, Any], name: str, value: np.ndarray, dtype: Any) -> str:
    node = _new(nodes, name, "Const", "")
    with np.errstate(over="ignore"):  # what does not fit is seen when the outputs are compared
        tensor = tf.make_tensor_proto(value.astype(dtype))
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)
    return str(node.name)


def _new(nodes: dict[str, Any], wanted: str, op: str, device: str) -> Any:
    name, number = wanted, 0
    while name in nodes:
        number += 1
        name = f"{wanted}_{number}"
    node = nodes[name] = tf.compat.v1.NodeDef(name=name, op=op, device=device)
    return node


def _needed(nodes: dict[str, Any], kept: list[str], inputs: list[str]) -> list[Any]:
    """The nodes, in order, that the kept ones need, and the inputs, which callers feed whether needed or not."""
    _drop_idle_controls(nodes)
    found, waiting = set(inputs), [*kept, *inputs]
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting += [each for each in map(_source, nodes[name].input) if each not in found]
    return [node for name, node in nodes.items() if name in found]


def _drop_idle_controls(nodes: dict[str, Any]) -> None:
    """No op has to wait for a constant: TensorFlow 2 freezes with such edges, which would keep the old weights."""
    idle: dict[str, bool] = {}

    def is_idle(name: str) -> bool:
        if name not in idle:
            node = nodes[name]
            idle[name] = False  # of a loop, while it is looked at
            idle[name] = node.op in ("Const", "Identity", "NoOp") and all(map(is_idle, map(_source, node.input)))
        return idle[name]

    for node in nodes.values():
        kept = [text for text in node.input if text[0] != "^" or not is_idle(text[1:])]
        if len(kept) != len(node.input):
            node.input[:] = kept


def _source(text: str) -> str:
    """The op that an input is of."""
    return text.lstrip("^").partition(":")[0]
