"""Target networks whose beta and gamma follow another network, and whose statistics do not."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.training.networks import adam, kinds, loss_of

tf1 = tf.compat.v1
EVERY = ["beta", "gamma", "moving_mean", "moving_variance"]
FOUND = [("not copied", "warning", "target/bn")]


def networks(target_training=False):
    """The step of a network, and the variables of it and of its target by short name."""
    x = tf1.placeholder(tf.float32, [None, 4], name="x")
    outputs = {}
    for name, training in (("main", True), ("target", target_training)):
        with tf1.variable_scope(name):
            outputs[name] = tfbn.batch_norm(x, is_training=training, scale=True, decay=0.5, scope="bn")
    step = tfbn.create_train_op(loss_of(outputs["main"] - outputs["target"]), adam())
    names = ("main", "target")
    main, target = ({v.op.name.rpartition("/")[2]: v for v in tf1.global_variables(f"{name}/bn/")} for name in names)
    return step, {short: main[short] for short in EVERY}, {short: target[short] for short in EVERY}


def assign(main, target, shorts, value=lambda old, new: new):
    return [target[short].assign(value(target[short], main[short])) for short in shorts]


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize(
    "shorts, value, expected",
    [
        (["beta", "gamma"], lambda old, new: 0.9 * old + 0.1 * new, FOUND),
        (["beta", "gamma"], lambda old, new: old - 0.1 * (old - new), FOUND),
        (["gamma"], lambda old, new: new, FOUND),
        (EVERY, lambda old, new: 0.9 * old + 0.1 * new, []),
        (["beta", "gamma", "moving_mean"], lambda old, new: new, []),
        ([], None, []),
        (["beta"], lambda old, new: 0.9 * old, []),
        (["beta"], lambda old, new: tf1.placeholder(tf.float32, [4]), []),
    ],
)
def test_assignments(shorts, value, expected, resource):
    """Hard and soft copies of another layer's, wherever they run; a change of its own values is none."""
    with graph(resource):
        step, main, target = networks()
        copies = assign(main, target, shorts, value)
        tf1.train.Saver()
        assert kinds(step) == expected
        if expected:
            (finding,) = tfbn.check_updates([step, copies])
            assert finding.problem.startswith("it normalizes by target/bn/moving_mean and target/bn/moving_variance")
            assert f"copies {shorts[0]} from main/bn." in finding.problem


def test_the_warning_is_true():
    """Statistics of the target stay where they started; with what the remedy adds they follow."""
    with graph(), tf1.Session() as session:
        step, main, target = networks()
        partial = assign(main, target, ["beta", "gamma"], lambda old, new: 0.9 * old + 0.1 * new)
        session.run(tf1.global_variables_initializer())
        values = {"x:0": np.random.default_rng(0).normal(3.0, 1.0, [16, 4])}
        session.run([step, partial], values)
        assert (session.run(target["moving_mean"]) == 0).all()
        assert kinds(step) == FOUND
        full = assign(main, target, ["moving_mean", "moving_variance"])
        assert kinds(step) == []
        session.run(full, values)
        assert np.abs(session.run(target["moving_mean"])).max() > 1


@pytest.mark.parametrize("training", [True, "placeholder"])
def test_a_target_that_trains(training):
    """Its statistics are its own."""
    with graph():
        flag = tf1.placeholder(tf.bool, []) if training == "placeholder" else training
        step, main, target = networks(flag)
        assign(main, target, ["beta", "gamma"])
        assert kinds(step) == []


def test_initial_values_of_another_layer():
    """A start from the same values is no copy."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 4])
        outputs = tfbn.batch_norm(x, scope="main")
        initial = {"beta": lambda *_, **__: tf1.global_variables("main/beta")[0] + 0.0}
        outputs += tfbn.batch_norm(x, is_training=False, param_initializers=initial, scope="target")
        assert kinds(tfbn.create_train_op(loss_of(outputs), adam())) == []
