"""A MetaGraph that an earlier tfbn wrote trains on, and takes new gradients."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn.ops
from tests import oracle

tf1 = tf.compat.v1
DATA = Path(__file__).with_name("data")
SHAPE, STEPS, RATE = (6, 3, 2, 5), 3, 0.1
WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25, 3.0, 1.5])
MASK = np.array([True, False, True, True, False, True])
SLOPE = np.random.RandomState(7).uniform(0.5, 2.0, SHAPE)
# What each layer's samples count, and whether its moving variance follows the unbiased estimator.
LAYERS = {"weighted": (WEIGHTS, False), "masked": (MASK.astype(float), True), "composed": (np.ones(6), False)}
# Sums of some 40 terms in float32, each of a few roundings of 6e-8, relative to the largest; those of a layer's
# gradients that cancel are no larger than the others' terms.
TOLERANCE = 2e-5


def loss_of(x, gamma, beta, weights):
    """The loss of a layer, by formulas that automatic differentiation takes apart in float64."""
    weights = tf.broadcast_to(tf.reshape(weights, [-1, 1, 1, 1]), tf.shape(x))
    total = tf.reduce_sum(weights, [0, 1, 2])
    mean = tf.reduce_sum(weights * x, [0, 1, 2]) / total
    variance = tf.reduce_sum(weights * (x - mean) ** 2, [0, 1, 2]) / total
    outputs = (x - mean) / tf.sqrt(variance + 1e-3) * gamma + beta
    return tf.reduce_mean((outputs - 0.5) ** 2 * outputs)


def gradients(x, gamma, beta, weights):
    """Of the loss by x, gamma and beta; and by the same of a weighted sum of the first."""
    sources = [tf.constant(value, tf.float64) for value in (x, gamma, beta)]
    with tf.GradientTape() as outer:
        outer.watch(sources)
        with tf.GradientTape() as inner:
            inner.watch(sources)
            loss = loss_of(*sources, tf.constant(weights, tf.float64))
        first = inner.gradient(loss, sources)
        penalty = tf.reduce_sum(SLOPE * first[0])
    return [value.numpy() for value in (*first, *outer.gradient(penalty, sources))]


def expected(scope):
    """The variables after the steps, and the gradients at the last batch, in float64."""
    weights, unbiased = LAYERS[scope]
    gamma, beta, moving_mean, moving_variance = np.ones(5), np.zeros(5), np.zeros(5), np.ones(5)
    for step in range(STEPS):
        x = oracle.batch(SHAPE, seed=step)
        _, by_gamma, by_beta, *_ = gradients(x, gamma, beta, weights)
        mean, variance = oracle.moments(x, weights=weights)
        n = weights.sum() * x[0].size / 5
        moving_mean = moving_mean * 0.8 + mean * 0.2
        moving_variance = moving_variance * 0.8 + variance * (n / (n - 1) if unbiased else 1.0) * 0.2
        gamma, beta = gamma - RATE * by_gamma, beta - RATE * by_beta
    state = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_variance": moving_variance}
    return state, gradients(oracle.batch(SHAPE, seed=STEPS), gamma, beta, weights)


@pytest.mark.parametrize("version", [1, 2])
def test_trains_on_and_takes_new_gradients(version):
    """Made with control flow v1 or v2, whatever is in force now."""
    message = tf1.MetaGraphDef.FromString(gzip.open(DATA / f"meta_graph_v{version}.meta.gz").read())
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        tf1.train.import_meta_graph(message)
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        new = {}
        for scope in LAYERS:
            loss = graph.get_tensor_by_name(f"{scope}_loss:0")
            affine = [v for name in ("gamma", "beta") for v in tf1.trainable_variables(f"{scope}/{name}")]
            sources = [graph.get_tensor_by_name("x:0"), *affine]
            first = tf1.gradients(loss, sources)
            new[scope] = [*first, *tf1.gradients(tf.reduce_sum(SLOPE.astype(np.float32) * first[0]), sources)]
        fed = {"weights:0": WEIGHTS, "mask:0": MASK, "is_training:0": True}
        session.run(tf1.global_variables_initializer())
        for step in range(STEPS):
            session.run(["train", updates], {"x:0": oracle.batch(SHAPE, seed=step), **fed})
        found = session.run(new, {"x:0": oracle.batch(SHAPE, seed=STEPS), **fed})
        values = {v.op.name: session.run(v) for v in tf1.global_variables()}
    for scope in LAYERS:
        state, wanted = expected(scope)
        for name, value in state.items():
            np.testing.assert_allclose(values[f"{scope}/{name}"], value, rtol=TOLERANCE, atol=TOLERANCE)
        largest = max(np.abs(value).max() for value in wanted)
        for ours, theirs in zip(found[scope], wanted):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE * largest, err_msg=scope)


@pytest.mark.parametrize("across", ["", "Replicas"])
@pytest.mark.parametrize("name", ["OwnMoments", "FusedOwnMoments", "FusedOwnMomentsGrad"])
def test_gradient_names_stay_registered(name, across):
    """TensorFlow registers no name twice."""
    with pytest.raises(KeyError, match="Registering two gradient with name"):
        tf.RegisterGradient(f"Tfbn{across}{name}")(tfbn.ops)
