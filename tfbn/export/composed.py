"""Layers that compute the batch's statistics and normalize by several ops, made to normalize by their averages.

The evidence is that the very mean and variance that a layer normalizes by go into its moving averages: by reductions,
sums and products with what does not depend on them. Where anything else is computed between the two, such as a root,
nothing is certain, and the layer stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.export.moving import Moving, read_moving
from tfbn.graphdef import arithmetic, walks
from tfbn.graphdef.dataflow import Node, Tensor, controls_of, source_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import tensor_name
from tfbn.graphdef.recognize import Layer, Recognized, Update
from tfbn.graphdef.slices import STATISTICS, is_assignment


class Averaged(NamedTuple):
    """The statistics that an op normalizes by, each with the variable that averages it."""

    layer: str
    op: str
    pairs: tuple[tuple[Tensor, Node], ...]


def find_averaged(recognized: Recognized, outputs: Iterable[str], training: Iterable[str]) -> list[Averaged]:
    """The ops of `training` whose statistics certainly go into known averages.

    Not where an output is computed from the statistics themselves, as a monitor of them is.
    """
    nodes = recognized.dataflow.nodes
    layers = {each.node: layer for layer in recognized.layers.values() for each in layer.normalizations}
    known = [arithmetic.statistic((nodes[name], 0)) for name in outputs if name in nodes]
    shown = set().union(*(each.batch for each in known if each is not None))
    averaged = []
    for name in training:
        layer = layers.get(nodes[name]) if name in nodes else None
        form = next(arithmetic.find_forms([nodes[name]], recognized.consumers), None) if layer else None
        if layer is None or form is None or form.mean.variables or form.variance.variables:
            continue
        batch = form.mean.batch | form.variance.batch
        variance = _variance_of(form.node)
        if len(form.mean.batch) != 1 or variance is None or batch & shown:
            continue
        pairs = []
        for statistic, tensor, parts in zip(
            STATISTICS, (next(iter(form.mean.batch)), variance), (form.mean.batch, form.variance.batch)
        ):
            variables = {
                source_of(update.node.inputs[0])
                for update in _updates_of(layer, statistic, {node for node, _ in parts})
                if _averages(update.node, tensor)
            }
            pairs += [(tensor, variable) for variable in variables]
        if len(pairs) == len(STATISTICS):
            averaged.append(Averaged(layer.scope, name, tuple(pairs)))
    return averaged


def normalize_by_averages(graph: Graph, averaged: Iterable[Averaged]) -> list[Averaged]:
    """Puts reads of the averages in place of the statistics; returns those whose shapes allow it."""
    done = []
    read: dict[tuple[str, int], tuple[str, int]] = {}
    built = graph.to_tensorflow()
    for each in averaged:
        tensors = {(node.name, index): variable.name for (node, index), variable in each.pairs}
        shapes = {tensor: built.get_tensor_by_name(tensor_name(tensor)).shape for tensor in tensors}
        if any(shape.rank is None or shape.as_list().count(None) > 1 for shape in shapes.values()):
            continue
        for tensor, variable in tensors.items():
            if tensor not in read:
                dtype = built.get_tensor_by_name(tensor_name(tensor)).dtype
                read[tensor] = _shaped(graph, Moving(variable, (variable, 0)), dtype, shapes[tensor])
        done.append(each)
    graph.redirect(read)
    return done


def _shaped(graph: Graph, moving: Moving, dtype: tf.DType, shape: tf.TensorShape) -> tuple[str, int]:
    value = read_moving(graph, moving, dtype)
    sizes = np.array([-1 if size is None else size for size in shape.as_list()], np.int32)
    name = f"{moving.variable}/inference/shape"
    like = graph.add_constant(name, sizes)
    return graph.add("Reshape", f"{name}d", [value, (like, 0)], T=dtype, Tshape=tf.int32), 0


def _variance_of(node: Node) -> Tensor | None:
    """The variance that an op normalizes by, as it is computed: without epsilon."""
    place = 2 if node.type == arithmetic.GLOBAL else 4 if node.type in arithmetic.FUSED else 0
    tensor = node.inputs[place]
    for _ in range(arithmetic.MAX_OPS):
        source, _ = tensor
        if source.type in arithmetic.RESHAPES or source.type in ("Identity", "Snapshot"):
            tensor = source.inputs[0]
        elif source.type in ("Add", "AddV2", "Maximum"):
            known = [arithmetic.statistic(each) for each in source.inputs]
            others = [each for each, value in zip(source.inputs, known) if value is None or not value.is_uniform]
            if len(others) != 1:
                return None
            (tensor,) = others
        else:
            return tensor
    return None


def _updates_of(layer: Layer, statistic: str, batch: set[Node]) -> list[Update]:
    return [each for each in layer.updates if each.statistic == statistic and each.source.batch == batch]


# Ops by which averages are linear in a statistic.
_LINEAR = ("Add", "AddV2", "AddN", "Sub", "Neg")
_HANDING_ON = (*arithmetic.RESHAPES, *arithmetic.PASSING, "ReadVariableOp", "ConcatV2", "Pack", "Squeeze")


def _averages(update: Node, statistic: Tensor) -> bool:
    """Whether an update is linear in a statistic, and takes nothing else of the batch."""

    def before(node: Node) -> list[Tensor]:
        if node.type in arithmetic.VARIABLES or arithmetic.is_reduction(node):
            return []
        # A read may wait for an assignment, and then has the assigned value.
        assigned = [each.inputs[1] for each in controls_of(node) if is_assignment(each)]
        sources = [*node.inputs, *(assigned if node.type == "ReadVariableOp" else ())]
        return [each for each in sources if each != statistic]

    linear: dict[Node, bool] = {}  # of those that the statistic goes into
    for node in walks.in_order([update], lambda each: [source for source, _ in before(each)]):
        depends = [each == statistic or each[0] in linear for each in node.inputs]
        through = [each.inputs[1][0] for each in controls_of(node) if is_assignment(each)]
        if node.type == "ReadVariableOp" and any(each in linear for each in through):
            linear[node] = all(linear.get(each, True) for each in through)
        elif any(depends):
            whole = all(linear.get(source, True) for source, _ in node.inputs)
            linear[node] = whole and _is_linear(node, depends)
    return linear.get(update, False)


def _is_linear(node: Node, depends: list[bool]) -> bool:
    """Whether an op is linear in those of its inputs that depend on a statistic."""
    if node.type in ("Mul", *arithmetic.QUOTIENTS):
        return depends.count(True) == 1 and (node.type == "Mul" or depends[0])
    if node.type in arithmetic.SELECTS:
        return not depends[0]
    if node.type in ("Switch", "RefSwitch"):
        return not depends[1]
    return node.type in (*_LINEAR, *_HANDING_ON) or is_assignment(node)
