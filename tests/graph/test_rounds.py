"""Rounds of a loop that TensorFlow runs side by side: updates in program order where the body itself makes them, and
never from a stale read anywhere."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values
from tests.graph.test_loops import REGIMES

tf1 = tf.compat.v1
DECAY, ROUNDS = 0.6, 12
SLOW = np.float64(0.99)
BATCHES = np.stack([oracle.batch([6, 5], seed=seed) + seed for seed in range(ROUNDS)])
PATHS = {
    "fused": {},
    "unfused": {"fused": False},
    "renorm": {"renorm": True, "renorm_decay": np.float64(DECAY)},
    "zero-debias": {"zero_debias_moving_mean": True},
    "all": {"renorm": True, "renorm_decay": np.float64(DECAY), "zero_debias_moving_mean": True, "fused": False},
}
EXACT = {"rtol": 1e-12}  # a dozen updates of some five roundings


def averages(path, batches):
    """The statistics after these batches, in this order."""
    mean, variance, stddev = np.zeros(5), np.ones(5), np.ones(5)
    for x in batches:
        of_batch = oracle.moments(x)
        mean = DECAY * mean + (1 - DECAY) * of_batch[0]
        estimate = oracle.unbiased(x, of_batch[1]) if path in ("fused", "zero-debias") else of_batch[1]
        variance = DECAY * variance + (1 - DECAY) * estimate
        stddev = DECAY * stddev + (1 - DECAY) * np.sqrt(of_batch[1] + 1e-3)
    found = {"moving_mean": mean, "moving_variance": variance}
    if "renorm" in PATHS[path]:
        found = {"moving_mean": mean, "moving_variance": stddev**2 - 1e-3, "renorm_mean": mean, "renorm_stddev": stddev}
    if "zero_debias_moving_mean" in PATHS[path]:
        found["bn/moving_mean/biased"], found["bn/moving_mean/local_step"] = mean, float(len(batches))
        found["moving_mean"] = mean / (1 - DECAY ** len(batches))
    return {f"bn/{name}": value for name, value in found.items()}


def check(found, path, batches):
    for name, value in averages(path, batches).items():
        np.testing.assert_allclose(found[name], value, **EXACT, err_msg=name)


def slowly(x, i):
    """x, but of every third round late: whatever does not wait for it overtakes."""
    size = tf.where(tf.equal(i % 3, 0), 200_000.0, 1.0)
    return x + 0 * tf.cast(tf.reduce_sum(tf.range(size)), x.dtype)


def layer(x, path, **kwargs):
    kwargs = {"decay": np.float64(DECAY), "scope": "bn", "reuse": True, **PATHS[path], **kwargs}
    return tfbn.batch_norm(x, **kwargs)


def create(path):
    """The layer with all its variables."""
    layer(tf.zeros([6, 5], tf.float64), path, reuse=None, updates_collections=[])


def rounds(body, count=ROUNDS, **kwargs):
    """The outputs of the body by round, which share nothing: a round has nothing to wait for."""

    def write(i, outputs):
        return i + 1, outputs.write(i, body(i))

    start = [0, tf.TensorArray(tf.float64, count)]
    return tf1.while_loop(lambda i, *_: i < count, write, start, **kwargs)[1].stack()


def over_the_batches(kind, x, path):
    if kind == "while":
        return rounds(lambda i: layer(slowly(x[i], i), path))
    numbered = (x, tf.range(ROUNDS))
    if kind == "scan":
        return tf1.scan(lambda _, pair: layer(slowly(*pair), path), numbered, tf.zeros([6, 5], tf.float64))
    if kind == "map":
        return tf1.map_fn(lambda pair: layer(slowly(*pair), path), numbered, tf.float64, parallel_iterations=1)

    # Two calls in a body, of which the second has nothing to wait for.
    def twice(i):
        first = layer(slowly(x[2 * i], i), path)
        return first + layer(x[2 * i + 1], path)

    return rounds(twice, ROUNDS // 2)


@REGIMES
@pytest.mark.parametrize(
    ("kind", "path"),
    [*(("while", path) for path in PATHS), ("scan", "fused"), ("scan", "all"), ("map", "all"), ("twice", "all")],
)
def test_program_order(kind, path, resource, v2):
    with graph(resource, v2):
        create(path)
        x = tf1.placeholder(tf.float64, BATCHES.shape)
        y = over_the_batches(kind, x, path)
        (gradient,) = tf1.gradients(tf.reduce_sum(y**3), x)
        assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []
        with session() as opened:
            found, _ = opened.run([gradient, y], {x: BATCHES})
            check(values(opened), path, BATCHES)
    assert np.isfinite(found).all()
    assert (found != 0).any((1, 2)).all()


def crowded(kind, x, path, count):
    """As many updates as `count`, all by the same batch, from rounds that nothing puts in order."""

    def one(*_):
        return layer(x, path, decay=SLOW)

    def total(body, rounds_of_it):
        return tf.reduce_sum(rounds(lambda i: tf.reduce_sum(body(i)), rounds_of_it, parallel_iterations=32))

    if kind == "cond":
        return total(lambda i: tf1.cond(i >= 0, one, lambda: x), count)
    if kind == "case":
        return total(lambda i: tf1.case([(i < 0, lambda: x)], default=one), count)
    if kind == "nested":
        start = [0, tf.zeros_like(x)]

        def inner(_):
            return tf1.while_loop(lambda j, _: j < 2, lambda j, y: (j + 1, y + one()), start)[1]

        return total(inner, count // 2)
    return total(one, count // 2) + total(one, count // 2)


@REGIMES
@pytest.mark.parametrize(
    ("kind", "path"),
    [("cond", "fused"), ("case", "all"), ("nested", "fused"), ("nested", "all"), ("two loops", "fused")],
)
def test_without_an_order_every_update_counts(kind, path, resource, v2):
    """Nothing but an update lost or made from a stale read can show: many channels, to make those likely."""
    count, batch = 300, np.tile(BATCHES[0], 400)
    with graph(resource, v2):
        x = tf1.placeholder(tf.float64, batch.shape)
        layer(x, path, reuse=None, updates_collections=[])
        y = crowded(kind, x, path, count)
        with session() as opened:
            opened.run(y, {x: batch})
            found = values(opened)
    left = SLOW**count
    name = "bn/moving_mean" if path == "fused" else "bn/bn/moving_mean/biased"
    np.testing.assert_allclose(found[name], (1 - left) * batch.mean(0), rtol=1e-11)  # by 300 updates
    assert found.get("bn/bn/moving_mean/local_step", count) == count


@REGIMES
def test_a_loop_within_a_loop_is_differentiable(resource, v2):
    with graph(resource, v2):
        create("unfused")
        x = tf1.placeholder(tf.float64, BATCHES[0].shape)
        (gradient,) = tf1.gradients(crowded("nested", x * 1.0, "unfused", 6), x)
        (cubic,) = tf1.gradients(rounds(lambda i: tf1.cond(i >= 0, lambda: layer(x, "unfused"), lambda: x), 3) ** 3, x)
        with session() as opened:
            found, slope = opened.run([gradient, cubic], {x: BATCHES[0]})
    batch = BATCHES[0]
    output = oracle.normalize(batch, *oracle.moments(batch))
    # Normalized outputs sum to zero whatever the inputs are.
    np.testing.assert_allclose(found, 0, atol=1e-12)
    np.testing.assert_allclose(slope, oracle.input_gradient(batch, 9 * output**2), rtol=1e-9, atol=1e-12)


@REGIMES
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_body_and_a_call_outside_take_turns(first, resource, v2):
    """Also where the call outside came first and was built without a mutex."""
    with graph(resource, v2):
        create("fused")
        x = tf1.placeholder(tf.float64, BATCHES.shape)
        if first:
            layer(x[0], "fused")
        y = rounds(lambda i: layer(x[i], "fused"))
        if not first:
            layer(x[0], "fused")
        same = np.stack([BATCHES[0]] * ROUNDS)
        # The sums may come out by luck: both changes hold the lock in all three calls, that of create too.
        definition = tf1.get_default_graph().as_graph_def()
        nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
        assert [node.op for node in nodes].count("MutexLock") == 6
        with session() as opened:
            for _ in range(5):
                opened.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {x: same})
            check(values(opened), "fused", [BATCHES[0]] * 5 * (ROUNDS + 1))


@REGIMES
def test_half_precision_of_a_size_known_only_at_run_time(resource, v2):
    batches = BATCHES[:4].astype(np.float16)
    with graph(resource, v2):
        tfbn.batch_norm(tf.zeros([6, 5], tf.float16), DECAY, scope="bn", updates_collections=[])
        x = tf1.placeholder(tf.float16, [None, None, 5])

        def write(i, outputs):
            return i + 1, outputs.write(i, tfbn.batch_norm(x[i], DECAY, scope="bn", reuse=True))

        start = [0, tf.TensorArray(tf.float16, tf.shape(x)[0], element_shape=[None, 5])]
        y = tf1.while_loop(lambda i, *_: i < tf.shape(x)[0], write, start)[1].stack()
        (gradient,) = tf1.gradients(tf.reduce_sum(y**3), x)
        with session() as opened:
            outputs, slope = opened.run([y, gradient], {x: batches})
            found = values(opened)
    for name, value in averages("fused", batches.astype(float)).items():
        np.testing.assert_allclose(found[name], value, **oracle.AVERAGE, err_msg=name)
    for batch, output in zip(batches, outputs):
        expected = oracle.normalize(batch, *oracle.moments(batch.astype(float)))
        np.testing.assert_allclose(output, expected, **oracle.OUTPUT["float16"])
    assert np.isfinite(slope).all()


def test_under_wrap_function():
    """Where TensorFlow, too, orders the ops of a body that change variables."""

    def build(x):
        create("fused")
        return rounds(lambda i: layer(slowly(x[i], i), "fused"))

    wrapped = tf1.wrap_function(build, [tf.TensorSpec(BATCHES.shape, tf.float64)])
    wrapped(tf.constant(BATCHES))
    check({v.name.partition(":")[0]: v.numpy() for v in wrapped.graph.variables}, "fused", BATCHES)
