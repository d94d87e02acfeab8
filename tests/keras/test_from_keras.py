"""`from_keras` against the layers it converts: outputs, gradients and every statistic, over steps."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.keras import generations
from tests.keras.generations import KERAS_2, batch, each
from tfbn.ops.normalize import FUSED_DTYPES

CLIPPING = {"rmax": 1.5, "rmin": 0.7, "dmax": 0.5}
SHAPE = (6, 4, 3, 5)
# Shapes, arguments of the layer, and the estimator of Keras 2; that of Keras 3 is the biased one.
CASES = {
    "rank 2": ((12, 5), {}, "biased"),
    "rank 3": ((6, 4, 5), {}, "biased"),
    "rank 4": (SHAPE, {}, "unbiased"),
    "rank 5": ((6, 2, 4, 3, 5), {}, "unbiased"),
    "axis 1": (SHAPE, {"axis": 1}, "unbiased"),
    "axis 1 of rank 2": ((12, 5), {"axis": 1}, "biased"),
    "axis 2": (SHAPE, {"axis": 2}, "biased"),
    "axis -2 of rank 3": ((6, 4, 5), {"axis": -2}, "biased"),
    "no parameters": (SHAPE, {"center": False, "scale": False}, "unbiased"),
    "small epsilon": (SHAPE, {"epsilon": 1e-7}, "unbiased"),
    "small epsilon, rank 2": ((12, 5), {"epsilon": 1e-7}, "biased"),
    "small epsilon, rank 5": ((6, 2, 4, 3, 5), {"epsilon": 1e-7}, "unbiased"),
    "renorm": (SHAPE, {"renorm": True, "renorm_clipping": CLIPPING, "renorm_momentum": 0.6}, "biased"),
    "renorm, rank 2": ((12, 5), {"renorm": True}, "biased"),
    "double": (SHAPE, {"dtype": "float64"}, "biased"),
}
KERAS_2_CASES = {
    "not fused": (SHAPE, {"fused": False}),
    "virtual batches": (SHAPE, {"virtual_batch_size": 2}),
    "virtual batches, axis 1": (SHAPE, {"virtual_batch_size": 3, "axis": 1}),
    "virtual batches and renorm": (SHAPE, {"virtual_batch_size": 2, "renorm": True}),
    "adjustment": (SHAPE, {"adjustment": lambda shape: (tf.fill(shape[-1:], 1.5), tf.fill(shape[-1:], -0.5))}),
    "list of one axis": (SHAPE, {"axis": [3]}),
}


def layer_of(keras, shape, **given):
    """A built layer with random weights and statistics; with epsilon small, inputs of small spread are for the test."""
    layer = keras.layers.BatchNormalization(**{"momentum": 0.7, **given})
    layer.build((None, *shape[1:]))
    generations.randomize(layer)
    return layer


class TestNumbers:
    @each
    @pytest.mark.parametrize("case", CASES)
    def test_steps(self, keras, case):
        shape, given, _ = CASES[case]
        layer = layer_of(keras, shape, **given)
        norm = tfbn.keras.from_keras(layer)
        generations.assert_equal_steps(layer, norm, shape, given.get("dtype", "float32"))

    @pytest.mark.parametrize("case", KERAS_2_CASES)
    def test_steps_of_keras_2(self, case):
        shape, given = KERAS_2_CASES[case]
        layer = layer_of(KERAS_2, shape, **given)
        generations.assert_equal_steps(layer, tfbn.keras.from_keras(layer), shape)

    @each
    @pytest.mark.parametrize("case", [name for name in CASES if "renorm" not in name and "axis" not in name])
    def test_estimator(self, keras, case):
        """Each Keras' own, by the formula: what the guide says of ranks and generations."""
        shape, given, estimator = CASES[case]
        layer = layer_of(keras, shape, **{**given, "momentum": 0.0})
        norm, x = tfbn.keras.from_keras(layer), batch(shape, 1, given.get("dtype", "float32"))
        _, variance = oracle.moments(x)
        corrected = oracle.unbiased(x, variance)
        expected = corrected if estimator == "unbiased" and keras is KERAS_2 else variance
        for one in (layer, norm):
            one(x, True) if one is norm else one(x, training=True)
            np.testing.assert_allclose(one.moving_variance.numpy(), expected, rtol=5e-6)
        assert np.abs(corrected / variance - 1).max() > 1e-3

    @each
    @pytest.mark.parametrize("epsilon", [1e-7, 1e-3])
    @pytest.mark.parametrize("shape", [(64, 5), SHAPE])
    def test_small_spread(self, keras, epsilon, shape):
        """Where epsilon matters: Keras has no lower bound on it."""
        layer = layer_of(keras, shape, epsilon=epsilon)
        norm = tfbn.keras.from_keras(layer)
        x = np.random.RandomState(0).normal(0.01, 1e-3, shape).astype("float32")
        expected = layer(x, training=True).numpy()
        np.testing.assert_allclose(norm(x), expected, rtol=1e-4, atol=1e-4)
        assert np.std(expected[..., 0]) > 0.01

    @each
    @pytest.mark.parametrize("renorm", [False, True])
    def test_gradients(self, keras, renorm):
        layer = layer_of(keras, SHAPE, renorm=renorm)
        norm, x, found = tfbn.keras.from_keras(layer), tf.constant(batch(SHAPE)), []
        slope = np.random.RandomState(3).standard_normal(SHAPE).astype("float32")
        for one in (norm, layer):
            parameters = [each if isinstance(each, tf.Variable) else each.value for each in (one.gamma, one.beta)]
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = one(x, True) if one is norm else one(x, training=True)
                loss = tf.reduce_sum(outputs * slope)
            found.append(tape.gradient(loss, [x, *parameters]))
        for ours, theirs in zip(*found):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
            assert np.abs(ours).max() > 0.1

    @each
    @pytest.mark.parametrize("policy", [f"mixed_{dtype.name}" for dtype in FUSED_DTYPES if dtype.size == 2])
    def test_mixed_precision(self, keras, policy):
        """Half the inputs as the policy does, float32 what is kept."""
        layer = layer_of(keras, SHAPE, dtype=policy)
        norm, dtype = tfbn.keras.from_keras(layer), policy.partition("_")[2]
        assert norm.gamma.dtype == tf.float32
        generations.assert_equal_steps(
            layer, norm, SHAPE, tf.as_dtype(dtype).as_numpy_dtype, outputs=oracle.OUTPUT[dtype]
        )


class TestConfiguration:
    @each
    def test_regularizers_constraints_initializers(self, keras):
        given = {
            "beta_regularizer": "l2",
            "gamma_regularizer": keras.regularizers.L1(0.1),
            "gamma_constraint": "non_neg",
        }
        given["moving_mean_initializer"] = keras.initializers.Constant(3.0)
        layer = layer_of(keras, SHAPE, **given)
        norm = tfbn.keras.from_keras(layer)
        np.testing.assert_allclose(sorted(norm.losses), sorted(float(loss) for loss in layer.losses), rtol=1e-6)
        assert len(norm.losses) == 2
        tf.compat.v1.train.GradientDescentOptimizer(1.0).apply_gradients([(tf.fill([5], 10.0), norm.gamma)])
        np.testing.assert_array_equal(norm.gamma, np.zeros(5))
        fresh = tfbn.BatchNorm(2, param_initializers=norm.arguments()["param_initializers"])
        np.testing.assert_array_equal(fresh.moving_mean, [3.0, 3.0])

    @each
    def test_variables_of_its_own(self, keras):
        layer = layer_of(keras, SHAPE)
        before = generations.numbers(layer)
        tfbn.keras.from_keras(layer)(batch(SHAPE))
        for name, value in generations.numbers(layer).items():
            np.testing.assert_array_equal(value, before[name])

    @each
    @pytest.mark.parametrize("name, expected", [("bn", "bn"), ("1-conv", "_1_conv")])
    def test_name(self, keras, name, expected):
        """As far as a tf.Module takes it."""
        assert tfbn.keras.from_keras(layer_of(keras, SHAPE, name=name)).name == expected

    @each
    def test_a_subclass(self, keras):
        class Own(keras.layers.BatchNormalization):
            pass

        layer = Own(momentum=0.3)
        layer(batch(SHAPE), training=True)
        assert tfbn.keras.from_keras(layer).decay == 0.3


class TestFrozen:
    @each
    def test_a_frozen_layer(self, keras):
        """Normalizes by the moving statistics in training, and holds them still; thawed, both go on."""
        layer = layer_of(keras, SHAPE, trainable=False)
        norm = tfbn.keras.from_keras(layer)
        before = norm.moving_mean.numpy()
        generations.assert_equal_steps(layer, norm, SHAPE)
        np.testing.assert_array_equal(norm.moving_mean, before)
        assert (norm.frozen, norm.trainable, len(norm.trainable_variables)) == (True, False, 0)
        layer.trainable = True
        norm.frozen, norm.trainable = False, True
        generations.assert_equal_steps(layer, norm, SHAPE)
        assert np.abs(norm.moving_mean - before).max() > 0.1

    @pytest.mark.parametrize("trainable", [False, True])
    def test_a_layer_of_tf1(self, trainable):
        """Goes on normalizing by the batch, and holds its moving statistics; and so does the module."""
        module = importlib.import_module(KERAS_2.layers.BatchNormalization.__module__ + "_v1")
        layer = module.BatchNormalization(momentum=0.7, trainable=trainable)
        layer.build((None, *SHAPE[1:]))
        norm = tfbn.keras.from_keras(layer)
        generations.assert_equal_steps(layer, norm, SHAPE)
        assert (norm.frozen, norm.trainable, norm.update_statistics) == (False, trainable, trainable)
        assert (np.abs(norm.moving_mean).max() > 1) == trainable


class TestRefusals:
    @pytest.mark.parametrize("thing", [None, "layer", KERAS_2.layers.Dense(3), tfbn.BatchNorm(3)])
    def test_no_batch_normalization(self, thing):
        with pytest.raises(TypeError, match="layer: expected a Keras BatchNormalization layer, got"):
            tfbn.keras.from_keras(thing)

    @each
    def test_not_built(self, keras):
        with pytest.raises(ValueError, match=r"expected a layer that is built, got 'bn' without weights.*layer\.build"):
            tfbn.keras.from_keras(keras.layers.BatchNormalization(name="bn"))

    def test_several_axes(self):
        layer = KERAS_2.layers.BatchNormalization(axis=[1, 3])
        layer.build((None, *SHAPE[1:]))
        with pytest.raises(ValueError, match=r"expected one axis, got \[1, 3\].*tfbn.batch_normalization"):
            tfbn.keras.from_keras(layer)

    def test_in_a_graph(self):
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match="from_keras is for eager code"):
            tfbn.keras.from_keras(None)


def test_what_a_mask_does():
    """The one difference that no argument tells: where Keras 2 runs its kernel it warns, and ignores a mask."""
    layer, x, mask = layer_of(KERAS_2, SHAPE, momentum=0.0), batch(SHAPE), np.arange(6)[:, None, None] < 3
    norm, mask = tfbn.keras.from_keras(layer), np.broadcast_to(mask, SHAPE[:3])
    with pytest.warns(UserWarning, match="Masking is not supported"):
        layer(x, training=True, mask=mask)
    norm(x, mask=mask)
    np.testing.assert_allclose(layer.moving_mean, oracle.moments(x)[0], **oracle.AVERAGE)
    np.testing.assert_allclose(norm.moving_mean, oracle.moments(x[:3])[0], **oracle.AVERAGE)


@each
def test_synchronized(keras):
    """Both ways; Keras' own layer synchronizes by the class of that name, too."""
    layers = [layer_of(keras, SHAPE, synchronized=True)]
    if keras is KERAS_2:
        layers.append(KERAS_2.layers.experimental.SyncBatchNormalization())
        layers[1].build((None, *SHAPE[1:]))
    for layer in layers:
        norm = tfbn.keras.from_keras(layer)
        back = tfbn.keras.to_keras(norm, (None, *SHAPE[1:]), keras=keras)
        assert norm.arguments()["synchronized"] is back.synchronized is True
