import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tfbn.ops import moments
from tfbn.ops.layout import layout_of

# float64 throughout: a few roundings of sums over at most 48 terms, of numbers up to 10.
TOLERANCE = {"rtol": 1e-13, "atol": 1e-13}
LAYOUTS = [([7, 3, 2, 5], "NHWC", -1), ([7, 5, 3, 2], "NCHW", 1), ([7, 5], "NHWC", -1), ([5], "NHWC", -1)]


def weighted(x, w, layout):
    shares = moments.weigh_samples(tf.constant(x), layout.align_left(tf.constant(w)), layout)
    return moments.weighted_moments(tf.constant(x), shares, layout)


@pytest.mark.parametrize(("shape", "data_format", "axis"), LAYOUTS)
def test_plain(shape, data_format, axis):
    x = oracle.batch(shape, axis)
    layout = layout_of(tf.TensorShape(x.shape), [axis % x.ndim], data_format)
    found = moments.weighted_moments(tf.constant(x), moments.weigh_samples(tf.constant(x), None, layout), layout)
    for value, expected in zip(found, oracle.moments(x, axis)):
        np.testing.assert_allclose(value, expected, **TOLERANCE)


@pytest.mark.parametrize(("shape", "data_format", "axis"), LAYOUTS[:3])
def test_weighted(shape, data_format, axis):
    x = oracle.batch(shape, axis)
    w = np.random.RandomState(1).uniform(0.2, 3, shape[0])
    found = weighted(x, w, layout_of(tf.TensorShape(x.shape), [axis % x.ndim], data_format))
    for value, expected in zip(found, oracle.moments(x, axis, w)):
        assert value.shape == [5]
        np.testing.assert_allclose(value, expected, **TOLERANCE)


def test_weighted_rank_1_has_one_sample_per_channel():
    x, w = oracle.batch([5]), np.linspace(0.5, 2, 5)
    mean, variance = weighted(x, w, layout_of(tf.TensorShape(x.shape), [x.ndim - 1]))
    np.testing.assert_allclose(mean, x, **TOLERANCE)
    np.testing.assert_allclose(variance, np.zeros(5), atol=1e-28)  # w * x / w rounds


def test_weights_that_sum_to_zero_give_zeros():
    x = tf.constant(oracle.batch([4, 5]))
    for value in weighted(x, np.zeros(4), layout_of(x.shape, [x.shape.rank - 1])):
        np.testing.assert_array_equal(value, np.zeros(5))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_unbiased(n):
    x = oracle.batch([n, 5])
    variance = oracle.moments(x)[1]
    shares = moments.weigh_samples(tf.constant(x), None, layout_of(tf.TensorShape(x.shape), [x.ndim - 1]))
    found = shares.unbiased(tf.constant(variance))
    np.testing.assert_allclose(found, x.var(0, ddof=1) if n > 1 else variance, **TOLERANCE)


def test_a_static_shape_answers_without_an_op():
    with tf.Graph().as_default() as graph:
        assert moments.has_samples(tf.compat.v1.placeholder(tf.float32, [2, 5])) is True
        assert moments.has_samples(tf.compat.v1.placeholder(tf.float32, [0, 5])) is False
        assert len(graph.get_operations()) == 2


@pytest.mark.parametrize(
    ("n", "weights", "expected"),
    [(0, [], False), (2, [0, 0], False), (2, [1, -1], False), (2, [0, 1e-30], True), (2, [3, -1], True)],
)
def test_has_weight(n, weights, expected):
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, 5])
        found = [tf.cast(moments.has_samples(x), tf.bool), moments.has_weight(x, tf.constant(weights, tf.float32))]
        with tf.compat.v1.Session() as session:
            assert session.run(found, {x: np.ones([n, 5])}) == [n > 0, expected]
