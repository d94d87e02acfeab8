"""recalibrate_module against NumPy's moments of all data at once, for BatchNorm and TF1Module."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.recalibrate.networks import ROUNDED, SIZES, batches, whole
from tfbn.recalibrate import recalibrate_module
from tfbn.recalibrate.pooled import STATISTICS


class Network(tf.Module):
    """Two layers with something nonlinear between them."""

    def __init__(self, build=True, **arguments):
        super().__init__()
        channels = 3 if build else None
        self.first = tfbn.BatchNorm(channels, scale=True, name="first", **arguments)
        self.second = tfbn.BatchNorm(channels, name="second", **arguments)
        self.seen = []

    @tf.function(autograph=False)
    def __call__(self, inputs, is_training):
        between = self.between(inputs, is_training)
        return self.second(between, is_training)

    def between(self, inputs, is_training):
        return tf.exp(0.3 * self.first(inputs, is_training))


def of(module):
    return {variable.name: variable.numpy() for variable in module.variables}


def same(before, after):
    return before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)


def between(network, parts=None):
    """What goes into the second layer in training, all batches together."""
    return whole([network.between(part, True).numpy() for part in parts or batches()])


def check(after, scope, data):
    mean, variance = oracle.moments(data)
    np.testing.assert_allclose(after[f"{scope}/moving_mean:0"], mean, **ROUNDED)
    np.testing.assert_allclose(after[f"{scope}/moving_variance:0"], variance, **ROUNDED)


class TestBatchNorm:
    @pytest.mark.process
    def test_every_layer_in_one_pass(self):
        """Within a tf.function that was traced before; beta and gamma stay."""
        network = Network()
        network(batches()[0], True)
        expected = between(network)
        found = recalibrate_module(network, iter(batches()))
        after = of(network)
        check(after, "first", whole(batches()))
        check(after, "second", expected)
        assert [each.layer for each in found] == ["first", "second"]
        assert {each.samples for each in found} == {4 * sum(SIZES)}
        assert (after["first/gamma:0"] == 1).all()
        assert not tf.config.functions_run_eagerly()

    def test_the_estimator_is_the_layers(self):
        """Unbiased in rank 2, where the fused op's is."""
        norm = tfbn.BatchNorm(3)
        recalibrate_module(norm, batches((3,)))
        data = whole(batches((3,)))
        variance = oracle.unbiased(data, oracle.moments(data)[1])
        np.testing.assert_allclose(norm.moving_variance.numpy(), variance, **ROUNDED)

    def test_weights_and_masks(self):
        """Through a call that passes them."""
        random = np.random.RandomState(3)
        masks = [random.uniform(size=part.shape[:2]) < 0.6 for part in batches()]
        weights = [random.uniform(0.0, 2.0, len(part)).astype(np.float32) for part in batches()]
        norm = tfbn.BatchNorm(3, name="norm")
        (found,) = recalibrate_module(
            norm,
            zip(batches(), masks, weights),
            lambda batch: norm(batch[0], True, mask=batch[1], batch_weights=batch[2]),
        )
        each = (np.concatenate(masks) * np.concatenate(weights)[:, None]).reshape(-1)
        mean, variance = oracle.moments(whole(batches()).reshape(-1, 3), weights=each)
        assert found.samples == pytest.approx(each.sum())
        np.testing.assert_allclose(norm.moving_mean.numpy(), mean, **ROUNDED)
        np.testing.assert_allclose(norm.moving_variance.numpy(), variance, **ROUNDED)

    def test_renorm(self):
        """Corrects nothing during the pass, so that layers behind it are exact as well."""
        network, plain = Network(renorm=True), Network()
        network.first.renorm_mean.assign([5.0, -3.0, 2.0])
        recalibrate_module(network, batches())
        after, mean_variance = of(network), oracle.moments(whole(batches()))
        check(after, "first", whole(batches()))
        check(after, "second", between(plain))
        np.testing.assert_allclose(after["first/renorm_mean:0"], mean_variance[0], **ROUNDED)
        for name in ("renorm_stddev", "moving_stddev"):
            np.testing.assert_allclose(after[f"first/{name}:0"], np.sqrt(mean_variance[1] + 0.001), **ROUNDED)

    def test_zero_debias_and_cumulative(self):
        """The start at zero is forgotten; batches count as averaged."""
        debias = tfbn.BatchNorm(3, decay=0.99, zero_debias_moving_mean=True)
        cumulative = tfbn.BatchNorm(3, decay=None)
        for norm in (debias, cumulative):
            recalibrate_module(norm, batches())
        mean = oracle.moments(whole(batches()))[0]
        np.testing.assert_allclose(debias.moving_mean.numpy(), mean, **ROUNDED)
        np.testing.assert_allclose(cumulative.moving_mean.numpy(), mean, **ROUNDED)
        assert cumulative.local_step.numpy() == len(SIZES)
        for norm in (debias, cumulative):
            norm(batches()[0], True)
        of_batch = batches()[0].astype(np.float64).mean((0, 1))
        np.testing.assert_allclose(debias.moving_mean.numpy(), 0.99 * mean + 0.01 * of_batch, rtol=1e-5)
        np.testing.assert_allclose(cumulative.moving_mean.numpy(), (4 * mean + of_batch) / 5, rtol=1e-5)

    def test_virtual_batches(self):
        """All samples are pooled."""
        data = [np.concatenate([part, part + 1]) for part in batches()]
        norm = tfbn.BatchNorm(3, virtual_batch_size=2, name="norm")
        recalibrate_module(norm, data)
        check(of(norm), "norm", whole(data))

    def test_is_training_as_a_tensor(self):
        """Batches for which it is false do not count."""
        norm = tfbn.BatchNorm(3, name="norm")
        flags = [True, False, True, False]
        recalibrate_module(norm, zip(batches(), flags), lambda batch: norm(batch[0], tf.constant(batch[1])))
        check(of(norm), "norm", whole([part for part, flag in zip(batches(), flags) if flag]))

    def test_which_layers_hold_still(self):
        """All of the module, those that are not asked for as well; layers of other modules train."""
        network, other = Network(), tfbn.BatchNorm(3, decay=0.5, name="other")
        before = {**of(network), **of(other)}
        found = recalibrate_module(network, batches(), lambda part: network(other(part, True), True), layers="second")
        after = {**of(network), **of(other)}
        assert [each.layer for each in found] == ["second"]
        changed = {name for name in before if not np.array_equal(before[name], after[name])}
        assert changed == {f"{scope}/{name}:0" for scope in ("second", "other") for name in STATISTICS}
        mean = sum(part.mean((0, 1)) * 0.5 ** (4 - number) for number, part in enumerate(batches()))
        np.testing.assert_allclose(after["other/moving_mean:0"], mean, rtol=1e-6)

    @pytest.mark.parametrize("by", ["name", "object", "list"])
    def test_layers_by_name_and_object(self, by):
        network = Network()
        layers = {"name": "first", "object": network.first, "list": [network.first, "first"]}[by]
        assert [each.layer for each in recalibrate_module(network, batches(), layers=layers)] == ["first"]

    def test_frozen_layers_stay(self):
        """Those called with is_training=False; asking for one is an error."""
        network = Network()

        def call(part):
            network.second(network.between(part, False), True)

        before = of(network)
        assert [each.layer for each in recalibrate_module(network, batches(), call)] == ["second"]
        assert np.array_equal(of(network)["first/moving_mean:0"], before["first/moving_mean:0"])
        with pytest.raises(ValueError, match="layers: expected layers that see batches in training, got first"):
            recalibrate_module(network, batches(), call, layers="first")


def builder(inputs, is_training):
    """Layers of every kind of updates, one of them in a loop."""
    tf1 = tf.compat.v1
    with tf1.variable_scope("net"), tfbn.arg_scope([tfbn.batch_norm], is_training=is_training):
        first = tfbn.batch_norm(inputs, scope="first")
        second = tfbn.batch_norm(tf.exp(0.3 * first), scope="second", updates_collections=None)
        tfbn.batch_norm(tf.square(second), scope="debias", zero_debias_moving_mean=True)

    def body(step, values):
        with tf1.variable_scope("loop", reuse=tf1.AUTO_REUSE):
            tfbn.batch_norm(values, scope="norm", is_training=is_training)
        return step + 1, values + 1.0

    return first, tf1.while_loop(lambda step, values: step < 3, body, [0, inputs])


class TestTF1Module:
    @pytest.mark.parametrize("kind", [bool, tf.constant], ids=["bool", "tensor"])
    def test_every_layer_in_one_pass(self, kind):
        """In a loop the rounds count, and in a traced function of the user's the module is observed all the same."""
        model = tfbn.TF1Module(builder)
        model(batches()[0], kind(True))
        outer = tf.function(lambda part: model(part, kind(True)), autograph=False)
        outer(batches()[0])
        first = whole([outer(part)[0].numpy() for part in batches()])
        before = {name: variable.numpy() for name, variable in model.tf1_variables.items()}
        found = recalibrate_module(model, batches(), outer)
        after = {f"{name}:0": variable.numpy() for name, variable in model.tf1_variables.items()}
        check(after, "net/first", whole(batches()))
        check(after, "net/second", np.exp(0.3 * first.astype(np.float64)))
        check(after, "loop/norm", np.concatenate([whole(batches()) + step for step in range(3)]))
        mean = after["net/debias/moving_mean:0"]
        assert not np.array_equal(mean, before["net/debias/moving_mean"])
        assert np.array_equal(after["net/debias/net/debias/moving_mean/biased:0"], mean)
        assert [each.layer for each in found] == ["net/first", "net/second", "net/debias", "loop/norm"]
        assert {each.samples for each in found} == {4 * sum(SIZES), 12 * sum(SIZES)}

    def test_a_second_time(self):
        """What goes in then is what counts, though the module was traced for the first time."""
        model = tfbn.TF1Module(builder)
        model(batches()[0], True)
        recalibrate_module(model, batches(), layers="net/first")
        recalibrate_module(model, batches(seed=1), layers="net/first")
        after = {f"{name}:0": variable.numpy() for name, variable in model.tf1_variables.items()}
        check(after, "net/first", whole(batches(seed=1)))

    def test_afterwards_it_trains_on(self):
        """By the traces it had."""
        model = tfbn.TF1Module(builder)
        model(batches()[0], True)
        recalibrate_module(model, batches(), layers="net/first")
        mean = model.tf1_variables["net/first/moving_mean"].numpy()
        model(batches()[0], True)
        expected = 0.999 * mean + 0.001 * batches()[0].mean((0, 1))
        np.testing.assert_allclose(model.tf1_variables["net/first/moving_mean"].numpy(), expected, rtol=1e-6)


class TestFailures:
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    @pytest.mark.parametrize("when", ["between batches", "while writing"])
    def test_interrupted(self, error, when, monkeypatch):
        """Every variable is as it was, and functions run as they did."""
        from tfbn.recalibrate import module

        network = Network()
        network(batches()[0], True)
        before = of(network)

        def parts():
            yield from batches()[:2]
            if when == "between batches":
                raise error

        assign, calls = module._assign, []

        def interrupted(values):
            calls.append(values)
            if len(calls) == 1:
                assign(values[:3])
                assert not same(before, of(network))
                raise error
            assign(values)

        if when == "while writing":
            monkeypatch.setattr(module, "_assign", interrupted)
        with pytest.raises(error):
            recalibrate_module(network, parts())
        assert same(before, of(network))
        assert not tf.config.functions_run_eagerly()
        network(batches()[0], True)  # no longer observed
        assert not same(before, of(network))

    @pytest.mark.parametrize(
        "module, parts, arguments, error, text",
        [
            (Network, [], {}, ValueError, "batches: expected at least one batch, got none"),
            (Network, [np.full((2, 4, 3), np.nan, "f")], {}, ValueError, "first: expected inputs that are finite"),
            (Network, batches(), {"layers": "third"}, ValueError, "got 'third'. There are: first, second"),
            (lambda: Network(build=False), batches(), {}, ValueError, "got first, which has no variables yet"),
            (tf.Module, batches(), {}, ValueError, "expected one with a tfbn.BatchNorm or a called TF1Module in it"),
            (lambda: tfbn.TF1Module(builder), batches(), {}, ValueError, "or a called TF1Module in it"),
            (lambda: "model", batches(), {}, TypeError, "module: expected a tf.Module, got str"),
        ],
    )
    def test_what_does_not_do(self, module, parts, arguments, error, text):
        """Says what was expected; nothing has changed."""
        made = module()
        before = of(made) if isinstance(made, tf.Module) else {}
        with pytest.raises(error, match=text):
            recalibrate_module(made, parts, **arguments)
        assert same(before, of(made) if before else {})

    def test_inference(self):
        """A call that trains nothing."""
        network = Network()
        with pytest.raises(ValueError, match="call: expected a call in which some layer trains on some sample"):
            recalibrate_module(network, batches(), lambda part: network(part, False))

    def test_in_a_graph(self):
        network = Network()
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match="recalibrate_module"):
            recalibrate_module(network, batches())
