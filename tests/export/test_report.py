"""The report as people and programs read it."""

import json

import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import randomize
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1


def export(**arguments):
    """Of a layer that a placeholder decides, one that only trains, and one that goes on training if asked to."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        y = tfbn.batch_norm(x, is_training=is_training, scope="a", center=False)
        y = tfbn.batch_norm(y, scope="b", center=False, updates_collections=None)
        y = tfbn.batch_norm(y, scope="c", center=False, fused=False)
        y, _, _ = tf1.nn.fused_batch_norm(y, tf.ones([3]), tf.zeros([3]), is_training=True, name="d/op")
        with session() as running:
            randomize(running)
            return tfbn.export.inference_graph(running, tf.identity(y, name="y"), **arguments).report


def test_as_text():
    assert str(export(keep_training=["d"])).split("\n") == [
        "inputs: x:0",
        "outputs: y:0",
        "normalize by their moving statistics (3): a, b, c",
        "pinned to False: is_training",
        "rewritten: b: built with is_training=True; its moving statistics are known by the updates of its fused op",
        "rewritten: c: built with is_training=True; its moving statistics are known by what tfbn remembers of building "
        "it",
        "updates left out (2): b/AssignMovingAvg/AssignSubVariableOp, b/AssignMovingAvg_1/AssignSubVariableOp",
        "variables frozen (6): a/moving_mean, a/moving_variance, b/moving_mean, b/moving_variance, "
        "c/moving_mean, c/moving_variance",
        "left in training mode, as asked: d/op",
    ]


def test_as_json():
    """Nothing but lists, dicts and strings."""
    found = export(keep_training=["d/op"], variables="keep").as_dict()
    assert json.loads(json.dumps(found)) == {
        "inputs": ["x:0"],
        "pipeline": [],
        "outputs": ["y:0"],
        "layers": ["a", "b", "c"],
        "pinned": ["is_training"],
        "rewritten": [
            {"layer": "b", "op": "b/FusedBatchNormV3", "source": "updates"},
            {"layer": "c", "op": "c/batchnorm/add_1", "source": "registry"},
        ],
        "updates": ["b/AssignMovingAvg/AssignSubVariableOp", "b/AssignMovingAvg_1/AssignSubVariableOp"],
        "frozen": [],
        "kept": [f"{scope}/moving_{name}" for scope in "abc" for name in ("mean", "variance")],
        "left_training": ["d/op"],
        "refused": [],
        "unrecognized": [],
        "never_updated": [],
    }


def test_what_was_refused():
    """The error's report has it in words and as data."""
    with pytest.raises(tfbn.TrainingModeError, match="d: d/op normalizes by the batch") as caught:
        export()
    report = caught.value.report
    assert str(report).split("\n")[-1].startswith("refused: d: d/op normalizes by the batch: no update shows")
    (refused,) = report.as_dict()["refused"]
    assert refused == caught.value.findings[0]._asdict()


def test_no_layer_is_said():
    """Of a graph in which none is recognized, not even one to refuse."""
    with graph():
        y = tf.exp(tf1.placeholder(tf.float32, [3], name="x"), name="y")
        report = tfbn.export.inference_graph(y.graph, y).report
    assert str(report) == "inputs: x:0\noutputs: y:0\n0 batch norm layers recognized"


def test_unknown_batch_normalizations():
    """It is exported as it is, which may be meant, and the report says so: a warning with the op's name."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        mean, variance = tf.nn.moments(x, [0])
        with tf1.name_scope("advantages"):
            y = tf.identity((x - mean) / tf.sqrt(variance + 1e-8), name="y")
        with session() as running:
            report = tfbn.export.inference_graph(running, y).report
    (finding,) = report.unrecognized
    assert (finding.kind, finding.severity, finding.where) == ("unrecognized", "warning", "advantages/Sqrt")
    assert "0 batch norm layers recognized\nunrecognized: advantages/Sqrt normalizes by the batch" in str(report)
    assert report.as_dict()["unrecognized"][0]["where"] == "advantages/Sqrt"
