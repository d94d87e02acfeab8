"""The function and the class of tf.layers where the original is not asked: oracle, class form, refusals."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
KEYS = tf1.GraphKeys
every_regime = pytest.mark.parametrize(("resource", "v2"), REGIMES, ids=NAMES)
OUTPUT = oracle.OUTPUT["float32"]


def updates():
    return tf1.get_collection(KEYS.UPDATE_OPS)


@every_regime
@pytest.mark.parametrize("fed", [False, True], ids=["static", "placeholder"])
@pytest.mark.parametrize("renorm", [False, True])
def test_several_axes(renorm, fed, resource, v2):
    x = oracle.batch([6, 3, 4, 5])
    with graph(resource, v2):
        placeholder = tf1.placeholder(tf.float32, [None, 3, None, 5])
        training = tf1.placeholder(tf.bool, []) if fed else True
        y = tfbn.batch_normalization(
            placeholder, axis=[1, -1], momentum=0.8, training=training, name="bn", renorm=renorm
        )
        with session() as opened:
            feed = {placeholder: x, **({training: True} if fed else {})}
            output = opened.run([y, updates()], feed)[0]
            state = values(opened)
            if fed:
                opened.run([y, updates()], {placeholder: x * 2, training: False})
                assert all((values(opened)[name] == value).all() for name, value in state.items())
    mean, variance = x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)
    xhat = (x - mean) / np.sqrt(variance + 1e-3)
    # Renorm's averages start at 0 and 1, so that r and d are the batch's own.
    expected = xhat * np.sqrt(variance + 1e-3) + mean if renorm else xhat
    np.testing.assert_allclose(output, expected, **OUTPUT)
    np.testing.assert_allclose(state["bn/moving_mean"], 0.2 * mean, **oracle.AVERAGE)
    stddev = 0.8 + 0.2 * np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(
        state["bn/moving_variance"], stddev**2 - 1e-3 if renorm else 0.8 + 0.2 * variance, **oracle.AVERAGE
    )


@every_regime
@pytest.mark.parametrize("fed", [False, True], ids=["static", "placeholder"])
@pytest.mark.parametrize(("shape", "axis"), [([6, 3, 4, 5], -1), ([6, 5, 4], 1), ([6, 5], -1)])
def test_virtual_batches(shape, axis, fed, resource, v2):
    x = oracle.batch(shape, axis)
    with graph(resource, v2):
        placeholder = tf1.placeholder(tf.float32, [None, *shape[1:]])
        training = tf1.placeholder(tf.bool, []) if fed else True
        y = tfbn.batch_normalization(
            placeholder, axis=axis, momentum=0.8, training=training, virtual_batch_size=2, name="bn"
        )
        assert y.shape.as_list() == [None, *shape[1:]]
        with session() as opened:
            output = opened.run([y, updates()], {placeholder: x, **({training: True} if fed else {})})[0]
            state = values(opened)
            if fed:
                inference = opened.run(y, {placeholder: x[:5], training: False})  # no multiple of 2
    parts = [oracle.moments(x[j::3], axis) for j in range(3)]
    for j, (mean, variance) in enumerate(parts):
        np.testing.assert_allclose(output[j::3], oracle.normalize(x[j::3], mean, variance, axis=axis), **OUTPUT)
    mean, variance = np.mean(parts, 0)
    np.testing.assert_allclose(state["bn/moving_mean"].ravel(), 0.2 * mean, **oracle.AVERAGE)
    np.testing.assert_allclose(state["bn/moving_variance"].ravel(), 0.8 + 0.2 * variance, **oracle.AVERAGE)
    if fed:
        moving = state["bn/moving_mean"].ravel(), state["bn/moving_variance"].ravel()
        np.testing.assert_allclose(inference, oracle.normalize(x[:5], *moving, axis=axis), **OUTPUT)


def test_indivisible_dynamic_batch_fails_at_run_time():
    with graph():
        x = tf1.placeholder(tf.float32, [None, 5])
        y = tfbn.batch_normalization(x, training=True, virtual_batch_size=4)
        with (
            session() as opened,
            pytest.raises(tf.errors.InvalidArgumentError, match="expected a divisor of the batch size, got 4"),
        ):
            opened.run(y, {x: np.ones([6, 5])})


@pytest.mark.parametrize(("resource", "v2"), [regime for regime in REGIMES if regime != (False, True)])
def test_inside_a_cond_the_branch_runs_the_updates(resource, v2):
    x = oracle.batch([6, 5])
    with graph(resource, v2):
        placeholder, taken = tf1.placeholder(tf.float32, [6, 5]), tf1.placeholder(tf.bool, [])
        y = tf1.cond(
            taken,
            lambda: tfbn.batch_normalization(placeholder, momentum=0.8, training=True, name="bn"),
            lambda: tf.identity(placeholder),
        )
        assert updates() == []
        with session() as opened:
            opened.run(y, {placeholder: x, taken: False})
            np.testing.assert_array_equal(values(opened)["bn/moving_mean"], np.zeros(5))
            opened.run(y, {placeholder: x, taken: True})
            np.testing.assert_allclose(values(opened)["bn/moving_mean"], 0.2 * x.mean(0), rtol=1e-5)
            np.testing.assert_allclose(values(opened)["bn/moving_variance"], 0.8 + 0.2 * x.var(0), rtol=1e-5)


@pytest.mark.parametrize("resource", [False, True])
def test_optimizers_apply_the_constraints(resource):
    with graph(resource):
        x = tf1.placeholder(tf.float32, [6, 5])
        y = tfbn.batch_normalization(
            x,
            training=True,
            name="bn",
            gamma_constraint=lambda v: tf.clip_by_value(v, 0.9, 1.1),
            beta_constraint=lambda v: tf.maximum(v, 0.0),
        )
        train = tf1.train.GradientDescentOptimizer(10.0).minimize(tf.reduce_sum(y * np.linspace(1, -2, 5)))
        with session() as opened:
            opened.run(train, {x: oracle.batch([6, 5])})
            state = values(opened)
    assert state["bn/gamma"].min() >= np.float32(0.9)
    assert state["bn/gamma"].max() <= np.float32(1.1)
    assert state["bn/beta"].min() == 0
    assert state["bn/beta"].max() > 1


def test_the_class_creates_once_and_shares_from_then_on():
    with graph():
        layer = tfbn.BatchNormalization(gamma_regularizer=tf.nn.l2_loss)
        with pytest.raises(ValueError, match="scope_name: expected a layer that was called or built"):
            _ = layer.scope_name
        with tf1.variable_scope("outer"):
            first = layer(tf1.placeholder(tf.float32, [4, 5]), training=True)
        second = layer.apply(tf1.placeholder(tf.float32, [4, 5]), training=True)
        assert first.op.name.startswith("outer/batch_normalization/")
        assert second.op.name.startswith("outer/batch_normalization/")
        names = [v.op.name.rpartition("/")[2] for v in layer.weights]
        assert names == ["gamma", "beta", "moving_mean", "moving_variance"]
        assert layer.variables == layer.weights == layer.trainable_weights + layer.non_trainable_weights
        assert layer.trainable_variables == [layer.gamma, layer.beta]
        assert layer.non_trainable_variables == [layer.moving_mean, layer.moving_variance]
        assert layer.updates == updates()
        assert len(layer.updates) == 4
        assert layer.losses == tf1.get_collection(KEYS.REGULARIZATION_LOSSES)
        assert len(layer.losses) == 1
        assert layer.scope_name == "outer/batch_normalization"
        assert layer.name == "batch_normalization"
        assert layer.built
        assert layer.dtype == tf.float32
        with pytest.raises(AttributeError, match="'BatchNormalization' has no attribute 'kernel'"):
            _ = layer.kernel


def test_build_ahead_of_the_first_call():
    with graph():
        layer = tfbn.BatchNormalization(name="bn", center=False, dtype=tf.float64)
        layer.build([None, 5])
        assert [v.op.name for v in layer.weights] == ["bn/gamma", "bn/moving_mean", "bn/moving_variance"]
        assert layer.gamma.dtype.base_dtype == tf.float64
        assert layer.beta is None
        layer(tf1.placeholder(tf.float64, [4, 5]))
        assert len(tf1.global_variables()) == 3


def test_trainable_false_keeps_everything_still():
    with graph():
        layer = tfbn.BatchNormalization(trainable=False)
        layer(tf1.placeholder(tf.float32, [4, 5]), training=True)
        assert layer.trainable_weights == []
        assert len(layer.non_trainable_weights) == 4
        assert layer.updates == updates() == []
        assert tf1.trainable_variables() == []


def test_subclass_may_override_build_and_call():
    class ScaledNorm2D(tfbn.BatchNormalization):
        def build(self, input_shape):
            super().build(input_shape)
            self.factor = tf1.get_variable("factor", [], initializer=tf1.ones_initializer())

        def call(self, inputs, training=False):
            return self.factor * super().call(inputs, training=training)

    with graph():
        layer = ScaledNorm2D()
        y = layer(tf1.placeholder(tf.float32, [4, 5]), training=True)
        assert layer.scope_name == "scaled_norm2d"
        assert y.shape == [4, 5]
        assert len(updates()) == 2


def test_a_subclass_adds_weights_of_its_own():
    class Offset(tfbn.BatchNormalization):
        def build(self, input_shape):
            options = {"initializer": tf1.ones_initializer(), "regularizer": tf.nn.l2_loss}
            self.offset = self.add_weight("offset", [], **options)
            self.count = self.add_variable("count", [2], tf.int32, trainable=False)
            super().build(input_shape)

        def call(self, inputs, training=False):
            return super().call(inputs, training=training) + self.offset

    with graph():
        layer = Offset(name="bn", center=False, scale=False)
        first, second = (layer(tf1.placeholder(tf.float32, [4, 5]), training=True) for _ in range(2))
        assert [v.op.name for v in layer.trainable_weights] == ["bn/offset"]
        assert [v.op.name for v in layer.non_trainable_weights] == ["bn/count", "bn/moving_mean", "bn/moving_variance"]
        assert tf1.trainable_variables() == layer.trainable_weights
        assert layer.count.dtype.base_dtype == tf.int32
        assert layer.losses == tf1.get_collection(KEYS.REGULARIZATION_LOSSES)
        assert len(layer.losses) == 1
        assert first.shape == second.shape == [4, 5]
        assert len(tf1.global_variables()) == 4
        layer.trainable = False
        assert layer.trainable_weights == layer.updates == []
        assert [v.op.name for v in layer.weights] == ["bn/offset", "bn/count", "bn/moving_mean", "bn/moving_variance"]


def test_weights_are_the_parts_of_a_partitioned_one():
    with graph(), tf1.variable_scope("outer", partitioner=tf1.fixed_size_partitioner(2)):
        layer = tfbn.BatchNormalization(center=False)
        layer(tf1.placeholder(tf.float32, [4, 5]), training=True)
        names = [v.op.name.partition("outer/batch_normalization/")[2] for v in layer.weights]
        assert names == ["gamma/part_0", "gamma/part_1", "moving_mean", "moving_variance"]


def test_private_subclass_has_a_scope():
    class _Norm(tfbn.BatchNormalization):
        pass

    with graph():
        layer = _Norm()
        layer(tf1.placeholder(tf.float32, [4, 5]))
        assert layer.scope_name == "private__norm"


def test_a_subclass_that_overrides_what_is_never_called_is_told():
    with pytest.warns(tfbn.CompatibilityWarning, match="TpuNorm: _moments overrides a method.*override call") as caught:

        class TpuNorm(tfbn.BatchNormalization):
            def _moments(self, inputs, reduction_axes, keep_dims):
                return None

    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        (
            {"fused": True, "axis": [1, 3]},
            "fused does nothing, though True, with renorm, adjustment, virtual_batch_size",
        ),
        ({"fused": True, "renorm": True}, "fused does nothing"),
        ({"renorm_clipping": {"rmax": 3.0}}, "renorm_clipping does nothing without renorm, as in tf.layers"),
        ({"renorm_momentum": 0.9}, "renorm_momentum does nothing without renorm"),
        ({"renorm_momentum": 1.5}, "renorm_momentum does nothing without renorm"),
    ],
)
def test_ignored_arguments_warn_once(kwargs, text):
    with graph(), pytest.warns(tfbn.CompatibilityWarning) as caught:
        tfbn.batch_normalization(tf1.placeholder(tf.float32, [4, 3, 2, 5]), **kwargs)
    (warning,) = caught
    assert str(warning.message).startswith(f"batch_normalization: {text}")
    assert warning.filename == __file__


@pytest.mark.parametrize("resource", [False, True])
def test_initializers_of_none_are_the_scope_s(resource):
    with graph(resource), tf1.variable_scope("outer", initializer=tf1.constant_initializer(3.0)):
        layer = tfbn.BatchNormalization(beta_initializer=None)
        layer(tf1.placeholder(tf.float32, [4, 5]))
        with session() as opened:
            np.testing.assert_array_equal(opened.run(layer.beta), np.full(5, 3.0))
            np.testing.assert_array_equal(opened.run(layer.gamma), np.ones(5))
    with graph(resource):
        layer = tfbn.BatchNormalization(beta_initializer=None)
        layer(tf1.placeholder(tf.float32, [4, 5]))
        with session() as opened:
            # TensorFlow's default, glorot_uniform: within sqrt(6 / (5 + 5)).
            beta = np.abs(opened.run(layer.beta))
            assert 0 < beta.min() < beta.max() <= np.sqrt(0.6)


def test_initializers_by_name():
    with graph():
        layer = tfbn.BatchNormalization(gamma_initializer="zeros", beta_initializer=tf1.constant_initializer(3.0))
        layer(tf1.placeholder(tf.float32, [4, 5]))
        with session() as opened:
            np.testing.assert_array_equal(opened.run(layer.gamma), np.zeros(5))
            np.testing.assert_array_equal(opened.run(layer.beta), np.full(5, 3.0))


@pytest.mark.parametrize(
    ("error", "match", "shape", "kwargs"),
    [
        (TypeError, "axis must be int or list, type given: <class 'tuple'>", [4, 5], {"axis": (1,)}),
        (TypeError, "axis must be int or list", [4, 5], {"axis": [1.0]}),
        (ValueError, "axis: expected at least one axis", [4, 5], {"axis": []}),
        (ValueError, "Invalid axis: 2. Expected axis from -2 to 1", [4, 5], {"axis": 2}),
        (ValueError, r"Duplicate axis: \[1, 1\]", [4, 5], {"axis": [1, -1]}),
        (ValueError, "Input has undefined rank", None, {}),
        (ValueError, "Input has undefined `axis` dimension.*set_shape", [4, None], {}),
        (TypeError, "gamma_constraint: expected a function", [4, 5], {"gamma_constraint": 1}),
        (ValueError, "beta_initializer: expected an initializer", [4, 5], {"beta_initializer": {"class_name": "One"}}),
        (TypeError, "gamma_regularizer: expected a function", [4, 5], {"gamma_regularizer": "l2"}),
        (ValueError, "axis cannot include 0", [4, 5], {"virtual_batch_size": 2, "axis": 0}),
        (ValueError, "adjustment cannot be specified", [4, 5], {"virtual_batch_size": 2, "adjustment": lambda s: s}),
        (ValueError, "Variable a/gamma does not exist", [4, 5], {"name": "a", "reuse": True}),
    ],
)
def test_refusals_leave_no_variables(error, match, shape, kwargs):
    with graph():
        with pytest.raises(error, match=match):
            tfbn.batch_normalization(tf1.placeholder(tf.float32, shape), **kwargs)
        assert tf1.global_variables() == []
        assert updates() == []


def test_eager_execution_is_refused():
    with pytest.raises(RuntimeError, match="expected a graph as default, got eager execution"):
        tfbn.batch_normalization(tf.zeros([4, 5]))


@pytest.mark.parametrize(
    ("axis", "shape", "message"),
    [
        (-1, [2, 5], "expected ndim=4, found ndim=2"),
        (-1, None, "expected ndim=4, found ndim=None"),
        (-1, [2, 3, 4, 6], "expected axis 3 of input shape to have value 5 but received input with shape"),
        ([1, 3], [2, 4, 4, 5], "expected axis 1 of input shape to have value 3"),
    ],
)
def test_inputs_that_a_layer_was_not_built_for(axis, shape, message):
    with graph() as opened:
        layer = tfbn.BatchNormalization(axis=axis, name="bn")
        layer(tf1.placeholder(tf.float32, [2, 3, 4, 5]), training=True)
        assert layer(tf1.placeholder(tf.float32, [7, 3, None, 5]), training=True).shape.as_list() == [7, 3, None, 5]
        before = {name: len(opened.get_collection(name)) for name in opened.get_all_collection_keys()}
        inputs = tf1.placeholder(tf.float32, shape)
        with pytest.raises(ValueError, match="Input 0 of layer bn is incompatible with the layer: " + message):
            layer(inputs, training=True)
        assert before == {name: len(opened.get_collection(name)) for name in opened.get_all_collection_keys()}


def test_adjustment_vector_broadcasts_from_the_right():
    """Not along the channels, where those are on axis 1: as in the original, whose numbers these are by formula."""
    x, scale = oracle.batch([4, 3, 2, 3], axis=1), np.array([0.5, 1.0, 2.0])
    with graph():
        given = tf.constant(scale, tf.float32), tf.constant([0.25], tf.float32)
        y = tfbn.batch_normalization(
            tf.constant(x, tf.float32), axis=1, training=True, scale=False, adjustment=lambda shape: given
        )
        with session() as opened:
            found = opened.run(y)
    expected = oracle.normalize(x, *oracle.moments(x, axis=1), axis=1) * scale + 0.25
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)  # some ten roundings of 6e-8 of numbers below 10


def test_a_momentum_per_channel():
    x, momentum = oracle.batch([4, 3]), np.array([0.1, 0.5, 0.9])
    with graph():
        tfbn.batch_normalization(
            tf.constant(x, tf.float32), momentum=tf.constant(momentum, tf.float32), training=True, name="bn"
        )
        with session() as opened:
            opened.run(updates())
            found = values(opened)["bn/moving_mean"]
        with pytest.raises(ValueError, match="momentum: expected a scalar, or one value for each of 3 channels"):
            tfbn.batch_normalization(tf.zeros([4, 3]), momentum=tf.ones([2]), training=True, name="other")
        assert len(tf1.global_variables()) == 4
    np.testing.assert_allclose(found, (1 - momentum) * x.mean(0), rtol=1e-5)


def test_adjustment_per_sample_with_unknown_batch_size():
    """It differs between samples, which a gradient that takes it for one of channels would add up."""
    x = oracle.batch([6, 3, 4, 5])
    slope, a = (np.random.RandomState(8).uniform(0.5, 1.5, shape) for shape in (x.shape, (6, 1, 1, 1)))
    with graph():
        placeholder, scale = (tf1.placeholder(tf.float32, [None, *v.shape[1:]]) for v in (x, a))
        norm = tfbn.BatchNormalization(axis=[1, -1], adjustment=lambda shape: (scale, tf.zeros_like(scale)))
        y = norm(placeholder, training=True)
        with session() as opened:
            of_x, of_a = opened.run(tf1.gradients(y * slope, [placeholder, scale]), {placeholder: x, scale: a})
    inverse = 1 / np.sqrt(x.var((0, 2), keepdims=True) + 1e-3)
    xhat, by_xhat = (x - x.mean((0, 2), keepdims=True)) * inverse, slope * a
    means = [(v * by_xhat).mean((0, 2), keepdims=True) for v in (1, xhat)]
    np.testing.assert_allclose(of_x, inverse * (by_xhat - means[0] - xhat * means[1]), **OUTPUT)
    np.testing.assert_allclose(of_a, (slope * xhat).sum((1, 2, 3), keepdims=True), rtol=0, atol=1e-4)
