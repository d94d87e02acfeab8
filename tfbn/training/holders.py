"""Where the updates of a graph's layers are wired: in collections, or in the outputs, which wait for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import tensorflow as tf

from tfbn.graphdef.dataflow import Node, controls_of, is_assignment, source_of
from tfbn.graphdef.recognize import Recognized

# Ops that may be between an update and the entry of a collection that runs it.
_BESIDE_UPDATES = ("Identity", "ReadVariableOp", "Merge", "Switch", "RefIdentity", "Const", "ConsumeMutexLock")

# The scope of an output that has the name of the original's, the result of a conditional.
_CONDITIONAL = re.compile(r"/cond(_\d+)?$")


def find_holders(recognized: Recognized, graph: tf.Graph) -> dict[Node, list[str]]:
    """The collections that have each update, or the value after it; no entry for an update that none has."""
    statistics = recognized.statistics
    updates = {update.node for layer in recognized.layers.values() for update in layer.updates}
    collections: dict[Node, list[str]] = {}

    def towards_updates(node: Node) -> Iterator[Node]:
        updates_statistic = is_assignment(node) and source_of(node.inputs[0]) in statistics
        if node in updates or not (updates_statistic or node.type in _BESIDE_UPDATES):
            return
        yield from (source for source, _ in node.inputs if source not in statistics)
        yield from controls_of(node)

    for collection in graph.get_all_collection_keys():
        for entry in graph.get_collection(collection):
            name = getattr(getattr(entry, "op", entry), "name", None)
            start = recognized.dataflow.nodes.get(name) if isinstance(name, str) else None
            if start is not None:
                for node in recognized.dataflow.reach([start], towards_updates) & updates:
                    holders = collections.setdefault(node, [])
                    if collection not in holders:
                        holders.append(collection)
    return collections


def is_inline(update: Node, recognized: Recognized) -> bool:
    """Whether outputs in the update's own name scope wait for it."""
    starts = [update]
    for _ in range(3):  # the value after it, the Merge of a cond, and the op that waits for that
        starts = [consumer for start in starts for consumer in recognized.consumers[start]]
        for node in starts:
            scope = _CONDITIONAL.sub("", node.name.rpartition("/")[0])
            if node.type == "Identity" and node.controls and node.inputs and update.name.startswith(f"{scope}/"):
                return True
    return False
