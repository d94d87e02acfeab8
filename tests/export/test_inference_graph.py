"""inference_graph: tfbn's own layers in every regime, against what their Session infers or a rebuilt graph does."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [4, 4, 4, 3]).astype(np.float32)
LAYERS = {
    "fused": {},
    "nonfused": {"fused": False, "scale": True},
    "inline": {"updates_collections": None},
    "inline nonfused": {"updates_collections": None, "fused": False},
    "renorm": {"renorm": True},
    "renorm nonfused": {"renorm": True, "fused": False, "updates_collections": None},
    "zero debias": {"zero_debias_moving_mean": True, "updates_collections": None},
    "batch_weights": {"batch_weights": "weights", "updates_collections": None},
    "mask": {"mask": "weights"},
    "virtual batches": {"virtual_batch_size": 2},
    "adjustment": {"adjustment": lambda shape: (tf.random.uniform(shape[:1])[:, None, None, None] + 0.5, tf.zeros(3))},
    "NCHW": {"data_format": "NCHW"},
    "NCHW nonfused": {"data_format": "NCHW", "fused": False},
    "frozen": {"trainable": False},
    "rank 2": {"rank": 2},
    "rank 3, half": {"rank": 3, "dtype": tf.float16},
}
# Of these every regime; of the others the two that are farthest apart.
EVERYWHERE = ("fused", "nonfused", "inline", "inline nonfused", "batch_weights")


def in_regimes(cases):
    return [
        pytest.param(kind, layer, *regime, id=f"{kind}-{layer}-{name}")
        for kind, layer in cases
        for regime, name in zip(REGIMES, NAMES)
        if layer in EVERYWHERE or name in ("ref-v1", "resource-v2")
    ]


def network(layer, is_training):
    """Two layers, the first of them behind a convolution and under an activation."""
    arguments = {"decay": 0.5, **LAYERS[layer]}
    rank, dtype = arguments.pop("rank", 4), arguments.pop("dtype", tf.float32)
    for name in ("batch_weights", "mask"):
        if name in arguments:
            arguments[name] = tf1.placeholder(tf.float32, [None], name="weights")
    x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
    with tf1.variable_scope("net"):
        kernel = tf1.get_variable("kernel", [3, 3, 3, 3])
        hidden = tf.nn.conv2d(x, kernel, 1, "SAME")
        hidden = tf.cast(tf.reshape(hidden, [-1, 16, 3]) if rank == 3 else hidden, dtype)
        hidden = tf.reduce_mean(hidden, [1, 2]) if rank == 2 else hidden
        hidden = tf.transpose(hidden, [0, 3, 1, 2]) if "data_format" in arguments else hidden
        hidden = tfbn.batch_norm(hidden, is_training=is_training, scope="a", activation_fn=tf.nn.relu, **arguments)
        return tf.identity(tfbn.batch_norm(hidden, is_training=is_training, scope="b", **arguments), name="y")


def made(kind):
    """is_training, and what to feed for inference."""
    if kind == "placeholder":
        tensor = tf1.placeholder(tf.bool, [], name="is_training")
        return tensor, {tensor: False}
    if kind == "default":
        tensor = tf1.placeholder_with_default(True, [], name="is_training")
        return tensor, {tensor: False}
    return tf1.get_variable("is_training", initializer=True, trainable=False), {}


DECIDED = [("placeholder", layer) for layer in LAYERS]
DECIDED += [(kind, layer) for kind in ("default", "variable") for layer in ("fused", "inline nonfused")]


@pytest.mark.parametrize("kind, layer, resource, v2", in_regimes(DECIDED))
def test_runtime_switches_are_pinned(kind, layer, resource, v2):
    """Nothing of is_training is left, the user's graph is untouched, and the numbers are the Session's own."""
    with graph(resource, v2) as opened:
        is_training, feeds = made(kind)
        y = network(layer, is_training)
        with session() as running:
            randomize(running)
            before = opened.as_graph_def()
            exported = tfbn.export.inference_graph(running, y)
            assert opened.as_graph_def() == before
            if kind == "variable":
                running.run(is_training.assign(False))
            feeds["x:0"] = IMAGES
            if "weights" in LAYERS[layer].values():
                feeds["weights:0"] = np.ones(4)
            expected = running.run(y, feeds)
    assert leftovers(exported.graph_def) == []
    assert exported[1:3] == (("x:0",), ("net/y:0",))
    assert exported.report.pinned == ("is_training",)
    assert exported.report.layers == ("net/a", "net/b")
    assert_close(run(exported.graph_def, "net/y:0", {"x:0": IMAGES}), expected)


@pytest.mark.parametrize("kind, layer, resource, v2", in_regimes([("training", layer) for layer in LAYERS]))
def test_layers_that_only_train_are_rewritten(kind, layer, resource, v2):
    """They infer as a graph does that is built anew for inference and restored, and the report names them."""
    with graph(resource, v2) as opened:
        y = network(layer, True)
        with session() as running:
            randomize(running)
            before = opened.as_graph_def()
            exported = tfbn.export.inference_graph(running, y)
            assert opened.as_graph_def() == before
            stored = values(running)
    with graph(resource, v2):
        y = network(layer, False)
        with session() as running:
            for variable in tf1.global_variables():
                running.run(variable.initializer, {variable.initializer.inputs[1]: stored[variable.op.name]})
            expected = running.run(y, {"x:0": IMAGES})
    assert leftovers(exported.graph_def) == []
    assert [each.layer for each in exported.report.rewritten] == ["net/a", "net/b"]
    assert exported.report.pinned == ()
    assert_close(run(exported.graph_def, "net/y:0", {"x:0": IMAGES}), expected)
    # The statistics are far from those of the batch.
    assert np.abs(expected.mean()) > 0.1


def test_fused_ops_that_normalize_samples_stay():
    """Layer norm as Keras makes it, of any number of samples: scale and offset have a value for each of them."""
    samples = np.random.default_rng(0).normal(1.0, 2.0, [6, 5]).astype(np.float32)
    with graph(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 5], name="x")
        ones, size = tf.ones([tf.shape(x)[0]]), tf.shape(x)
        y = tf1.nn.fused_batch_norm(tf.reshape(tf.transpose(x), [1, 5, 1, -1]), ones, ones - 1.0, epsilon=1e-3)[0]
        y = tf.reshape(tf.transpose(tf.reshape(y, [5, -1])), size, name="y")
        exported = tfbn.export.inference_graph(session, y)
        expected = session.run(y, {x: samples})
    assert (exported.report.warnings, exported.report.layers) == ((), ())
    assert_close(run(exported.graph_def, "y:0", {"x:0": samples}), expected)


def test_where_and_how_it_was_trained_is_gone():
    """Devices of a cluster, colocation with a parameter server's variables, and gradients of the user's own."""
    with graph(False):
        with tf.device("/job:ps/task:3"), tf1.get_default_graph().gradient_override_map({"Identity": "Mine"}):
            x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
            y = tf.identity(tfbn.batch_norm(x, is_training=False), name="y")
        made = tf1.get_default_graph().as_graph_def()
        exported = tfbn.export.inference_graph(made, y.name, variables="keep")
    assert any(node.device for node in made.node)
    assert any("_class" in node.attr for node in made.node)
    assert any("_gradient_op_type" in node.attr for node in made.node)
    for node in exported.graph_def.node:
        assert not node.device
        assert not {"_class", "_gradient_op_type"} & set(node.attr)
