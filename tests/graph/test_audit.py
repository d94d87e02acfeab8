"""check_updates: the mistakes that users made, as they made them, are found; correct wirings give no finding.

Numbers in brackets are entries of the list of what users struggled with; TF, TM and TP are tensorflow/tensorflow,
tensorflow/models and tensorpack/tensorpack.
"""

import re

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import NAMES, REGIMES, graph
from tests.graph.test_atomic import PATHS
from tfbn.graph import audit, dataflow

tf1 = tf.compat.v1
every_regime = pytest.mark.parametrize("resource, v2", REGIMES, ids=NAMES)


def images(name="images"):
    return tf1.placeholder(tf.float32, [None, 4, 4, 3], name=name)


def dense(x, scope, units=1):
    with tf1.variable_scope(scope, reuse=tf1.AUTO_REUSE):
        size = int(np.prod(x.shape.as_list()[1:]))
        return tf.matmul(tf.reshape(x, [-1, size]), tf1.get_variable("weights", [size, units]))


def network(x, scope="net", **kwargs):
    """Two layers, `net/a` and `net/b`, and the logits."""
    with tf1.variable_scope(scope, reuse=tf1.AUTO_REUSE):
        x = tfbn.batch_norm(x, scope="a", **kwargs)
        return dense(tfbn.batch_norm(tf.nn.relu(x), scope="b", **kwargs), "logits")


def loss_of(logits):
    return tf.reduce_mean(tf.square(logits - 1.0))


def adam():
    return tf1.train.AdamOptimizer(0.1)


def updates(scope=None):
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS, scope)


def wired(loss, update_ops, **kwargs):
    with tf.control_dependencies(update_ops):
        return adam().minimize(loss, **kwargs)


def kinds(fetches, **kwargs):
    """(kind, severity, layer) of what is found."""
    return [finding[:3] for finding in tfbn.check_updates(fetches, raise_on_error=False, **kwargs)]


BOTH_FORGOTTEN = [("not reached", "error", "net/a"), ("not reached", "error", "net/b")]


# Mistakes: a function returns what the step fetches.


def forgotten():
    """[1] TF#11965: UPDATE_OPS never run."""
    return adam().minimize(loss_of(network(images())))


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


def test_where_the_updates_are_is_said():
    with graph():
        x = tfbn.batch_norm(images(), scope="mine", updates_collections=["x", "y"])
        loss = loss_of(dense(tfbn.batch_norm(x, scope="nowhere", updates_collections=[]), "logits"))
        mine, nowhere = tfbn.check_updates(loss, raise_on_error=False)
    assert "Collected in x, y: mine/AssignMovingAvg, mine/AssignMovingAvg_1." in mine.problem
    assert "No collection holds nowhere/AssignMovingAvg" in nowhere.problem


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
def test_statistics_that_nobody_assigns(frozen):
    """[5] TF#25525, a layer made of raw ops; [18] with beta and gamma held still, it is frozen on purpose."""
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
        assert ("nothing moves" if frozen else "nothing in the graph assigns") in finding.problem
        if not frozen:
            with pytest.raises(tfbn.UpdatesNotWiredError, match="bn: .*nothing in the graph assigns moving_mean and"):
                tfbn.check_updates(loss_of(outputs))


def test_a_layer_held_still_by_trainable_is_a_warning():
    """[18] K#4762: it normalizes by the batch all the same."""
    with graph():
        y = tfbn.batch_normalization(images(), training=True, trainable=False, name="bn")
        step = wired(loss_of(dense(y, "logits")), updates())
        (finding,) = tfbn.check_updates(step)
    assert finding[:3] == ("not assigned", "warning", "bn")
    assert "is_training=False" in finding.remedy


@pytest.mark.parametrize("held", [False, "by a tensor"])
def test_statistics_held_still_on_purpose_are_no_finding(held):
    with graph():
        update = tf1.placeholder_with_default(False, []) if held else False
        y = tfbn.batch_norm(images(), is_training=True, scale=True, scope="bn", update_statistics=update)
        assert tfbn.check_updates(wired(loss_of(dense(y, "logits")), updates())) == []


def test_normalization_without_moving_statistics_is_none_of_ours():
    """Instance and layer norm use the same ops."""
    with graph():
        x = images()
        fused = tf1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), is_training=True)[0]
        composed = tf.nn.batch_normalization(x, *tf.nn.moments(x, [1, 2], keepdims=True), None, None, 1e-3)
        assert kinds([fused, composed]) == []


# A layer with updates like contrib's: plain assignments, that know of no mutex and no control flow.


def legacy_layer(x, scope, reuse=None, collection=tf1.GraphKeys.UPDATE_OPS):
    with tf1.variable_scope(scope, reuse=reuse):
        moving = [
            tf1.get_variable(name, [3], initializer=tf1.ones_initializer(), trainable=False)
            for name in ("moving_mean", "moving_variance")
        ]
        batch = tf.nn.moments(x, [0, 1, 2])
        for variable, value in zip(moving, batch):
            update = variable.assign_sub((variable - value) * 0.1)
            if collection:
                tf1.add_to_collection(collection, tf.convert_to_tensor(update))
        return tf.nn.batch_normalization(x, *batch, None, None, 1e-3)


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
class TestOrder:
    """[13] TF#14353: calls that share variables, their updates collected."""

    def test_two_updates_race(self, resource):
        with graph(resource):
            y = [legacy_layer(images(), "bn", reuse) for reuse in (None, True)]
            step = wired(loss_of(dense(y[0] + y[1], "logits")), updates())
            found = tfbn.check_updates(step, raise_on_error=False)
            assert [finding[:3] for finding in found] == [("unordered", "error", "bn")] * 2
            assert ["moving_mean" in found[0].problem, "moving_variance" in found[1].problem] == [True, True]
            with pytest.raises(tfbn.UpdatesNotWiredError, match="(?s)bn: .*in no order.*updates of one call only"):
                tfbn.check_updates(step)

    def test_those_of_one_call_suffice(self, resource):
        """[12] TM#100: towers, with the first one's updates."""
        with graph(resource):
            losses, first = [], None
            for tower in range(3):
                with tf1.name_scope(f"tower_{tower}") as scope:
                    losses.append(loss_of(dense(legacy_layer(images(), "bn", tf1.AUTO_REUSE), "logits")))
                    first = first or updates(scope)
            assert kinds(wired(tf.add_n(losses), first)) == []
            assert kinds(wired(tf.add_n(losses), updates()))[0] == ("unordered", "error", "bn")

    def test_one_after_the_other_is_fine(self, resource):
        with graph(resource):
            y = legacy_layer(images(), "bn")
            with tf.control_dependencies(updates()):
                y += legacy_layer(images("others") * 1.0, "bn", True)
            assert not [
                kind for kind, *_ in kinds(wired(loss_of(dense(y, "logits")), updates())) if kind == "unordered"
            ]

    def test_calls_of_tfbn_take_turns(self, resource):
        """[12] [13] every path, three calls, all updates."""
        for path in PATHS:
            with graph(resource):
                x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(3)]
                y = [tfbn.batch_norm(each, reuse=i > 0, scope="bn", **PATHS[path]) for i, each in enumerate(x)]
                assert kinds(wired(loss_of(dense(tf.add_n(y), "logits")), updates())) == []

    def test_branches_exclude_each_other(self, resource):
        with graph(resource, control_flow_v2=resource):
            x = images()

            def branch():
                outputs = legacy_layer(x, "bn", tf1.AUTO_REUSE, "inside")
                with tf.control_dependencies(tf1.get_collection("inside")[-2:]):
                    return tf.identity(outputs)

            step = tf1.cond(tf1.placeholder(tf.bool, []), branch, branch)
            assert kinds(step) == []


class TestStuck:
    """[10] [17] TF#1724, TF#6087: updates inside of branches and loops."""

    @every_regime
    def test_in_a_branch_that_does_not_run_them(self, resource, v2):
        if v2 and not resource:
            return  # TensorFlow builds no such graph
        with graph(resource, v2):
            x = images()
            y = tf1.cond(tf1.placeholder(tf.bool, []), lambda: legacy_layer(x, "bn"), lambda: x)
            (finding,) = tfbn.check_updates(loss_of(dense(y, "logits")), raise_on_error=False)
            assert finding[:3] == ("stuck", "error", "bn")
            assert "in a branch on" in finding.problem
            assert "updates_collections=None" in finding.remedy

    @every_regime
    def test_in_a_loop_that_does_not_run_them(self, resource, v2):
        if v2 and not resource:
            return  # TensorFlow builds no such graph
        with graph(resource, v2):
            loop = tf1.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, legacy_layer(z, "bn")), [0, images()])
            (finding,) = tfbn.check_updates(loss_of(dense(loop[1], "logits")), raise_on_error=False)
            assert finding[:3] == ("stuck", "error", "bn")
            assert "in the loop" in finding.problem

    @pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
    def test_collected_in_a_branch_and_waited_for_outside(self, resource):
        """The train op then runs when the branch is taken, and only then."""
        with graph(resource):
            x = images()
            y = tf1.cond(tf1.placeholder(tf.bool, [], name="p"), lambda: legacy_layer(x, "bn"), lambda: x)
            found = tfbn.check_updates(wired(loss_of(dense(y, "logits")), updates()), raise_on_error=False)
            assert [finding[:3] for finding in found] == [("stuck", "error", "bn")]
            assert "in a branch on p, and Adam waits for it from outside" in found[0].problem

    @every_regime
    @pytest.mark.parametrize("is_training", ["constant", "fed"])
    def test_tfbn_runs_them_in_the_body(self, resource, v2, is_training):
        if v2 and not resource:
            return  # tfbn refuses
        with graph(resource, v2):
            x = images()
            training = True if is_training == "constant" else tf1.placeholder(tf.bool, [])

            def layer(z, scope):
                return tfbn.batch_norm(z, scope=scope, reuse=tf1.AUTO_REUSE, is_training=training)

            y = tf1.cond(tf1.placeholder(tf.bool, []), lambda: layer(x, "a"), lambda: x)
            y += tf1.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, layer(z, "b")), [0, x])[1]
            assert kinds([y, updates()]) == []
            y += tf1.cond(tf1.placeholder(tf.bool, []), lambda: layer(x, "a"), lambda: x)
            # They share variables, and take turns.
            assert kinds(y) == []


class TestInEvaluation:
    """[10] [11] updates tied to what evaluation looks at, too."""

    def tied_loss(self, **kwargs):
        loss = loss_of(network(images(), **kwargs))
        with tf.control_dependencies(updates()):
            return tf.identity(loss, name="tied")

    def test_tied_to_the_loss(self):
        with graph():
            loss = self.tied_loss()
            found = tfbn.check_updates([adam().minimize(loss), loss])
        expected = [("in evaluation", "warning", layer) for layer in ("net/a", "net/b")]
        assert [finding[:3] for finding in found] == expected
        assert found[0].problem.startswith("tied waits for its collected updates")

    def test_the_train_op_need_not_run_what_the_loss_is_tied_to(self):
        """An identity's gradient does not take its value: the statistics stand still unless the loss is fetched."""
        with graph():
            step = adam().minimize(self.tied_loss())
            before = tf1.global_variables("net/a/moving_mean")[0]
            found = kinds(step)
            with tf1.Session() as opened:
                opened.run(tf1.global_variables_initializer())
                opened.run(step, {"images:0": np.random.RandomState(1).normal(2.0, 3.0, [8, 4, 4, 3])})
                assert not opened.run(before).any()
        assert found[::2] == BOTH_FORGOTTEN
        assert [kind for kind, *_ in found[1::2]] == ["in evaluation"] * 2

    def test_tied_to_the_outputs(self):
        with graph():
            logits = network(images())
            with tf.control_dependencies(updates()):
                logits = tf.identity(logits, name="tied")
            tf.argmax(logits, 1)
            assert [kind for kind, *_ in kinds(adam().minimize(loss_of(logits)))] == ["in evaluation"] * 2

    def test_a_loss_built_beside_the_optimizer(self):
        with graph():
            logits = network(images())
            with tf.control_dependencies(updates()):
                step = adam().minimize(loss_of(logits))
            assert [kind for kind, *_ in kinds(step)] == ["in evaluation"] * 2

    def test_a_fed_is_training_leaves_them_alone_in_evaluation(self):
        with graph():
            loss = self.tied_loss(is_training=tf1.placeholder(tf.bool, []))
            assert kinds([adam().minimize(loss), loss]) == []

    def test_inline_is_by_design(self):
        """[24] updates_collections=None."""
        with graph():
            loss = loss_of(network(images(), updates_collections=None))
            assert kinds([adam().minimize(loss), loss]) == []

    def test_the_copy_of_create_train_op_is_its_own(self):
        """contrib's, slim's: the loss that the optimizer sees waits, the user's does not."""
        with graph():
            loss = loss_of(network(images()))
            with tf.control_dependencies(updates()):
                barrier = tf.no_op(name="update_barrier")
            with tf.control_dependencies([barrier]):
                total_loss = tf.identity(loss)
            step = adam().minimize(total_loss)
            with tf.control_dependencies([step]):
                train_op = tf.identity(total_loss)
            assert kinds([train_op, loss]) == []
            assert [kind for kind, *_ in kinds([train_op, total_loss])] == ["in evaluation"] * 2


class TestTrainable:
    """facenet's variables_collections=[TRAINABLE_VARIABLES]."""

    def layer(self):
        return tfbn.batch_norm(
            images(), scope="bn", fused=False, variables_collections=[tf1.GraphKeys.TRAINABLE_VARIABLES]
        )

    def test_among_the_trainable_variables(self):
        with graph():
            loss = loss_of(dense(self.layer(), "logits"))
            (finding,) = tfbn.check_updates(wired(loss, updates()))
        assert finding[:3] == ("trainable", "warning", "bn")
        assert finding.problem == "moving_mean, moving_variance are among the trainable variables."

    @pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
    def test_and_decayed(self, resource):
        with graph(resource):
            decay = tf.add_n([tf.nn.l2_loss(v) for v in (self.layer(), *tf1.trainable_variables())])
            found = tfbn.check_updates(wired(decay, updates()), raise_on_error=False)
        assert [finding[:3] for finding in found] == [("trainable", "error", "bn")]
        assert "the optimizer changes them (Adam/update_bn/moving_mean/" in found[0].problem

    def test_and_decayed_by_an_optimizer_of_all_variables(self):
        with graph():
            y = tfbn.batch_norm(images(), scope="bn")
            loss = loss_of(y) + tf.add_n([tf.nn.l2_loss(v) for v in tf1.global_variables()])
            with tf.control_dependencies(updates()):
                step = tf1.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=tf1.global_variables())
            (finding,) = tfbn.check_updates(step, raise_on_error=False)
        assert finding[:3] == ("trainable", "error", "bn")
        assert "moving_mean, moving_variance are among what the optimizer was given to train" in finding.problem


def test_a_scope_that_nothing_is_under_is_refused():
    """A slip of the pen would switch the audit off."""
    with graph():
        with tf1.variable_scope("critic") as critic:
            loss = loss_of(tfbn.batch_norm(images()))
        for scope in ("critik", ["critic", "critik"], "crit"):
            with pytest.raises(ValueError, match="scope: expected a scope of the graph, got 'crit.*list_layers"):
                tfbn.check_updates(loss, scope=scope)
        for scope in ("critic", "critic/", critic, ["critic"], ""):
            assert len(tfbn.check_updates(loss, scope=scope, raise_on_error=False)) == 1


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

    def test_a_step_on_real_images_does_not_run_the_generator(self, resource, v2):
        with graph(resource, v2):
            assert tfbn.check_updates(self.steps()["real only"]) == []

    def test_without_a_scope_the_other_network_is_named(self, resource, v2):
        with graph(resource, v2):
            steps = self.steps()
            assert kinds(steps["discriminator"]) == [("not reached", "error", "generator/bn")]
            layers = ["discriminator/a", "discriminator/b"]
            assert kinds(steps["generator"]) == [("not reached", "error", layer) for layer in layers]
            assert kinds(steps["generator"], scope=["discriminator/b"]) == [("not reached", "error", layers[1])]


@pytest.mark.parametrize(
    "scope, expected",
    [(None, 2), ("net", 2), ("net/", 2), ("net/a", 1), (["net/a", "net/b"], 2), ("", 2), ([], 0)],
)
def test_scopes_are_whole_names(scope, expected):
    with graph():
        assert len(kinds(forgotten(), scope=scope)) == expected


def test_fetches_that_are_none():
    with graph():
        with pytest.raises(ValueError, match=r"fetches: expected what a step fetches, such as a train op, got \[\]"):
            tfbn.check_updates([])
        with pytest.raises(KeyError, match="nothing"):
            tfbn.check_updates("nothing")


def test_another_graph_is_audited():
    with graph() as opened:
        step = forgotten()
    with graph():
        assert kinds(step, graph=opened) == BOTH_FORGOTTEN


def test_nothing_is_added_to_the_graph():
    with graph() as opened:
        step = control_dependencies()
        before = opened.as_graph_def().SerializeToString(deterministic=True)
        opened.finalize()
        tfbn.check_updates(step)
        assert opened.as_graph_def().SerializeToString(deterministic=True) == before


def test_findings_print_themselves():
    with graph():
        finding = tfbn.check_updates(forgotten(), raise_on_error=False)[0]
    assert str(finding).startswith("error: net/a: the step normalizes by the statistics of its batch (net/a/")
    assert str(finding).endswith(finding.remedy)


@pytest.mark.parametrize("imported", [False, True])
def test_each_op_is_looked_at_a_fixed_number_of_times(monkeypatch, imported):
    """So that the time grows with the graph and not with its square: the passes over an op do not become more."""

    def looks(layers):
        counts = {}

        def counting(function):
            def counted(node):
                counts[node] = counts.get(node, 0) + 1
                return function(node)

            return counted

        with graph() as opened:
            x = images()
            for _ in range(layers):
                x = tfbn.batch_norm(x, scope=None)
                y = tfbn.batch_norm(x, scope="shared", reuse=tf1.AUTO_REUSE)
            step = wired(loss_of(dense(x + y, "logits")), updates())
            if imported:
                opened = tf.Graph()
                with opened.as_default():
                    tf.import_graph_def(step.graph.as_graph_def(), name="")
                step = step.name
        with monkeypatch.context() as patched:
            for module in (audit, dataflow):
                for name in ("data", "requirements"):
                    patched.setattr(module, name, counting(getattr(dataflow, name)))
            tfbn.check_updates(step, graph=opened)
        return max(counts.values()), len(counts)

    (few, small), (many, large) = looks(3), looks(30)
    assert large > 5 * small
    assert many == few <= 16
