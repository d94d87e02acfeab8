import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tfbn.ops import normalize
from tfbn.ops.layout import layout_of
from tfbn.ops.moments import Moments

GAMMA, BETA = np.linspace(0.5, 2, 5), np.linspace(-1, 3, 5)
EPSILON = 1e-3
FUSED_DTYPES = [dtype.name for dtype in normalize.FUSED_DTYPES]
LAYOUTS = [([7, 3, 2, 5], "NHWC", -1), ([7, 5, 3, 2], "NCHW", 1), ([7, 5], "NHWC", -1), ([7, 5], "NCHW", 1)]


def inputs(shape, axis, dtype):
    """A batch, and exactly what the dtype holds of it in float64."""
    x = tf.cast(oracle.batch(shape, axis), dtype)
    return x, tf.cast(x, tf.float64).numpy()


def vectors(dtype, *values):
    return [tf.constant(v, normalize.compute_dtype(tf.as_dtype(dtype))) for v in values]


@pytest.mark.parametrize("dtype", FUSED_DTYPES)
@pytest.mark.parametrize(("shape", "data_format", "axis"), LAYOUTS)
def test_fused_train(shape, data_format, axis, dtype):
    x, exact = inputs(shape, axis, dtype)
    mean, variance = oracle.moments(exact, axis)
    found = normalize.fused_train(
        x, *vectors(dtype, GAMMA, BETA), EPSILON, layout_of(x.shape, [axis % len(shape)], data_format)
    )
    assert found.outputs.dtype == x.dtype
    assert found.outputs.shape == x.shape
    expected = oracle.normalize(exact, mean, variance, GAMMA, BETA, EPSILON, axis)
    np.testing.assert_allclose(tf.cast(found.outputs, tf.float64), expected, **oracle.OUTPUT[dtype])
    np.testing.assert_allclose(found.mean, mean, **oracle.AVERAGE)
    np.testing.assert_allclose(found.variance, oracle.unbiased(exact, variance, axis), **oracle.AVERAGE)


FUSED = [("fused", *layout, dtype) for layout in LAYOUTS for dtype in FUSED_DTYPES]
COMPOSED = [
    ("composed", *layout, dtype)
    for layout in [*LAYOUTS, ([7, 2, 5], "NHWC", -1), ([5], "NHWC", -1)]
    for dtype in ("float16", "bfloat16", "float32", "float64")
]


@pytest.mark.parametrize(("kernel", "shape", "data_format", "axis", "dtype"), FUSED + COMPOSED)
def test_given_moments(kernel, shape, data_format, axis, dtype):
    x, exact = inputs(shape, axis, dtype)
    mean, variance = np.linspace(-1, 4, 5), np.linspace(0.5, 6, 5)
    gamma, beta, *moments = vectors(dtype, GAMMA, BETA, mean, variance)
    layout = layout_of(x.shape, [axis % len(shape)], data_format)
    if kernel == "fused":
        found = normalize.fused_infer(x, Moments(*moments), gamma, beta, EPSILON, layout)
    else:
        found = normalize.composed(x, Moments(*moments), gamma, beta, EPSILON, layout)
    assert found.dtype == x.dtype
    expected = oracle.normalize(exact, mean, variance, GAMMA, BETA, EPSILON, axis)
    np.testing.assert_allclose(tf.cast(found, tf.float64), expected, **oracle.OUTPUT[dtype])


@pytest.mark.parametrize(("gamma", "beta"), [(None, None), (GAMMA, None), (None, BETA)])
def test_composed_without_parameters(gamma, beta):
    x = oracle.batch([7, 5, 2], 1)
    mean, variance = oracle.moments(x, 1)
    given = [None if v is None else tf.constant(v) for v in (gamma, beta)]
    moments = Moments(tf.constant(mean), tf.constant(variance))
    found = normalize.composed(tf.constant(x), moments, *given, EPSILON, layout_of(tf.TensorShape(x.shape), [1]))
    expected = oracle.normalize(
        x, mean, variance, 1.0 if gamma is None else gamma, 0.0 if beta is None else beta, EPSILON, 1
    )
    np.testing.assert_allclose(found, expected, **oracle.OUTPUT["float64"])
