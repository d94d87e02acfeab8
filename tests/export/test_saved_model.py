"""saved_model: what TensorFlow 2 and a session of TensorFlow 1 load again."""

import os
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, randomize
from tests.graph.regimes import NAMES, REGIMES, graph, session

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(1).normal(1.0, 2.0, [4, 4, 4, 3]).astype(np.float32)


def network():
    x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="in/x")
    is_training = tf1.placeholder(tf.bool, [], name="is_training")
    hidden = tfbn.batch_norm(x, is_training=is_training, updates_collections=None, scope="a")
    y = tfbn.batch_norm(tf.nn.relu(hidden), is_training=is_training, scope="b", fused=False)
    return x, is_training, tf.identity(y, name="out/y")


@pytest.mark.parametrize("variables", ["freeze", "keep"])
@pytest.mark.parametrize("resource, v2", REGIMES, ids=NAMES)
def test_it_loads_again(tmp_path, variables, resource, v2):
    """As a function of TensorFlow 2, and into a session; kept variables are in it by their names, also ref ones."""
    directory = tmp_path / "model"
    with graph(resource, v2) as opened:
        x, is_training, y = network()
        with session() as running:
            randomize(running)
            names = [variable.op.name for variable in tf1.global_variables()]
            before = opened.as_graph_def()
            exported = tfbn.export.saved_model(
                directory, running, {"normalized": y}, inputs={"images": x}, variables=variables
            )
            assert opened.as_graph_def() == before
            expected = running.run(y, {x: IMAGES, is_training: False})
    assert exported.report.kept == (tuple(names) if variables == "keep" else ())
    loaded = tf.saved_model.load(str(directory))
    with tf.init_scope():
        found = loaded.signatures["serving_default"](images=tf.constant(IMAGES))["normalized"].numpy()
    assert_close(found, expected)
    with tf.Graph().as_default(), tf1.Session() as running:
        meta_graph = tf1.saved_model.load(running, ["serve"], str(directory))
        signature = meta_graph.signature_def["serving_default"]
        assert (signature.inputs["images"].name, signature.outputs["normalized"].name) == ("in/x:0", "out/y:0")
        assert_close(running.run("out/y:0", {"in/x:0": IMAGES}), expected)
    stored = (
        [name for name, _ in tf.train.list_variables(str(directory / "variables" / "variables"))]
        if (variables == "keep")
        else []
    )
    assert sorted(stored) == (sorted(names) if variables == "keep" else [])
    constants = [node for node in meta_graph.graph_def.node if node.op == "Const" and node.name in names]
    assert len(constants) == (0 if variables == "keep" else len(names))


def test_names_in_the_signature(tmp_path):
    """Those of the ops, where the user gives none; and another key."""
    with graph():
        _, _, y = network()
        with session() as running:
            tfbn.export.saved_model(tmp_path / "model", running, [y], signature="predict")
    with tf.Graph().as_default(), tf1.Session() as running:
        (signature,) = tf1.saved_model.load(running, ["serve"], str(tmp_path / "model")).signature_def.items()
    assert signature[0] == "predict"
    assert (list(signature[1].inputs), list(signature[1].outputs)) == (["in_x"], ["out_y"])


def test_one_tensor_under_several_keys(tmp_path):
    """As signatures may have it, by whichever of its names."""
    with graph():
        x, _, y = network()
        with session() as running:
            exported = tfbn.export.saved_model(
                tmp_path / "model",
                running,
                {"y": y, "again": "out/y", "half": "a/cond_1/Merge"},
                inputs={"x": x, "in": x},
            )
    assert exported.outputs == ("out/y:0", "a/cond_1/Merge:0")
    with tf.Graph().as_default(), tf1.Session() as running:
        signature = tf1.saved_model.load(running, ["serve"], str(tmp_path / "model")).signature_def["serving_default"]
    found = {key: info.name for key, info in signature.outputs.items()}
    assert found == {"y": "out/y:0", "again": "out/y:0", "half": "a/cond_1/Merge:0"}
    assert {key: info.name for key, info in signature.inputs.items()} == {"x": "in/x:0", "in": "in/x:0"}


def test_names_that_the_signature_would_mix_up(tmp_path):
    """A dict tells them apart."""
    with graph():
        x = tf1.placeholder(tf.float32, [3], name="x")
        outputs = [tf.exp(x, name="a/y"), tf.exp(x + 1.0, name="a_y")]
        with session() as running:
            with pytest.raises(ValueError, match="in the signature, got a/y:0 and a_y:0, both a_y. Give a dict"):
                tfbn.export.saved_model(tmp_path / "model", running, outputs)
            assert os.listdir(tmp_path) == []
            tfbn.export.saved_model(tmp_path / "model", running, dict(zip("ab", outputs)))


def test_a_refusal_leaves_nothing_behind(tmp_path):
    """Nor does a directory that is there already lose what is in it."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        with tf1.variable_scope("norm"):
            tf1.get_variable("moving_mean", [3])
            tf1.get_variable("moving_variance", [3])
            y = tf.nn.batch_normalization(x, *tf.nn.moments(x, [0]), None, None, 1e-3)
        with session() as running:
            with pytest.raises(tfbn.TrainingModeError, match="norm"):
                tfbn.export.saved_model(tmp_path / "model", running, y)
            assert os.listdir(tmp_path) == []
            (tmp_path / "model").mkdir()
            (tmp_path / "model" / "mine").touch()
            with pytest.raises(ValueError, match="directory that does not exist yet, got .*model. Remove or rename it"):
                tfbn.export.saved_model(tmp_path / "model", running, y)
    assert os.listdir(tmp_path / "model") == ["mine"]


def test_no_room_for_a_folder(tmp_path, monkeypatch):
    """TensorFlow's error of it, which is none of Python's, names the directory."""
    error = tf.errors.ResourceExhaustedError(None, None, "/x; No space left on device")
    monkeypatch.setattr(tf1.saved_model, "Builder", mock.Mock(side_effect=error))
    with graph():
        y = tf.identity(tf1.placeholder(tf.float32, [None, 3]))
        with session() as running:
            with pytest.raises(OSError, match=r"model cannot be written: /x; No space left on device"):
                tfbn.export.saved_model(tmp_path / "model", running, y)
    assert os.listdir(tmp_path) == []
