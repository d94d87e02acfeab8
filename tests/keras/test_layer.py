"""The layer that puts the module into a Model: in training, freezing, masks, policies and XLA."""

import copy

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.keras import generations
from tests.keras.generations import batch, each

SHAPE = (12, 4, 5)
X = batch(SHAPE)
KINDS = {
    "plain": {},
    "NCHW": {"data_format": "NCHW"},
    "renorm": {"renorm": True, "renorm_decay": 0.8, "renorm_clipping": {"rmax": 2.0, "dmax": 1.0}},
    "zero debias": {"zero_debias_moving_mean": True},
    "cumulative": {"decay": None},
    "virtual batches": {"virtual_batch_size": 2},
    "adjustment": {"adjustment": lambda shape: (tf.fill(shape[-1:], 1.5), tf.fill(shape[-1:], -0.5))},
}
XLA = {"jit_compile": True}
KINDS_OF_XLA = ["plain", "renorm", "zero debias"]
REGULARIZED = {"param_regularizers": {"gamma": "l2", "beta": "l1"}, "param_initializers": {"beta": "ones"}}


def layer_of(keras, **given):
    return tfbn.keras.layer_class(keras)(**{"decay": 0.5, "scale": True, "name": "norm", **given})


def model_of(keras, layer, shape=SHAPE):
    return keras.Sequential([keras.layers.InputLayer(shape[1:]), layer])


def compiled(keras, model, rate=0.1, **given):
    model.compile(keras.optimizers.SGD(rate), "mse", **given)
    return model


class TestTraining:
    @pytest.mark.cases(6)
    @each
    @pytest.mark.parametrize("kind, xla", [*((kind, {}) for kind in KINDS), *((kind, XLA) for kind in KINDS_OF_XLA)])
    def test_fit(self, keras, kind, xla):
        """Two epochs of fit are the steps of a loop by hand with the module: parameters, statistics and losses."""
        channels = 4 if kind == "NCHW" else 5
        layer, norm = (
            layer_of(keras, **KINDS[kind]),
            tfbn.BatchNorm(channels, **{"decay": 0.5, "scale": True, **KINDS[kind]}),
        )
        model = compiled(keras, model_of(keras, layer), **xla)
        target = np.zeros_like(X)
        losses = model.fit(X, target, batch_size=6, epochs=2, shuffle=False, verbose=0).history["loss"]
        for epoch in losses:
            found = []
            for x in np.split(X, 2):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(norm(x) ** 2)
                for variable, gradient in zip(norm.trainable_variables, tape.gradient(loss, norm.trainable_variables)):
                    variable.assign_sub(0.1 * gradient)
                found.append(loss)
            np.testing.assert_allclose(epoch, np.mean(found), rtol=1e-4)
        ours, theirs = generations.numbers(norm), generations.numbers(layer)
        assert ours.keys() == theirs.keys()
        for name in ours:
            # XLA's moments are other ops than those of the kernel.
            np.testing.assert_allclose(theirs[name], ours[name], rtol=2e-5, atol=2e-5, err_msg=name)
        predicted = model.predict(X, verbose=0)
        np.testing.assert_allclose(predicted, norm(X, is_training=False), rtol=1e-4, atol=1e-4)

    @pytest.mark.process
    @each
    def test_regularization_losses_count(self, keras):
        """In what fit reports, and in the gradients."""
        layer = layer_of(keras, **REGULARIZED)
        model = compiled(keras, model_of(keras, layer))
        assert len(model.losses) == 2
        np.testing.assert_allclose(sorted(float(loss) for loss in model.losses), [0.05, 0.05], rtol=1e-5)
        data = np.mean(np.asarray(layer(X, training=True, update_statistics=False), np.float64) ** 2)
        loss = model.fit(X, np.zeros_like(X), batch_size=12, verbose=0).history["loss"]
        np.testing.assert_allclose(loss, data + 0.1, rtol=1e-4)
        without = layer_of(keras, param_initializers={"beta": "ones"})
        compiled(keras, model_of(keras, without)).fit(X, np.zeros_like(X), batch_size=12, verbose=0)
        np.testing.assert_allclose(without.gamma.numpy() - layer.gamma.numpy(), np.full(5, 0.1 * 0.02), atol=1e-6)

    @each
    def test_constraints(self, keras):
        layer = layer_of(keras, param_constraints={"beta": "non_neg"}, param_initializers={"beta": "ones"})
        compiled(keras, model_of(keras, layer), rate=100.0).fit(X, np.zeros_like(X), verbose=0)
        np.testing.assert_array_equal(layer.beta.numpy(), np.zeros(5))

    @each
    def test_in_inference_nothing_moves(self, keras):
        layer = layer_of(keras)
        model = compiled(keras, model_of(keras, layer))
        before = generations.numbers(layer)
        model.evaluate(X, X, verbose=0), model.predict(X, verbose=0), model(X), layer(X), layer(X, training=False)
        for name, value in generations.numbers(layer).items():
            np.testing.assert_array_equal(value, before[name])

    @each
    def test_what_a_call_is_told(self, keras):
        """batch_weights, update_statistics and a tensor for training, as the module."""
        layer, weights = layer_of(keras, decay=0.0), np.linspace(0.0, 1.0, 12).astype("float32")
        layer(X, training=tf.constant(True), batch_weights=weights)
        np.testing.assert_allclose(layer.moving_mean.numpy(), oracle.moments(X, weights=weights)[0], **oracle.AVERAGE)
        before = layer.moving_mean.numpy()
        layer(X, training=True, update_statistics=False), layer(X, training=tf.constant(False))
        np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


class TestVariables:
    @each
    def test_weights(self, keras):
        """By kind and by name, as attributes, each once."""
        layer = layer_of(keras, renorm=True, zero_debias_moving_mean=True)
        model = model_of(keras, layer)
        statistics = ["moving_mean", "moving_variance", "renorm_mean", "renorm_stddev", "moving_stddev", "biased"]
        names = [weight.name.rpartition("/")[2].partition(":")[0] for weight in model.weights]
        assert names == ["beta", "gamma", *statistics, "local_step"]
        assert [id(weight) for weight in model.trainable_weights] == [id(layer.beta), id(layer.gamma)]
        assert len(model.non_trainable_weights) == 7
        paths = [getattr(weight, "path", weight.name) for weight in model.weights]
        assert all(path.startswith(("norm/", "sequential")) and "norm/" in path for path in paths)

    @each
    def test_freezing(self, keras):
        """trainable is TF1's; frozen is what Keras' own layer does as well."""
        layer = layer_of(keras)
        model = model_of(keras, layer)
        layer.trainable = False
        assert (model.trainable_weights, len(model.non_trainable_weights)) == ([], 4)
        expected = batch(SHAPE, 1)
        np.testing.assert_allclose(layer(expected, training=True).numpy().mean((0, 1)), np.zeros(5), atol=1e-4)
        assert np.abs(layer.moving_mean.numpy()).min() > 0.1
        before = layer.moving_mean.numpy()
        layer.frozen = True
        np.testing.assert_array_equal(layer(X, training=True), layer(X, training=False))
        np.testing.assert_array_equal(layer.moving_mean.numpy(), before)
        layer.trainable = True
        assert len(model.trainable_weights) == 2

    @each
    def test_a_frozen_model(self, keras):
        """Through the model around it."""
        layer = layer_of(keras)
        model = model_of(keras, layer)
        model.trainable = False
        model.compile("sgd", "mse")
        before = generations.numbers(layer)
        model.fit(X, np.zeros_like(X), verbose=0)
        after = generations.numbers(layer)
        np.testing.assert_array_equal(before["gamma"], after["gamma"])
        assert np.abs(before["moving_mean"] - after["moving_mean"]).min() > 0.01

    @each
    def test_attributes(self, keras):
        """What may be set: read in the next call, and a variable among them is no weight."""
        layer = layer_of(keras)
        layer(X, training=True)
        layer.decay = tf.Variable(1.0, trainable=False)
        before = layer.moving_mean.numpy()
        layer(X + 1, training=True)
        np.testing.assert_array_equal(layer.moving_mean.numpy(), before)
        layer.decay.assign(0.0)
        layer(X + 1, training=True)
        np.testing.assert_allclose(layer.moving_mean.numpy(), oracle.moments(X + 1)[0], **oracle.AVERAGE)
        layer.update_statistics = False
        layer(X, training=True)
        np.testing.assert_allclose(layer.moving_mean.numpy(), oracle.moments(X + 1)[0], **oracle.AVERAGE)
        assert len(layer.weights) == 4

    @each
    def test_deep_copy(self, keras):
        layer = layer_of(keras)
        layer(X, training=True)
        before, twin = layer.moving_mean.numpy(), copy.deepcopy(layer)
        twin(X + 5, training=True)
        np.testing.assert_array_equal(layer.moving_mean.numpy(), before)
        np.testing.assert_allclose(
            twin.moving_mean.numpy(), before / 2 + oracle.moments(X + 5)[0] / 2, **oracle.AVERAGE
        )

    @each
    def test_the_same_class(self, keras):
        """For every call; that of tf.keras by attribute."""
        assert tfbn.keras.layer_class(keras) is tfbn.keras.layer_class(keras)
        assert tfbn.keras.BatchNorm is tfbn.keras.layer_class(tf.keras)
        assert issubclass(tfbn.keras.layer_class(keras), keras.layers.Layer)
        with pytest.raises(AttributeError, match="module 'tfbn.keras' has no attribute 'BatchNrom'"):
            _ = tfbn.keras.BatchNrom


class TestMasks:
    IDS = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]])

    @each
    def test_a_mask_passes_through(self, keras):
        """Counts in the statistics, and reaches the layer after."""

        class Seen(keras.layers.Layer):
            supports_masking = True
            seen = None

            def call(self, inputs, mask=None):
                self.seen = mask
                return inputs

        embed, norm, seen = keras.layers.Embedding(6, 4, mask_zero=True), layer_of(keras, decay=0.0), Seen()
        outputs = seen(norm(embed(self.IDS), training=True))
        np.testing.assert_array_equal(seen.seen, self.IDS > 0)
        table = embed.get_weights()[0]
        np.testing.assert_allclose(norm.moving_mean.numpy(), table[[1, 2, 3, 4, 5]].mean(0), rtol=1e-5, atol=1e-7)
        assert outputs.shape == (2, 5, 4)

    @each
    def test_an_array_is_passed_in_a_function(self, keras):
        """Keras 2 sets attributes of the mask that it hands on."""
        layer, x, kept = layer_of(keras, decay=0.0), batch((5, 4, 3)), np.array([True, False, True, True, False])
        tf.function(lambda x: layer(x, training=True, mask=kept))(tf.constant(x))
        np.testing.assert_allclose(layer.moving_mean.numpy(), x[kept].mean((0, 1)), **generations.STATISTICS)

    @each
    def test_in_fit(self, keras):
        layer = layer_of(keras, decay=0.0)
        inputs = keras.Input([5], dtype="int32")
        embedded = keras.layers.Embedding(6, 4, mask_zero=True, name="table")(inputs)
        model = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(layer(embedded)))
        table = model.get_layer("table").get_weights()[0]
        compiled(keras, model, rate=0.0).fit(self.IDS, np.zeros((2, 4)), verbose=0)
        np.testing.assert_allclose(layer.moving_mean.numpy(), table[[1, 2, 3, 4, 5]].mean(0), rtol=1e-5, atol=1e-7)

    @each
    @pytest.mark.parametrize("rank, axis", [(3, 1), (3, 2), (4, 1), (4, 2)])
    def test_propagated_keras_mask_aligns_left(self, keras, rank, axis):
        """So that with axis=1 channels differ in it, one of them masked whole; no effect in inference."""
        x = batch((5, 4, 6, 3)[:rank], seed=3)
        x[2:, -1], x[:, 2] = 0.0, 0.0
        kept = np.any(x != 0, axis=tuple(range(2, rank)))  # as Masking takes it
        layer = layer_of(keras, axis=axis, decay=0.25, unbiased=True)
        tensor = tf.constant(x)
        tensor._keras_mask = tf.constant(kept)
        outputs, again = layer(tensor, training=True).numpy(), layer(tensor).numpy()
        counted = np.broadcast_to(kept.reshape(kept.shape + (1,) * (rank - 2)), x.shape)
        axes = oracle.axes_of(x, axis)
        correction = np.maximum(counted.sum(axes), 1) / np.maximum(counted.sum(axes) - 1, 1)
        masked = np.ma.masked_array(x.astype("float64"), ~counted)
        mean, variance = masked.mean(axes).filled(0.0), masked.var(axes).filled(1.0)
        moving = 0.75 * mean, 0.75 * variance * correction + 0.25
        if keras in generations.KERAS_3:  # where the averages follow a mean and a variance of 0
            variance = masked.var(axes).filled(0.0)
            moving = moving[0], 0.75 * variance * correction + 0.25
        np.testing.assert_allclose(layer.moving_mean.numpy(), moving[0], **generations.STATISTICS)
        np.testing.assert_allclose(layer.moving_variance.numpy(), moving[1], **generations.STATISTICS)
        np.testing.assert_allclose(outputs, oracle.normalize(x, mean, variance, axis=axis), **generations.OUTPUTS)
        np.testing.assert_allclose(again, oracle.normalize(x, *moving, axis=axis), **generations.OUTPUTS)

    @pytest.mark.parametrize("keras", generations.KERAS_3)
    @pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
    @pytest.mark.parametrize("renorm", [False, True], ids=["plain", "renorm"])
    @pytest.mark.parametrize("rank, axis", [(2, -1), (3, 1), (3, -1), (4, 1), (4, -2), (4, -1)])
    def test_as_keras_3_computes_it(self, keras, rank, axis, renorm, dynamic):
        """Beside its own layer: outputs, gradients, statistics, with channels and batches that are masked whole."""
        shape, random = (6, 3, 4, 5)[: rank - 1] + (5,), np.random.RandomState(4)
        x, slope = batch(shape, seed=5), random.uniform(0.5, 1.5, shape).astype("float32")
        some, channel = random.uniform(size=shape[:-1]) > 0.3, np.ones(shape[:-1], bool)
        channel[..., 1] = False
        if axis == 1:
            channel[:, 1] = False
        clipping = {"renorm_clipping": {"rmax": 1.5, "dmax": 0.7}} if renorm else {}
        common = {"axis": axis, "renorm": renorm, **clipping}
        for kept in (some, channel, np.zeros_like(some)):
            theirs = keras.layers.BatchNormalization(momentum=0.7, renorm_momentum=0.6, **common)
            ours = layer_of(keras, decay=0.7, renorm_decay=0.6, unbiased=False, **common)
            for layer in (theirs, ours):
                layer.build(shape)
                generations.randomize(layer)
            found = [outputs_and_gradients(layer, axis % rank, x, kept, slope, dynamic) for layer in (theirs, ours)]
            for expected, actual in zip(*found):
                scale = max(1.0, np.abs(expected).max())
                np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-5 * scale)
            generations.assert_equal_numbers(ours, theirs)

    @pytest.mark.parametrize("keras", generations.KERAS_3)
    @pytest.mark.parametrize("given", ["mask", "batch_weights"])
    def test_what_a_call_is_told_has_the_modules_rule(self, keras, given):
        """Where nothing has weight, every statistic stays, whatever mask is passed on beside the weights."""
        layer = layer_of(keras, decay=0.5)
        layer(X, training=True)
        before, told = generations.numbers(layer), tf.constant(X)
        told._keras_mask = tf.constant(np.zeros(SHAPE[:2], bool)) if given == "batch_weights" else None
        zeros = np.zeros(SHAPE[:2] if given == "mask" else SHAPE[:1], "float32")
        outputs = layer(told, training=True, **{given: zeros})
        np.testing.assert_allclose(outputs, layer(X), **generations.OUTPUTS)
        for name, value in generations.numbers(layer).items():
            np.testing.assert_array_equal(value, before[name])

    @each
    def test_an_empty_batch_with_a_mask_moves_nothing(self, keras):
        layer = layer_of(keras, axis=1, decay=0.5)
        layer(X, training=True)
        before, empty = generations.numbers(layer), tf.constant(X[:0])
        empty._keras_mask = tf.zeros([0, SHAPE[1]], tf.bool)
        assert layer(empty, training=True).shape == (0, *SHAPE[1:])
        for name, value in generations.numbers(layer).items():
            np.testing.assert_array_equal(value, before[name])


def outputs_and_gradients(layer, channels, x, kept, slope, dynamic):
    def run(x, kept):
        with tf.GradientTape() as tape:
            tape.watch(x)
            masked = tf.identity(x)
            masked._keras_mask = kept
            outputs = layer(masked, training=True)
            loss = tf.reduce_sum(tf.tanh(outputs) * slope)
        return [outputs, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])]

    if dynamic:
        sizes = [size if axis == channels else None for axis, size in enumerate(x.shape)]
        signature = [tf.TensorSpec(sizes, tf.float32), tf.TensorSpec([None] * kept.ndim, tf.bool)]
        run = tf.function(run, input_signature=signature)
    return [value.numpy() for value in run(tf.constant(x), tf.constant(kept))]


@each
def test_fused_says_what_trains(keras):
    """None before the layer knows its inputs, and read-only."""
    assert layer_of(keras).fused is None
    assert layer_of(keras, fused=False).fused is False
    cases = [({}, True), ({"fused": False}, False), ({"axis": 1}, True), ({"virtual_batch_size": 2}, False)]
    for given, expected in [*cases, ({"dtype": "float64"}, False), ({"epsilon": 0.0, "axis": 2}, False)]:
        layer = layer_of(keras, **given)
        layer.build((4, 6, 6, 3))
        assert layer.fused is expected, given
    with pytest.raises(AttributeError):
        layer.fused = True


class TestPolicies:
    POLICIES = {
        "float32": ("float32", "float32", 2e-6),
        "float64": ("float64", "float64", 1e-6),
        "mixed_float16": ("float16", "float32", 1e-3),
        "mixed_bfloat16": ("bfloat16", "float32", 1e-2),
        "float16": ("float16", "float32", 1e-3),
    }

    @each
    @pytest.mark.parametrize("policy", POLICIES)
    def test_dtypes(self, keras, policy):
        """Outputs of the compute dtype; what is kept is never of half precision, nor read as such."""
        layer = layer_of(keras, dtype=policy)
        outputs, kept, rounding = self.POLICIES[policy]
        assert layer(X, training=True).dtype == outputs
        assert {tf.as_dtype(weight.dtype).name for weight in layer.weights} == {kept}
        np.testing.assert_allclose(layer.moving_mean.numpy(), oracle.moments(X)[0] / 2, rtol=rounding)
        layer.decay = 0.9999
        before = layer.moving_variance.numpy()
        layer(X, training=True)
        # Less than a half precision can tell from nothing.
        moved = (oracle.moments(X)[1] - before) * 1e-4
        np.testing.assert_allclose(layer.moving_variance.numpy() - before, moved, rtol=0.05, atol=1e-6)
        assert layer(np.ones((2, 5), "int32")).dtype == outputs

    @each
    def test_an_array_is_passed_in_a_function(self, keras):
        """Keras 2 sets attributes of the mask that it hands on."""
        layer, x, kept = layer_of(keras, decay=0.0), batch((5, 4, 3)), np.array([True, False, True, True, False])
        tf.function(lambda x: layer(x, training=True, mask=kept))(tf.constant(x))
        np.testing.assert_allclose(layer.moving_mean.numpy(), x[kept].mean((0, 1)), **generations.STATISTICS)

    @each
    def test_in_fit(self, keras):
        layer = layer_of(keras, dtype="mixed_float16")
        model = compiled(keras, model_of(keras, layer))
        model.fit(X, np.zeros_like(X), batch_size=12, verbose=0)
        np.testing.assert_allclose(layer.moving_mean.numpy(), oracle.moments(X)[0] / 2, rtol=1e-3)
        assert np.abs(layer.gamma.numpy() - 1).min() > 1e-3
