"""Graphs whose sizes are known to be zero: TensorFlow's optimizer must not take the process down over them.

It did so on their second derivatives. Each case runs in this module's own process, which prints the ones that passed.
"""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn

tf1 = tf.compat.v1
VIRTUAL, RENORM = {"virtual_batch_size": 2}, {"renorm": True}


def per_sample(shape):
    parts = [shape[0]] + [1] * (shape.shape[0] - 1)
    return tf.ones(parts), tf.ones(parts)


def in_graph(layer, shape, training, arguments, weighing=()):
    """Outputs, derivatives of either order and updates, in one run of a session."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x, switch = tf1.placeholder(tf.float32, shape), tf1.placeholder(tf.bool, [])
        weighing = {name: tf.random.uniform(sizes) for name, sizes in dict(weighing).items()}
        given = {"batch_norm": "is_training", "batch_normalization": "training"}[layer]
        arguments = {given: switch if training is None else training, **arguments, **weighing}
        outputs = getattr(tfbn, layer)(x, **arguments)
        variables = [x, *tf1.trainable_variables()]
        first = tf1.gradients(tf.reduce_sum(outputs**2), variables)
        second = [tf1.gradients(loss, variables) for loss in (2.0 * first[0], first[0] ** 2)]
        session.run(tf1.global_variables_initializer())
        fetches = [value for value in tf.nest.flatten([outputs, first, second]) if value is not None]
        found = session.run(
            [*fetches, *tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {x: np.zeros(shape), switch: True}
        )
        assert found[0].shape == tuple(shape)
        statistics = [v for v in tf1.global_variables() if v not in tf1.trainable_variables()]
        for variable, value in zip(statistics, session.run(statistics)):
            start = 0.0 if "mean" in variable.name else 1.0
            np.testing.assert_array_equal(value, np.full(value.shape, start), err_msg=variable.name)


def in_function(layer, shape, training, arguments, weighing=()):
    norm = layer(scale=True, **arguments)
    weighing = {name: tf.random.uniform(sizes) for name, sizes in dict(weighing).items()}

    @tf.function
    def run(x, switch):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(x)
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = norm(x, switch if training is None else training, **weighing)
                loss = tf.reduce_sum(outputs**2)
            sources = [x, norm.beta, norm.gamma]
            first = tape.gradient(loss, sources)
            losses = 2.0 * first[0], first[0] ** 2
        second = [outer.gradient(loss, sources) for loss in losses]
        return [value for value in tf.nest.flatten([outputs, first, second]) if value is not None]

    assert run(tf.zeros(shape), tf.constant(True))[0].shape == tuple(shape)


CASES = {
    "adjusted": (in_graph, "batch_normalization", [0, 3, 2, 1], True, {"fused": False, "adjustment": per_sample}),
    "virtual": (in_graph, "batch_normalization", [0, 5, 3], True, VIRTUAL),
    "virtual, channels first": (in_graph, "batch_norm", [0, 4, 3], True, {"data_format": "NCHW", **VIRTUAL, **RENORM}),
    "weighted": (in_graph, "batch_norm", [0, 4], True, {}, {"batch_weights": [0]}),
    "masked": (in_graph, "batch_norm", [0, 3, 2, 4], True, {"scale": True}, {"mask": [0, 3, 2, 1]}),
    "masked positions": (in_graph, "batch_norm", [4, 0, 2, 3], True, {"scale": True}, {"mask": [4, 0, 2, 1]}),
    "no channels": (in_graph, "batch_normalization", [4, 0, 3], False, {"fused": False, "axis": 1}),
    "no channels, adjusted": (
        in_graph,
        "batch_normalization",
        [4, 0, 1, 2],
        True,
        {"axis": 1, "adjustment": per_sample},
    ),
    "no channels, fused": (in_graph, "batch_norm", [4, 3, 2, 0], True, {}),
    "function": (in_function, tfbn.BatchNorm, [0, 3, 2, 4], True, VIRTUAL),
    "function, masked": (in_function, tfbn.BatchNorm, [4, 1, 0, 2], None, {}, {"mask": [4, 1, 0, 1]}),
}


@pytest.fixture(scope="module")
def passed():
    command = [sys.executable, "-m", __name__]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.process
@pytest.mark.cases(len(CASES))
@pytest.mark.parametrize("case", CASES)
def test_process_survives(case, passed):
    assert case in passed.stdout.splitlines(), passed.stderr[-1000:]


if __name__ == "__main__":
    for name, (run, *arguments) in CASES.items():
        run(*arguments)
        print(name, flush=True)
