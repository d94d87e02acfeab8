"""update_statistics holds every statistic still while training goes on by the batch; is_training=False does as well."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values
from tests.graph.test_arguments import refused
from tests.graph.test_updates import PATHS, SHAPE, collected, every_path
from tfbn.graph import registry

tf1 = tf.compat.v1
both_extremes = pytest.mark.parametrize(("resource", "v2"), REGIMES[::3], ids=NAMES[::3])
# Batches that would move what a first step left.
FIRST, SECOND = oracle.batch(SHAPE, seed=1), oracle.batch(SHAPE, seed=2) * 2
COLLECTIONS = {"default": tf1.GraphKeys.UPDATE_OPS, "named": "updates", "list": ["updates", "more"], "inline": None}


def bits(state):
    return {name: value.tobytes() for name, value in state.items()}


def switches(kind, resource):
    """A switch that is True at first; what turns it off in the session, and what is fed to have it off."""
    if kind == "variable":
        variable = tf1.Variable(True, trainable=False, use_resource=resource, name="switch")
        return variable, variable.assign(False), {}
    if kind == "expression":
        step = tf1.placeholder_with_default(0, [], name="switch")
        return step < 5, tf.no_op(), {step: 9}
    placeholder = tf1.placeholder_with_default(True, [], name="switch")
    return placeholder, tf.no_op(), {placeholder: False}


class TestTensor:
    @both_extremes
    @every_path
    def test_holds_every_bit_and_lets_go(self, path, resource, v2):
        """The layer still normalizes by the batch: the outputs are those of training."""
        with graph(resource, v2):
            x = tf1.placeholder(tf.float32, SHAPE)
            update = tf1.placeholder(tf.bool, [])
            is_training = tf1.placeholder_with_default(True, [])
            kwargs = {"decay": 0.8, "is_training": is_training, "scope": "bn", **PATHS[path]}
            y = tfbn.batch_norm(x, update_statistics=update, **kwargs)
            with session() as opened:
                opened.run([y, collected()], {x: FIRST, update: True})
                before = values(opened)
                held = opened.run([y, collected()], {x: SECOND, update: False})[0]
                assert bits(values(opened)) == bits(before)
                opened.run([y, collected()], {x: SECOND, update: True, is_training: False})
                assert bits(values(opened)) == bits(before)
                moved = opened.run([y, collected()], {x: SECOND, update: True})[0]
                after = values(opened)
        np.testing.assert_array_equal(held, moved)
        assert set(after) == set(before)
        assert all((after[name] != before[name]).all() for name in before if not name.endswith("beta"))

    @pytest.mark.parametrize("kind", ["placeholder", "variable", "expression"])
    @pytest.mark.parametrize("collections", COLLECTIONS)
    def test_of_every_kind_and_collection(self, kind, collections):
        resource = len(collections) % 2 == 0
        with graph(resource):
            x = tf1.placeholder(tf.float32, SHAPE)
            update, off, feed = switches(kind, resource)
            where = COLLECTIONS[collections]
            y = tfbn.batch_norm(x, update_statistics=update, updates_collections=where, scope="bn")
            with session() as opened:
                opened.run([y, collected()], {x: FIRST})
                opened.run(off)
                before = values(opened)
                assert (before["bn/moving_mean"] != 0).all()
                opened.run([y, collected()], {x: SECOND, **feed})
                assert bits(values(opened)) == bits(before)

    def test_of_the_class_and_the_function_of_tf_layers(self):
        with graph():
            x = tf1.placeholder(tf.float32, SHAPE)
            update = tf1.placeholder(tf.bool, [])
            layer = tfbn.BatchNormalization(momentum=0.8, name="class", update_statistics=update)
            outputs = [
                layer(x, training=True),
                tfbn.batch_normalization(x, momentum=0.8, training=True, name="function", update_statistics=update),
            ]
            with session() as opened:
                before = values(opened)
                opened.run([outputs, collected()], {x: FIRST, update: False})
                assert bits(values(opened)) == bits(before)
                opened.run([outputs, collected()], {x: FIRST, update: True})
                after = values(opened)
        for name in ("class", "function"):
            np.testing.assert_allclose(after[f"{name}/moving_mean"], 0.2 * oracle.moments(FIRST)[0], **oracle.AVERAGE)


class TestFixed:
    @every_path
    @pytest.mark.parametrize("off", [False, 0, np.bool_(False)])
    def test_false_makes_no_updates_and_the_same_variables(self, path, off):
        found = {}
        for update in (True, off):
            with graph() as opened_graph:
                x = tf1.placeholder(tf.float32, SHAPE)
                y = tfbn.batch_norm(x, update_statistics=update, scope="bn", **PATHS[path])
                (call,) = registry.calls_of(opened_graph)
                assert call.statistics_frozen is (not update)
                found[update is True] = [variable.op.name for variable in tf1.global_variables()]
                with session() as opened:
                    before = values(opened)
                    output = opened.run([y, collected()], {x: FIRST})[0]
                    assert (bits(values(opened)) == bits(before)) is (update is not True)
                    assert (collected() == []) is (
                        update is not True or PATHS[path].get("updates_collections", 1) is None
                    )
        assert found[True] == found[False]
        if "renorm" not in path and "weights" not in path:
            mean = np.abs(output.mean((0, 1, 2)))
            assert mean.max() < oracle.OUTPUT["float32"]["atol"]

    def test_a_constant_is_known_and_changes_nothing_beside(self):
        with graph():
            x = tf1.placeholder(tf.float32, SHAPE)
            tfbn.batch_norm(x, update_statistics=tf.constant(False), scope="held")
            tfbn.batch_norm(x, update_statistics=tf.constant(True), scope="moved")
            assert [each.name.partition("/")[0] for each in collected()] == ["moved"] * 2

    def test_beta_and_gamma_train_on(self):
        with graph():
            x = tf1.placeholder(tf.float32, SHAPE)
            y = tfbn.batch_norm(x, scale=True, update_statistics=False, scope="bn")
            train_op = tfbn.create_train_op(tf.reduce_mean((y - x) ** 2), tf1.train.GradientDescentOptimizer(0.1))
            with session() as opened:
                opened.run(train_op, {x: FIRST})
                state = values(opened)
        assert (state["bn/beta"] != 0).all()
        assert (state["bn/gamma"] != 1).all()
        assert (state["bn/moving_mean"] == 0).all()

    def test_one_of_several_calls_may_be_frozen(self):
        with graph():
            x = [tf1.placeholder(tf.float32, SHAPE) for _ in range(2)]
            for i, each in enumerate(x):
                tfbn.batch_norm(each, decay=0.8, scope="bn", reuse=bool(i), update_statistics=not i)
            assert len(tfbn.get_updates("bn")) == 2
            with session() as opened:
                opened.run(tfbn.get_updates("bn"), {x[0]: FIRST})
                found = values(opened)["bn/moving_mean"]
        np.testing.assert_allclose(found, 0.2 * oracle.moments(FIRST)[0], **oracle.AVERAGE)


def test_refusals():
    refused(TypeError, "update_statistics: .*got dtype int32", make_update_statistics=lambda: tf1.placeholder(tf.int32))
    with pytest.raises(TypeError, match="update_statistics: expected a bool, 0 or 1"):
        tfbn.BatchNormalization(update_statistics="no")
    with pytest.raises(TypeError, match="takes from 1 to 23 positional arguments"):
        tfbn.batch_norm(*[None] * 26)


class TestIsTrainingFalse:
    """Over every path, every place for the updates, and every kind of is_training, of the fixed ones by turns."""

    @pytest.mark.parametrize("collections", [*COLLECTIONS, "nowhere"])
    @every_path
    def test_leaves_every_bit_though_the_updates_run(self, path, collections):
        # Ref variables for one half, resource variables for the other.
        number = list(PATHS).index(path) + len(collections)
        resource = number % 2 == 0
        kinds = ("placeholder", "variable", "expression")
        with graph(resource):
            x = tf1.placeholder(tf.float32, SHAPE)
            where = [] if collections == "nowhere" else COLLECTIONS[collections]
            kwargs = {"decay": 0.8, **PATHS[path], "updates_collections": where}
            offs, feed, outputs = [], {}, []
            for kind in kinds:
                switch, off, fed = switches(kind, resource)
                outputs.append(tfbn.batch_norm(x, is_training=switch, scope=kind, **kwargs))
                offs.append(off)
                feed.update(fed)
            fixed = [False, 0, np.bool_(False), tf.constant(False)][number % 4]
            outputs.append(tfbn.batch_norm(x, is_training=fixed, scope="fixed", **kwargs))
            updates = [each for call in registry.calls_of(tf1.get_default_graph()) for each in call.updates]
            assert len(updates) == 2 * len(kinds)
            with session() as opened:
                opened.run([outputs, updates], {x: FIRST})
                opened.run(offs)
                before = values(opened)
                assert all((before[f"{kind}/moving_mean"] != 0).all() for kind in kinds)
                assert (before["fixed/moving_mean"] == 0).all()
                opened.run([outputs, updates], {x: np.full(SHAPE, np.nan), **feed})
                assert bits(values(opened)) == bits(before)
