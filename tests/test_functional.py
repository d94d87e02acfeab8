"""`init`, `train` and `infer` against the formulas, under every transformation, with nothing but their arguments."""

import pickle

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tfbn.functional import Params, State, infer, init, train

SHAPE = (6, 4, 3, 5)
GAMMA, BETA = np.linspace(0.5, 2.0, 5), np.linspace(-1.0, 1.0, 5)
P64 = Params(BETA, GAMMA)
PARAMS = Params(BETA.astype("float32"), GAMMA.astype("float32"))
X = oracle.batch(SHAPE).astype(np.float32)


def arrays(nest):
    return [np.asarray(value) for value in nest if value is not None]


class TestInit:
    def test_nothing_but_what_is_asked_for(self):
        params, state = init(4, center=False)
        assert params == Params(None, None)
        assert [name for name, value in state._asdict().items() if value is not None] == [
            "moving_mean",
            "moving_variance",
        ]

    def test_initializers(self):
        """By function and by name; renorm starts from the same moving statistics."""
        given = {"gamma": "ones", "moving_variance": tf.constant_initializer(4.0), "moving_mean": tf.ones_initializer}
        params, state = init(3, scale=True, renorm=True, param_initializers=given, dtype=tf.float64)
        np.testing.assert_array_equal(params.gamma, np.ones(3))
        np.testing.assert_array_equal(state.renorm_mean, np.ones(3))
        np.testing.assert_array_equal(state.renorm_stddev, np.full(3, 2.0))
        np.testing.assert_array_equal(state.moving_stddev, np.full(3, 2.0))
        assert {value.dtype for value in (params.gamma, *state[:5])} == {tf.float64}

    @pytest.mark.parametrize(
        "error, match, given",
        [
            (TypeError, "channels: expected an int", {"channels": 2.0}),
            (ValueError, "channels: expected at least 1, got 0", {"channels": 0}),
            (ValueError, "with zero debias, got None", {"cumulative": True, "zero_debias_moving_mean": True}),
            (TypeError, "^dtype: expected float16", {"dtype": tf.int32}),
            (ValueError, r"param_initializers\['beta'\]: expected", {"param_initializers": {"beta": "no such"}}),
        ],
    )
    def test_refusals(self, error, match, given):
        with pytest.raises(error, match=match):
            init(**{"channels": 3, **given})


class TestTrain:
    @pytest.mark.parametrize("axis", [-1, 1])
    @pytest.mark.parametrize("unbiased", [True, False])
    @pytest.mark.parametrize("fused", [True, False])
    def test_formulas(self, axis, unbiased, fused):
        x = np.moveaxis(X, -1, axis)
        outputs, state = train(
            x, PARAMS, init(5)[1], decay=0.75, epsilon=0.01, axis=axis, unbiased=unbiased, fused=fused
        )
        mean, variance = oracle.moments(x, axis)
        expected = oracle.normalize(x, mean, variance, GAMMA, BETA, 0.01, axis)
        np.testing.assert_allclose(outputs, expected, **oracle.OUTPUT["float32"])
        np.testing.assert_allclose(state.moving_mean, mean / 4, **oracle.AVERAGE)
        followed = oracle.unbiased(x, variance, axis) if unbiased else variance
        np.testing.assert_allclose(state.moving_variance, 0.75 + followed / 4, **oracle.AVERAGE)
        assert state.moving_stddev is None

    def test_cumulative_average(self):
        """With decay=None every batch counts the same, however many there are; empty ones do not."""
        state = init(5, cumulative=True)[1]
        batches = [oracle.batch(SHAPE, seed=seed).astype(np.float32) + seed for seed in range(4)]
        for x in [*batches[:2], X[:0], *batches[2:]]:
            _, state = train(x, PARAMS, state, decay=None)
        np.testing.assert_allclose(state.moving_mean, np.mean([oracle.moments(x)[0] for x in batches], 0), rtol=2e-6)
        variances = [oracle.unbiased(x, oracle.moments(x)[1]) for x in batches]
        np.testing.assert_allclose(state.moving_variance, np.mean(variances, 0), rtol=2e-6)
        assert state.local_step == 4

    def test_zero_debias(self):
        """After one step the mean is the batch's, whatever the decay."""
        _, state = train(X, PARAMS, init(5, zero_debias_moving_mean=True)[1], decay=0.9)
        np.testing.assert_allclose(state.moving_mean, oracle.moments(X)[0], rtol=1e-5)
        np.testing.assert_allclose(state.biased, oracle.moments(X)[0] * 0.1, **oracle.AVERAGE)

    @pytest.mark.parametrize("way", ["empty", "no weight", "update_statistics", "update_statistics tensor"])
    @pytest.mark.parametrize("kind", [{}, {"renorm": True}, {"zero_debias_moving_mean": True}, {"cumulative": True}])
    def test_held_still(self, way, kind):
        """To the last bit, in everything that the state has."""
        decay = None if "cumulative" in kind else 0.9
        _, state = train(X, PARAMS, init(5, **kind)[1], decay=decay)
        arguments = {
            "no weight": {"batch_weights": np.zeros(6, "float32")},
            "update_statistics": {"update_statistics": False},
            "update_statistics tensor": {"update_statistics": tf.Variable(False)},
        }.get(way, {})
        outputs, after = train(X[:0] if way == "empty" else X, PARAMS, state, decay=decay, **arguments)
        assert np.all(np.isfinite(outputs))
        for before, now in zip(arrays(state), arrays(after)):
            np.testing.assert_array_equal(before, now)

    def test_renorm_uses_the_averages_as_they_were(self):
        state = init(5, renorm=True)[1]
        outputs, after = train(
            X, PARAMS, state, decay=0.9, renorm_decay=0.5, renorm_clipping={"rmax": 1.5, "dmax": 1.0}
        )
        mean, variance = oracle.moments(X)
        stddev = np.sqrt(variance + 1e-3)
        expected = oracle.normalize(
            X, mean, variance, GAMMA, BETA, r=np.minimum(stddev, 1.5), d=np.clip(mean, -1.0, 1.0)
        )
        np.testing.assert_allclose(outputs, expected, rtol=0, atol=3e-5)
        np.testing.assert_allclose(after.renorm_stddev, 0.5 + stddev / 2, **oracle.AVERAGE)
        moving_stddev = 0.9 + stddev * 0.1
        np.testing.assert_allclose(after.moving_stddev, moving_stddev, **oracle.AVERAGE)
        np.testing.assert_allclose(after.moving_variance, moving_stddev**2 - 1e-3, rtol=1e-5)

    @pytest.mark.parametrize(
        "error, match, given",
        [
            (ValueError, r"beta: expected the shape \[3\], got \(5,\)", {"axis": 2}),
            (ValueError, r"moving_mean: expected the shape \[5\], got \(3,\)", {"state": init(3)[1]}),
            (ValueError, "Invalid axis: 4", {"axis": 4}),
            (TypeError, "axis: expected an int", {"axis": [1]}),
            (ValueError, "decay: expected a number for a state without local_step", {"decay": None}),
            (ValueError, "renorm_clipping: expected None without renorm", {"renorm_clipping": {"rmax": 2.0}}),
            (TypeError, "axis: expected an int", {"axis": None}),
        ],
    )
    def test_refusals(self, error, match, given):
        with pytest.raises(error, match=match):
            train(**{"inputs": X, "params": PARAMS, "state": init(5)[1], **given})


class TestInfer:
    WIDE = State(np.linspace(-2.0, 5.0, 5), np.linspace(0.5, 3.0, 5))
    STATE = State(*(value.astype("float32") for value in WIDE[:2]))

    @pytest.mark.parametrize("shape", [(5,), (7, 5), (2, 3, 5), SHAPE, (2, 1, 2, 3, 5)])
    @pytest.mark.parametrize("axis", [-1, 0])
    @pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
    def test_any_rank(self, shape, axis, dtype):
        """From a single sample of shape [C] on."""
        x = np.moveaxis(oracle.batch(shape) if len(shape) > 1 else np.linspace(-3, 4, 5), -1, axis).astype(dtype)
        wide = "float64" if dtype == "float64" else "float32"
        params = Params(*(value.astype(wide) for value in P64))
        state = State(*(value.astype(wide) for value in self.WIDE[:2]))
        outputs = infer(x, params, state, axis=axis)
        expected = oracle.normalize(x, *state[:2], *params[::-1], axis=axis)
        # The half precisions are rounded once.
        np.testing.assert_allclose(np.asarray(outputs, float), expected, **oracle.OUTPUT[dtype])
        assert outputs.dtype == dtype

    def test_nest(self):
        """One output for each input, in the same structure, each of its shape."""
        nest = {"a": X, "b": [X[0], (X[0, 0, 0],)]}
        outputs = infer(nest, PARAMS, self.STATE)
        tf.nest.assert_same_structure(outputs, nest)
        whole = outputs["a"].numpy()
        np.testing.assert_allclose(outputs["b"][0], whole[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(outputs["b"][1][0], whole[0, 0, 0], rtol=1e-6, atol=1e-6)

    def test_a_list_of_numbers_is_a_nest(self):
        with pytest.raises(ValueError, match="inputs: expected tensors of rank 1 or more, got the scalar.*np.asarray"):
            infer([[1.0, 2.0, 3.0, 4.0, 5.0]], PARAMS, self.STATE)

    def test_without_parameters(self):
        outputs = infer(X, Params(None, None), self.STATE)
        np.testing.assert_allclose(outputs, oracle.normalize(X, *self.STATE[:2]), **oracle.OUTPUT["float32"])


WAYS = {"plain": {}, "renorm": {"renorm": True}, "unfused": {}, "rank 2": {}, "weights": {}}


def step(way):
    """A function from inputs to outputs and the next moving mean and variance."""
    state = init(5, **WAYS[way])[1]
    more = {"fused": False} if way == "unfused" else {}

    def of(x):
        if way == "weights":
            more["batch_weights"] = tf.cast(tf.range(6), tf.float32)
        x = tf.reshape(x, [-1, 5]) if way == "rank 2" else x
        outputs, after = train(x, PARAMS, state, decay=0.5, **more)
        return outputs, after.moving_mean, after.moving_variance

    return of


class TestTransformations:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("how", [{}, {"jit_compile": True}, {"autograph": False}], ids=["graph", "xla", "raw"])
    def test_function(self, way, how):
        for one, other in zip(tf.function(step(way), **how)(tf.constant(X)), step(way)(X)):
            np.testing.assert_allclose(one, other, rtol=5e-6, atol=1e-5)

    @pytest.mark.parametrize("way", WAYS)
    def test_vectorized_map(self, way):
        """Each of a stack has statistics of its own."""
        stack = np.stack([X, 2 * X + 1, X**2]).astype("float32")
        together = tf.vectorized_map(step(way), tf.constant(stack))
        for index, x in enumerate(stack):
            for one, other in zip(together, step(way)(x)):
                np.testing.assert_allclose(one[index], other, rtol=1e-5, atol=2e-5)

    def test_vectorized_infer(self):
        outputs = tf.vectorized_map(lambda x: infer(x, PARAMS, TestInfer.STATE), tf.constant(X))
        np.testing.assert_allclose(outputs, infer(X, PARAMS, TestInfer.STATE), rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize("way", ["plain", "unfused", "weights"])
    def test_third_derivatives(self, way):
        """Tapes within tapes, against the same of TensorFlow's plain ops in float64."""
        slope = np.random.RandomState(3).standard_normal(SHAPE)
        weights = np.arange(6.0).reshape(6, 1, 1, 1) if way == "weights" else np.ones([6, 1, 1, 1])

        def plain(x):
            share = weights / weights.sum() / 12
            mean = tf.reduce_sum(x * share, [0, 1, 2])
            variance = tf.reduce_sum((x - mean) ** 2 * share, [0, 1, 2])
            return (x - mean) / tf.sqrt(variance + 1e-3) * GAMMA + BETA

        def third(function, x):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as middle:
                    middle.watch(x)
                    with tf.GradientTape() as inner:
                        inner.watch(x)
                        loss = tf.reduce_sum(function(x) * tf.cast(slope, x.dtype))
                    first = tf.reduce_sum(inner.gradient(loss, x) ** 2)
                second = tf.reduce_sum(middle.gradient(first, x) ** 2)
            return outer.gradient(second, x).numpy()

        expected = third(plain, tf.constant(X, tf.float64))
        found = third(lambda x: step(way)(x)[0], tf.constant(X))
        # Derivatives of derivatives in float32: a sum of terms up to the largest, each with some ten roundings.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())

    @pytest.mark.parametrize("fused", [True, False])
    def test_gradient_of_the_state(self, fused):
        """Of the next statistics by the inputs: by composed ops as by the formulas, by the fused kernel none."""
        x = tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            _, after = train(x, PARAMS, init(5)[1], decay=0.5, fused=fused)
            loss = tf.reduce_sum(after.moving_mean) + tf.reduce_sum(after.moving_variance)
        # Of 0.5 * mean and 0.5 * variance * n / (n - 1), with n samples per channel.
        n = X.size // 5
        expected = 0.5 / n + (X - oracle.moments(X)[0]) / (n - 1) if not fused else np.zeros(SHAPE)
        np.testing.assert_allclose(tape.gradient(loss, x), expected, rtol=1e-4, atol=1e-6)

    def test_no_side_effects(self):
        """The same arguments give the same, twice, and a graph gets no variable or collection."""
        with tf.Graph().as_default() as graph:
            first, second = (train(X, PARAMS, init(5)[1]) for _ in range(2))
            assert not [key for key in graph.get_all_collection_keys() if graph.get_collection(key)]
            with tf.compat.v1.Session() as session:
                one, other = session.run([first[1].moving_mean, second[1].moving_mean])
        np.testing.assert_array_equal(one, other)

    def test_records_are_pickled_by_their_public_names(self):
        state = State(np.zeros(3), np.ones(3))
        pickled = pickle.dumps((PARAMS, state))
        assert b"tfbn.core" not in pickled
        params, again = pickle.loads(pickled)
        assert (type(params), type(again)) == (Params, State)
        np.testing.assert_array_equal(again.moving_variance, np.ones(3))

    def test_public_names(self):
        assert tfbn.functional.__all__ == dir(tfbn.functional) == ["Params", "State", "infer", "init", "train"]


def test_mask_whose_size_along_the_channels_is_unknown():
    """1 when it is run, as for a mask that is known to have 1; one for each channel is refused, not broadcast."""
    x, mask = oracle.batch((6, 3)).astype("float32"), np.array([1, 1, 0, 1, 0, 1], bool)[:, None]
    params, state = tfbn.functional.init(3, scale=True)

    def gradients(x, mask):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs, moved = tfbn.functional.train(x, params, state, mask=mask)
            loss = tf.reduce_sum(tf.tanh(outputs))
        return outputs, moved.moving_mean, tape.gradient(loss, x)

    traced = tf.function(gradients, input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None, None], tf.bool)])
    for unknown, known in zip(traced(tf.constant(x), tf.constant(mask)), gradients(tf.constant(x), tf.constant(mask))):
        np.testing.assert_allclose(unknown, known, rtol=1e-5, atol=1e-6)  # sums of six in another order
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        traced(tf.constant(x), tf.constant(np.repeat(mask, 3, 1)))
