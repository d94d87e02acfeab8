"""Finds the ops of a graph that look like training steps."""

from __future__ import annotations

import tensorflow as tf

from tfbn.graphdef.dataflow import Dataflow, Upstream, requirements


def find_steps(graph: tf.Graph) -> list[str]:
    """The names of ops that run an optimizer and that no op depends on; those in the collection TRAIN_OP first."""
    dataflow = Dataflow(graph.as_graph_def())
    order = dataflow.in_order()
    optimizers = {node: True for node in order if "Apply" in node.type}
    training = Upstream(order, requirements, optimizers)
    consumers = dataflow.consumers()
    # An assignment may be followed by a read of the variable that nothing uses.
    idle = {node for node in order if node.type == "ReadVariableOp" and not consumers[node]}
    ends = [
        node
        for node in dataflow.nodes.values()
        if training.of(node) and node not in idle and idle.issuperset(consumers[node])
    ]
    entries = graph.get_collection(tf.compat.v1.GraphKeys.TRAIN_OP)  # optimizers put all of their steps there
    collected = {getattr(getattr(entry, "op", entry), "name", "") for entry in entries}
    names = dict.fromkeys(node.name for node in ends)
    return sorted(names, key=lambda name: name not in collected)
