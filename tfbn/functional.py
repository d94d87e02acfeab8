"""Batch normalization as values: moments, renorm, normalization and moving averages put together, in one place.

Parameters have the shape [C] or, for several channel axes or virtual batches, `param_shape` of the layout.

Nothing here knows of variables, scopes or collections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.ops import moments, normalize, renorm
from tfbn.ops.layout import DATA_FORMATS, Layout, layout_of
from tfbn.ops.moving_average import debiased, decrement

__all__ = [
    "DATA_FORMATS",
    "FUSED_DTYPES",
    "FUSED_EPSILON_FLOOR",
    "RENORM_CLIPPING_KEYS",
    "Batch",
    "Options",
    "Params",
    "State",
    "compute_dtype",
    "debiased",
    "decrement",
    "has_samples",
    "in_compute_dtype",
    "infer",
    "layout_of",
    "moving_variance",
    "normalize_batch",
    "update_rate",
]

FUSED_DTYPES = normalize.FUSED_DTYPES
FUSED_EPSILON_FLOOR = normalize.FUSED_EPSILON_FLOOR
RENORM_CLIPPING_KEYS = renorm.CLIPPING_KEYS
compute_dtype = normalize.compute_dtype
moving_variance = renorm.moving_variance


class Params(NamedTuple):
    """The affine parameters, tensors or variables; None stands for a beta of 0 and a gamma of 1."""

    beta: Any
    gamma: Any


class State(NamedTuple):
    """The moving statistics and those that renorm adds: tensors or variables, read where they are used."""

    moving_mean: Any
    moving_variance: Any
    renorm_mean: Any = None
    renorm_stddev: Any = None


class Batch(NamedTuple):
    """What a batch says of its channels, in the parameters' shape: the values that the moving averages follow."""

    mean: tf.Tensor
    variance: tf.Tensor  # by the estimator asked for
    stddev: tf.Tensor | None = None  # with renorm: sqrt(biased variance + epsilon)
    r: tf.Tensor | None = None  # with renorm: its corrections, taken from the averages as they were
    d: tf.Tensor | None = None


class Options(NamedTuple):
    """How to normalize."""

    axes: tuple[int, ...]  # of the channels, counted from the left
    data_format: str = "NHWC"  # for the fused kernel
    virtual_batch_size: int | None = None
    epsilon: float = 1e-3
    fused: bool = True  # the fused kernel, where it has the dtype
    unbiased: bool = True  # the estimator of Batch.variance
    renorm_clipping: Mapping[str, Any] | None = None  # None: no renorm


def in_compute_dtype(batch_weights: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
    """The weights as the statistics take them: by way of the inputs' dtype, the precision the original gives them."""
    return tf.cast(tf.cast(batch_weights, inputs.dtype), compute_dtype(inputs.dtype))


def has_samples(inputs: tf.Tensor, batch_weights: tf.Tensor | None = None) -> tf.Tensor | bool:
    """Whether the batch has statistics at all: a sample, and weights that do not sum to zero."""
    if batch_weights is None:
        return moments.has_samples(inputs)
    return moments.has_weight(inputs, batch_weights)


def normalize_batch(
    inputs: tf.Tensor,
    params: Params,
    state: State,
    options: Options,
    some: tf.Tensor | bool,
    batch_weights: tf.Tensor | None = None,
    adjustment: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tuple[tf.Tensor, Batch]:
    """Normalizes `inputs` by their own statistics, as training does.

    xhat = (x - mean) / sqrt(variance + epsilon); with renorm xhat = xhat * r + d; with an adjustment (a, b)
    xhat = xhat * a + b; y = xhat * gamma + beta. `some` is what `has_samples` says: a batch without samples is
    normalized by the moving statistics. `batch_weights` come `in_compute_dtype`.
    """
    layout = layout_of(inputs.shape, options.axes, options.data_format, options.virtual_batch_size)
    dtype = compute_dtype(inputs.dtype)
    beta, gamma = (_read(parameter, dtype) for parameter in params)
    if _takes_fused(inputs, options):
        result = normalize.fused_train(
            inputs, *_given(gamma, beta, layout.channels, dtype), epsilon=options.epsilon, layout=layout
        )
        return result.outputs, Batch(result.mean, result.variance)

    viewed = layout.view_virtual(inputs)
    wide = tf.cast(viewed, dtype)
    if batch_weights is None:
        of_batch = moments.plain(wide, layout)
    else:
        of_batch = moments.weighted(wide, batch_weights, layout)
    if some is not True:
        # As constants: a moving average that somebody trains gets no gradient from a batch that has samples.
        moving = (tf.stop_gradient(_read(value, dtype)) for value in (state.moving_mean, state.moving_variance))
        of_batch = moments.Moments(*(tf.where(some, own, other) for own, other in zip(of_batch, moving)))

    scale, offset = gamma, beta
    if adjustment is not None:
        a, b = (tf.cast(part, dtype) for part in adjustment)
        scale, offset = _then(a, b, scale, offset, layout)
    whole = moments.of_virtual_batches(of_batch, layout)
    stddev, r, d = None, None, None
    if options.renorm_clipping is not None:
        stddev = tf.sqrt(whole.variance + options.epsilon)
        # In a loop, what the round before left; there, a read with nothing to wait for may come too early.
        with tf.control_dependencies([whole.mean]):
            mean, deviation = (_read_now(value, dtype) for value in (state.renorm_mean, state.renorm_stddev))
        r, d = renorm.corrections(whole.mean, stddev, mean, deviation, options.epsilon, options.renorm_clipping)
        scale, offset = _then(r, d, scale, offset, layout)
    # The same wide inputs as the moments: their gradients have to cancel before they are rounded to a half precision.
    outputs = normalize.composed(wide, of_batch, scale, offset, options.epsilon, layout, inputs.dtype)
    variance = moments.unbiased(whole.variance, inputs, layout) if options.unbiased else whole.variance
    return layout.restore(outputs, inputs), Batch(whole.mean, variance, stddev, r, d)


def infer(inputs: tf.Tensor, params: Params, state: State, options: Options) -> tf.Tensor:
    """y = (x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta."""
    layout = layout_of(inputs.shape, options.axes, options.data_format)
    dtype = compute_dtype(inputs.dtype)
    read = [_read(value, dtype) for value in (*params, state.moving_mean, state.moving_variance)]
    if options.virtual_batch_size is not None:
        # The axis that counts virtual batches: in inference there are none.
        read = [None if value is None else tf.squeeze(value, 1) for value in read]
    beta, gamma, mean, variance = read
    moving = moments.Moments(mean, variance)
    if _takes_fused(inputs, options):
        gamma, beta = _given(gamma, beta, layout.channels, dtype)
        return normalize.fused_infer(inputs, gamma, beta, moving, options.epsilon, layout)
    return normalize.composed(inputs, moving, gamma, beta, options.epsilon, layout)


def update_rate(decay: Any, dtype: tf.DType, active: tf.Tensor | bool, single: bool = False) -> tf.Tensor:
    """1 - decay in `dtype`, and zero where not `active`: the share of the batch in the next moving average.

    A number's difference is taken in float64 and rounded to float32, or with `single` taken in float32: as float32,
    1 - 0.999 is 0.00099998712 rather than 0.001.
    """
    if tf.is_tensor(decay):
        rate = tf.cast(1.0 - decay, dtype)
    else:
        # A NumPy number keeps the precision it has, as a tensor does.
        own = decay.dtype.type if isinstance(decay, (np.floating, np.ndarray)) else np.float32
        number = own(1) - own(decay) if single else own(1.0 - float(decay))
        rate = tf.constant(number.astype(dtype.as_numpy_dtype), name="decay")
    return rate if active is True else tf.where(active, rate, tf.zeros([], dtype))


def _read(value: Any, dtype: tf.DType) -> tf.Tensor | None:
    return None if value is None else tf.cast(tf.convert_to_tensor(value), dtype)


def _read_now(value: Any, dtype: tf.DType) -> tf.Tensor:
    # A ref variable's tensor is one read for all of the graph, and a loop takes that read in from outside.
    return _read(value.read_value() if isinstance(value, tf.Variable) else value, dtype)


def _takes_fused(inputs: tf.Tensor, options: Options) -> bool:
    return options.fused and inputs.dtype in FUSED_DTYPES


def _given(
    gamma: tf.Tensor | None, beta: tf.Tensor | None, channels: int, dtype: tf.DType
) -> tuple[tf.Tensor, tf.Tensor]:
    # The fused kernel has no notion of an absent parameter.
    gamma = tf.ones([channels], dtype) if gamma is None else gamma
    return gamma, tf.zeros([channels], dtype) if beta is None else beta


def _then(
    first_scale: tf.Tensor,
    first_offset: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    layout: Layout,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The transform x -> (x * first_scale + first_offset) * scale + offset, as one scale and one offset."""
    first_scale, first_offset, scale, offset = (
        layout.broadcast(part) if part is not None and part.shape.rank == 1 else part
        for part in (first_scale, first_offset, scale, offset)
    )
    if scale is not None:
        first_scale, first_offset = first_scale * scale, first_offset * scale
    return first_scale, first_offset if offset is None else first_offset + offset
