"""recalibrate_session against NumPy's moments of all data at once, and what it leaves when it fails."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph import regimes
from tfbn.recalibrate import recalibrate_session

tf1 = tf.compat.v1
# Both sides in float64, then one rounding to float32.
ROUNDED = {"rtol": 2e-7}
SIZES = (5, 1, 8, 3)  # of the batches
CONTRIB = Path(__file__).parents[1] / "graph" / "data"


def batches(shape=(4, 3), seed=0):
    """Batches of several sizes, with means of their own."""
    data = oracle.batch((sum(SIZES), *shape), seed=seed) + np.repeat(range(4), SIZES).reshape([-1] + [1] * len(shape))
    return np.split(data.astype(np.float32), np.cumsum(SIZES)[:-1])


def whole(parts):
    return np.concatenate(parts).astype(np.float64)


def values(session):
    return regimes.values(session)


def same(before, after):
    return before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)


class Network:
    """Three layers with something nonlinear between them, the second with inline updates."""

    def __init__(self, is_training=None, **arguments):
        self.inputs = tf1.placeholder(tf.float32, [None, 4, 3])
        self.is_training = tf1.placeholder(tf.bool, []) if is_training is None else is_training
        arguments = {"is_training": self.is_training, "decay": 0.9, **arguments}
        self.first = tfbn.batch_norm(self.inputs, scope="net/first", **arguments)
        self.between = tf.exp(0.3 * self.first)
        inline = {**arguments, "updates_collections": None}
        self.second = tfbn.batch_norm(self.between, scope="net/second", **inline)
        self.behind = tf.square(self.second)
        self.third = tfbn.batch_norm(self.behind, scope="third", **arguments)

    def feeds(self, parts=None):
        flag = {self.is_training: True} if tf.is_tensor(self.is_training) else {}
        return [{self.inputs: part, **flag} for part in parts or batches()]

    def into(self, session, tensor):
        """What goes into a layer in training, of all batches."""
        return whole([session.run(tensor, feed) for feed in self.feeds()])


class TestPooled:
    @pytest.mark.parametrize("resource, v2", regimes.REGIMES, ids=regimes.NAMES)
    @pytest.mark.parametrize("kind", ["placeholder", "True"])
    def test_every_layer_in_one_pass(self, kind, resource, v2):
        """The moments of what goes into each, over all data, whatever the moving statistics were."""
        with regimes.graph(resource, v2):
            network = Network(True if kind == "True" else None)
            with regimes.session() as session:
                inputs = {
                    "net/first": whole(batches()),
                    "net/second": network.into(session, network.between),
                    "third": network.into(session, network.behind),
                }
                before = values(session)
                found = recalibrate_session(session, iter(network.feeds()))
                after = values(session)
        assert [each.layer for each in found] == list(inputs)
        for scope, data in inputs.items():
            # Of rank 3, so that the variance is averaged as it is.
            mean, variance = oracle.moments(data)
            np.testing.assert_allclose(after[f"{scope}/moving_mean"], mean, **ROUNDED)
            np.testing.assert_allclose(after[f"{scope}/moving_variance"], variance, **ROUNDED)
            assert np.array_equal(after[f"{scope}/beta"], before[f"{scope}/beta"])
        assert {each.samples for each in found} == {4 * sum(SIZES)}

    @pytest.mark.parametrize(
        "rank, axis, arguments", [(2, -1, {}), (4, -1, {}), (4, 1, {"data_format": "NCHW"}), (2, -1, {"fused": False})]
    )
    def test_the_estimator_is_the_layers(self, rank, axis, arguments):
        """Unbiased where the fused op's is, over all samples."""
        shape = {2: (3,), 4: (2, 4, 3)}[rank]
        data = batches(shape)
        data = [np.moveaxis(part, -1, axis) for part in data]
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, *data[0].shape[1:]])
            tfbn.batch_norm(inputs, scope="norm", **arguments)
            with regimes.session() as session:
                recalibrate_session(session, [{inputs: part} for part in data])
                after = values(session)
        mean, variance = oracle.moments(whole(data), axis)
        variance = variance if "fused" in arguments else oracle.unbiased(whole(data), variance, axis)
        np.testing.assert_allclose(after["norm/moving_mean"], mean, **ROUNDED)
        np.testing.assert_allclose(after["norm/moving_variance"], variance, **ROUNDED)

    def test_weights_and_masks(self):
        """They weigh the pooled statistics, and the batches among each other; NaN that is masked does not count."""
        random = np.random.RandomState(3)
        data = batches()
        weights = [random.uniform(0.0, 2.0, len(part)).astype(np.float32) for part in data]
        masks = [random.uniform(size=part.shape[:2]) < 0.6 for part in data]
        weights[1][:] = 0  # a batch without weight
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 4, 3])
            weight, mask = tf1.placeholder(tf.float32, [None]), tf1.placeholder(tf.bool, [None, 4])
            tfbn.batch_norm(inputs, scope="norm", batch_weights=weight, mask=mask)
            with regimes.session() as session:
                holes = [np.where(m[..., None], part, np.nan) for part, m in zip(data, masks)]
                feeds = [{inputs: part, weight: w, mask: m} for part, w, m in zip(holes, weights, masks)]
                (found,) = recalibrate_session(session, feeds)
                after = values(session)
        each = (np.concatenate(masks) * np.concatenate(weights)[:, None]).reshape(-1)
        mean, variance = oracle.moments(whole(data).reshape(-1, 3), weights=each)
        assert found.samples == pytest.approx(each.sum())
        np.testing.assert_allclose(after["norm/moving_mean"], mean, **ROUNDED)
        np.testing.assert_allclose(after["norm/moving_variance"], variance, **ROUNDED)

    def test_far_from_zero(self):
        """A difference of sums of squares would have no digit left, even in float64."""
        data = [1e4 + 1e-2 * part.astype(np.float64) for part in batches((3,))]
        with regimes.graph():
            inputs = tf1.placeholder(tf.float64, [None, 3])
            tfbn.batch_norm(inputs, scope="norm", fused=False)
            with regimes.session() as session:
                recalibrate_session(session, [{inputs: part} for part in data])
                after = values(session)
        # Deviations of 1e-2 of numbers of 1e4: four digits remain beyond the six lost.
        np.testing.assert_allclose(after["norm/moving_variance"], oracle.moments(whole(data))[1], rtol=1e-9)

    def test_calls_that_share_variables(self):
        """All data of all calls; those for inference stay out of it."""
        real, fake, other = (batches((3,), seed) for seed in range(3))
        with regimes.graph():
            placeholders = [tf1.placeholder(tf.float32, [None, 3]) for _ in range(3)]
            for number, placeholder in enumerate(placeholders):
                tfbn.batch_norm(placeholder, scope="norm", reuse=number > 0, is_training=number < 2, fused=False)
            with regimes.session() as session:
                feeds = [dict(zip(placeholders, parts)) for parts in zip(real, fake, other)]
                recalibrate_session(session, feeds)
                after = values(session)
        mean, variance = oracle.moments(whole([*real, *fake]))
        np.testing.assert_allclose(after["norm/moving_mean"], mean, **ROUNDED)
        np.testing.assert_allclose(after["norm/moving_variance"], variance, **ROUNDED)

    def test_several_axes_and_virtual_batches(self):
        """Of tf.layers' function: parameters of the inputs' rank; all samples pooled."""
        data = [part for part in batches() if len(part) % 2 == 0 or len(part) > 1][::2]
        data = [np.repeat(part, 2, 0) for part in data]
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 4, 3])
            tfbn.batch_normalization(inputs, axis=[1, 2], training=True, name="axes")
            tfbn.batch_normalization(inputs, virtual_batch_size=2, training=True, name="virtual")
            with regimes.session() as session:
                recalibrate_session(session, [{inputs: part} for part in data])
                after = values(session)
        np.testing.assert_allclose(after["axes/moving_mean"], whole(data).mean(0, keepdims=True), **ROUNDED)
        np.testing.assert_allclose(after["axes/moving_variance"], whole(data).var(0, keepdims=True), **ROUNDED)
        mean, variance = oracle.moments(whole(data))
        np.testing.assert_allclose(after["virtual/moving_mean"].ravel(), mean, **ROUNDED)
        np.testing.assert_allclose(after["virtual/moving_variance"].ravel(), variance, **ROUNDED)

    def test_inference_is_that_of_one_batch_of_all_data(self):
        """What it is for: a network evaluated by it gives what training on all data at once gives."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                data = np.concatenate(batches())
                (expected,) = (session.run(network.third, feed) for feed in network.feeds([data]))
                recalibrate_session(session, network.feeds([data]))
                found = session.run(network.third, {network.inputs: data, network.is_training: False})
        # Three layers in float32 on outputs up to 10.
        np.testing.assert_allclose(found, expected, atol=2e-5)

    def test_told(self):
        """How far the old statistics were off."""
        data = batches((3,))
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tfbn.batch_norm(inputs, scope="norm", fused=False)
            with regimes.session() as session:
                feeds = [{inputs: part} for part in data]
                (first,) = recalibrate_session(session, feeds)
                (second,) = recalibrate_session(session, feeds)
        mean, variance = oracle.moments(whole(data))
        assert first.mean_distance == pytest.approx(np.sqrt(np.mean(mean**2 / variance)))
        assert first.variance_distance == pytest.approx(np.sqrt(np.mean((1 / variance - 1) ** 2)))
        assert max(second[2:]) < 1e-6

    def test_a_second_time_adds_no_ops(self):
        """And a finalized graph will do, then."""
        with regimes.graph() as graph:
            network = Network()
            with regimes.session() as session:
                recalibrate_session(session, network.feeds())
                count = len(graph.get_operations())
                graph.finalize()
                recalibrate_session(session, network.feeds())
        assert len(graph.get_operations()) == count

    def test_a_progress_bar(self, capsys):
        """With the number of batches."""
        pytest.importorskip("tqdm", reason="tqdm comes with the extra `tools`")
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                recalibrate_session(session, network.feeds(), progress=True)
        assert "Recalibrating: 100%" in capsys.readouterr().err


class TestState:
    def test_zero_debias(self):
        """The start at zero is forgotten: a further step moves on from the population's statistics."""
        data = batches((3,))
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tfbn.batch_norm(inputs, decay=0.99, scope="norm", zero_debias_moving_mean=True, fused=False)
            updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
            with regimes.session() as session:
                recalibrate_session(session, [{inputs: part} for part in data])
                mean = values(session)["norm/moving_mean"]
                session.run(updates, {inputs: data[0]})
                after = values(session)
        np.testing.assert_allclose(mean, oracle.moments(whole(data))[0], **ROUNDED)
        expected = 0.99 * mean + 0.01 * data[0].mean(0)
        np.testing.assert_allclose(after["norm/moving_mean"], expected, rtol=1e-5)

    def test_renorm(self):
        """All of its averages are replaced; its variance is biased."""
        data = batches((3,))
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tfbn.batch_norm(inputs, scope="norm", renorm=True, epsilon=0.01)
            with regimes.session() as session:
                recalibrate_session(session, [{inputs: part} for part in data])
                after = values(session)
        mean, variance = oracle.moments(whole(data))
        deviation = np.sqrt(variance + 0.01)
        expected = {"moving_mean": mean, "moving_variance": variance, "renorm_mean": mean}
        expected.update(renorm_stddev=deviation, moving_stddev=deviation)
        for name, value in expected.items():
            np.testing.assert_allclose(after[f"norm/{name}"], value, **ROUNDED)

    def test_layers_behind_renorm(self):
        """Are refused together with it, and exact in the turn after it: its outputs are then those of inference."""
        with regimes.graph():
            network = Network(renorm=True)
            with regimes.session() as session:
                before = values(session)
                with pytest.raises(ValueError, match="got net/second, third behind net/first, which has renorm"):
                    recalibrate_session(session, network.feeds())
                assert same(before, values(session))
                for scope in ("net/first", "net/second", "third"):
                    recalibrate_session(session, network.feeds(), layers=scope)
                after = values(session)
                inference = [{network.inputs: part, network.is_training: False} for part in batches()]
                between = whole([session.run(network.between, feed) for feed in inference])
        # What goes in is float32 from another op than in training, some 1e-6 apart.
        np.testing.assert_allclose(after["net/second/moving_mean"], oracle.moments(between)[0], rtol=1e-5)
        np.testing.assert_allclose(after["net/second/moving_variance"], oracle.moments(between)[1], rtol=1e-5)


class TestSelected:
    @pytest.mark.parametrize(
        "layers, moved", [("net", ["net/first", "net/second"]), (["net/second"], ["net/second"]), ("third", ["third"])]
    )
    def test_others_stay(self, layers, moved):
        """To the last bit, though an inline update runs meanwhile."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                before = values(session)
                found = recalibrate_session(session, network.feeds(), layers=layers)
                after = values(session)
        assert [each.layer for each in found] == moved
        changed = {name.rpartition("/")[0] for name in before if not np.array_equal(before[name], after[name])}
        assert changed == set(moved)

    def test_unknown(self):
        """The known ones are listed."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                text = "layers: expected scopes of layers, got 'nett'. There are: net/first, net/second, third"
                with pytest.raises(ValueError, match=text):
                    recalibrate_session(session, network.feeds(), layers=["net", "nett"])

    def test_layers_for_inference_stay(self):
        """Those with is_training=False for good; asking for one is an error."""
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            frozen = tfbn.batch_norm(inputs, is_training=False, scope="frozen")
            tfbn.batch_norm(frozen, scope="norm")
            with regimes.session() as session:
                feeds = [{inputs: part} for part in batches((3,))]
                assert [each.layer for each in recalibrate_session(session, feeds)] == ["norm"]
                with pytest.raises(ValueError, match="frozen: it never normalizes by the batch in this graph"):
                    recalibrate_session(session, feeds, layers="frozen")

    @pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
    def test_layers_in_branches(self, v2):
        """No run can fetch what goes in: they are refused, unless left out."""
        with regimes.graph(control_flow_v2=v2):
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tf1.cond(inputs[0, 0] > -99, lambda: tfbn.batch_norm(inputs, scope="branch"), lambda: inputs)
            tfbn.batch_norm(inputs, scope="norm")
            with regimes.session() as session:
                feeds = [{inputs: part} for part in batches((3,))]
                with pytest.raises(ValueError, match="branch: it is in a loop or a branch. Build it outside"):
                    recalibrate_session(session, feeds)
                assert [each.layer for each in recalibrate_session(session, feeds, layers="norm")] == ["norm"]


class Boom(Exception):
    pass


class TestFailures:
    """All statistics are as they were before, to the last bit."""

    @pytest.mark.parametrize("error", [Boom, KeyboardInterrupt])
    @pytest.mark.parametrize("when", ["between batches", "while writing"])
    def test_interrupted(self, error, when, monkeypatch):
        """Inline updates that ran are undone, and what was written before the interruption."""
        from tfbn.recalibrate import stored

        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS), network.feeds()[0])
                before = values(session)

                def feeds():
                    yield from network.feeds()[:2]
                    if when == "between batches":
                        assert not same(before, values(session))  # the inline update has run
                        raise error

                write, calls = stored.Stored.write, []

                def interrupted(self, session, values):
                    write(self, session, values)
                    calls.append(self)
                    if len(calls) == 2:
                        raise error

                if when == "while writing":
                    monkeypatch.setattr(stored.Stored, "write", interrupted)
                with pytest.raises(error):
                    recalibrate_session(session, feeds())
                assert same(before, values(session))

    def test_an_error_of_the_graph(self):
        """Such as a feed of another shape."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                before = values(session)
                with pytest.raises(ValueError, match="Cannot feed value of shape"):
                    recalibrate_session(session, [*network.feeds(), {network.inputs: np.ones((2, 2, 2))}])
                assert same(before, values(session))

    @pytest.mark.parametrize(
        "parts, flag, text",
        [
            ([], True, "feeds: expected at least one feed dict, got none"),
            ([np.ones((0, 4, 3))], True, "feeds: expected samples for every layer, got none for net/first"),
            ([np.full((2, 4, 3), np.nan)], True, "net/first: expected inputs that are finite, got NaN or infinities"),
            ([np.ones((2, 4, 3))], False, "is_training true, got one, number 1, in which net/first normalizes by its"),
        ],
    )
    def test_data_that_does_not_do(self, parts, flag, text):
        """Say what was expected."""
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                before = values(session)
                feeds = [{network.inputs: part, network.is_training: flag} for part in parts]
                with pytest.raises(ValueError, match=text):
                    recalibrate_session(session, feeds)
                assert same(before, values(session))

    def test_a_finalized_graph(self):
        """With what to do."""
        with regimes.graph() as graph:
            network = Network()
            with regimes.session() as session:
                graph.finalize()
                with pytest.raises(
                    ValueError, match="expected a graph that ops can be added to, got one that is final"
                ):
                    recalibrate_session(session, network.feeds())

    def test_no_layers(self):
        with regimes.graph():
            inputs = tf1.placeholder(tf.float32, [None, 3])
            tfbn.batch_norm(inputs, is_training=False)
            with regimes.session() as session, pytest.raises(ValueError, match="in which none does. Build it"):
                recalibrate_session(session, [{inputs: np.ones((2, 3))}])


class TestForeign:
    """A MetaGraph of the original, tests/graph/data/contrib.meta.gz: every path, by three kinds of is_training."""

    EXACT = [
        f"{kind}/{name}" for kind in ("training", "dynamic") for name in ("core", "function_fused", "inline", "debias")
    ]

    @staticmethod
    def imported():
        with gzip.open(CONTRIB / "contrib.meta.gz") as file:
            tf1.train.import_meta_graph(tf1.MetaGraphDef.FromString(file.read()))
        return tf1.get_default_graph()

    def feeds(self, graph, shape=(2, 2, 3)):
        inputs, flag = (graph.get_tensor_by_name(f"{name}:0") for name in ("inputs", "is_training"))
        return [{inputs: part, flag: True} for part in batches(shape)]

    def test_by_the_fused_op(self):
        """Exact, in cond branches as well; all other layers stay as they are."""
        with regimes.graph(False, False):
            graph = self.imported()
            with regimes.session() as session:
                before = values(session)
                recalibrate_session(session, self.feeds(graph), layers=self.EXACT)
                after = values(session)
        data = whole(batches((2, 2, 3)))
        mean, variance = oracle.moments(data)
        for scope in self.EXACT:
            np.testing.assert_allclose(after[f"{scope}/moving_mean"], mean, **ROUNDED)
            np.testing.assert_allclose(after[f"{scope}/moving_variance"], oracle.unbiased(data, variance), **ROUNDED)
        changed = {name.rpartition("/moving_")[0] for name in before if not np.array_equal(before[name], after[name])}
        # Of zero debias, what is named after the mean.
        debias = {f"{scope}/{scope}" for scope in self.EXACT if "debias" in scope}
        assert changed == {*self.EXACT, *debias}

    def test_refused(self):
        """By name, before anything runs."""
        reasons = {
            "training/core_nonfused": "it takes its statistics by composed ops",
            "dynamic/legacy": "it takes its statistics by composed ops",
            "training/core_renorm": "it has renorm, and tfbn has not built it",
            "inference/core": "it never normalizes by the batch in this graph",
        }
        with regimes.graph(False, False):
            graph = self.imported()
            with regimes.session() as session:
                before = values(session)
                with pytest.raises(ValueError, match="training/core_nonfused: ") as raised:
                    recalibrate_session(session, self.feeds(graph))
                assert "inference/core" not in str(raised.value)
                for scope, reason in reasons.items():
                    with pytest.raises(ValueError, match=f"{scope}: {reason}"):
                        recalibrate_session(session, self.feeds(graph), layers=scope)
                assert same(before, values(session))

    def test_keras_in_graph_mode(self):
        """A GraphDef without collections, whose branches are functions."""
        with gzip.open(CONTRIB / "keras2.pb.gz") as file:
            graph_def = tf1.GraphDef.FromString(file.read())
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(graph_def, name="")
            inputs, flag = (graph.get_tensor_by_name(f"{name}:0") for name in ("inputs", "training"))
            scopes = ["training_fused", "dynamic_fused"]
            with tf1.Session() as session:
                session.run([op for op in graph.get_operations() if op.name.endswith("/Assign")])
                feeds = [{inputs: part, flag: True} for part in batches((2, 2, 3))]
                assert [each.layer for each in recalibrate_session(session, feeds, layers=scopes)] == scopes
                read = [f"{scope}/moving_mean/Read/ReadVariableOp:0" for scope in scopes]
                found = session.run(read)
        for mean in found:
            np.testing.assert_allclose(mean, oracle.moments(whole(batches((2, 2, 3))))[0], **ROUNDED)
