"""A batch that virtual_batch_size does not divide is fine in inference, and refused where it trains."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session
from tests.keras import generations

tf1 = tf.compat.v1
X = oracle.batch((7, 2, 3, 4), seed=2)
MEAN, VARIANCE = np.array([0.5, -1.0, 2.0, 3.0]), np.array([1.0, 4.0, 0.5, 2.0])
EXPECTED = oracle.normalize(X, MEAN, VARIANCE)
REFUSED = "virtual_batch_size: expected a divisor of the batch size"


def by_graph(layer, training, name, static, traced):
    """Outputs in inference, or in training, as `training` is, static or fed."""
    with graph():
        x = tf1.placeholder(tf.float32, X.shape if static else [None, 2, 3, 4])
        switch = tf1.placeholder(tf.bool, [])
        outputs = layer(x, virtual_batch_size=3, **{name: switch if traced else training})
        with session() as opened:
            for variable in tf1.global_variables():
                for statistic, value in (("moving_mean", MEAN), ("moving_variance", VARIANCE)):
                    if variable.op.name.endswith(statistic):
                        variable.load(value.reshape(variable.shape), opened)
            return opened.run(outputs, {x: X, switch: training})


def by_layer(norm, training, name, static, traced):
    norm.moving_mean.assign(MEAN)
    norm.moving_variance.assign(VARIANCE)

    def run(x, switch):
        return norm(x, **{name: switch if traced else training})

    x = tf.constant(X, tf.float32)
    spec = tf.TensorSpec(X.shape if static else [None, 2, 3, 4])
    run = tf.function(run, input_signature=[spec, tf.TensorSpec([], tf.bool)])
    return run(x, tf.constant(training)).numpy()


def by_keras(training, *how):
    norm = tfbn.keras.layer_class(generations.ALL[-1])(virtual_batch_size=3)
    norm.build((None, 2, 3, 4))
    return by_layer(norm, training, "training", *how)


FRONTS = {
    "batch_norm": lambda *how: by_graph(tfbn.batch_norm, how[0], "is_training", *how[1:]),
    "batch_normalization": lambda *how: by_graph(tfbn.batch_normalization, how[0], "training", *how[1:]),
    "module": lambda *how: by_layer(tfbn.BatchNorm(4, virtual_batch_size=3), how[0], "is_training", *how[1:]),
    "keras": by_keras,
}


@pytest.mark.parametrize("traced", [False, True], ids=["bool", "tensor"])
@pytest.mark.parametrize("static", [False, True], ids=["unknown size", "known size"])
@pytest.mark.parametrize("front", FRONTS)
def test_inference_takes_any_batch(front, static, traced):
    np.testing.assert_allclose(FRONTS[front](False, static, traced), EXPECTED, **oracle.OUTPUT["float32"])
    error = ValueError if static and not traced else tf.errors.InvalidArgumentError
    with pytest.raises(error, match=REFUSED):
        FRONTS[front](True, static, traced)


def test_xla_computes_both_branches():
    norm = tfbn.BatchNorm(4, virtual_batch_size=3)
    run = tf.function(norm, jit_compile=True)
    with pytest.raises(ValueError, match=REFUSED):
        run(tf.zeros(X.shape), tf.constant(False))
    assert run(tf.zeros([6, 4]), tf.constant(False)).shape == (6, 4)
