"""Inside loops and branches the update happens in the body, once per execution, in order."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
DECAY = 0.6
# The gradient is a difference of such terms, too.
OUTPUT = oracle.OUTPUT["float32"]
STEPS = 4
# Ref variables cannot be assigned in control flow v2 bodies; `test_ref_variables_in_a_v2_body` has that one.
REGIMES = pytest.mark.parametrize(
    ("resource", "v2"), [(False, False), (True, False), (True, True)], ids=["ref-v1", "resource-v1", "resource-v2"]
)
COLLECTIONS = pytest.mark.parametrize(
    "updates_collections", [None, tf1.GraphKeys.UPDATE_OPS], ids=["inline", "collected"]
)
BATCHES = np.stack([oracle.batch([6, 5], seed=seed) for seed in range(STEPS)]).astype(np.float32)


SLOPE = np.random.RandomState(5).uniform(0.5, 2, [6, 5])


def layer(x, **kwargs):
    return tfbn.batch_norm(x, decay=DECAY, scope="bn", reuse=True, **kwargs)


def create():
    tfbn.batch_norm(tf.zeros([6, 5]), scope="bn", is_training=False)


def expected(batches):
    mean, variance = np.zeros(5), np.ones(5)
    for x in batches:
        of_batch = oracle.moments(x)
        mean = DECAY * mean + (1 - DECAY) * of_batch[0]
        variance = DECAY * variance + (1 - DECAY) * oracle.unbiased(x, of_batch[1])
    return {"bn/moving_mean": mean, "bn/moving_variance": variance}


def check(found, batches):
    for name, value in expected(batches).items():
        np.testing.assert_allclose(found[name], value, **oracle.AVERAGE, err_msg=name)


def over_the_batches(kind, x, **kwargs):
    """Normalized batches, from one pass of a loop over x of shape [STEPS, 6, 5].

    Rounds of a while loop or a scan are in order where one takes what the round before gave, as recurrent code does.
    """
    if kind == "while":

        def body(i, last, outputs):
            output = layer(x[i] + 0 * last, **kwargs)
            return i + 1, output, outputs.write(i, output)

        start = [0, tf.zeros([6, 5]), tf.TensorArray(tf.float32, STEPS)]
        return tf1.while_loop(lambda i, *_: i < STEPS, body, start)[2].stack()
    if kind == "scan":
        return tf1.scan(lambda last, batch: layer(batch + 0 * last, **kwargs), x, tf.zeros([6, 5]))
    return tf1.map_fn(lambda batch: layer(batch, **kwargs), x, parallel_iterations=1)


@pytest.mark.process
@REGIMES
@COLLECTIONS
@pytest.mark.parametrize("kind", ["while", "scan", "map"])
@pytest.mark.parametrize("fed", [False, True], ids=["static", "placeholder"])
def test_loops(kind, fed, updates_collections, resource, v2):
    with graph(resource, v2):
        create()
        x = tf1.placeholder(tf.float32, BATCHES.shape)
        is_training = tf1.placeholder(tf.bool, []) if fed else True
        y = over_the_batches(kind, x, updates_collections=updates_collections, is_training=is_training)
        (gradient,) = tf1.gradients(tf.reduce_sum(y * SLOPE), x)
        assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []
        with session() as opened:
            feed = {x: BATCHES, **({is_training: True} if fed else {})}
            # Twice, so that the second pass starts from what the first left.
            outputs, slopes = opened.run([y, gradient], feed)
            check(values(opened), BATCHES)
            opened.run(y, feed)
            check(values(opened), [*BATCHES, *BATCHES])
            if fed:
                opened.run(y, {x: BATCHES, is_training: False})
                check(values(opened), [*BATCHES, *BATCHES])
    for batch, output, slope in zip(BATCHES, outputs, slopes):
        np.testing.assert_allclose(output, oracle.normalize(batch, *oracle.moments(batch)), **OUTPUT)
        np.testing.assert_allclose(slope, oracle.input_gradient(batch, SLOPE), **OUTPUT)


@REGIMES
@COLLECTIONS
@pytest.mark.parametrize("kind", ["cond", "case"])
def test_only_the_executed_branch_updates(kind, updates_collections, resource, v2):
    with graph(resource, v2):
        create()
        x = tf1.placeholder(tf.float32, [6, 5])
        taken = tf1.placeholder(tf.bool, [])

        def branch():
            return layer(x, updates_collections=updates_collections)

        if kind == "cond":
            y = tf1.cond(taken, branch, lambda: x)
        else:
            y = tf1.case([(taken, branch)], default=lambda: x)
        (gradient,) = tf1.gradients(tf.reduce_sum(y * y * y), x)
        assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []
        with session() as opened:
            opened.run([y, gradient], {x: BATCHES[0], taken: False})
            check(values(opened), [])
            opened.run([y, gradient], {x: BATCHES[0], taken: True})
            check(values(opened), BATCHES[:1])


@REGIMES
def test_unused_updates_stay_out_of_branches(resource, v2):
    """updates_collections=[] builds updates that nothing collects, in a branch too."""
    with graph(resource, v2):
        create()
        x = tf1.placeholder(tf.float32, [6, 5])
        y = tf1.cond(tf1.placeholder_with_default(True, []), lambda: layer(x, updates_collections=[]), lambda: x)
        with session() as opened:
            opened.run(y, {x: BATCHES[0]})
            check(values(opened), [])


@pytest.mark.parametrize("kind", ["while", "scan", "map", "cond"])
def test_ref_variables_in_a_v2_body(kind):
    with graph(resource=False, control_flow_v2=True):
        create()
        before = [v.name for v in tf1.global_variables()]
        x = tf1.placeholder(tf.float32, BATCHES.shape)
        taken = tf1.placeholder(tf.bool, [])

        def build():
            if kind == "cond":
                return tf1.cond(taken, lambda: layer(x[0]), lambda: x[0])
            return over_the_batches(kind, x)

        with pytest.raises(TypeError, match="expected resource variables inside the body of a control.*use_resource"):
            build()
        assert [v.name for v in tf1.global_variables()] == before


@pytest.mark.process
def test_ref_variables_serve_inference_in_a_v2_body():
    with graph(resource=False, control_flow_v2=True):
        create()
        x = tf1.placeholder(tf.float32, BATCHES.shape)
        y = over_the_batches("map", x, is_training=False)
        with session() as opened:
            output = opened.run(y, {x: BATCHES})
    np.testing.assert_allclose(output, BATCHES / np.sqrt(1 + 1e-3), **OUTPUT)


@REGIMES
def test_renorm_in_a_loop_uses_previous_iteration(resource, v2):
    with graph(resource, v2):
        tfbn.batch_norm(tf.zeros([6, 5]), scope="bn", is_training=False, renorm=True)
        x = tf1.placeholder(tf.float32, BATCHES.shape)
        y = over_the_batches("scan", x, renorm=True, renorm_decay=DECAY, updates_collections=None)
        with session() as opened:
            outputs = opened.run(y, {x: BATCHES})
    average, deviation = np.zeros(5), np.ones(5)
    for batch, output in zip(BATCHES, outputs):
        mean, variance = oracle.moments(batch)
        stddev = np.sqrt(variance + 1e-3)
        r, d = stddev / deviation, (mean - average) / deviation
        np.testing.assert_allclose(output, oracle.normalize(batch, mean, variance, r=r, d=d), **OUTPUT)
        average = DECAY * average + (1 - DECAY) * mean
        deviation = DECAY * deviation + (1 - DECAY) * stddev


@pytest.mark.process
@pytest.mark.parametrize("arguments", [{}, {"renorm": True}, {"zero_debias_moving_mean": True}])
def test_a_layer_that_a_map_creates_is_differentiable(arguments):
    """map_fn asks for cached variables, and TensorFlow cannot differentiate a v2 loop that assigns to one."""
    x = oracle.batch([3, 4, 5]).astype(np.float32)
    with graph(resource=True, control_flow_v2=True):
        inputs = tf1.placeholder(tf.float32, x.shape)

        def mapped(batch):
            return tfbn.batch_norm(batch, 0.5, scope="bn", reuse=tf1.AUTO_REUSE, **arguments)

        y = tf1.map_fn(mapped, inputs, parallel_iterations=1)
        (gradient,) = tf.gradients(tf.reduce_sum(y * x), inputs)
        with session() as opened:
            found, _ = opened.run([gradient, y], {inputs: x})
            mean = values(opened)["bn/moving_mean"]
    assert np.isfinite(found).all()
    if not arguments:
        expected = np.stack([oracle.input_gradient(batch, batch) for batch in x.astype(float)])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)  # it cancels from terms of 1e2
        np.testing.assert_allclose(mean, x.mean(1).T @ [0.125, 0.25, 0.5], rtol=1e-5)
