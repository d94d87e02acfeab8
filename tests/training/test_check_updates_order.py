"""check_updates: updates that race, that are stuck in a body, or that run in evaluation too.

Numbers in brackets are entries of the list of what users struggled with; TF, TM and TP are tensorflow/tensorflow,
tensorflow/models and tensorpack/tensorpack.
"""

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
    images,
    kinds,
    loss_of,
    network,
    updates,
    wired,
)

tf1 = tf.compat.v1


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

    def test_train_op_need_not_run_loss_dependencies(self):
        """An identity's gradient does not take its value: the statistics do not change unless the loss is fetched."""
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

    def test_fed_is_training_keeps_statistics_in_evaluation(self):
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
