"""Which updates a step runs, in which order, and that equal runs give equal bits."""

import logging

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
DECAY = 0.6
BATCHES = [oracle.batch([8, 5], seed=seed) * (1 + seed) for seed in range(4)]
PATHS = {
    "core": {"fused": False},
    "core-renorm": {"renorm": True},
    "function-fused": {},  # by its rank
    "zero-debias": {"zero_debias_moving_mean": True},
    "legacy": {"batch_weights": np.ones(8)},
}
every_path = pytest.mark.parametrize("path", PATHS)
every_kind = pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
# More threads than cores, so that what has no order comes in another one each time.
PARALLEL = tf1.ConfigProto(inter_op_parallelism_threads=8, use_per_session_threads=True)


def collected():
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)


def layers(calls=4, scope="D/bn", **kwargs):
    """Placeholders and outputs of calls that share a scope."""
    x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(calls)]
    outputs = [tfbn.batch_norm(each, decay=DECAY, scope=scope, reuse=bool(i), **kwargs) for i, each in enumerate(x)]
    return x, outputs


def network(name, scope=None):
    """A layer below a variable scope of this name."""
    x = tf1.placeholder(tf.float32, [8, 5])
    with tf1.variable_scope(name):
        return tfbn.batch_norm(x, decay=DECAY, scope=scope)


def averages(batches, path="core"):
    """moving_mean and moving_variance after the batches, in this order."""
    mean, variance, stddev = np.zeros(5), np.ones(5), np.ones(5)
    for x in batches:
        of_batch = oracle.moments(x)
        unbiased = path in ("function-fused", "zero-debias")
        mean = DECAY * mean + (1 - DECAY) * of_batch[0]
        variance = DECAY * variance + (1 - DECAY) * (oracle.unbiased(x, of_batch[1]) if unbiased else of_batch[1])
        stddev = DECAY * stddev + (1 - DECAY) * np.sqrt(of_batch[1] + 1e-3)
    if path == "zero-debias":
        mean = mean / (1 - DECAY ** len(batches))
    return mean, stddev**2 - 1e-3 if path == "core-renorm" else variance


def check_averages(found, batches, path="core"):
    for name, value in zip(("moving_mean", "moving_variance"), averages(batches, path)):
        np.testing.assert_allclose(found[f"D/bn/{name}"], value, **oracle.AVERAGE)


def outcomes(fetches, feed, runs=25):
    """The distinct bits that all variables come to, over runs that begin alike, and the last of their values."""
    found = set()
    with tf1.Session(config=PARALLEL) as opened:
        for _ in range(runs):
            opened.run(tf1.global_variables_initializer())
            opened.run(fetches, feed)
            state = values(opened)
            found.add(b"".join(state[name].tobytes() for name in sorted(state)))
    return found, state


class TestOrder:
    @every_kind
    @every_path
    def test_get_updates_follows_call_order(self, path, resource):
        with graph(resource):
            x, _ = layers(**PATHS[path])
            found, state = outcomes(tfbn.get_updates("D"), dict(zip(x, BATCHES)))
        assert len(found) == 1
        check_averages(state, BATCHES, path)

    def test_those_of_the_collection_come_in_any_order(self):
        """Else the tests of this class could not fail."""
        with graph():
            x, _ = layers()
            found = set()
            for _ in range(100):
                found |= outcomes(collected(), dict(zip(x, BATCHES)), runs=10)[0]
                if len(found) > 1:
                    return
        pytest.fail("a thousand runs gave equal bits")

    @every_kind
    def test_create_train_op_gives_equal_bits_under_towers(self, resource):
        with graph(resource):
            tf1.set_random_seed(3)
            kernel = tf1.get_variable("kernel", [5, 5], initializer=tf1.constant_initializer(np.eye(5) + 0.1))
            x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(4)]
            losses = []
            for i, each in enumerate(x):
                with tf1.name_scope(f"tower_{i}"), tf1.variable_scope("D", reuse=bool(i)):
                    outputs = tfbn.batch_norm(each @ kernel, decay=DECAY, scope="bn", renorm=True)
                    losses.append(tf.reduce_mean((outputs - 0.3 * each) ** 2))
            optimizer = tf1.train.MomentumOptimizer(0.1, 0.9)
            gate = tf1.train.Optimizer.GATE_GRAPH
            train_op = tfbn.create_train_op(tf.add_n(losses), optimizer, gate_gradients=gate)
            found, _ = outcomes(train_op, dict(zip(x, BATCHES)))
        assert len(found) == 1

    def test_collected_update_has_no_dependencies(self):
        with graph():
            x, _ = layers()
            tfbn.get_updates("D")
            with session() as opened:
                opened.run(collected()[4:6], {x[2]: BATCHES[2]})
                check_averages(values(opened), BATCHES[2:3], "function-fused")

    def test_unshared_updates_come_from_the_collection(self):
        with graph():
            network("D")
            network("G")
            assert tfbn.get_updates() == collected()
            assert len(collected()) == 4

    def test_two_steps_in_one_run_count_each_update_once(self):
        with graph():
            x, outputs = layers(2)
            optimizer = tf1.train.GradientDescentOptimizer(0.0)
            steps = [tfbn.create_train_op(tf.reduce_sum(each**2), optimizer) for each in outputs]
            _, state = outcomes([*steps, tfbn.get_updates("D")], dict(zip(x, BATCHES)), runs=1)
        check_averages(state, BATCHES[:2], "function-fused")

    @pytest.mark.parametrize("waits_for", [slice(None), slice(0, 2)], ids=["all", "the first"])
    def test_updates_inside_the_loss_count_once(self, waits_for):
        with graph():
            x, outputs = layers(2)
            with tf.control_dependencies(collected()[waits_for]):
                loss = tf.reduce_sum(outputs[0] ** 2) + tf.reduce_sum(outputs[1] ** 2)
            train_op = tfbn.create_train_op(loss, tf1.train.GradientDescentOptimizer(0.0))
            _, state = outcomes(train_op, dict(zip(x, [BATCHES[0]] * 2)), runs=1)
        check_averages(state, [BATCHES[0]] * 2, "function-fused")

    def test_update_of_a_single_call_runs(self):
        with graph():
            x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(2)]
            for i, renorm in enumerate((True, False)):
                tfbn.batch_norm(x[i], decay=DECAY, scope="D/bn", reuse=bool(i), fused=False, renorm=renorm)
            found, state = outcomes(tfbn.get_updates("D"), dict(zip(x, BATCHES)))
        assert len(found) == 1
        np.testing.assert_allclose(
            state["D/bn/renorm_mean"], 0.01 * oracle.moments(BATCHES[0])[0], rtol=2e-5
        )  # 1 - 0.99 as float32 is off by 1e-5

    @every_kind
    def test_inference_call_reads_averages_before_updates(self, resource):
        with graph(resource):
            x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(3)]
            off = tf1.placeholder(tf.bool, [])
            outputs = [
                tfbn.batch_norm(each, decay=DECAY, scope="D/bn", reuse=bool(i), is_training=off if i == 2 else True)
                for i, each in enumerate(x)
            ]
            fetches = [tfbn.get_updates("D"), outputs[2]]
            feed = {**dict(zip(x, BATCHES)), off: False}
            with tf1.Session(config=PARALLEL) as opened:
                for _ in range(25):
                    opened.run(tf1.global_variables_initializer())
                    found = opened.run(fetches, feed)[1]
                    expected = oracle.normalize(BATCHES[2], np.zeros(5), np.ones(5))
                    # Outputs up to 60 here, four times as far out as the oracle's tolerance is made for.
                    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=4e-5)

    def test_half_a_pair_can_be_ordered_as_well(self):
        with graph():
            x, _ = layers(2, fused=False)
            means = collected()[0::2]
            train_op = tfbn.create_train_op(
                tf1.get_variable("w", [], initializer=tf1.zeros_initializer()) ** 2,
                tf1.train.GradientDescentOptimizer(0.1),
                update_ops=means,
            )
            found, state = outcomes(train_op, dict(zip(x, BATCHES)))
        assert len(found) == 1
        np.testing.assert_allclose(state["D/bn/moving_mean"], averages(BATCHES[:2])[0], **oracle.AVERAGE)
        assert (state["D/bn/moving_variance"] == 1).all()

    @every_kind
    def test_the_order_survives_a_meta_graph(self, resource):
        with graph(resource):
            x, _ = layers()
            names = [each.name for each in x]
            updates = [tf1.add_to_collection("ordered", each) or each.name for each in tfbn.get_updates("D")]
            exported = tf1.train.export_meta_graph()
        with graph(resource):
            tf1.train.import_meta_graph(exported)
            assert [each.name for each in tf1.get_collection("ordered")] == updates
            found, state = outcomes(tf1.get_collection("ordered"), dict(zip(names, BATCHES)))
            assert len(tfbn.get_updates("D")) == 8  # by the variables that the ops assign
        assert len(found) == 1
        check_averages(state, BATCHES, "function-fused")

    def test_under_wrap_function(self):
        def build(first, second):
            for i, each in enumerate((first, second)):
                tfbn.batch_norm(each, decay=DECAY, scope="D/bn", reuse=bool(i))
            assert len(tfbn.get_updates("D")) == 4
            with tf.control_dependencies(tfbn.get_updates("D")):
                return [variable.read_value() for variable in tf1.global_variables("D/bn/moving")]

        with tf.Graph().as_default():
            wrapped = tf1.wrap_function(build, [tf.TensorSpec([8, 5])] * 2)
            found = wrapped(*(tf.constant(batch, tf.float32) for batch in BATCHES[:2]))
            with session() as opened:
                opened.run([v.initializer for v in wrapped.graph.variables])
                mean, variance = opened.run(found)
        for value, expected in zip((mean, variance), averages(BATCHES[:2], "function-fused")):
            np.testing.assert_allclose(value, expected, **oracle.AVERAGE)


class TestScope:
    def test_counts_by_the_parts_of_the_name(self):
        with graph():
            for name in ("D", "D2", "Discriminator", "D/D", "E/D"):
                network(name, scope="bn")
            assert tfbn.get_updates("D") == [*collected()[0:2], *collected()[6:8]]
            assert tfbn.get_updates("D/bn") == collected()[0:2]
            assert tfbn.get_updates("E") == collected()[8:10]
            with tf1.variable_scope("D") as scope:
                pass
            for same in ("D/", scope, ["D"], ("D/bn", "D/D")):
                assert tfbn.get_updates(same) == tfbn.get_updates("D")
            assert tfbn.get_updates(["E", "D2"]) == [*collected()[2:4], *collected()[8:10]]
            assert tfbn.get_updates("") == tfbn.get_updates() == collected()

    def test_is_that_of_the_variables_not_of_the_ops(self):
        with graph():
            network("D", scope="bn")
            with tf1.variable_scope("D", reuse=True), tf1.name_scope("G"):
                tfbn.batch_norm(tf1.placeholder(tf.float32, [8, 5]), scope="bn")
            network("G_", scope="bn")
            assert all(each.op.name.startswith("D_1/G/") for each in collected()[2:4])
            assert len(tfbn.get_updates("D")) == 4
            assert len(tfbn.get_updates("G_")) == 2
            with pytest.raises(ValueError, match="scope: expected a scope that has variables, got 'D_1'"):
                tfbn.get_updates("D_1")

    @every_kind
    def test_of_what_other_code_collected(self, resource):
        with graph(resource):
            network("D")
            with tf1.variable_scope("G"):
                counter = tf1.get_variable("counter", [], trainable=False)
            with tf1.name_scope("D"):
                others = [
                    counter.assign_add(1.0),
                    tf.identity(counter.assign(2.0)),
                    counter.assign(3.0).op,
                ]
            beside = tf.no_op(name="D/beside")
            for each in (*others, beside):
                tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, each)
            assert tfbn.get_updates("G") == others
            assert tfbn.get_updates("D") == [*collected()[:2], beside]

    def test_another_collection(self):
        with graph():
            x = tf1.placeholder(tf.float32, [8, 5])
            tfbn.batch_norm(x, scope="bn", updates_collections=["mine", tf1.GraphKeys.UPDATE_OPS])
            tfbn.batch_norm(x, scope="other")
            assert tfbn.get_updates(collection="mine") == collected()[:2]
            assert tfbn.get_updates("other", collection="mine") == []

    def test_a_scope_without_updates_has_none(self):
        with graph():
            tfbn.batch_norm(tf1.placeholder(tf.float32, [8, 5]), scope="bn", is_training=False)
            assert tfbn.get_updates("bn") == []

    @pytest.mark.parametrize(
        "kwargs, error, text",
        [
            ({"scope": "Q"}, ValueError, r"scope: expected a scope that has variables, got 'Q'.*one of \['D'\]"),
            ({"scope": ["D", "D/b"]}, ValueError, "got 'D/b'"),
            ({"scope": 3}, TypeError, "scope: expected a name, a VariableScope or a list of them, got 3"),
            ({"scope": [3]}, TypeError, "scope: expected names or VariableScopes, got 3"),
            ({"collection": None}, TypeError, "collection: expected the name of a collection, got None"),
            ({"towers": "last"}, ValueError, "towers: expected 'every' or 'first', got 'last'"),
        ],
    )
    def test_refusals(self, kwargs, error, text):
        with graph():
            network("D", scope="bn")
            with pytest.raises(error, match=text):
                tfbn.get_updates(**kwargs)

    def test_eager_execution_is_refused(self):
        with pytest.raises(RuntimeError, match="get_updates builds TF1 graphs: expected a graph as default"):
            tfbn.get_updates()
        with pytest.raises(RuntimeError, match="create_train_op builds TF1 graphs: expected a graph as default"):
            tfbn.create_train_op(tf.constant(1.0), None)


class TestTowers:
    @pytest.mark.parametrize("towers, counted", [("every", 4), ("first", 1)])
    def test_updates_of_each_call_count(self, towers, counted):
        with graph():
            x, outputs = layers()
            y = network("G", scope="bn")
            loss = tf.add_n([tf.reduce_sum(each**2) for each in outputs])
            train_op = tfbn.create_train_op(
                loss, tf1.train.GradientDescentOptimizer(0.0), towers=towers, update_scopes="D"
            )
            assert len(tfbn.get_updates(towers=towers)) == 2 * counted + 2
            for fetch in (train_op, tfbn.get_updates("D", towers=towers)):
                _, state = outcomes(fetch, dict(zip(x, BATCHES)), runs=1)
                check_averages(state, BATCHES[:counted], "function-fused")
            assert y.shape == [8, 5]

    def test_the_first_of_those_that_are_asked_for(self):
        with graph():
            x = [tf1.placeholder(tf.float32, [8, 5]) for _ in range(3)]
            for i, collection in enumerate(("mine", tf1.GraphKeys.UPDATE_OPS, tf1.GraphKeys.UPDATE_OPS)):
                tfbn.batch_norm(x[i], decay=DECAY, scope="D/bn", reuse=bool(i), updates_collections=collection)
            assert tfbn.get_updates("D", towers="first") == collected()[:2]


class TestTrainOp:
    optimizer = staticmethod(lambda: tf1.train.GradientDescentOptimizer(0.1))

    @staticmethod
    def made():
        """What create_train_op put into TRAIN_OP, where optimizers leave their own ops too."""
        return [each for each in tf1.get_collection(tf1.GraphKeys.TRAIN_OP) if each.name.startswith("train_op")]

    @pytest.mark.parametrize("scopes, moved", [("D", "D"), (["G/"], "G"), (["D", "G"], "DG"), (None, "DG")])
    def test_update_scopes(self, scopes, moved):
        with graph():
            x = tf1.placeholder(tf.float32, [8, 5])
            loss = 0.0
            for name in "DG":
                loss += tf.reduce_sum(tfbn.batch_norm(x, scope=f"{name}/bn") * x)
            train_op = tfbn.create_train_op(loss, self.optimizer(), update_scopes=scopes)
            _, state = outcomes(train_op, {x: BATCHES[0]}, runs=1)
        for name in "DG":
            assert (state[f"{name}/bn/moving_mean"] != 0).all() == (name in moved)
            assert (state[f"{name}/bn/beta"] != 0).all()
        assert state["global_step"] == 1

    def test_omitted_updates_are_reported(self, caplog):
        with graph(), caplog.at_level(logging.WARNING, logger="tensorflow"):
            y = network("D", scope="bn") * network("G", scope="bn")
            loss = tf.reduce_sum(y)
            # TensorFlow's logger may keep its records from the root's, where caplog listens.
            logger = logging.getLogger("tensorflow")
            logger.addHandler(caplog.handler)
            try:
                tfbn.create_train_op(loss, self.optimizer(), update_scopes="D")
                tfbn.create_train_op(loss, self.optimizer(), towers="first")
                tfbn.create_train_op(loss, self.optimizer(), update_ops=collected())
                assert not caplog.records
                tfbn.create_train_op(loss, self.optimizer(), update_ops=collected()[:3])
            finally:
                logger.removeHandler(caplog.handler)
        (message,) = {record.getMessage() for record in caplog.records}
        assert "without 1 of them, such as G/bn/" in message

    @pytest.mark.parametrize(
        "kwargs, error, text",
        [
            ({"total_loss": None}, TypeError, "total_loss: expected a scalar tensor, got None"),
            ({"optimizer": "adam"}, TypeError, "optimizer: expected an optimizer of tf.compat.v1.train.*got 'adam'"),
            ({"transform_grads_fn": 3}, TypeError, "transform_grads_fn: expected a function or None, got 3"),
            ({"update_ops": 3}, TypeError, "update_ops: expected a list of operations and tensors, got 3"),
            ({"variables_to_train": 3}, TypeError, "variables_to_train: expected a list of variables, got 3"),
            ({"variables_to_train": []}, ValueError, "variables_to_train: expected at least one variable, got none"),
            ({"update_scopes": "Q"}, ValueError, "update_scopes: expected a scope that has variables, got 'Q'"),
            ({"towers": None}, ValueError, "towers: expected 'every' or 'first', got None"),
        ],
    )
    def test_refusals_leave_the_graph_as_it_was(self, kwargs, error, text):
        with graph() as opened:
            loss = tf.reduce_sum(network("D", scope="bn") ** 2)
            before = len(opened.get_operations())
            with pytest.raises(error, match=text):
                tfbn.create_train_op(**{"total_loss": loss, "optimizer": self.optimizer(), **kwargs})
            assert len(opened.get_operations()) == before
            assert tf1.train.get_global_step() is None
            assert tf1.get_collection(tf1.GraphKeys.TRAIN_OP) == []

    def test_strict(self):
        with graph():
            x = tf1.placeholder(tf.float32, [8, 5])
            loss = tf.reduce_sum(tfbn.batch_norm(x, scope="D/bn") * x)
            loss += tf.reduce_sum(tfbn.batch_norm(x, scope="G/bn", updates_collections="mine") * x)
            with pytest.raises(ValueError, match="G/bn") as raised:
                tfbn.create_train_op(loss, self.optimizer(), strict=True)
            assert type(raised.value).__name__ == "UpdatesNotWiredError"
            assert self.made() == []
            fine = [
                tfbn.create_train_op(loss, self.optimizer(), strict=True, update_scopes="D"),
                tfbn.create_train_op(
                    loss, self.optimizer(), strict=True, update_ops=[*collected(), *tf1.get_collection("mine")]
                ),
            ]
            assert self.made() == fine

    @pytest.mark.parametrize("towers, steps", [("every", 4), ("first", 1)])
    def test_strict_with_ordered_updates(self, towers, steps):
        """What it passes moves the statistics by each call, or by the first."""
        with graph():
            x, outputs = layers()
            loss = tf.add_n([tf.reduce_sum(each**2) for each in outputs])
            train = tfbn.create_train_op(loss, self.optimizer(), strict=True, towers=towers)
            with session() as opened:
                opened.run(train, dict(zip(x, BATCHES)))
                check_averages(values(opened), BATCHES[:steps], "function-fused")
