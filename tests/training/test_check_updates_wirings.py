"""check_updates: the mistakes that users made, as they made them, are found; correct wirings give no finding.

Numbers in brackets are entries of the list of what users struggled with; TF, TM and TP are tensorflow/tensorflow,
tensorflow/models and tensorpack/tensorpack.
"""

import re

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.graph.test_atomic import PATHS
from tests.training.networks import (
    BOTH_FORGOTTEN,
    adam,
    dense,
    every_regime,
    forgotten,
    images,
    kinds,
    loss_of,
    network,
    updates,
    wired,
)

tf1 = tf.compat.v1


# Mistakes: a function returns what the step fetches.


def optimizers_constructor():
    """[11] TF#7577: control_dependencies around the optimizer's constructor."""
    loss = loss_of(network(images()))
    with tf.control_dependencies(updates()):
        optimizer = adam()
    return optimizer.minimize(loss)


def an_op_that_is_there():
    """[11] a train op cannot be made to wait once it exists, and the context manager does not say so."""
    train_op = adam().minimize(loss_of(network(images())))
    with tf.control_dependencies(updates()):
        return train_op


def read_too_early():
    """[11] conGAN#1: the collection is read before the layers are built."""
    early = updates()
    return wired(loss_of(network(images())), early)


def only_the_loss():
    return {"loss": loss_of(network(images()))}


def placeholder_forgotten():
    """[1] the same with is_training fed."""
    return adam().minimize(loss_of(network(images(), is_training=tf1.placeholder(tf.bool, []))))


def collected_nowhere():
    """[24] TF#9034: updates_collections=[] builds updates that UPDATE_OPS does not have."""
    return wired(loss_of(network(images(), updates_collections=[])), updates())


def other_collection():
    return wired(loss_of(network(images(), updates_collections="mine")), updates())


def global_step_reset():
    """A group of the wrong things."""
    return tf.group(adam().minimize(loss_of(network(images()))), tf1.global_variables_initializer())


MISTAKES = [
    forgotten,
    optimizers_constructor,
    an_op_that_is_there,
    read_too_early,
    only_the_loss,
    placeholder_forgotten,
    collected_nowhere,
    other_collection,
    global_step_reset,
]


@every_regime
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_updates_that_are_not_reached(mistake, resource, v2):
    with graph(resource, v2):
        fetches = mistake()
        assert kinds(fetches) == BOTH_FORGOTTEN
        with pytest.raises(tfbn.UpdatesNotWiredError, match="(?s)net/a: .*net/b: .*tf.control_dependencies") as raised:
            tfbn.check_updates(fetches)
        assert [finding.layer for finding in raised.value.findings] == ["net/a", "net/b"]


@pytest.mark.parametrize("forgotten_update", [0, 1], ids=["mean", "variance"])
def test_updates_of_a_layer_beside_the_loss_in_part(forgotten_update):
    """A step that needs nothing of the layer, and updates one of its statistics; with both or none it is left alone."""
    with graph():
        x = images()
        tfbn.batch_norm(x, scope="beside", fused=False)  # the fused op normalizes where it computes the statistics
        loss = loss_of(dense(x, "logits"))
        collected = updates()
        (finding,) = tfbn.check_updates(wired(loss, [collected[1 - forgotten_update]]), raise_on_error=False)
        assert tfbn.check_updates(wired(loss, collected)) == tfbn.check_updates(wired(loss, [])) == []
    statistics = ["moving_mean", "moving_variance"]
    missed = statistics.pop(forgotten_update)
    assert finding[:3] == ("not reached", "error", "beside")
    assert finding.problem.startswith(
        f"the step updates {statistics[0]}, but runs no update of {missed}. Collected in "
    )


def test_a_collection_read_between_the_layers():
    """[11] the text says that it was read before the layer was built."""
    with graph():
        x = tfbn.batch_norm(images(), scope="early")
        early = updates()
        logits = dense(tfbn.batch_norm(x, scope="late"), "logits")
        (finding,) = tfbn.check_updates(wired(loss_of(logits), early), raise_on_error=False)
    assert finding[:3] == ("not reached", "error", "late")
    assert (
        "first 2 of the 4 entries of UPDATE_OPS: the collection was read before this layer was built" in finding.problem
    )
    assert "late/AssignMovingAvg" in finding.problem


def test_location_of_updates_is_reported():
    with graph():
        x = tfbn.batch_norm(images(), scope="mine", updates_collections=["x", "y"])
        loss = loss_of(dense(tfbn.batch_norm(x, scope="nowhere", updates_collections=[]), "logits"))
        mine, nowhere = tfbn.check_updates(loss, raise_on_error=False)
    assert "Collected in x, y: mine/AssignMovingAvg/AssignSubVariableOp, mine/AssignMovingAvg_1/" in mine.problem
    assert "No collection holds nowhere/AssignMovingAvg" in nowhere.problem


def test_a_function_that_several_layers_share():
    """One body moves what it is called with: for each layer only its own call counts."""

    @tf.function(autograph=False)
    def move(variable, value):
        variable.assign_sub((variable - value) * 0.5)
        return tf.zeros([])

    with graph(True, True):
        x, calls = tf1.placeholder(tf.float32, [None, 3]), {}
        for name in ("a", "b", "c"):
            with tf1.variable_scope(name):
                averages = [tf1.get_variable(f"moving_{each}", [3], trainable=False) for each in ("mean", "variance")]
            moments = tf.nn.moments(x, [0])
            calls[name] = [move(variable, value) for variable, value in zip(averages, moments)]
            x = tf.nn.batch_normalization(x, *moments, None, None, 1e-3)
        fetched = [x, *calls["a"], calls["b"][0]]
        findings = tfbn.check_updates(fetched, raise_on_error=False)
        assert {(finding.kind, finding.layer) for finding in findings} == {("not reached", "b"), ("not reached", "c")}
        assert tfbn.check_updates([fetched, calls]) == []


def test_half_of_a_layer():
    with graph():
        loss = loss_of(network(images()))
        (finding, _) = tfbn.check_updates(wired(loss, updates()[:1]), raise_on_error=False)
    assert "but runs no update of moving_variance." in finding.problem


def test_the_remedy_is_given_once_for_all_layers():
    with graph():
        x = images()
        for _ in range(5):
            x = tfbn.batch_norm(x)
        with pytest.raises(tfbn.UpdatesNotWiredError) as raised:
            tfbn.check_updates(x)
    text = str(raised.value)
    assert text.count("create_train_op") == 1
    assert len(re.findall(r"(?m)^BatchNorm(_\d)?: the step normalizes by the statistics of its batch", text)) == 5


@every_regime
@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_found_and_can_be_wired(path, resource, v2):
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [8, 5])
        loss = loss_of(tfbn.batch_norm(x, scope="bn", scale=True, **PATHS[path]))
        inline = PATHS[path].get("updates_collections", "") is None
        assert kinds(adam().minimize(loss)) == ([] if inline else [("not reached", "error", "bn")])
        assert kinds(wired(loss, updates())) == []


@pytest.mark.parametrize("frozen", [False, True])
def test_statistics_without_assignment(frozen):
    """[5] TF#25525, a layer made of raw ops; [18] with beta and gamma frozen too, it is frozen on purpose."""
    with graph():
        x = images()
        dense(x, "elsewhere")
        with tf1.variable_scope("bn"):
            made = {
                name: tf1.get_variable(name, [3], trainable=not (frozen or "moving" in name))
                for name in ("gamma", "beta", "moving_mean", "moving_variance")
            }
            outputs = tf1.nn.fused_batch_norm(x, made["gamma"], made["beta"], is_training=True)[0]
        (finding,) = tfbn.check_updates(loss_of(outputs), raise_on_error=False)
        assert finding[:3] == ("not assigned", "warning" if frozen else "error", "bn")
        assert ("nothing updates" if frozen else "nothing in the graph assigns") in finding.problem
        if not frozen:
            with pytest.raises(tfbn.UpdatesNotWiredError, match="bn: .*nothing in the graph assigns moving_mean and"):
                tfbn.check_updates(loss_of(outputs))


def test_layer_frozen_by_trainable_is_a_warning():
    """[18] K#4762: it normalizes by the batch all the same."""
    with graph():
        y = tfbn.batch_normalization(images(), training=True, trainable=False, name="bn")
        step = wired(loss_of(dense(y, "logits")), updates())
        (finding,) = tfbn.check_updates(step)
    assert finding[:3] == ("not assigned", "warning", "bn")
    assert "is_training=False" in finding.remedy


@pytest.mark.parametrize("held", [False, "by a tensor"])
def test_frozen_statistics_are_no_finding(held):
    with graph():
        update = tf1.placeholder_with_default(False, []) if held else False
        y = tfbn.batch_norm(images(), is_training=True, scale=True, scope="bn", update_statistics=update)
        assert tfbn.check_updates(wired(loss_of(dense(y, "logits")), updates())) == []


def test_normalization_without_averages_is_ignored():
    """Instance and layer norm use the same ops."""
    with graph():
        x = images()
        fused = tf1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), is_training=True)[0]
        composed = tf.nn.batch_normalization(x, *tf.nn.moments(x, [1, 2], keepdims=True), None, None, 1e-3)
        with pytest.warns(tfbn.NoLayersWarning):
            assert kinds([fused, composed]) == []


# Correct wirings.


def control_dependencies():
    return wired(loss_of(network(images())), updates())


def inline():
    return adam().minimize(loss_of(network(images(), updates_collections=None)))


def fed_is_training():
    training = tf1.placeholder_with_default(False, [])
    return wired(loss_of(network(images(), is_training=training)), updates())


def group():
    return tf.group(adam().minimize(loss_of(network(images()))), *updates())


def fetched_beside():
    """Names and nested structures, as Session.run takes them."""
    loss = loss_of(network(images()))
    return {"train": adam().minimize(loss).name, "rest": [loss.name, (None or loss, updates())]}


def own_collection():
    loss = loss_of(network(images(), updates_collections=["mine", "others"]))
    return wired(loss, tf1.get_collection("others"))


def inference_only():
    return adam().minimize(loss_of(network(images(), is_training=False)))


def clipped_gradients():
    loss = loss_of(network(images()))
    optimizer = adam()
    with tf.control_dependencies(updates()):
        gradients, variables = zip(*optimizer.compute_gradients(loss))
        gradients, norm = tf.clip_by_global_norm(gradients, 1.0)
        tf1.summary.scalar("norm", norm)
        return optimizer.apply_gradients(zip(gradients, variables), tf1.train.get_or_create_global_step())


def averaged_after():
    """An exponential average of the weights after the step, and the loss handed on when all is done."""
    loss = loss_of(network(images()))
    train_op = wired(loss, updates())
    with tf.control_dependencies([train_op]):
        averaged = tf1.train.ExponentialMovingAverage(0.99).apply(tf1.trainable_variables())
    with tf.control_dependencies([averaged]):
        return tf.identity(loss)


def training_and_evaluation_in_one_graph():
    loss = loss_of(network(images()))
    evaluation = loss_of(network(images(), is_training=False))
    return wired(loss, updates()), evaluation


def towers():
    """[12] each tower's, or the first one's: tfbn's calls take turns."""
    losses = []
    for tower in range(2):
        with tf1.name_scope(f"tower_{tower}"):
            losses.append(loss_of(network(images())))
    return wired(tf.add_n(losses), updates())


def towers_first():
    losses, first = [], None
    for tower in range(2):
        with tf1.name_scope(f"tower_{tower}") as scope:
            losses.append(loss_of(network(images())))
        first = first or updates(scope)
    assert len(first) == 4
    return wired(tf.add_n(losses), first)


def tower_gradients():
    """Gradients tower by tower, averaged: TensorFlow's own multi-GPU tutorial."""
    optimizer, of_towers = adam(), []
    for tower in range(2):
        with tf1.name_scope(f"tower_{tower}"):
            of_towers.append(optimizer.compute_gradients(loss_of(network(images()))))
    averaged = [(tf.add_n([g for g, _ in pairs]) / 2, pairs[0][1]) for pairs in zip(*of_towers)]
    return tf.group(optimizer.apply_gradients(averaged), *updates())


CORRECT = [
    control_dependencies,
    inline,
    fed_is_training,
    group,
    fetched_beside,
    own_collection,
    inference_only,
    clipped_gradients,
    averaged_after,
    training_and_evaluation_in_one_graph,
    towers,
    towers_first,
    tower_gradients,
]


@every_regime
@pytest.mark.parametrize("correct", CORRECT, ids=lambda correct: correct.__name__)
def test_correct_wirings_are_silent(correct, resource, v2):
    with graph(resource, v2):
        assert tfbn.check_updates(correct()) == []


def test_a_monitored_session_runs_what_was_checked():
    """[27] the recipe that replaces Estimator."""
    with graph():
        loss = loss_of(network(images()))
        step = wired(loss, updates(), global_step=tf1.train.get_or_create_global_step())
        assert tfbn.check_updates([step, loss]) == []
        with tf1.train.MonitoredTrainingSession(hooks=[tf1.train.StopAtStepHook(last_step=2)]) as opened:
            while not opened.should_stop():
                opened.run([step, loss], {"images:0": np.random.RandomState(1).normal(2.0, 3.0, [8, 4, 4, 3])})


@every_regime
class TestGan:
    """[6] compare_gan#8, DCGAN-tensorflow#289: two networks, two steps, in one graph."""

    def steps(self):
        z = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="z")
        with tf1.variable_scope("generator"):
            made = tfbn.batch_norm(z, scope="bn", scale=True)
        real, fake = (network(x, "discriminator") for x in (images(), made))
        variables = [tf1.trainable_variables(scope) for scope in ("discriminator", "generator")]
        return {
            "discriminator": wired(loss_of(real) - loss_of(fake), updates("discriminator"), var_list=variables[0]),
            "generator": wired(loss_of(fake), updates("generator"), var_list=variables[1]),
            "real only": wired(loss_of(real), updates("discriminator/a/")[:2] + updates("discriminator/b/")[:2]),
        }

    def test_each_step_with_its_scope(self, resource, v2):
        with graph(resource, v2):
            steps = self.steps()
            assert tfbn.check_updates(steps["discriminator"], scope="discriminator") == []
            assert tfbn.check_updates(steps["generator"], scope="generator") == []

    def test_step_on_real_images_skips_the_generator(self, resource, v2):
        with graph(resource, v2):
            assert tfbn.check_updates(self.steps()["real only"]) == []

    def test_without_a_scope_the_other_network_is_named(self, resource, v2):
        with graph(resource, v2):
            steps = self.steps()
            assert kinds(steps["discriminator"]) == [("not reached", "error", "generator/bn")]
            layers = ["discriminator/a", "discriminator/b"]
            assert kinds(steps["generator"]) == [("not reached", "error", layer) for layer in layers]
            assert kinds(steps["generator"], scope=["discriminator/b"]) == [("not reached", "error", layers[1])]
