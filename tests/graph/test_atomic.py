"""Calls that share variables: each update counts once, on the value it finds, in any order, without waiting."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
DECAY = 0.6
BATCHES = [oracle.batch([8, 5], seed=seed) * (1 + seed) for seed in range(3)]
PATHS = {
    "core": {"fused": False},
    "core-renorm": {"renorm": True},
    "function-fused": {},  # by its rank
    "inline": {"updates_collections": None},
    "zero-debias": {"zero_debias_moving_mean": True},
    "legacy": {"batch_weights": np.ones(8)},
}
every_path = pytest.mark.parametrize("path", PATHS)
every_kind = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])


def layers(path, calls=3, **kwargs):
    """Placeholders and outputs of calls that share the scope `bn`."""
    x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(calls)]
    outputs = [
        tfbn.batch_norm(batch, reuse=bool(i), **{"decay": DECAY, "scope": "bn", **PATHS[path], **kwargs})
        for i, batch in enumerate(x)
    ]
    return x, outputs


def updates():
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)


def averages(path, batches):
    """moving_mean and moving_variance after the batches in this order."""
    biased = path in ("core", "legacy", "core-renorm")
    mean, variance, stddev = np.zeros(5), np.ones(5), np.ones(5)
    for x in batches:
        of_batch = oracle.moments(x)
        mean = DECAY * mean + (1 - DECAY) * of_batch[0]
        variance = DECAY * variance + (1 - DECAY) * (of_batch[1] if biased else oracle.unbiased(x, of_batch[1]))
        stddev = DECAY * stddev + (1 - DECAY) * np.sqrt(of_batch[1] + 1e-3)
    if path == "zero-debias":
        mean = mean / (1 - DECAY ** len(batches))
    return {"bn/moving_mean": mean, "bn/moving_variance": stddev**2 - 1e-3 if path == "core-renorm" else variance}


def check_some_order(found, path, batches):
    """Each statistic is what one of the orders gives; the two may have come in different ones."""
    orders = [averages(path, order) for order in itertools.permutations(batches)]
    for name in ("bn/moving_mean", "bn/moving_variance"):
        assert any(np.allclose(found[name], order[name], **oracle.AVERAGE) for order in orders), name


@every_kind
@every_path
def test_every_update_of_a_step_counts(path, resource):
    with graph(resource):
        x, outputs = layers(path)
        with session() as opened:
            opened.run([outputs, updates()], dict(zip(x, BATCHES)))
            check_some_order(values(opened), path, BATCHES)


@every_kind
@every_path
def test_an_update_runs_without_the_others_being_fed(path, resource):
    with graph(resource):
        x, outputs = layers(path)
        pairs = [updates()[2 * i : 2 * i + 2] for i in range(3)]
        with session() as opened:
            for i in (2, 0, 1):
                opened.run([outputs[i], pairs[i]], {x[i]: BATCHES[i]})
            found = values(opened)
    for name, value in averages(path, [BATCHES[i] for i in (2, 0, 1)]).items():
        np.testing.assert_allclose(found[name], value, **oracle.AVERAGE)


@every_kind
def test_updates_grouped_before_a_second_call_count(resource):
    with graph(resource):
        x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(2)]
        tfbn.batch_norm(x[0], decay=DECAY, scope="bn")
        first = tf.group(*updates())
        with tf.control_dependencies([tf.debugging.Assert(False, ["the first call is not to wait for this"])]):
            tfbn.batch_norm(x[1], decay=DECAY, scope="bn", reuse=True)
        with session() as opened:
            opened.run(first, {x[0]: BATCHES[0]})
            found = values(opened)
    for name, value in averages("function-fused", BATCHES[:1]).items():
        np.testing.assert_allclose(found[name], value, **oracle.AVERAGE)


def check_reuses(calls, steps, ordered=False):
    """Where they raced, all would step from the first value, and together far past the batch's variance."""
    x = tf1.placeholder(tf.float32, [8, 5])
    for i in range(calls):
        tfbn.batch_norm(x, decay=DECAY, scope="bn", reuse=bool(i), fused=False, center=False)
    fetches = tfbn.get_updates("bn") if ordered else updates()
    assert len(fetches) == 2 * calls
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True  # half a minute for a graph of this size
    with tf1.Session(config=config) as opened:
        opened.run(tf1.global_variables_initializer())
        for _ in range(steps):
            opened.run(fetches, {x: BATCHES[0]})
            found = values(opened)
            assert (found["bn/moving_variance"] >= 0).all()
    # Every update is the same, so after so many the averages stand at the batch's own moments.
    for name, value in zip(("moving_mean", "moving_variance"), oracle.moments(BATCHES[0])):
        np.testing.assert_allclose(found[f"bn/{name}"], value, **oracle.AVERAGE)


@pytest.mark.process
@every_kind
@pytest.mark.parametrize("ordered", [False, True], ids=["collected", "ordered"])
def test_variance_stays_positive_over_many_steps(ordered, resource):
    with graph(resource):
        check_reuses(50, 20, ordered)


@pytest.mark.slow
def test_variance_stays_positive_over_many_reuses():
    with graph(resource=False):
        check_reuses(400, 1)


@every_kind
@pytest.mark.parametrize("inline", [False, True], ids=["collected", "inline"])
@pytest.mark.parametrize("towers", [2, 4])
def test_towers_match_some_order(towers, inline, resource):
    """As public multi-GPU code builds them: gradients averaged over towers, one optimizer, the updates of all of them.

    Small variances after large ones: a step from a stale read would take them below zero.
    """
    batches = [oracle.batch([8, 5], seed=tower) * 30.0 ** (-tower % 3) for tower in range(towers)]
    with graph(resource):
        optimizer = tf1.train.GradientDescentOptimizer(0.0)
        x, gradients = [], []
        for tower in range(towers):
            with tf.device(f"/cpu:{tower % 2}"), tf1.name_scope(f"tower_{tower}"):
                x.append(tf1.placeholder(tf.float32, [8, 5]))
                options = {"updates_collections": None} if inline else {}
                y = tfbn.batch_norm(x[-1], decay=DECAY, scope="bn", reuse=bool(tower), **options)
                gradients.append(optimizer.compute_gradients(tf.reduce_mean(y**2)))
        averaged = [(sum(gradient for gradient, _ in pairs) / towers, pairs[0][1]) for pairs in zip(*gradients)]
        with tf.control_dependencies(updates()):
            train_op = optimizer.apply_gradients(averaged)
        config = tf1.ConfigProto(device_count={"CPU": 2}, inter_op_parallelism_threads=8, use_per_session_threads=True)
        with tf1.Session(config=config) as opened:
            for _ in range(20):
                opened.run(tf1.global_variables_initializer())
                opened.run(train_op, dict(zip(x, batches)))
                found = values(opened)
                assert (found["bn/moving_variance"] >= 0).all()
                check_some_order(found, "function-fused", batches)


def test_a_single_call_has_no_mutex():
    with graph() as opened:
        layers("core", calls=1)
        assert not [op for op in opened.get_operations() if "Mutex" in op.type]
        layers("core", calls=1, scope="other")
        assert not [op for op in opened.get_operations() if "Mutex" in op.type]


def test_a_step_that_does_not_train_leaves_every_bit():
    with graph():
        is_training = tf1.placeholder(tf.bool, [])
        x, outputs = layers("core", is_training=is_training)
        with session() as opened:
            feed = dict(zip(x, BATCHES))
            opened.run(updates(), {**feed, is_training: True})
            before = values(opened)
            opened.run([outputs, updates()], {**feed, is_training: False})
            after = values(opened)
    assert {name: value.tobytes() for name, value in before.items()} == {n: v.tobytes() for n, v in after.items()}


def test_shared_updates_survive_a_meta_graph():
    with graph():
        x, _ = layers("core")
        names = [placeholder.name for placeholder in x]
        exported = tf1.train.export_meta_graph()
    with graph():
        tf1.train.import_meta_graph(exported)
        with session() as opened:
            opened.run(updates(), dict(zip(names, BATCHES)))
            check_some_order(values(opened), "core", BATCHES)


@every_kind
def test_an_update_may_depend_on_what_another_computes(resource):
    """The mutex is taken when nothing is left to compute, so that a decay from another call's outputs does not wait."""
    with graph(resource):
        x = tf1.placeholder(tf.float32, [8, 5])
        first = tfbn.batch_norm(x, decay=DECAY, scope="bn", updates_collections=None)
        decay = DECAY + 0 * tf.reduce_mean(first)
        second = tfbn.batch_norm(x, decay=decay, scope="bn", updates_collections=None, reuse=True)
        with session() as opened:
            options = tf1.RunOptions(timeout_in_ms=20_000)
            opened.run(second, {x: BATCHES[0]}, options=options)
            check_some_order(values(opened), "inline", [BATCHES[0]] * 2)


def test_the_first_call_stays_on_its_device():
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [8, 5])
        with tf.device("/cpu:0"):
            tfbn.batch_norm(x, scope="bn")
        with tf.device("/cpu:1"):
            tfbn.batch_norm(x, scope="bn", reuse=True)
        rebuilt = [op for op in opened.get_operations() if "/shared/" in op.name]
        assert rebuilt
        assert not [op.name for op in rebuilt if op.device.endswith("1")]


def test_a_device_of_this_process_is_no_job():
    """Variables made eagerly name it, and wrap_function shows them to the layer."""
    with graph() as opened, tf.device("/job:localhost/replica:0/task:0/device:CPU:0"):
        tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]))
        assert not [op for op in opened.get_operations() if "Mutex" in op.type]
