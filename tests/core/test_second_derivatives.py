"""Second derivatives of a layer whose is_training is a tensor are those that the bool gives, wherever the tapes are."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle

RENORM = {"renorm": True, "renorm_clipping": {"rmin": 1 / 3, "rmax": 3.0, "dmax": 5.0}}
WEIGHTS = np.linspace(0.5, 1.5, 6).astype("float32")
MASK = np.random.RandomState(0).random_sample([6, 4, 2]) > 0.4
# The shape of the inputs, the arguments of the layer and those of the call.
LAYERS = {
    "rank 2": ([6, 3], {}, {}),
    "rank 4": ([6, 4, 2, 3], {}, {}),
    "rank 5": ([3, 2, 4, 2, 3], {}, {}),
    "NCHW": ([6, 3, 4, 2], {"data_format": "NCHW"}, {}),
    "NCHW renorm": ([6, 3, 4, 2], {"data_format": "NCHW", **RENORM}, {}),
    "NCHW mask": ([6, 3, 4, 2], {"data_format": "NCHW"}, {"mask": MASK}),
    "renorm": ([6, 4, 3], RENORM, {}),
    "weights": ([6, 3], {}, {"batch_weights": WEIGHTS}),
    "adjustment": ([6, 3], {"adjustment": lambda _: (tf.constant([1.1, 0.9, 1.3]), tf.constant([0.1, -0.2, 0.3]))}, {}),
    "virtual batches": ([6, 4, 3], {"virtual_batch_size": 3}, {}),
    "composed": ([6, 4, 3], {"fused": False}, {}),
    "float16": ([6, 4, 3], {}, {}),
}
STARTS = {
    name: lambda shape, dtype=None, values=values: tf.constant(values, dtype)
    for name, values in {
        "gamma": [0.6, 1.0, 1.4],
        "beta": [-0.5, 0.1, 0.5],
        "moving_mean": [0.1, 0.4, 0.7],
        "moving_variance": [0.8, 1.5, 2.0],
    }.items()
}


def penalized(norm, x, slope, layer, persistent=False):
    """The outputs, a loss's gradients by x, gamma and beta, and those of a penalty on the former."""
    sources = [x, norm.gamma, norm.beta]
    with tf.GradientTape(persistent=persistent) as outer:
        outer.watch(x)
        with tf.GradientTape(persistent=persistent) as inner:
            inner.watch(x)
            outputs = layer(x)
            loss = tf.reduce_sum(slope * tf.tanh(tf.cast(outputs, tf.float32)))
        first = inner.gradient(loss, sources)
        penalty = tf.add_n([tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32))) for gradient in first])
    return [outputs, *first, *outer.gradient(penalty, sources)]


def layer_of(name):
    shape, arguments, call = LAYERS[name]
    norm = tfbn.BatchNorm(3, scale=True, param_initializers=STARTS, update_statistics=False, **arguments)
    x = tf.constant(oracle.batch(shape, seed=3), tf.float16 if name == "float16" else tf.float32)
    slope = np.random.RandomState(5).standard_normal(shape).astype("float32")
    return norm, x, slope, lambda x, flag: norm(x, is_training=flag, **call)


def check(values, expected, name):
    # Sums of some 50 terms, each of a few roundings of 6e-8 (or 5e-4), relative to the largest of a derivative.
    tolerance = 2e-2 if name == "float16" else 1e-5
    for value, wanted in zip(values, expected):
        wanted = np.asarray(wanted, np.float64)
        np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())
        assert np.abs(wanted).max() > 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_tapes_outside_of_the_function(name):
    norm, x, slope, layer = layer_of(name)
    function = tf.function(layer)
    for training in (True, False):
        expected = penalized(norm, x, slope, lambda x, training=training: layer(x, training))
        flag = tf.constant(training)
        check(penalized(norm, x, slope, lambda x, flag=flag: function(x, flag)), expected, name)


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("name", ["rank 2", "NCHW"])
def test_tapes_inside_of_the_function(name, persistent):
    norm, x, slope, layer = layer_of(name)
    function = tf.function(lambda x, flag: penalized(norm, x, slope, lambda x: layer(x, flag), persistent))
    for training in (True, False):
        expected = penalized(norm, x, slope, lambda x, training=training: layer(x, training))
        check(function(x, tf.constant(training)), expected, name)


@pytest.mark.parametrize("kind", ["cond", "while", "function in a cond"])
def test_bodies_of_the_caller(kind):
    """Where is_training is a bool, and the conditional or the loop is not the layer's."""
    norm, x, slope, layer = layer_of("rank 4")
    expected = penalized(norm, x, slope, lambda x: layer(x, True))

    def within(x, taken):
        if kind == "while":
            return tf.while_loop(
                lambda i, y: i < 1, lambda i, y: (i + 1, layer(y, True)), [0, x], maximum_iterations=1
            )[1]
        inner = tf.function(layer) if kind == "function in a cond" else layer
        return tf.cond(taken, lambda: inner(x, True), lambda: x)

    function = tf.function(within)
    check(penalized(norm, x, slope, lambda x: function(x, tf.constant(True))), expected, "rank 4")
