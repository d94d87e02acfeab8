"""Layers that only train: which are rewritten, by what evidence, and which are refused."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph import regimes
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [8, 3]).astype(np.float32)


def images():
    return tf1.placeholder(tf.float32, [None, 3], name="x")


def stored(folder, y):
    """The graph as another process would find it in files: its MetaGraph and a checkpoint."""
    with session() as running:
        randomize(running)
        checkpoint = tf1.train.Saver().save(running, str(folder / "model"), write_meta_graph=False)
        values = regimes.values(running)
    return tf1.train.export_meta_graph(), {"outputs": y.name, "checkpoint": checkpoint}, values


def export(y):
    """The export from a session, and the values of its variables."""
    with session() as running:
        randomize(running)
        return tfbn.export.inference_graph(running, y), regimes.values(running)


def inferred(x, values, scope, epsilon=1e-3):
    mean, variance = values[f"{scope}/moving_mean"], values[f"{scope}/moving_variance"]
    return (x - mean) / np.sqrt(variance + epsilon) * values.get(f"{scope}/gamma", 1.0) + values[f"{scope}/beta"]


def test_fused_layers_of_a_metagraph_are(tmp_path):
    """By their updates, which say whose statistics they are when two calls share variables, too."""
    with graph():
        y = tfbn.batch_norm(images(), scope="one", scale=True)
        y = tfbn.batch_norm(y, scope="one", scale=True, reuse=True)
        y = tfbn.batch_norm(y, scope="two", updates_collections=None)
        meta_graph, arguments, values = stored(tmp_path, y)
    exported = tfbn.export.inference_graph(meta_graph, **arguments)
    assert [(each.layer, each.source) for each in exported.report.rewritten] == [
        ("one", "updates"),
        ("one", "updates"),
        ("two", "updates"),
    ]
    assert leftovers(exported.graph_def) == []
    expected = inferred(inferred(inferred(IMAGES, values, "one"), values, "one"), values, "two")
    assert_close(run(exported.graph_def, y.name, {"x:0": IMAGES}), expected)


REFUSED = {
    "renorm": ({"renorm": True}, "more than gamma and beta"),
    "composed renorm": ({"renorm": True, "fused": False}, "consists of several ops"),
    "virtual batches": ({"virtual_batch_size": 2}, "consists of several ops"),
    "adjustment": ({"adjustment": lambda shape: (tf.fill([1, 3], 2.0), tf.ones([3]))}, "several ops"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_of_a_metagraph_are_refused(tmp_path, name):
    """By name, with the reason; and nothing has touched the MetaGraph."""
    arguments, reason = REFUSED[name]
    with graph():
        with tf1.variable_scope("net"):
            y = tfbn.batch_normalization(images(), training=True, name="norm", **arguments)
        meta_graph, arguments, _ = stored(tmp_path, y)
    before = meta_graph.SerializeToString(deterministic=True)
    with pytest.raises(tfbn.TrainingModeError, match=f"^net/norm: .* normalizes by the batch: .*({reason})"):
        tfbn.export.inference_graph(meta_graph, **arguments)
    assert meta_graph.SerializeToString(deterministic=True) == before


def test_a_fused_op_without_updates_is_refused():
    """A frozen layer of another library: only names identify its statistics, which is not enough."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="x")
        with tf1.variable_scope("norm"):
            gamma, beta = (tf1.get_variable(name, [3]) for name in ("gamma", "beta"))
            for name in ("moving_mean", "moving_variance"):
                tf1.get_variable(name, [3], trainable=False)
            y, _, _ = tf1.nn.fused_batch_norm(x, gamma, beta, is_training=True)
        with session() as running:
            with pytest.raises(tfbn.TrainingModeError, match="no update shows which moving statistics belong to it"):
                tfbn.export.inference_graph(running, y)
            exported = tfbn.export.inference_graph(running, y, keep_training=["norm"])
    assert exported.report.left_training == ("norm/FusedBatchNormV3",)
    assert exported.report.layers == ()


def test_statistics_of_two_layers_are_no_evidence():
    """An op whose batch statistics go to the variables of two layers belongs to neither."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="x")
        y, mean, variance = tf1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), is_training=True)
        updates = []
        for scope in ("one", "two"):
            with tf1.variable_scope(scope):
                for name, value in (("moving_mean", mean), ("moving_variance", variance)):
                    variable = tf1.get_variable(name, [3], trainable=False)
                    updates.append(tf1.assign_sub(variable, (variable - value) * 0.1))
        with tf.control_dependencies(updates):
            y = tf.identity(y)
        with session() as running, pytest.raises(tfbn.TrainingModeError, match="no update shows"):
            tfbn.export.inference_graph(running, y)


def test_a_scale_that_training_makes_is_no_gamma():
    """Noise on it, as on an adjusted layer's, is not for inference, and what stands for it there is not known."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="x")
        with tf1.variable_scope("norm"):
            moving = [tf1.get_variable(f"moving_{name}", [3], trainable=False) for name in ("mean", "variance")]
            noise = tf.random.uniform([3], 0.9, 1.1)
            y, *batch = tf1.nn.fused_batch_norm(x, tf.ones([3]) * noise, tf.zeros([3]), is_training=True)
            updates = [tf1.assign_sub(old, (old - new) * 0.1) for old, new in zip(moving, batch)]
        with tf.control_dependencies(updates):
            y = tf.identity(y)
        with pytest.raises(
            tfbn.TrainingModeError, match="norm: .* or its scale and offset are more than gamma and beta"
        ):
            export(y)


@pytest.mark.parametrize("invariant", [False, True])
@pytest.mark.parametrize("v2", [False, True])
def test_composed_layers_in_loops_are_refused(v2, invariant):
    """tfbn remembers them, but not the rounds that their ops are in; not if it is the same in all of them either."""
    with graph(True, v2):
        x = tf1.placeholder(tf.float32, [None, 3], name="x")

        def body(i, z):
            inputs = x if invariant else z
            return i + 1, z + tfbn.batch_norm(inputs, scope="norm", fused=False, reuse=tf1.AUTO_REUSE)

        y = tf1.while_loop(lambda i, z: i < 2, body, [0, x])[1]
        with pytest.raises(tfbn.TrainingModeError, match="^norm: .*, or built it in a branch, a loop or a function"):
            export(y)


@pytest.mark.parametrize("v2", [False, True])
def test_composed_layers_in_branches_are_refused(v2):
    """What they take in may be outside of the branch, and what is made of that would be alive when it is not taken."""
    with graph(True, v2):
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        y = tf1.cond(tf.reduce_sum(x) > 0, lambda: tfbn.batch_norm(x, scope="norm", fused=False), lambda: x * 2.0)
        with pytest.raises(tfbn.TrainingModeError, match="^norm: .*, or built it in a branch"):
            export(y)


@pytest.mark.parametrize("resource", [False, True])
def test_partitioned_parameters(resource):
    """The parts of beta come together again."""
    with graph(resource):
        x = images()
        with tf1.variable_scope("net", partitioner=tf1.fixed_size_partitioner(2)):
            y = tfbn.batch_norm(x, scope="norm", fused=False)
        exported, values = export(y)
    assert "net/norm/beta/part_1" in exported.report.frozen
    for name in ("beta", "moving_mean", "moving_variance"):
        parts = [values[each] for each in values if each.startswith(f"net/norm/{name}")]
        values[f"net/norm/{name}"] = np.concatenate(parts)
    expected = inferred(IMAGES, values, "net/norm")
    assert_close(run(exported.graph_def, y.name, {"x:0": IMAGES}), expected)


def test_layers_of_batch_normalization():
    """Several channel axes, renorm and momentum by the other name."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 3], name="x")
        y = tfbn.batch_normalization(x, axis=[1, 2], training=True, renorm=True, name="norm")
        exported, values = export(y)
    assert [each.source for each in exported.report.rewritten] == ["registry"]
    assert leftovers(exported.graph_def) == []
    batch = np.tile(IMAGES[:, None], [1, 2, 1])
    assert_close(run(exported.graph_def, y.name, {"x:0": batch}), inferred(batch, values, "norm"))


def test_half_precision_statistics():
    """What moves is cast to what the fused op takes."""
    with graph():
        x = tf1.placeholder(tf.float16, [None, 2, 2, 3], name="x")
        y = tfbn.batch_norm(x, scope="norm", param_dtype=tf.float16)
        exported, values = export(y)
    assert [each.source for each in exported.report.rewritten] == ["updates"]
    batch = np.tile(IMAGES[:, None, None], [1, 2, 2, 1]).astype(np.float16)
    found = run(exported.graph_def, y.name, {"x:0": batch})
    expected = inferred(batch.astype(np.float32), {k: v.astype(np.float32) for k, v in values.items()}, "norm")
    # A rounding to half precision is 5e-4 of the value.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
