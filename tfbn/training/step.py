"""One step of a training graph: what it runs, and how the updates of its layers are wired into it."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfbn.graph import registry
from tfbn.graph.variables import full_name
from tfbn.graphdef import recognize, short_names
from tfbn.graphdef.dataflow import (
    Node,
    Upstream,
    controls_of,
    data,
    is_assignment,
    is_gradient,
    requirements,
    source_of,
)
from tfbn.graphdef.op_types import VARIABLES
from tfbn.training.copies import find_partial_copies
from tfbn.training.holders import find_holders

_keys = tf.compat.v1.GraphKeys


class Missed(NamedTuple):
    """Statistics that a step does not update, although it normalizes by the batch, or updates the layer's others."""

    cause: str  # 'frozen', 'not assigned', 'out of reach' or 'not run'
    normalization: Node | None  # by the batch; None where the step runs none
    statistics: list[str]
    updated: list[str]  # the statistics that the step updates
    updates: list[recognize.Update]  # which the step does not run


class Step:
    """A graph, its layers, and what one step of it runs."""

    def __init__(self, graph: tf.Graph, names: list[str]) -> None:
        self.recognized = recognize.recognize(graph.as_graph_def())
        nodes = self.recognized.dataflow.nodes
        self._frozen = self._add_calls(graph)
        self.partial_copies = find_partial_copies(self.recognized)
        self.starts = [nodes[name] for name in names]
        self.reached = self.recognized.dataflow.reach(self.starts)
        self.statistics = self.recognized.statistics
        self.holders = find_holders(self.recognized, graph)
        self.trainable = {full_name(variable) for variable in graph.get_collection(_keys.TRAINABLE_VARIABLES)}
        self.collected = [
            nodes[entry.name]
            for entry in (getattr(each, "op", each) for each in graph.get_collection(_keys.UPDATE_OPS))
            if getattr(entry, "name", None) in nodes
        ]
        calling = [node for node in nodes.values() if node.bodies]
        self._run_by_calls = self.recognized.dataflow.reach(calling) if calling else set()
        self.optimized = {  # the names of the optimizer's ops that the step runs, by the variables that they change
            source_of(node.inputs[0]): node.name
            for node in sorted(self.reached, key=lambda node: node.name)
            if "Apply" in node.type and node.inputs
        }
        racing = [
            update.node
            for layer in self.recognized.layers.values()
            for statistic in short_names.STATISTICS
            for update in self.racing(layer, statistic)
        ]
        self._before = Upstream(self.recognized.order, requirements, {node: node for node in racing})
        self._waiting = self._waiting_tensors()

    def _add_calls(self, graph: tf.Graph) -> set[str]:
        """Adds the calls in tfbn's registry, with their outputs as the ops that normalize.

        Returns the scopes of the layers that update_statistics=False freezes.
        """
        frozen = set()
        for call in registry.calls_of(graph):
            scope = full_name(call.variables["moving_mean"]).rpartition("/")[0]
            if call.statistics_frozen:
                frozen.add(scope)
            node = self.recognized.dataflow.nodes.get(call.outputs.op.name)
            if call.is_training is not False and call.outputs.graph is graph and node is not None:
                mode = "training" if call.is_training is True else "dynamic"
                normalization = recognize.Normalization(node, mode, self.recognized.conditions.of(node))
                self.recognized.layers[scope].normalizations.append(normalization)
        return frozen

    def missed(self, layer: recognize.Layer) -> Missed | None:
        """The statistics of a layer that the step trains, or updates in part, without updating them, and why."""
        training = [call for call in layer.normalizations if call.mode != "inference" and call.node in self.reached]
        updates = {name: _updates(layer, name) for name in short_names.STATISTICS if name in layer.variables}
        missing = [name for name in updates if not any(update.node in self.reached for update in updates[name])]
        updated = [name for name in updates if name not in missing]
        not_run = [update for name in missing for update in updates[name]]
        if not training:  # the step leaves the layer alone, unless it updates it
            return Missed("not run", None, missing, updated, not_run) if updated and not_run else None
        if not missing:
            return None
        if not not_run and layer.scope in self._frozen:
            return None
        affine = [node.name for name in short_names.AFFINE for node in layer.variables.get(name, ())]
        untrained = bool(affine) and bool(self.trainable) and not self.trainable.intersection(affine)
        if untrained and not any(update.node in self.holders for update in not_run):
            cause = "frozen"
        elif not not_run:
            cause = "not assigned"
        elif all(self._is_out_of_reach(update) for update in not_run):
            cause = "out of reach"
        else:
            cause = "not run"
        return Missed(cause, training[0].node, missing, updated, not_run)

    def _is_out_of_reach(self, update: recognize.Update) -> bool:
        """Whether nothing that Session.run can fetch runs the update."""
        conditions = self.recognized.conditions
        if not update.conditions:
            return False
        if update.node.callers:
            return update.node not in self._run_by_calls

        def follow(node: Node) -> list[Node]:
            inside = node is update.node or conditions.of(node)
            return self.recognized.consumers[node] if inside else []

        after = self.recognized.dataflow.reach([update.node], follow)
        return not any(node.type in ("Merge", "RefMerge", "Exit") and not conditions.of(node) for node in after)

    def racing(self, layer: recognize.Layer, statistic: str) -> list[recognize.Update]:
        """The updates of a variable that the step runs and no mutex guards; nothing if there is only one."""
        unguarded = [
            update for update in _updates(layer, statistic) if update.node in self.reached and not update.source.locked
        ]
        return unguarded if len(unguarded) > 1 else []

    def is_ordered(self, first: Node, second: Node) -> bool:
        """Whether one of two racing updates runs before the other."""
        return first in self._before.of(second) or second in self._before.of(first)

    def waiting_for(self, layer: recognize.Layer) -> list[Node]:
        """The tensors of the network that wait for collected updates of a layer, without using their values.

        Only the first ones that wait, since all that follow wait too; and without the layer's own ops, because with
        renorm one update waits for another.
        """
        return [node for node in self._waiting.get(layer.scope, ()) if not node.name.startswith(layer.scope)]

    def _waiting_tensors(self) -> dict[str, list[Node]]:
        """The tensors for `waiting_for`, by the layers' scopes; for layers with a constant is_training."""
        layers = [layer for layer in self.recognized.layers.values() if "dynamic" not in layer.modes]
        updates = {
            update.node: layer.scope for layer in layers for update in layer.updates if update.node in self.holders
        }
        if not updates:
            return {}
        order = self.recognized.order
        waits_for, depends_on = Upstream(order, requirements, updates), Upstream(order, data, updates)
        normalizations = {call.node: True for layer in layers for call in layer.normalizations}
        network = Upstream(order, lambda node: () if is_gradient(node) else data(node), normalizations)
        trains = Upstream(order, requirements, {node: True for node in order if self._trains(node)})
        waiting: dict[str, list[Node]] = {}
        for node in order:
            if not network.of(node) or trains.of(node) or self._is_apart(node):
                continue
            tied = waits_for.of(node) - depends_on.of(node)
            for source in data(node) if tied else ():
                if network.of(source):
                    tied -= waits_for.of(source) - depends_on.of(source)
            for scope in tied:
                waiting.setdefault(scope, []).append(node)
        return waiting

    def _trains(self, node: Node) -> bool:
        """Whether an op changes a variable that is no layer's statistic, such as a weight or a step counter."""
        if "Apply" in node.type:
            return True
        if not is_assignment(node):
            return False
        variable = source_of(node.inputs[0])
        return variable.type in VARIABLES and variable not in self.statistics

    def _is_apart(self, node: Node) -> bool:
        """Whether it is in a body, which has to run updates itself, or is create_train_op's copy of the loss."""
        if self.recognized.conditions.of(node):
            return True
        barriers = [op for op in controls_of(node) if op.name.rpartition("/")[2].startswith("update_barrier")]
        return bool(barriers) and node not in self.starts


def _updates(layer: recognize.Layer, statistic: str) -> list[recognize.Update]:
    return [update for update in layer.updates if update.statistic == statistic]
