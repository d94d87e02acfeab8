"""Hand-written batch norm is audited as it behaves, whatever it is called; other normalizations are no layers."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.graphdef import forms
from tests.training.networks import every_regime
from tfbn.graphdef import recognize

tf1 = tf.compat.v1


@pytest.mark.parametrize("form", forms.FORMS, ids=str)
def test_audits_agree_with_what_moves(form):
    modes, forgotten, wired, saved = forms.audit(form)
    assert forms.moves(form) == [False, True]
    assert modes == [form.mode]
    assert forgotten == ([] if form.mode == "inference" else ["not reached"])
    assert wired == []
    assert saved == ["not saved"]


@every_regime
@pytest.mark.parametrize("choice", ["cond", "outputs", "training"])
def test_every_kind_of_graph(choice, resource, v2):
    form = forms.Form("sqrt", "sub", choice, "none")
    assert forms.audit(form, resource, v2) == ([form.mode], ["not reached"], [], ["not saved"])


@pytest.mark.parametrize("form", forms.FORMS, ids=str)
def test_exports_normalize_by_the_averages(form):
    """After a step that has moved them, built for training alone or not: what the formula gives for their values."""
    with graph(), tf1.Session() as session:
        built = forms.build(form)
        session.run(tf1.global_variables_initializer())
        random = np.random.default_rng(1)
        session.run(built.wired, {built.x: random.normal(3.0, 2.0, [16, 4]), built.flag: True})
        x = random.normal(3.0, 2.0, [16, 4]).astype(np.float32)
        affine = session.run([built.beta, built.gamma])
        mean, variance = session.run(built.moving)
        expected = session.run(forms.FORMULAS[form.formula](tf.constant(x), mean, variance, *affine))
        exported = tfbn.export.inference_graph(session, built.y)
    assert exported.report.layers == ("net/bn",)
    assert [each.source for each in exported.report.rewritten] == ["averages"] * (form.choice == "training")
    with graph(), tf1.Session() as session:
        tf.import_graph_def(exported.graph_def, name="")
        np.testing.assert_allclose(
            session.run(exported.outputs[0], {exported.inputs[0]: x}), expected, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("formula", forms.FORMULAS)
def test_frozen_layers_are_listed(formula):
    """By the constants in place of their variables, whose names say nothing."""
    frozen, _ = forms.freeze(forms.Form(formula, "assign", "inference", "none"))
    with graph(), tf1.Session() as session:
        tf.import_graph_def(frozen, name="")
        (layer,) = tfbn.list_layers(session=session)
    assert (layer.scope, layer.mode, layer.updates, layer.estimator) == ("net/bn", "inference", "", "")
    for name, expected in {
        "moving_mean": [-1.0, 0.0, 2.0, 0.5],
        "moving_variance": [1.0, 2.0, 2.0, 0.5],
        "beta": [0.3, -0.2, 0.1, 0.5],
        "gamma": [1.5, 0.7, -1.1, 2.0],
    }.items():
        assert np.array_equal(layer.arrays[name], np.float32(expected)), name


def layer_norm(x):
    mean, variance = tf.nn.moments(x, [1, 2, 3], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-3) * variable("gamma") + variable("beta")


def instance_norm(x):
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, variable("beta"), variable("gamma"), 1e-3)


def group_norm(x):
    groups = tf.reshape(x, [-1, 4, 4, 2, 2])
    mean, variance = tf.nn.moments(groups, [1, 2, 4], keepdims=True)
    return tf.reshape((groups - mean) * tf.math.rsqrt(variance + 1e-3), [-1, 4, 4, 4])


def weight_norm(x):
    v = variable("v", [4, 4])
    return tf.tensordot(x, variable("g") * v * tf.math.rsqrt(tf.reduce_sum(v * v, [0])), 1)


def weight_standardization(x):
    w = variable("w", [4, 4])
    mean, variance = tf.nn.moments(w, [0])
    return tf.tensordot(x, (w - mean) / tf.sqrt(variance + 1e-5), 1)


def summarized_moments(x):
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    tf1.summary.histogram("stddev", tf.sqrt(variance))
    tf1.summary.histogram("mean", mean)
    return x


def root_mean_square(x):
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, [0, 1, 2]) + 1e-3) * variable("gamma")


def adam_by_hand(x):
    w, m, v = (variable(name) for name in ("w", "m", "v"))
    y = x * w
    (gradient,) = tf.gradients(tf.reduce_sum(y * y), [w], name="slope")
    m_new, v_new = m * 0.9 + gradient * 0.1, v * 0.99 + gradient * gradient * 0.01
    step = tf1.assign_sub(w, 0.1 * m_new / (tf.sqrt(v_new) + 1e-8))
    with tf.control_dependencies([step, tf1.assign(m, m_new), tf1.assign(v, v_new)]):
        return tf.identity(y)


def variable(name, shape=(4,)):
    return tf1.get_variable(name, shape)


OTHERS = [
    layer_norm,
    instance_norm,
    group_norm,
    weight_norm,
    weight_standardization,
    summarized_moments,
    root_mean_square,
    adam_by_hand,
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.__name__)
def test_other_normalizations_are_no_layers(other):
    with graph() as opened:
        y = other(tf1.placeholder(tf.float32, [None, 4, 4, 4]))
        tf1.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(y * y + variable("bias")))
        recognized = recognize.recognize(opened.as_graph_def())
        assert (recognized.layers, recognized.unrecognized) == ({}, [])


def test_embeddings_are_data():
    with graph():
        x = tf.gather(tf.identity(variable("table", [9, 4])), tf1.placeholder(tf.int32, [None]))
        mean, variance = tf.nn.moments(x, [0])
        moving = [tf1.get_variable(name, [4], trainable=False) for name in ("a", "b")]
        updates = [tf1.assign(old, old * 0.9 + new * 0.1) for old, new in zip(moving, (mean, variance))]
        y = (x - mean) * tf.math.rsqrt(variance + 1e-3)
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y * y))
        kinds = [finding.kind for finding in tfbn.check_updates(step, raise_on_error=False)]
        assert ([layer.mode for layer in tfbn.list_layers()], kinds) == (["training"], ["not reached"])
        assert tfbn.check_updates(tf.group(step, *updates)) == []


def test_statistics_that_nothing_averages_are_unrecognized():
    with graph():
        x = tf1.placeholder(tf.float32, [None, 4])
        mean, variance = tf.nn.moments(x, [0])
        y = tf.divide(x - mean, tf.sqrt(variance) + 1e-8, name="advantages") * variable("w")
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
        with pytest.warns(tfbn.NoLayersWarning, match="no batch norm layer in this graph"):
            (finding,) = tfbn.check_updates(step)
        with pytest.warns(tfbn.NoLayersWarning):
            assert tfbn.check_updates(x * 2.0) == []  # which normalizes nothing
        assert (finding.kind, finding.severity) == ("unrecognized", "warning")
        assert "Sqrt normalizes by statistics of the batch (moments/mean, moments/variance)" in finding.problem
        assert "advantages in\n  reinforcement learning" in finding.remedy


def test_no_layer_is_no_clean_bill():
    with graph():
        y = tf1.placeholder(tf.float32, [None, 4]) * variable("w")
        step = tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
        with pytest.warns(tfbn.NoLayersWarning):
            assert tfbn.check_updates(step) == []
