import numpy as np
import tensorflow as tf

from tests import oracle
from tfbn.ops.moving_average import debias, decrement

ROUNDINGS = {"rtol": 2e-15}  # some twenty in float64


def test_decrement():
    average, value = oracle.batch([6], seed=1), oracle.batch([6], seed=2)
    for guarded in (False, True):
        found = average - decrement(tf.constant(average), tf.constant(value), tf.constant(0.1, tf.float64), guarded)
        np.testing.assert_allclose(found, 0.9 * average + 0.1 * value, **ROUNDINGS)


def test_zero_rate_subtracts_zero_even_from_nan():
    value = tf.constant([np.nan, np.inf, -np.inf, 1.0])
    np.testing.assert_array_equal(decrement(tf.ones([4]), value, tf.constant(0.0), guarded=True), np.zeros(4))


def test_debiased_average_is_the_weighted_mean():
    decay = 0.7
    values = [oracle.batch([5], seed=seed) for seed in range(4)]
    biased = np.zeros(5)
    for step, value in enumerate(values, 1):
        biased = biased - (biased - value) * (1 - decay)
        weights = np.array([decay ** (step - 1 - i) for i in range(step)])
        expected = np.average(values[:step], axis=0, weights=weights)
        arguments = (biased, float(step), 1 - decay, np.full(5, 99.0))
        np.testing.assert_allclose(debias(*(tf.constant(v, tf.float64) for v in arguments)), expected, **ROUNDINGS)


def test_debiased_keeps_the_mean_where_nothing_was_seen():
    mean = tf.constant([3.0, -4.0])
    for step, rate in ((0.0, 0.1), (3.0, 0.0)):
        np.testing.assert_array_equal(debias(tf.zeros([2]), tf.constant(step), tf.constant(rate), mean), mean)
