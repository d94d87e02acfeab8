"""Layers whose moving statistics are as they were initialized: a warning of each, and of no other."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph, session
from tests.graphdef import forms
from tests.training.networks import every_regime

tf1 = tf.compat.v1
BATCH = np.random.RandomState(2).normal(50.0, 9.0, [16, 3]).astype(np.float32)


def network(updates_collections=tf1.GraphKeys.UPDATE_OPS, **arguments):
    x = tf1.placeholder(tf.float32, [None, 3], name="x")
    is_training = tf1.placeholder(tf.bool, [], name="is_training")
    y = tfbn.batch_norm(
        x, is_training=is_training, scope="norm", updates_collections=updates_collections, decay=0.5, **arguments
    )
    return tf.identity(y, name="y")


def scopes(report):
    return [(finding.kind, finding.severity, finding.where) for finding in report.warnings]


INITIALIZERS = {
    "moving_mean": tf1.constant_initializer([3.0, -1.0, 0.5]),
    "moving_variance": tf1.constant_initializer([2.0, 4.0, 0.25]),
}
LAYERS = {
    "fused": {},
    "nonfused": {"fused": False},
    "renorm": {"renorm": True},
    "zero debias": {"zero_debias_moving_mean": True},
    "other initial values": {"param_initializers": INITIALIZERS},
}


@every_regime
@pytest.mark.parametrize("layer", LAYERS)
def test_statistics_before_and_after_an_update(layer, resource, v2, tmp_path):
    """One step of training is enough; frozen as in a SavedModel that keeps its variables."""
    with graph(resource, v2):
        y = network(**LAYERS[layer])
        with session() as running:
            forgotten = tfbn.export.inference_graph(running, y)
            kept = tfbn.export.saved_model(tmp_path / "kept", running, y, variables="keep")
            again = tfbn.export.inference_graph(forgotten.graph_def, y.name)
            feed = {"x:0": BATCH, "is_training:0": True}
            running.run([y, *tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], feed)
            updated = tfbn.export.inference_graph(running, y)
    expected = [("never updated", "warning", "norm")]
    assert (scopes(forgotten.report), scopes(kept.report), scopes(updated.report)) == (expected, expected, [])
    # Constants alone are left, whose graph has no initializers.
    assert scopes(again.report) == ([] if layer == "other initial values" else expected)


@pytest.mark.parametrize("average", ["sub", "ema"])
def test_layers_by_any_name(average):
    """Hand-written ones start at values of their own, or at the shadows' zeros."""
    with graph(), session() as running:
        built = forms.build(forms.Form("nn", average, "cond", "running"))
        running.run(tf1.global_variables_initializer())
        assert scopes(tfbn.export.inference_graph(running, built.y).report) == [("never updated", "warning", "net/bn")]
        feed = {built.x: np.random.RandomState(0).normal(3.0, 2.0, [16, 4]), built.flag: True}
        running.run(built.wired, feed)
        assert scopes(tfbn.export.inference_graph(running, built.y).report) == []


@pytest.mark.parametrize("name, value", [("moving_mean", 0.0), ("moving_variance", 1.0)])
def test_one_statistic_is_no_sign(name, value):
    """Standardized inputs have a mean of 0; one of them may be fixed."""
    with graph():
        y = network()
        with session() as running:
            for variable in tf1.global_variables():
                if "moving" in variable.op.name:
                    new = value if variable.op.name.endswith(name) else 0.7
                    running.run(variable.initializer, {variable.initializer.inputs[1]: np.full(3, new)})
            assert scopes(tfbn.export.inference_graph(running, y).report) == []


def test_the_text_has_each_layer_and_the_remedy_once():
    with graph(), session() as running:
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        y = tfbn.batch_norm(tfbn.batch_norm(x, scope="a"), scope="b")
        running.run(tf1.global_variables_initializer())
        report = tfbn.export.inference_graph(running, y).report
    lines = str(report).split("\n")
    assert "never updated (2): a, b" in lines
    assert sum("tfbn.check_updates(step)" in line for line in lines) == 1
    assert [each["where"] for each in report.as_dict()["never_updated"]] == ["a", "b"]
