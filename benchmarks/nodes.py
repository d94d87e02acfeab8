"""Counts the nodes of a layer's graph on this TensorFlow: `python -m benchmarks.nodes REGIME [PATH ...]` prints JSON.

REGIME is "ref" or "resource" for the kind of variables, both with v2 behaviour off, or "v2" for TensorFlow 2's own
defaults. Runs on the original's TensorFlow as well, and so keeps to Python 3.7.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Dict, List

import tensorflow as tf

from benchmarks import steps

v1 = tf.compat.v1

PATHS = ("default", "inline updates", "is_training placeholder", "renorm", "fused=False")
REGIMES = ("ref", "resource", "v2")
BATCHES = {"static": 16, "dynamic": None}


def enter(regime: str) -> None:
    """For the whole process."""
    if regime != "v2":
        v1.disable_v2_behavior()
        (v1.enable_resource_variables if regime == "resource" else v1.disable_resource_variables)()


def arguments(name: str) -> Dict[str, Any]:
    path = steps.PATHS[name]
    tensors = {argument: make(None) for argument, make in path.tensors.items()}
    return dict(path.arguments, scale=True, **tensors)


def count(graph: Any) -> int:
    """With those in the bodies of functions, which control flow v2 and gradients make."""
    definition = graph.as_graph_def()
    return len(definition.node) + sum(len(function.node_def) for function in definition.library.function)


def nodes(name: str, batch: Any) -> List[int]:
    """Of the layer, and of the layer with the gradients of its inputs, gamma and beta."""
    with tf.Graph().as_default() as graph:
        inputs = v1.placeholder(tf.float32, [batch, 8, 8, 4])
        outputs = steps.batch_norm()(inputs, **arguments(name))
        forward = count(graph)
        v1.gradients(outputs, [inputs] + v1.trainable_variables())
        return [forward, count(graph)]


if __name__ == "__main__":
    enter(sys.argv[1])
    counts = {name: {kind: nodes(name, batch) for kind, batch in BATCHES.items()} for name in sys.argv[2:] or PATHS}
    print(json.dumps(counts))
