"""The formulas in float64 NumPy, for expected values."""

from __future__ import annotations

import numpy as np

# How far TensorFlow's results may be from these formulas, for batches as `batch` makes them. A rounding costs 6e-8 in
# float32 and 1.1e-16 in float64.
# Means, variances and their averages in float32, which lie away from zero: some thirty roundings.
AVERAGE = {"rtol": 2e-6}
# Outputs up to 16 as differences of terms up to 20: eight roundings of those. The half precisions compute in float32,
# so that it is the output that is rounded, by half of the distance from one number to the next above 8.
OUTPUT = {
    dtype: {"rtol": 0, "atol": atol}
    for dtype, atol in {"float64": 2e-14, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3.2e-2}.items()
}


def batch(shape, axis=-1, seed=0, dtype=np.float64):
    """A random batch whose channels have means and deviations of their own, none of them centred on zero."""
    random = np.random.RandomState(seed)
    channels = shape[axis]
    per_channel = [1] * len(shape)
    per_channel[axis] = channels
    mean = np.linspace(-2.0, 5.0, channels).reshape(per_channel) + 0.7
    deviation = np.linspace(0.5, 3.0, channels).reshape(per_channel)
    return (random.standard_normal(shape) * deviation + mean).astype(dtype)


def axes_of(x, axis=-1):
    return tuple(i for i in range(x.ndim) if i != axis % x.ndim)


def spread(v, x, axis=-1):
    """A vector [C], shaped to broadcast against x."""
    shape = [1] * x.ndim
    shape[axis] = -1
    return np.reshape(v, shape)


def moments(x, axis=-1, weights=None):
    """Mean and biased variance per channel; `weights` is [N]."""
    x = np.asarray(x, np.float64)
    axes = axes_of(x, axis)
    w = np.ones_like(x) if weights is None else np.broadcast_to(spread(weights, x, 0), x.shape).astype(np.float64)
    total = w.sum(axes)
    mean = (w * x).sum(axes) / total
    return mean, (w * (x - spread(mean, x, axis)) ** 2).sum(axes) / total


def unbiased(x, variance, axis=-1):
    n = x.size // x.shape[axis]
    return variance * n / max(n - 1, 1)


def normalize(x, mean, variance, gamma=1.0, beta=0.0, epsilon=1e-3, axis=-1, r=1.0, d=0.0, a=1.0, b=0.0):
    """((xhat r + d) a + b) gamma + beta; a and b broadcast against x, the rest is [C] or a number."""
    x = np.asarray(x, np.float64)
    mean, variance, r, d, gamma, beta = (
        spread(v, x, axis) if np.ndim(v) else v for v in (mean, variance, r, d, gamma, beta)
    )
    xhat = (x - mean) / np.sqrt(variance + epsilon)
    return ((xhat * r + d) * a + b) * gamma + beta


def input_gradient(x, slope, gamma=1.0, epsilon=1e-3, axis=-1):
    """The gradient of sum(y * slope) with respect to x, where y is x normalized by its own moments."""
    axes, (mean, variance) = axes_of(x, axis), moments(x, axis)
    xhat = normalize(x, mean, variance, epsilon=epsilon, axis=axis)
    centred = slope - slope.mean(axes, keepdims=True) - xhat * (slope * xhat).mean(axes, keepdims=True)
    return centred * spread(gamma / np.sqrt(variance + epsilon), x, axis)
