"""recalibrate_session against NumPy's moments of all data at once."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph import regimes
from tests.recalibrate.networks import ROUNDED, SIZES, Network, batches, same, tf1, values, whole
from tfbn.recalibrate import recalibrate_session


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
        with regimes.graph():
            network = Network()
            with regimes.session() as session:
                recalibrate_session(session, network.feeds(), progress=True)
        assert re.search("Recalibrating .* 100% 4/4 ", capsys.readouterr().err)


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
