import numpy as np
import pytest
import tensorflow as tf

from tfbn.ops import renorm

MEAN, STDDEV = np.array([3.0, -1.0, 2.0, 5.0]), np.array([2.0, 0.5, 4.0, 1.0])
AVERAGE_MEAN, AVERAGE_STDDEV = np.array([2.0, -1.5, 8.0, 5.5]), np.array([1.0, 1.5, 0.01, 1.0])
ROUNDINGS = {"rtol": 1e-15}  # some ten in float64
EPSILON = 1e-2  # its root, 0.1, is above the third average


def corrections(clipping):
    arguments = (tf.constant(v) for v in (MEAN, STDDEV, AVERAGE_MEAN, AVERAGE_STDDEV))
    return renorm.corrections(*arguments, EPSILON, clipping)


def expected():
    s = np.maximum(AVERAGE_STDDEV, np.sqrt(EPSILON))
    return STDDEV / s, (MEAN - AVERAGE_MEAN) / s


def test_unclipped():
    for found, value in zip(corrections({}), expected()):
        np.testing.assert_allclose(found, value, **ROUNDINGS)


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("keys", [["rmax"], ["rmin"], ["dmax"], ["rmax", "rmin", "dmax"]])
def test_clipped(keys, as_tensor):
    bounds = {"rmax": 3.0, "rmin": 0.6, "dmax": 1.25}
    clipping = {key: tf.constant(bounds[key], tf.float32) if as_tensor else bounds[key] for key in keys}
    r, d = expected()
    r = np.clip(r, bounds["rmin"] if "rmin" in keys else 0, bounds["rmax"] if "rmax" in keys else np.inf)
    d = np.clip(d, -bounds["dmax"], bounds["dmax"]) if "dmax" in keys else d
    for found, value in zip(corrections(clipping), (r, d)):
        # The tensors hold the bounds in float32.
        np.testing.assert_allclose(found, value, **({"rtol": 6e-8} if as_tensor else ROUNDINGS))


def test_no_gradient_passes():
    mean = tf.constant(MEAN)
    with tf.GradientTape() as tape:
        tape.watch(mean)
        total = tf.add_n([tf.reduce_sum(v) for v in renorm.corrections(mean, mean, mean, mean, EPSILON, {})])
    assert tape.gradient(total, mean) is None
