"""Numbers that cost digits: every way to take statistics, against float64, beside TensorFlow's own kernel."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle

tf1 = tf.compat.v1
SHAPE = (32, 14, 14, 5)
ULP = 2.0**-23
PATHS = {
    "default": {},
    "composed": {"fused": False},
    "renorm": {"renorm": True},
    "weights": {"batch_weights": np.ones(SHAPE[0])},
    "mask": {"mask": np.ones(SHAPE[:3], bool)},
    "rank 2": {},
    "rank 5": {},
    "nchw": {"data_format": "NCHW"},
    "nchw composed": {"data_format": "NCHW", "fused": False},
}


VIEWS = {"rank 2": (-1, 5), "rank 5": (8, 4, *SHAPE[1:])}


def batch_of(kind):
    random = np.random.RandomState(7)
    noise, steps = random.standard_normal(SHAPE), np.arange(1.0, 6.0)
    return {
        "far": 1e4 + steps + 1e-2 * noise,
        "tiny": 1e-20 * steps * noise,
        "constant": np.broadcast_to(1234.567 * steps, SHAPE),
        "plain": steps * noise + 3 * steps,
    }[kind].astype(np.float32)


def fed(x):
    # A constant would be folded, by another kernel than the one that runs.
    return tf1.placeholder(tf.float32, x.shape)


def step(x, epsilon, **arguments):
    """The output where the formula is plain, and the statistics that a decay of 0 leaves in the averages."""
    with tf.Graph().as_default(), tf1.Session() as session:
        inputs = fed(x)
        y = tfbn.batch_norm(inputs, 0.0, center=False, epsilon=epsilon, scope="bn", **arguments)
        session.run(tf1.global_variables_initializer())
        y, *_ = session.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {inputs: x})
        state = {v.op.name: value for v, value in zip(tf1.global_variables(), session.run(tf1.global_variables()))}
    return y, state["bn/moving_mean"].astype(float), state["bn/moving_variance"].astype(float)


def raw(x, epsilon, data_format, view):
    """The same of FusedBatchNormV3, in the layout of the path: oneDNN rounds differently in each."""
    with tf.Graph().as_default(), tf1.Session() as session:
        x = np.moveaxis(x, -1, 1) if data_format == "NCHW" else x.reshape(view)
        inputs = fed(x)
        found = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.ones([5]),
            offset=tf.zeros([5]),
            mean=[],
            variance=[],
            epsilon=epsilon,
            is_training=True,
            data_format=data_format,
        )
        fetches = [found.y, found.batch_mean, found.batch_variance]
        y, *statistics = [value.astype(float) for value in session.run(fetches, {inputs: x})]
    return [np.moveaxis(y, 1, -1) if data_format == "NCHW" else y.reshape(SHAPE), *statistics]


@pytest.mark.parametrize("kind", ["far", "tiny", "constant", "plain"])
@pytest.mark.parametrize("path", PATHS)
def test_no_worse_than_the_fused_kernel(path, kind):
    """At most twice the error of TensorFlow's kernel, and an ulp of the largest number; no variance is negative."""
    x, epsilon = batch_of(kind), 1e-3
    mean, variance = oracle.moments(x)
    outputs = oracle.normalize(x, mean, variance, epsilon=epsilon)
    unbiased = path in ("default", "mask", "nchw", "rank 2")
    wanted = [outputs, mean, oracle.unbiased(x, variance)]
    baseline = raw(x, epsilon, PATHS[path].get("data_format", "NHWC"), (-1, 1, 1, 5) if path == "rank 2" else SHAPE)
    allowed = [2 * np.abs(a - b).max() + ULP * np.abs(b).max() for a, b in zip(baseline, wanted)]
    given = x.reshape(VIEWS.get(path, x.shape))
    given = np.moveaxis(given, -1, 1) if "nchw" in path else given
    y, *averages = step(given, epsilon, **PATHS[path])
    y = np.moveaxis(y, 1, -1) if "nchw" in path else y.reshape(x.shape)
    found, wanted = [y, *averages], [outputs, mean, oracle.unbiased(x, variance) if unbiased else variance]
    if path == "renorm":
        # Its outputs follow other averages, and its variance has been a deviation: (sqrt(v + epsilon))**2 - epsilon.
        found, wanted, allowed = averages, wanted[1:], [allowed[1], allowed[2] + 4 * ULP * epsilon]
    for value, expected, bound in zip(found, wanted, allowed):
        np.testing.assert_allclose(value, expected, rtol=0, atol=bound)
    assert (averages[1] >= 0).all()


@pytest.mark.parametrize("path", PATHS)
def test_nonfinite_values_stay_in_their_channel(path):
    x = batch_of("plain")
    x[0, 0, 0, 1], x[1, 2, 3, 2] = np.inf, np.nan
    given = x.reshape(VIEWS.get(path, x.shape))
    given = np.moveaxis(given, -1, 1) if "nchw" in path else given
    y, mean, variance = step(given, 1e-3, **PATHS[path])
    y = np.moveaxis(y, 1, -1) if "nchw" in path else y.reshape(x.shape)
    good = [0, 3, 4]
    assert np.isfinite(y[..., good]).all()
    np.testing.assert_allclose(mean[good], oracle.moments(x[..., good])[0], rtol=1e-5)
    assert not np.isfinite(mean[[1, 2]]).any()
    assert not np.isfinite(variance[[1, 2]]).any()


@pytest.mark.parametrize("path", ["default", "composed", "renorm", "nchw"])
def test_one_sample(path):
    x = batch_of("plain")[:1, :1, :1]
    given = np.moveaxis(x, -1, 1) if "nchw" in path else x
    y, mean, variance = step(given, 1e-3, **PATHS[path])
    np.testing.assert_array_equal(mean, x.ravel())
    np.testing.assert_allclose(variance, np.zeros(5), atol=4 * ULP * 1e-3)  # renorm: of a deviation, as above
    if path != "renorm":
        np.testing.assert_array_equal(y, np.zeros_like(given))
