"""Makes layers that were built with is_training=True normalize by their moving statistics.

Only three sources tell which these are: the updates that take the statistics of a fused op, this process's registry of
the layers that tfbn has built, and the averages that take the statistics of a layer of several ops. Names and scopes
are no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core import normalization, values
from tfbn.export.composed import are_plain, find_averaged, normalize_by_averages
from tfbn.export.decide import DecidedGraph
from tfbn.export.moving import Moving, read_moving
from tfbn.graph import registry
from tfbn.graph.variables import full_name, parts
from tfbn.graphdef import recognize, short_names, walks
from tfbn.graphdef.dataflow import source_of
from tfbn.graphdef.graph import Graph
from tfbn.graphdef.nodes import become, control_inputs, data_inputs, set_attr, set_inputs
from tfbn.graphdef.op_types import FUSED, normalizes_by_batch


class Rewritten(NamedTuple):
    layer: str  # the scope of its variables
    op: str  # the op that normalized by the batch
    source: str  # 'updates' of the fused op, 'registry', or 'averages' of what several ops normalize by


def rewrite(
    decided: DecidedGraph, roots: list[str], calls: Sequence[registry.Call], kept_ops: Set[str]
) -> tuple[Graph, tuple[Rewritten, ...]]:
    """The ops that the outputs need, with layers that were built with is_training=True in inference mode.

    Ops in `kept_ops` stay in training mode.
    """
    modes = {name: mode for name, (_, mode) in decided.modes.items() if name not in kept_ops}
    training = [name for name, mode in modes.items() if mode == "training"]
    recognized = decided.recognized
    by_wiring = by_updates(decided.graph, roots, training, wiring_of(recognized))
    rest = modes.keys() - {rewritten.op for rewritten in by_wiring}
    placed = {name for name, node in recognized.dataflow.nodes.items() if recognized.conditions.of(node)}
    needed = decided.graph.pruned(roots)
    remembered = find_remembered(decided.graph, needed, rest, calls, placed)
    covered = placed.union(*(own for _, own in remembered))
    uncovered = [name for name in training if name in rest and name not in covered]
    averaged = find_averaged(decided.graph, recognized, roots, uncovered)
    kept = find_averaged(decided.graph, recognized, roots, kept_ops)
    shared = {tensor for entry in kept for tensor, _ in entry.pairs}
    averaged = [entry for entry in averaged if not any(tensor in shared for tensor, _ in entry.pairs)]
    by_averages = [
        Rewritten(entry.layer, entry.op, "averages")
        for entry in (normalize_by_averages(decided.graph, averaged) if averaged else ())
    ]
    graph, by_calls = by_registry(decided.graph, roots, [call for call, _ in remembered])
    return graph, (*by_wiring, *by_averages, *by_calls)


class Wiring(NamedTuple):
    """The moving statistics that a fused op's statistics update."""

    scope: str
    moving_mean: Moving
    moving_variance: Moving


def wiring_of(recognized: recognize.Recognized) -> dict[str, Wiring]:
    """The wiring of fused ops, by name; without those whose statistics update several layers, or only one variable."""
    updated: dict[str, dict[str, set[str]]] = {}
    assigned: dict[tuple[str, str], tuple[str, Moving]] = {}
    for layer in recognized.layers.values():
        for update in layer.updates:
            if update.statistic not in short_names.STATISTICS:
                continue
            handle, index = update.node.inputs[0]
            variable = source_of((handle, index)).name
            for node in update.source.batch:
                if node.type in FUSED:
                    updated.setdefault(node.name, {}).setdefault(update.statistic, set()).add(variable)
                    assigned[node.name, variable] = layer.scope, Moving(variable, (handle.name, index))
    wired = {}
    for name, by_statistic in updated.items():
        if all(len(by_statistic.get(statistic, ())) == 1 for statistic in short_names.STATISTICS):
            (scope, mean), (_, variance) = (assigned[name, min(by_statistic[each])] for each in short_names.STATISTICS)
            wired[name] = Wiring(scope, mean, variance)
    return wired


def by_updates(graph: Graph, outputs: list[str], training: Iterable[str], wired: dict[str, Wiring]) -> list[Rewritten]:
    """Puts the fused ops among `training` whose wiring is known into inference mode.

    Excluded are ops whose batch statistics the outputs are computed from, as with renorm.
    """
    done = []
    used = {tensor[0] for node in graph.pruned(outputs).values() for tensor in data_inputs(node) if tensor[1] > 0}
    for name in training:
        node, wiring = graph[name], wired.get(name)
        fused = normalizes_by_batch(node.op, node.attr)
        if wiring is None or name in used or not fused or not are_plain(graph, data_inputs(node)[1:3]):
            continue
        dtype = tf.as_dtype(node.attr["U" if "U" in node.attr else "T"].type)
        moving = [read_moving(graph, each, dtype) for each in (wiring.moving_mean, wiring.moving_variance)]
        set_inputs(node, [*data_inputs(node)[:3], *moving], [])
        set_attr(node, "is_training", False)
        node.attr.pop("exponential_avg_factor", None)
        done.append(Rewritten(wiring.scope, name, "updates"))
    return done


def find_remembered(
    graph: Graph, needed: Graph, training: Set[str], calls: Sequence[registry.Call], placed: Set[str]
) -> list[tuple[registry.Call, set[str]]]:
    """tfbn's own layers that were built for training and still train in `needed`, each with its ops there.

    A layer's inputs are in `graph` but not in `needed` if they were the result of a conditional that is decided now.

    Excluded are layers in `placed`, the bodies of loops and branches: their inputs and variables may be outside.
    """
    ends = {call.outputs.op.name for call in calls}
    remembered = []
    for call in calls:
        outputs, inputs = call.outputs.op.name, call.inputs.op.name
        if call.is_training is True and outputs in needed and outputs not in placed and inputs in graph:
            own = _between(needed, outputs, inputs, ends)
            if own & training:
                remembered.append((call, own))
    return remembered


def _between(graph: Graph, outputs: str, inputs: str, ends: Set[str]) -> set[str]:
    """The ops that compute a layer's outputs, back to its inputs or to `ends`, the outputs of other layers."""

    def follow(name: str) -> list[str]:
        sources = [*(source for source, _ in data_inputs(graph[name])), *control_inputs(graph[name])]
        return [source for source in sources if source != inputs and source not in ends]

    return walks.reach([outputs], follow)


def by_registry(graph: Graph, outputs: list[str], chosen: list[registry.Call]) -> tuple[Graph, list[Rewritten]]:
    """The ops that `outputs` need, with these layers replaced by their inference mode."""
    if not chosen:
        return graph.pruned(outputs), []
    names = [_name(part) for call in chosen for each in (*_used(call), call.inputs) for part in parts(each)]
    built = graph.pruned([*outputs, *names]).to_tensorflow()
    instead = {call.outputs.op.name: _inference(built, call) for call in chosen}
    rewritten = Graph.from_graph_def(built.as_graph_def())
    for name, tensor in instead.items():
        become(rewritten[name], "Identity", T=tensor.dtype)
        set_inputs(rewritten[name], [(tensor.op.name, tensor.value_index)], [])
    scopes = (full_name(parts(call.variables["moving_mean"])[0]).rpartition("/")[0] for call in chosen)
    return rewritten.pruned(outputs), [Rewritten(scope, name, "registry") for scope, name in zip(scopes, instead)]


def _used(call: registry.Call) -> list[Any]:
    names = ("beta", "gamma", "moving_mean", "moving_variance")
    return [call.variables[name] for name in names if call.variables[name] is not None]


def _name(part: Any) -> str:
    return part.op.name if isinstance(part, tf.Tensor) else full_name(part)


def _inference(graph: tf.Graph, call: registry.Call) -> tf.Tensor:
    """The outputs of the layer in inference, in a copy of its graph."""

    def value(variable: Any) -> Any:
        if variable is None:
            return None
        values_of_parts = [_value(graph, part) for part in parts(variable)]
        if len(values_of_parts) == 1:
            return values_of_parts[0]
        whole, part = variable.shape, values_of_parts[0].shape
        return tf.concat(values_of_parts, next(axis for axis in range(whole.rank) if whole[axis] != part[axis]))

    with graph.as_default(), tf.compat.v1.name_scope(f"{call.outputs.op.name}/inference/"):
        inputs = graph.get_tensor_by_name(call.inputs.name)
        inputs.set_shape(call.inputs.shape)
        beta, gamma, mean, variance = (
            value(call.variables[each]) for each in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        params, state = values.Params(beta, gamma), values.State(mean, variance)
        return normalization.normalize_by_moving(inputs, params, state, call.settings)


def _value(graph: tf.Graph, part: Any) -> tf.Tensor:
    if isinstance(part, tf.Tensor):
        return graph.get_tensor_by_name(part.name)
    tensor = graph.get_tensor_by_name(f"{full_name(part)}:0")
    if tensor.dtype == tf.resource:
        return tf.raw_ops.ReadVariableOp(resource=tensor, dtype=part.dtype.base_dtype)
    return tf.identity(tensor)
