"""Makes layers that normalize by several ops use their moving averages in place of the batch's statistics.

The evidence is that the very mean and variance that a layer normalizes by go into its moving averages, through
reductions, sums and products with factors that do not depend on them. Where anything else is computed in between, such
as a root, nothing is certain, and the layer stays unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.export.moving import Moving, read_moving
from tfbn.graphdef import walks
from tfbn.graphdef.dataflow import Node, Tensor, data, is_assignment, source_of
from tfbn.graphdef.forms import Form, find_forms, variance_input
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import data_inputs, tensor_name
from tfbn.graphdef.op_types import PASSING, QUOTIENTS, RESHAPES, SELECTS, SWITCHES, VARIABLES
from tfbn.graphdef.recognize import Recognized
from tfbn.graphdef.short_names import STATISTICS
from tfbn.graphdef.statistic import MAX_OPS, assignments_before, is_reduction, statistic_of

# Ops that may be between gamma or beta and the op that takes it, without changing its values.
_PLAIN = (
    *(*VARIABLES, *PASSING),
    *("ReadVariableOp", "Const", "Cast", "Fill", "Reshape", "ConcatV2", "Pack"),
)
# tfbn's layers of several ops mark what they computed, for their registered gradient: an IdentityN takes, in this
# order, the outputs, the inputs, gamma, beta, the mean, the variance, the share of each sample or the size of the
# inputs, and epsilon.
_OWN_GRADIENT = ("Tfbn", "CustomGradient")
_NAMED_AFFINE, _NAMED_STATISTICS, _NAMED_COUNT = slice(2, 4), slice(4, 6), 8


class Averaged(NamedTuple):
    """The statistics that an op normalizes by, each with the variable that averages it."""

    layer: str
    op: str
    pairs: tuple[tuple[Tensor, Node], ...]
    named: tuple[Node, ...]  # the ops by which tfbn marks them


def find_averaged(
    graph: Graph, recognized: Recognized, outputs: Iterable[str], training: Iterable[str]
) -> list[Averaged]:
    """The ops of `training` whose statistics certainly go into known averages.

    Excluded are ops whose statistics are also an output, as a monitor's, or are combined with data other than what the
    layer normalizes; and tfbn's own layers that scale by more than gamma, as with an adjustment for training.
    """
    nodes = recognized.dataflow.nodes
    layers = {call.node: layer for layer in recognized.layers.values() for call in layer.normalizations}
    known = [statistic_of((nodes[name], 0)) for name in outputs if name in nodes]
    in_outputs = set().union(*(statistic.batch for statistic in known if statistic is not None))
    named = _find_named(recognized)
    needed = recognized.dataflow.reach([nodes[name] for name in outputs if name in nodes], data)
    averaged = []
    for name in training:
        layer = layers.get(nodes[name]) if name in nodes else None
        form = next(find_forms([nodes[name]], recognized.consumers), None) if layer else None
        variances = _variances_of(form.node) if form is not None else []
        if layer is None or form is None or form.subtracted is None or not variances:
            continue
        mean = _reshaped(form.subtracted)
        marks = named.get((mean, variances[0]), [])
        if (form.mean.batch | form.variance.batch) & in_outputs or not all(
            _is_plain(mark, graph, recognized) for mark in marks
        ):
            continue
        if not marks and _have_other_use(form, [mean, variances[0]], recognized, needed):
            continue
        pairs = []
        for statistic, tensors, parts in zip(STATISTICS, ([mean], variances), (form.mean, form.variance)):
            updates = [
                update.node
                for update in layer.updates
                if update.statistic == statistic
                # Apart from the statistics that tfbn marks, its updates take only the sum of the weights.
                if marks or update.source.batch == {node for node, _ in parts.batch}
            ]
            averages = {
                tensor: {source_of(update.inputs[0]) for update in updates if _averages(update, tensor)}
                for tensor in tensors
            }
            tensor = next((candidate for candidate in tensors if averages[candidate]), tensors[0])
            # For a batch without samples, the average may be its own next value.
            pairs += [(tensor, variable) for variable in averages[tensor] if parts.variables <= {variable}]
        if len(pairs) == len(STATISTICS):
            averaged.append(Averaged(layer.scope, name, tuple(pairs), tuple(marks)))
    return averaged


def _have_other_use(form: Form, statistics: Iterable[Tensor], recognized: Recognized, needed: Set[Node]) -> bool:
    """Whether statistics are combined with data anywhere but on the way to or from the op that scales the data."""
    waiting = [node for node, _ in statistics]
    seen = {form.scaling, *form.sources, *waiting}
    for node in waiting:  # grows on the way
        for consumer in recognized.consumers[node]:
            if consumer in seen or consumer not in needed:
                continue
            seen.add(consumer)
            if statistic_of((consumer, 0)) is not None:
                waiting.append(consumer)
            elif not _leads_to(consumer, form.scaling, recognized, needed):
                if not _leads_to(form.scaling, consumer, recognized, needed):
                    return True
    return False


def _leads_to(start: Node, end: Node, recognized: Recognized, needed: Set[Node]) -> bool:
    """Whether `end` is computed from `start`, within a limited number of ops."""
    waiting, seen = [start], {start}
    for node in waiting:  # grows on the way
        for consumer in recognized.consumers[node]:
            if consumer in needed and consumer not in seen and len(seen) < MAX_OPS:
                seen.add(consumer)
                waiting.append(consumer)
    return end in seen


def are_plain(graph: Graph, tensors: Iterable[tuple[str, int]]) -> bool:
    """Whether these are variables or constants, such as gamma and beta, with nothing that training adds."""

    def follow(name: str) -> list[str]:
        inputs = data_inputs(graph[name]) if graph[name].op in _PLAIN else []
        # The predicate of a branch does not matter.
        return [source for source, _ in (inputs[:1] if graph[name].op in SWITCHES else inputs)]

    return all(graph[name].op in _PLAIN for name in walks.reach([source for source, _ in tensors], follow))


def _find_named(recognized: Recognized) -> dict[tuple[Tensor, Tensor], list[Node]]:
    """The ops by which tfbn marks the statistics of its layers, by mean and variance."""
    named: dict[tuple[Tensor, Tensor], list[Node]] = {}
    for node in recognized.dataflow.all:
        if node.type == "IdentityN" and len(node.inputs) == _NAMED_COUNT and "_gradient_op_type" in node.attr:
            if node.attr["_gradient_op_type"].s.decode().startswith(_OWN_GRADIENT):
                mean, variance = (_reshaped(each) for each in node.inputs[_NAMED_STATISTICS])
                named.setdefault((mean, variance), []).append(node)
    return named


def _is_plain(named: Node, graph: Graph, recognized: Recognized) -> bool:
    """Whether a layer of tfbn scales by gamma and shifts by beta alone."""
    if not are_plain(graph, [(source.name, index) for source, index in named.inputs[_NAMED_AFFINE]]):
        return False
    scope, waiting = named.name.rpartition("/")[0], [named]
    for node in waiting:  # grows on the way
        for consumer in recognized.consumers[node]:
            if consumer.name.rpartition("/")[0] == scope and consumer not in waiting:
                if consumer.type == "Mul":  # by a factor that is not one value for each channel
                    return False
                if consumer.type in RESHAPES or consumer.type == "Identity":
                    waiting.append(consumer)
    return True


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
    for mark in (mark for each in done for mark in each.named):
        graph.redirect({(mark.name, index): tensor for index, tensor in enumerate(data_inputs(graph[mark.name]))})
    graph.redirect(read)
    return done


def _shaped(graph: Graph, moving: Moving, dtype: tf.DType, shape: tf.TensorShape) -> tuple[str, int]:
    value = read_moving(graph, moving, dtype)
    sizes = np.array([-1 if size is None else size for size in shape.as_list()], np.int32)
    name = f"{moving.variable}/inference/shape"
    like = graph.add_constant(name, sizes)
    return graph.add("Reshape", f"{name}d", [value, (like, 0)], T=dtype, Tshape=tf.int32), 0


def _reshaped(tensor: Tensor) -> Tensor:
    """The source of a value per channel, before reshapes, casts and negations."""
    for _ in range(MAX_OPS):
        source, _ = tensor
        if source.type not in (*RESHAPES, "Identity", "Neg"):
            break
        tensor = source.inputs[0]
    return tensor


def _variances_of(node: Node) -> list[Tensor]:
    """The variance that an op normalizes by: first without epsilon, then after each addition to it."""
    tensor = _reshaped(variance_input(node))
    variances = [tensor]
    while tensor[0].type in ("Add", "AddV2", "Maximum"):
        known = [statistic_of(term) for term in tensor[0].inputs]
        others = [term for term, value in zip(tensor[0].inputs, known) if value is None or not value.is_uniform]
        if len(others) != 1:
            return variances if tensor[0].type != "Maximum" else []
        tensor = _reshaped(others[0])
        variances.insert(0, tensor)
    return variances


# Ops that are linear in a statistic.
_LINEAR = ("Add", "AddV2", "AddN", "Sub", "Neg")
_HANDING_ON = (*RESHAPES, *PASSING, "ReadVariableOp", "ConcatV2", "Pack", "Squeeze")


def _averages(update: Node, statistic: Tensor) -> bool:
    """Whether an update is linear in a statistic, and takes nothing else of the batch."""

    def before(node: Node) -> list[Tensor]:
        if node.type in VARIABLES or is_reduction(node):
            return []
        # A read that waits for an assignment gives the assigned value.
        assigned = assignments_before(node) if node.type == "ReadVariableOp" else []
        sources = [*node.inputs, *(assignment.inputs[1] for assignment in assigned)]
        return [source for source in sources if source != statistic]

    linear: dict[Node, bool] = {}  # for the ops that the statistic goes into
    for node in walks.in_order([update], lambda op: [source for source, _ in before(op)]):
        depends = [tensor == statistic or tensor[0] in linear for tensor in node.inputs]
        assigned = assignments_before(node) if node.type == "ReadVariableOp" else []
        through = [assignment.inputs[1][0] for assignment in assigned]
        if any(source in linear for source in through):
            linear[node] = all(linear.get(source, True) for source in through)
        elif any(depends):
            whole = all(linear.get(source, True) for source, _ in node.inputs)
            linear[node] = whole and _is_linear(node, depends)
    return linear.get(update, False)


def _is_linear(node: Node, depends: list[bool]) -> bool:
    """Whether an op is linear in the inputs that depend on a statistic, and adds no constant to them."""
    if node.type in ("Mul", "MulNoNan", *QUOTIENTS):
        return depends.count(True) == 1 and (node.type == "Mul" or depends[0])
    if node.type in SELECTS:
        return not depends[0]
    if node.type in SWITCHES:
        return not depends[1]
    if node.type in _LINEAR:
        return not any(map(_is_uniform, (source for source, known in zip(node.inputs, depends) if not known)))
    return node.type in _HANDING_ON or is_assignment(node)


def _is_uniform(tensor: Tensor) -> bool:
    known = statistic_of(tensor)
    return known is not None and known.is_uniform
