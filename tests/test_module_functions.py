"""`BatchNorm` in functions: traces, loops, XLA."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.modules import KINDS, SHAPE, SOME, Model, X, assert_same, values


class TestFunctions:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_training_may_be_a_tensor(self, kind):
        """One trace for both, and the numbers of Python's bools."""
        arguments = {**SOME, **KINDS[kind], "channels": 5}
        one, other, traces = tfbn.BatchNorm(**arguments), tfbn.BatchNorm(**arguments), []

        @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]]), tf.TensorSpec([], tf.bool)])
        def call(x, is_training):
            traces.append(x)
            return one(x, is_training)

        for index, is_training in enumerate([True, False, True, True]):
            x = X[: 6 - index] + index
            found, expected = call(x, is_training), other(x, is_training)
            # By the training kernel and by that of inference, each of which rounds a few times.
            atol = 4 * np.finfo("float32").eps * np.abs(expected).max() if kind == "renorm" else 0
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
        assert len(traces) == 1
        assert_same(values(one), values(other))

    def test_no_new_trace_for_a_new_batch_size(self):
        model = Model(channels=5)
        for size in (6, 2, 1, 0, 5):
            model.train(X[:size])
        assert model.train.experimental_get_tracing_count() == 1

    def test_updates_in_a_wrapped_function(self):
        """Which runs what its outputs need, and nothing for its effects."""
        norm = tfbn.BatchNorm(5, **SOME)
        outputs = tf.compat.v1.wrap_function(norm, [tf.TensorSpec([None, *SHAPE[1:]])])(tf.constant(X))
        np.testing.assert_allclose(norm.moving_mean, oracle.moments(X)[0] / 2, **oracle.AVERAGE)
        np.testing.assert_array_equal(outputs, norm(X))

    def test_updates_once(self):
        """Each call moves the averages one step, two calls two."""
        norm = tfbn.BatchNorm(5, **SOME)
        mean = oracle.moments(X)[0]
        tf.function(lambda x: norm(x) + norm(x))(X)
        np.testing.assert_allclose(norm.moving_mean, mean * 0.75, **oracle.AVERAGE)

    @pytest.mark.parametrize("kind", KINDS)
    def test_xla(self, kind):
        arguments = {**SOME, **KINDS[kind], "channels": 5}
        one, other = tfbn.BatchNorm(**arguments), tfbn.BatchNorm(**arguments)
        outputs = tf.function(one.__call__, jit_compile=True)(tf.constant(X))
        np.testing.assert_allclose(outputs, other(X), rtol=1e-5, atol=1e-5)
        for name, value in values(one).items():
            np.testing.assert_allclose(value, values(other)[name], rtol=5e-6, atol=1e-6)

    @pytest.mark.process
    @pytest.mark.parametrize("kind", KINDS)
    def test_gradients_under_xla_with_a_tensor(self, kind):
        """Of a step that XLA compiles whole, as of one that it does not; in training and in inference."""
        arguments = {**SOME, **KINDS[kind], "channels": 5, "update_statistics": False}
        norm, slope = tfbn.BatchNorm(**arguments), np.random.RandomState(1).standard_normal(SHAPE).astype("float32")

        def step(x, is_training):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(norm(x, is_training) * slope)
            return tape.gradient(loss, [x, *norm.trainable_variables])

        for is_training in (True, False):
            found = tf.function(step, jit_compile=True)(tf.constant(X), tf.constant(is_training))
            for one, other in zip(found, step(tf.constant(X), is_training)):
                # Sums over 72 values of size 1 in another order.
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)

    def test_unknown_sizes(self):
        """All but the channels: one trace for every size."""
        norm, traces = tfbn.BatchNorm(5, **SOME), []

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 5])])
        def train(x):
            traces.append(x.shape)
            return norm(x)

        for x in (X, X[:2, :3], X[:, :, :1]):
            expected = oracle.normalize(x, *oracle.moments(x))
            np.testing.assert_allclose(train(x), expected, **oracle.OUTPUT["float32"])
        assert len(traces) == 1

    @pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
    def test_mixed_precision(self, dtype):
        """Half in, half out, gradients as well; float32 kept: averages of a tenth of a half's ulp still move."""
        norm, x = tfbn.BatchNorm(5, decay=0.9999, scale=True), tf.cast(X, dtype)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = norm(x)
        assert outputs.dtype == dtype
        expected = oracle.moments(tf.cast(x, tf.float64).numpy())[0] * 1e-4
        np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-3)
        found = tape.gradient(outputs, [x, norm.beta, norm.gamma])
        assert [gradient.dtype for gradient in found] == [dtype, tf.float32, tf.float32]
        np.testing.assert_allclose(found[1], np.full(5, 72.0), rtol=1e-6)

    def test_weights_and_mask(self):
        """Masked samples do not count, as if they were not there."""
        one, other = tfbn.BatchNorm(5, **SOME, fused=False), tfbn.BatchNorm(5, **SOME, fused=False)
        one(X, mask=np.arange(6) < 4)
        other(X, batch_weights=[1.0] * 4 + [0.0] * 2)
        mean, variance = oracle.moments(X[:4])
        for norm in (one, other):
            np.testing.assert_allclose(norm.moving_mean, mean / 2, **oracle.AVERAGE)
            np.testing.assert_allclose(norm.moving_variance, 0.5 + variance / 2, **oracle.AVERAGE)

    @pytest.mark.parametrize("axis", [0, 1, 2, 3])
    def test_axis(self, axis):
        norm, x = tfbn.BatchNorm(axis=axis, scale=True), np.moveaxis(X, -1, axis)
        mean, variance = oracle.moments(x, axis)
        expected = oracle.normalize(x, mean, variance, axis=axis)
        np.testing.assert_allclose(norm(x), expected, **oracle.OUTPUT["float32"])

    @pytest.mark.process
    @pytest.mark.parametrize("tapes", ["in the function", "around the function"])
    @pytest.mark.parametrize("weighted", [True, False])
    def test_second_derivatives_with_a_tensor(self, weighted, tapes):
        """Of either kernel inside of the branch that training is, as without a branch."""
        norm, x = tfbn.BatchNorm(5, **SOME), tf.constant(X / X.std((0, 1, 2)))
        call = {"batch_weights": np.linspace(0.5, 1.0, 6, dtype="float32")} if weighted else {}
        slope = np.random.RandomState(1).standard_normal(x.shape).astype("float32")

        def layer(x, is_training):
            return norm(x, is_training, update_statistics=False, **call)

        def second(x, is_training, layer=layer):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    loss = tf.reduce_sum(layer(x, is_training) * slope)
                first = tf.reduce_sum(tape.gradient(loss, x) ** 2)
            return outer.gradient(first, [x, norm.gamma], unconnected_gradients="zero")

        if tapes == "in the function":
            found = tf.function(second, autograph=False)(x, tf.constant(True))
        else:
            found = second(x, tf.constant(True), tf.function(layer, autograph=False))
        for one, other in zip(found, second(x, True)):
            assert np.abs(other).max() > 0.1
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
