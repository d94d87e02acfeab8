"""What says whether a graph trains: found, named, or refused where it is not clear."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [8, 3]).astype(np.float32)


def images():
    return tf1.placeholder(tf.float32, [None, 3], name="x")


def export(y, **arguments):
    """The export, and what the session infers under `feeds`."""
    feeds = arguments.pop("feeds", {})
    with session() as running:
        randomize(running)
        exported = tfbn.export.inference_graph(running, y, **arguments)
        expected = running.run(y, {"x:0": IMAGES, **feeds})
    assert leftovers(exported.graph_def) == []
    assert_close(run(exported.graph_def, exported.outputs[0], {"x:0": IMAGES}), expected)
    return exported


@pytest.mark.parametrize("v2", [False, True])
def test_one_for_each_network(v2):
    """Two placeholders of which each has layers of its own are both pinned."""
    with graph(control_flow_v2=v2):
        a, b = (tf1.placeholder(tf.bool, [], name=name) for name in "ab")
        y = tfbn.batch_norm(tfbn.batch_norm(images(), is_training=a, scope="one"), is_training=b, scope="two")
        exported = export(y, feeds={a: False, b: False})
    assert exported.report.pinned == ("a", "b")


@pytest.mark.parametrize("dtype", [tf.int32, tf.float32])
def test_a_number(dtype):
    """That is 0 in inference."""
    with graph():
        phase = tf1.placeholder(dtype, [], name="phase")
        y = tfbn.batch_norm(images(), is_training=tf.cast(phase, tf.bool))
        exported = export(y, feeds={phase: 0})
    assert exported.report.pinned == ("phase",)


def test_dropout_by_the_same_placeholder_goes_with_it():
    """As what else hangs on it does."""
    with graph():
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        x = images()
        x = tf1.cond(is_training, lambda: tf.nn.dropout(x, rate=0.5), lambda: x)
        exported = export(tfbn.batch_norm(x, is_training=is_training), feeds={is_training: False})
    assert not [node for node in exported.graph_def.node if "Random" in node.op]


def test_either_of_two_is_refused():
    """Each alone would put the layer into inference, and only the user knows which it is; named, it does."""
    with graph():
        a, b = (tf1.placeholder(tf.bool, [], name=name) for name in "ab")
        y = tfbn.batch_norm(images(), is_training=tf.logical_and(a, b))
        with session() as running, pytest.raises(ValueError, match='trains, got a and b. .*is_training="a"'):
            tfbn.export.inference_graph(running, y)
        exported = export(y, is_training="a", feeds={a: False, b: True})
    assert exported.report.pinned == ("a",)


def test_what_leaves_the_layer_out_is_not_it():
    """Where another placeholder makes it infer."""
    with graph():
        x = images()
        used, is_training = tf1.placeholder_with_default(True, [], "used"), tf1.placeholder(tf.bool, [], name="b")

        def normalized():
            return tfbn.batch_norm(x, is_training=is_training, updates_collections=None, scope="one")

        y = tf1.cond(used, normalized, lambda: x + 1.0)
        with session() as running:
            randomize(running)
            exported = tfbn.export.inference_graph(running, y)
            for value in (True, False):
                expected = running.run(y, {x: IMAGES, is_training: False, used: value})
                assert_close(run(exported.graph_def, exported.outputs[0], {"x:0": IMAGES, "used:0": value}), expected)
    assert (exported.report.pinned, exported.report.layers) == (("b",), ("one",))


def test_what_leaves_out_a_layer_that_only_trains_is_not_it():
    """The layer is rewritten, and does not go in silence."""
    with graph():
        x, used = images(), tf1.placeholder_with_default(True, [], "used")
        y = tf1.cond(used, lambda: tfbn.batch_norm(x, updates_collections=None, scope="one"), lambda: x + 1.0)
        with session() as running:
            randomize(running)
            exported = tfbn.export.inference_graph(running, y)
            known = {variable.op.name: running.run(variable) for variable in tf1.global_variables()}
    assert (exported.report.pinned, exported.report.layers) == ((), ("one",))
    expected = (IMAGES - known["one/moving_mean"]) / np.sqrt(known["one/moving_variance"] + 1e-3) + known["one/beta"]
    assert_close(run(exported.graph_def, exported.outputs[0], {"x:0": IMAGES}), expected)


def test_what_is_false_in_inference_may_be_any_tensor():
    """A placeholder that is True there is not found, and the tensor of the opposite can be named."""
    with graph():
        inference = tf1.placeholder(tf.bool, [], name="inference")
        training = tf.logical_not(inference)
        y = tfbn.batch_norm(images(), is_training=training, scope="norm")
        with session() as running, pytest.raises(tfbn.TrainingModeError, match="norm: each run decides") as caught:
            tfbn.export.inference_graph(running, y)
        assert [finding.kind for finding in caught.value.findings] == ["dynamic"]
        exported = export(y, is_training=[training], feeds={inference: True})
    assert exported.report.pinned == ("LogicalNot",)


def test_what_takes_the_outputs_away_is_not_it():
    """A boolean that is False where there is nothing to infer."""
    with graph():
        is_training, wanted = (tf1.placeholder(tf.bool, [], name=name) for name in ("is_training", "wanted"))
        y = tfbn.batch_norm(images(), is_training=is_training)
        inside = []
        tf1.cond(wanted, lambda: inside.append(tf.exp(y, name="inside")) or inside[0], lambda: y)
        with session() as running:
            exported = tfbn.export.inference_graph(running, inside[0])
    assert exported.report.pinned == ("is_training",)


def test_a_graph_that_infers_already_needs_none():
    """Nothing is pinned, though a placeholder decides something else."""
    with graph():
        other = tf1.placeholder_with_default(False, [], name="other")
        x = tfbn.batch_norm(images(), is_training=False)
        y = tf1.cond(other, lambda: tf.exp(x), lambda: x)
        with session() as running:
            exported = tfbn.export.inference_graph(running, y)
    assert exported.report.pinned == ()
    assert "PlaceholderWithDefault" in {node.op for node in exported.graph_def.node}
