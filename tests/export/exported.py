"""What the tests of export ask of every result."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
TRAINING = (
    "Switch",
    "Merge",
    "If",
    "Case",
    "Assign",
    "Placeholder",
    "Variable",
    "VarHandle",
    "Mutex",
    "FusedBatchNormGrad",
)


def run(graph_def, outputs, feeds):
    """What a fresh session makes of the graph; feeds by name."""
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def, name="")
        with tf1.Session() as session:
            return session.run(outputs, feeds)


def leftovers(graph_def, inputs=("x",)):
    """Ops of training, variables, placeholders other than the inputs, and control inputs."""
    names = [node.name for node in graph_def.node if node.op.startswith(TRAINING) or "If" in node.op]
    trains = [
        node.name for node in graph_def.node if node.op.startswith("FusedBatchNorm") and node.attr["is_training"].b
    ]
    waits = [text for node in graph_def.node for text in node.input if text.startswith("^")]
    return [name for name in names if name not in inputs] + trains + waits


def assert_close(found, expected):
    """To 1e-5 of the largest output, as promised."""
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def randomize(session, seed=0):
    """Values away from the first ones, for every floating variable; what they were is no match by accident."""
    random = np.random.RandomState(seed)
    for variable in tf1.global_variables():
        if variable.dtype.base_dtype.is_floating:
            value = random.uniform(0.5, 1.5, variable.shape)
            session.run(variable.initializer, {variable.initializer.inputs[1]: value})
