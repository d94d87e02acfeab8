"""`BatchNorm`: its variables, attributes and refusals. The numbers: tests/parity."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.modules import KINDS, SHAPE, SOME, Model, X, assert_same, values

# Another value than the default for each argument, in modules of arguments that go together.
OTHERS = [
    {
        "channels": 4,
        "decay": 0.5,
        "center": False,
        "scale": True,
        "epsilon": 0.1,
        "data_format": "NCHW",
        "param_initializers": {"gamma": "zeros"},
        "param_regularizers": {"gamma": tf.nn.l2_loss},
        "param_constraints": {"gamma": tf.abs},
        "trainable": False,
        "update_statistics": False,
        "fused": False,
        "unbiased": True,
        "frozen": True,
        "zero_debias_moving_mean": True,
        "virtual_batch_size": 2,
        "param_dtype": "float64",
        "name": "first",
    },
    {"axis": 2, "renorm": True, "renorm_clipping": {"rmax": 2.0}, "renorm_decay": 0.5, "adjustment": tf.shape},
    {"synchronized": True},
]


class TestVariables:
    def test_at_once(self):
        """With the channels given; by name, as attributes."""
        norm = tfbn.BatchNorm(5, scale=True, renorm=True, name="first")
        names = ["beta", "gamma", "moving_mean", "moving_stddev", "moving_variance", "renorm_mean", "renorm_stddev"]
        assert [variable.name for variable in norm.variables] == [f"first/{name}:0" for name in names]
        assert [getattr(norm, name) is variable for name, variable in zip(names, norm.variables)] == [True] * 7
        assert [variable.name for variable in norm.trainable_variables] == ["first/beta:0", "first/gamma:0"]
        np.testing.assert_array_equal(norm.moving_variance, np.ones(5))

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("traced", [False, True])
    def test_on_the_first_call(self, dtype, traced):
        """In eager code, or in a tf.function, which finds them again."""
        norm, expected = tfbn.BatchNorm(**SOME), "float64" if dtype == "float64" else "float32"
        assert norm.moving_mean is None
        call = tf.function(norm) if traced else norm
        outputs = call(tf.constant(X, dtype))
        first = norm.moving_mean
        call(tf.constant(X[:3], dtype))
        assert norm.moving_mean is first
        assert (outputs.dtype, first.dtype, norm.gamma.dtype) == (dtype, expected, expected)
        halves = [oracle.moments(x)[0] for x in (X.astype(dtype), X[:3].astype(dtype))]
        np.testing.assert_allclose(norm.moving_mean, halves[0] / 4 + halves[1] / 2, **oracle.AVERAGE)

    def test_losses_and_constraints(self):
        given = {"beta": lambda v: tf.reduce_sum(v) + 1.0, "gamma": lambda v: 0.5 * tf.reduce_sum(v**2)}
        norm = tfbn.BatchNorm(
            5, **SOME, param_regularizers=given, param_constraints={"gamma": lambda v: tf.minimum(v, 0.5)}
        )
        np.testing.assert_allclose(norm.losses, [1.0, 2.5])
        norm.gamma.assign(2 * norm.gamma)
        np.testing.assert_allclose(norm.losses, [1.0, 10.0])
        tf.compat.v1.train.GradientDescentOptimizer(1.0).apply_gradients([(tf.zeros(5), norm.gamma)])
        np.testing.assert_array_equal(norm.gamma, np.full(5, 0.5))

    def test_nothing_to_lose(self):
        assert tfbn.BatchNorm(5, param_regularizers={"gamma": tf.nn.l2_loss}).losses == []


class TestArguments:
    def test_make_another(self):
        """Whatever a module is made with; no argument of the signature is left out."""
        signature = inspect.signature(tfbn.BatchNorm).parameters
        assert {name for given in OTHERS for name in given} == set(signature)
        for given in OTHERS:
            found = tfbn.BatchNorm(**given).arguments()
            assert found == {**tfbn.BatchNorm().arguments(), "name": found["name"], **given}
            assert set(found) == set(signature)
            for name, value in given.items():
                assert value != signature[name].default

    def test_attributes_that_were_set(self):
        norm = tfbn.BatchNorm(3)
        norm.decay, norm.trainable, norm.frozen = 0.1, False, True
        found = norm.arguments()
        assert (found["decay"], found["trainable"], found["frozen"]) == (0.1, False, True)


class TestFreezing:
    def test_affine_parameters(self):
        """By an attribute, for the module, one around it, and tapes; and back."""
        model = Model(channels=5)
        model.norm.trainable = False
        assert model.trainable_variables == ()
        assert len(model.variables) == 4
        with tf.GradientTape() as tape:
            outputs = model.norm(X)
        assert tape.watched_variables() == ()
        assert outputs.shape == SHAPE
        model.norm.trainable = True
        assert len(model.trainable_variables) == 2

    def test_before_the_variables_are_there(self):
        norm = tfbn.BatchNorm(trainable=False)
        norm(X)
        assert norm.trainable_variables == ()

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("way", ["attribute", "variable", "argument", "is_training", "empty"])
    def test_statistics(self, kind, way):
        """Held to the last bit."""
        norm = tfbn.BatchNorm(**{**SOME, **KINDS[kind]})
        norm(X)
        before = values(norm)
        if way in ("attribute", "variable"):
            norm.update_statistics = False if way == "attribute" else tf.Variable(False, trainable=False, name="switch")
        call = tf.function(norm.__call__)
        more = {
            "argument": {"update_statistics": tf.constant(False)},
            "is_training": {"is_training": tf.constant(False)},
        }
        call(tf.constant(X[:0] if way == "empty" else 3 * X), **more.get(way, {}))
        assert_same(before, {name: value for name, value in values(norm).items() if name in before})
        norm.update_statistics = True
        norm(3 * X)
        assert not np.array_equal(before[norm.moving_mean.name], norm.moving_mean)

    @pytest.mark.parametrize("kind", KINDS)
    def test_frozen(self, kind):
        """All calls normalize by the moving statistics and hold them; and thawed they go on."""
        norm = tfbn.BatchNorm(**{**SOME, **KINDS[kind]})
        norm(X)
        expected, before = norm(X, is_training=False), values(norm)
        norm.frozen = True
        for is_training in (True, False, tf.constant(True)):
            np.testing.assert_array_equal(norm(X, is_training), expected)
        assert_same(before, values(norm))
        assert len(norm.trainable_variables) == 2
        norm.frozen = False
        norm(3 * X)
        assert not np.array_equal(before[norm.moving_mean.name], norm.moving_mean)

    def test_frozen_from_the_start(self):
        norm = tfbn.BatchNorm(frozen=True, epsilon=0.0, fused=False)
        np.testing.assert_allclose(norm(X), X, rtol=1e-6)
        np.testing.assert_array_equal(norm.moving_mean, np.zeros(5))


class TestEstimator:
    @pytest.mark.parametrize("unbiased", [None, False, True])
    @pytest.mark.parametrize("shape", [(9, 5), (6, 4, 5), (6, 4, 3, 5), (6, 2, 4, 3, 5)], ids=len)
    @pytest.mark.parametrize("given", [{}, {"fused": False}, {"axis": 1}], ids=str)
    def test_moving_variance(self, unbiased, shape, given):
        """As asked for, or as batch_norm does: corrected for ranks 2 and 4, where the kernel serves."""
        axis = given.get("axis", -1)
        norm, x = tfbn.BatchNorm(decay=0.0, unbiased=unbiased, **given), oracle.batch(shape, axis).astype(np.float32)
        norm(x)
        _, variance = oracle.moments(x, axis)
        by_default = len(shape) in (2, 4) and given.get("fused") is not False
        if by_default if unbiased is None else unbiased:
            variance = oracle.unbiased(x, variance, axis)
        np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)

    @pytest.mark.parametrize("given, factor", [({"virtual_batch_size": 2}, 2.0), ({"batch_weights": True}, 6 / 5)])
    def test_with_parts_of_the_batch(self, given, factor):
        """The correction is by the samples of a virtual batch, and by the weight of all."""
        variances = []
        weights = [1.0] * 6 if given.pop("batch_weights", None) else None
        for unbiased in (True, False):
            norm = tfbn.BatchNorm(decay=0.0, unbiased=unbiased, **given)
            norm(X[:, 0, 0], batch_weights=weights)
            variances.append(norm.moving_variance.numpy())
        np.testing.assert_allclose(variances[0] / variances[1], np.full(5, factor), rtol=1e-5)

    def test_no_matter_to_renorm(self):
        one, other = (tfbn.BatchNorm(renorm=True, unbiased=unbiased, name="norm") for unbiased in (True, False))
        one(X), other(X)
        assert_same(values(one), values(other))


class TestRefusals:
    @pytest.mark.parametrize(
        "error, match, given",
        [
            (ValueError, "axis: expected None with data_format='NCHW'", {"data_format": "NCHW", "axis": 2}),
            (TypeError, "axis: expected an int", {"axis": [1, 2]}),
            (ValueError, "decay: expected a number with zero debias", {"decay": None, "zero_debias_moving_mean": True}),
            (ValueError, "renorm_decay: expected a number", {"renorm": True, "renorm_decay": None}),
            (ValueError, "renorm_clipping: expected None without renorm", {"renorm_clipping": {"rmax": 2.0}}),
            (ValueError, "adjustment cannot be specified", {"virtual_batch_size": 2, "adjustment": lambda shape: None}),
            (ValueError, "channels: expected at least 1", {"channels": 0}),
        ],
    )
    def test_of_the_module(self, error, match, given):
        with pytest.raises(error, match=match):
            tfbn.BatchNorm(**given)

    @pytest.mark.parametrize(
        "error, match, inputs, given",
        [
            (ValueError, r"expected 5 channels.*norm were created, got 3 in the shape \(2, 3\)", X[:2, 0, :, 0], {}),
            (ValueError, "undefined channels", np.float32(1), {}),
            (TypeError, "update_statistics: expected a bool", X, {"update_statistics": "yes"}),
        ],
    )
    def test_of_a_call(self, error, match, inputs, given):
        """The statistics stay as they are."""
        norm = tfbn.BatchNorm(5, name="norm")
        before = values(norm)
        with pytest.raises(error, match=match):
            norm(inputs, **given)
        assert_same(before, values(norm))

    @pytest.mark.parametrize(
        "error, match, attribute, value",
        [
            (ValueError, "decay: expected a number in", "decay", 1.5),
            (ValueError, "decay: expected a number for a state.*BatchNorm created with decay=None", "decay", None),
            (ValueError, "renorm_decay: expected a number in", "renorm_decay", -0.1),
            (ValueError, r"contains keys not in.*\['max'\]", "renorm_clipping", {"max": 2.0}),
            (ValueError, "adjustment cannot be specified", "adjustment", lambda shape: (1.0, 0.0)),
            (TypeError, "update_statistics: expected a bool", "update_statistics", "no"),
        ],
    )
    def test_of_attributes(self, error, match, attribute, value):
        """Set later, they are held to what the constructor takes."""
        norm = tfbn.BatchNorm(5, renorm=True, renorm_clipping={"rmax": 2.0}, virtual_batch_size=2)
        norm(X)
        before = values(norm)
        setattr(norm, attribute, value)
        with pytest.raises(error, match=match):
            norm(X)
        assert_same(before, values(norm))

    def test_tf1_graph(self):
        """Nor in a branch of one."""
        norm = tfbn.BatchNorm()
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None, 5])
            for call in (lambda: norm(x), lambda: tf.cond(x[0, 0] > 0, lambda: norm(x), lambda: x)):
                with pytest.raises(RuntimeError, match="Use tfbn.batch_norm there"):
                    call()
