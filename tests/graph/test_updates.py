"""What moves the statistics, when, and by how much."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
SHAPE = [6, 3, 2, 5]

every_regime = pytest.mark.parametrize(("resource", "v2"), REGIMES, ids=NAMES)
# One call for each row of the table, and the two ways its updates run.
PATHS = {
    "core-fused": {},
    "core": {"fused": False},
    "core-renorm": {"renorm": True},
    "function-fused": {"updates_collections": "updates"},
    "function-fused-inline": {"updates_collections": None},
    "function-fused-debias": {"zero_debias_moving_mean": True},
    "legacy": {"fused": False, "updates_collections": ["updates"]},
    "legacy-inline-debias": {"fused": False, "updates_collections": None, "zero_debias_moving_mean": True},
    "legacy-weights": {"batch_weights": np.linspace(0.5, 2, 6)},
    "renorm-anywhere": {"renorm": True, "updates_collections": None, "zero_debias_moving_mean": True},
}
every_path = pytest.mark.parametrize("path", PATHS)


def collected():
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) + tf1.get_collection("updates")


def expected_averages(path, batches, decay=0.8):
    """moving_mean and moving_variance after some batches, from their initial 0 and 1."""
    weights = PATHS[path].get("batch_weights")
    estimate = oracle.unbiased if "fused" in path else (lambda x, variance: variance)
    mean, variance, stddev = np.zeros(5), np.ones(5), np.ones(5)
    for x in batches:
        of_batch = oracle.moments(x, weights=weights)
        mean = decay * mean + (1 - decay) * of_batch[0]
        variance = decay * variance + (1 - decay) * estimate(x, of_batch[1])
        stddev = decay * stddev + (1 - decay) * np.sqrt(of_batch[1] + 1e-3)
    if "debias" in path or path == "renorm-anywhere":
        mean = mean / (1 - decay ** len(batches))
    return mean, stddev**2 - 1e-3 if "renorm" in path else variance


@every_regime
@every_path
@pytest.mark.parametrize("fed", [False, True], ids=["static", "placeholder"])
def test_averages_follow_the_batches(path, fed, resource, v2):
    batches = [oracle.batch(SHAPE, seed=seed) for seed in range(3)]
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None, *SHAPE[1:]])
        is_training = tf1.placeholder(tf.bool, []) if fed else True
        y = tfbn.batch_norm(x, decay=0.8, is_training=is_training, scope="bn", **PATHS[path])
        with session() as opened:
            for batch in batches:
                opened.run([y, collected()], {x: batch, **({is_training: True} if fed else {})})
            state = values(opened)
    for name, value in zip(("moving_mean", "moving_variance"), expected_averages(path, batches)):
        np.testing.assert_allclose(state[f"bn/{name}"], value, **oracle.AVERAGE)


@every_regime
@every_path
def test_a_step_that_does_not_train_leaves_every_bit(path, resource, v2):
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None, *SHAPE[1:]])
        is_training = tf1.Variable(True, trainable=False, use_resource=resource, name="is_training")
        y = tfbn.batch_norm(x, decay=0.8, is_training=is_training, scope="bn", **PATHS[path])
        off = is_training.assign(False)
        with session() as opened:
            opened.run([y, collected()], {x: oracle.batch(SHAPE)})
            opened.run(off)
            before = values(opened)
            opened.run([y, collected()], {x: np.full(SHAPE, np.nan)})
            after = values(opened)
    assert {name: value.tobytes() for name, value in before.items()} == {n: v.tobytes() for n, v in after.items()}


@every_path
def test_empty_batch_keeps_state_without_nan(path):
    weights = {}
    with graph():
        x = tf1.placeholder(tf.float32, [None, *SHAPE[1:]])
        kwargs = dict(PATHS[path])
        if "batch_weights" in kwargs:
            kwargs["batch_weights"] = tf1.placeholder(tf.float32, [None])
            weights = {kwargs["batch_weights"]: np.ones(6)}
        y = tfbn.batch_norm(x, scale=True, decay=0.8, scope="bn", **kwargs)
        gradients = tf1.gradients(tf.reduce_sum(y**2), [x, *tf1.trainable_variables()])
        with session() as opened:
            opened.run([y, collected()], {x: oracle.batch(SHAPE), **weights})
            before = values(opened)
            empty = {x: np.zeros([0, *SHAPE[1:]]), **{w: [] for w in weights}}
            found = opened.run([y, *gradients, collected()], empty)[:-1]
            after = values(opened)
    assert {name: value.tobytes() for name, value in before.items()} == {n: v.tobytes() for n, v in after.items()}
    assert not any(np.isnan(value).any() for value in found)


@pytest.mark.parametrize("path", [{}, {"renorm": True, "zero_debias_moving_mean": True}])
def test_zero_weight_sum_uses_moving_statistics(path):
    batch = oracle.batch(SHAPE)
    with graph():
        x = tf1.placeholder(tf.float32, [None, *SHAPE[1:]])
        w = tf1.placeholder(tf.float32, [None])
        y = tfbn.batch_norm(x, decay=0.8, batch_weights=w, scope="bn", **path)
        (gradient,) = tf1.gradients(tf.reduce_sum(y**2), x)
        with session() as opened:
            opened.run([y, collected()], {x: batch, w: np.ones(6)})
            before = values(opened)
            output, slope, _ = opened.run([y, gradient, collected()], {x: batch, w: np.zeros(6)})
            after = values(opened)
    assert {name: value.tobytes() for name, value in before.items()} == {n: v.tobytes() for n, v in after.items()}
    mean, variance = before["bn/moving_mean"], before["bn/moving_variance"]
    if not path:
        np.testing.assert_allclose(output, oracle.normalize(batch, mean, variance), **oracle.OUTPUT["float32"])
    assert np.isfinite(output).all()
    assert np.isfinite(slope).all()


@every_regime
def test_inline_updates_run_with_the_output_only(resource, v2):
    batch = oracle.batch(SHAPE)
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, SHAPE)
        y = tfbn.batch_norm(x, decay=0.8, updates_collections=None, scope="bn")
        (gradient,) = tf1.gradients(tf.reduce_sum(y**2), x)
        assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []
        with session() as opened:
            opened.run([y, y + 1, gradient], {x: batch})
            found = values(opened)["bn/moving_mean"]
    np.testing.assert_allclose(found, 0.2 * oracle.moments(batch)[0], **oracle.AVERAGE)


def test_updates_join_every_listed_collection():
    with graph():
        x = tf1.placeholder(tf.float32, SHAPE)
        tfbn.batch_norm(x, updates_collections=["a", "b"], scope="bn")
        tfbn.batch_norm(x, updates_collections=[], scope="none")
        assert tf1.get_collection("a") == tf1.get_collection("b")
        assert len(tf1.get_collection("a")) == 2
        assert tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) == []
        assert [op for op in tf1.get_default_graph().get_operations() if op.name.startswith("none/AssignMovingAvg/")]


@every_regime
@every_path
def test_collected_updates_run_group_and_order(path, resource, v2):
    with graph(resource, v2) as opened_graph:
        x = tf1.placeholder(tf.float32, SHAPE)
        tfbn.batch_norm(x, scope="bn", **PATHS[path])
        found = collected()
        assert all(isinstance(entry, (tf.Operation, tf.Tensor)) for entry in found)
        grouped = tf.group(*found)
        with tf.control_dependencies(found):
            waiting = tf.no_op()
        with session() as opened:
            for fetch in (found, grouped, waiting):
                opened.run(fetch, {x: oracle.batch(SHAPE)})
        exported = tf1.train.export_meta_graph(graph=opened_graph)
        for key in ("updates", tf1.GraphKeys.UPDATE_OPS):
            assert len(exported.collection_def[key].node_list.value) == len(tf1.get_collection(key))


@every_path
def test_trainable_false_freezes_core_paths(path):
    with graph():
        x = tf1.placeholder(tf.float32, SHAPE)
        y = tfbn.batch_norm(x, trainable=False, decay=0.8, scope="bn", **PATHS[path])
        assert tf1.trainable_variables() == []
        with session() as opened:
            output = opened.run([y, collected()], {x: oracle.batch(SHAPE)})[0]
            moved = values(opened)["bn/moving_mean"] != 0
    assert (~moved if path.startswith("core") else moved).all()
    # By the batch's own statistics either way; renorm's first step corrects them to the averages, 0 and 1.
    assert (
        "renorm" in path or "weights" in path or np.abs(output.mean((0, 1, 2))).max() < oracle.OUTPUT["float32"]["atol"]
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "float64"])
def test_weights_of_any_real_dtype(dtype):
    """Their sum is taken in the inputs' dtype: 256 ones do not wrap around to zero."""
    x = oracle.batch([256, 5])
    with graph():
        placeholder = tf1.placeholder(tf.float32, [None, 5])
        weights = tf1.placeholder(dtype, [None])
        tfbn.batch_norm(placeholder, decay=0.8, batch_weights=weights, scope="bn")
        with session() as opened:
            opened.run(collected(), {placeholder: x, weights: np.ones(256)})
            np.testing.assert_allclose(values(opened)["bn/moving_mean"], 0.2 * oracle.moments(x)[0], **oracle.AVERAGE)


def test_weights_below_half_precision_count_as_zero():
    with graph():
        x = tf1.placeholder(tf.float16, [None, 5])
        weights = tf1.placeholder(tf.float32, [None])
        kwargs = {"zero_debias_moving_mean": True, "param_dtype": tf.float32}
        tfbn.batch_norm(x, batch_weights=weights, scope="bn", **kwargs)
        with session() as opened:
            opened.run(collected(), {x: oracle.batch([4, 5]), weights: np.full(4, 1e-9)})
            state = values(opened)
    assert state["bn/bn/moving_mean/local_step"] == 0
    np.testing.assert_array_equal(state["bn/moving_variance"], np.ones(5))


def test_a_numpy_decay_keeps_its_precision():
    x = oracle.batch(SHAPE)
    found = {}
    for decay in (np.float64(0.999), 0.999):
        with graph():
            placeholder = tf1.placeholder(tf.float64, SHAPE)
            tfbn.batch_norm(placeholder, decay=decay, fused=False, scope="bn")
            with session() as opened:
                opened.run(collected(), {placeholder: x})
                found[type(decay)] = values(opened)["bn/moving_mean"] / oracle.moments(x)[0]
    # Twenty float64 roundings, in sums of 36 terms.
    np.testing.assert_allclose(found[np.float64], 1 - 0.999, rtol=2e-15)
    # A Python number becomes a float32 tensor first, as in the original.
    np.testing.assert_allclose(found[float], np.float32(1 - 0.999), rtol=2e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("path", ["core-fused", "function-fused", "legacy", "core-renorm"])
def test_a_decay_that_is_fed(path, dtype):
    batch = oracle.batch(SHAPE)
    with graph():
        x = tf1.placeholder(tf.float32, SHAPE)
        decay = tf1.placeholder(dtype, [])
        tfbn.batch_norm(x, decay=decay, scope="bn", **PATHS[path])
        with session() as opened:
            opened.run(collected(), {x: batch, decay: 0.8})
            found = values(opened)
    for name, value in zip(("moving_mean", "moving_variance"), expected_averages(path, [batch])):
        np.testing.assert_allclose(found[f"bn/{name}"], value, **oracle.AVERAGE)


@pytest.mark.parametrize("path", ["core-fused", "function-fused-debias", "legacy", "core-renorm"])
def test_a_decay_of_one_keeps_and_of_zero_forgets(path):
    batch = oracle.batch(SHAPE)
    for decay in (1, 0, 1.0, 0.0):
        with graph():
            x = tf1.placeholder(tf.float32, SHAPE)
            tfbn.batch_norm(x, decay=decay, scope="bn", **PATHS[path])
            with session() as opened:
                opened.run(collected(), {x: batch})
                found = values(opened)["bn/moving_mean"]
        expected = np.zeros(5) if decay else oracle.moments(batch)[0]
        np.testing.assert_allclose(found, expected, **oracle.AVERAGE)


def test_param_dtype_keeps_half_statistics_updating():
    batch = oracle.batch(SHAPE)
    found = {}
    for param_dtype in ("float16", "float32"):
        with graph():
            x = tf1.placeholder(tf.float16, SHAPE)
            kwargs = {"param_dtype": param_dtype, "batch_weights": np.ones(6)}
            tfbn.batch_norm(x, decay=0.99999, scope="bn", **kwargs)
            with session() as opened:
                for _ in range(5):
                    opened.run(collected(), {x: batch})
                found[param_dtype] = values(opened)["bn/moving_variance"]
    np.testing.assert_array_equal(found["float16"], np.ones(5, np.float16))
    assert (found["float32"] != 1).all()
