"""Puts moments, renorm and normalization together.

Parameters have the shape [C] or, for several channel axes or virtual batches, `param_shape` of the layout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.settings import Settings as Options
from tfbn.core.values import Batch, Params, State
from tfbn.ops import closed_form_gradient, gradients, moments, normalize, renorm, replicas
from tfbn.ops.layout import Layout

FUSED_EPSILON_FLOOR = normalize.FUSED_EPSILON_FLOOR
FUSED_DTYPES = normalize.FUSED_DTYPES
compute_dtype = normalize.compute_dtype


def sample_weights(
    inputs: tf.Tensor, options: Options, batch_weights: tf.Tensor | None = None, mask: tf.Tensor | None = None
) -> tf.Tensor | None:
    """The weight of each sample, of the inputs' rank and of size 1 along the channels; None if all are equal.

    `batch_weights` is [N]; `mask` has the axes of the inputs from the left without the channels', or all with size 1
    there.
    """
    layout, dtype = options.layout.pooled, compute_dtype(inputs.dtype)
    weights = None
    if batch_weights is not None:
        # Cast to the inputs' dtype first: the original rounds them to it.
        weights = layout.align_left(tf.cast(tf.cast(tf.reshape(batch_weights, [-1]), inputs.dtype), dtype))
    if mask is not None:
        mask = layout.align_left(tf.cast(mask, dtype))
        weights = mask if weights is None else weights * mask
    return weights


def pool(inputs: tf.Tensor, options: Options, weights: tf.Tensor | None = None) -> replicas.Pooled:
    """The moments of all replicas' inputs, in one collective. `weights` are `sample_weights`."""
    layout = _layout(inputs, options)
    wide = tf.cast(inputs, compute_dtype(inputs.dtype))
    shares = moments.weigh_samples(wide, weights, layout)
    return replicas.pool(moments.weighted_moments(wide, shares, layout), shares)


def has_samples(
    inputs: tf.Tensor, options: Options, weights: tf.Tensor | None = None, pooled: replicas.Pooled | None = None
) -> tf.Tensor | bool:
    """Whether the batch has statistics at all: a sample, and weights that do not sum to zero.

    Where statistics do not stay without weight, samples are enough; several replicas together are taken to have some. A
    bool where the static shape tells, else a scalar tensor: a boolean, or a number that is 0 for False.
    """
    if weights is not None and not options.path.stays_without_weight:
        return pooled is not None or moments.has_samples(inputs)
    if pooled is not None:
        return tf.reduce_any(tf.not_equal(pooled.shares.total, 0))
    return moments.has_samples(inputs) if weights is None else moments.has_weight(inputs, weights)


def as_bool(nonempty: tf.Tensor | bool) -> tf.Tensor | bool:
    """The result of `has_samples` as a boolean."""
    return tf.cast(nonempty, tf.bool) if tf.is_tensor(nonempty) else nonempty


def normalize_batch(
    inputs: tf.Tensor,
    params: Params,
    state: State,
    options: Options,
    nonempty: tf.Tensor | bool,
    weights: tf.Tensor | None = None,
    adjustment: tuple[tf.Tensor, tf.Tensor] | None = None,
    pooled: replicas.Pooled | None = None,
) -> tuple[tf.Tensor, Batch]:
    """Normalizes `inputs` by their own statistics, or by `pooled` ones, as training does.

    xhat = (x - mean) / sqrt(variance + epsilon); with renorm xhat = xhat * r + d; with an adjustment (a, b)
    xhat = xhat * a + b; y = xhat * gamma + beta. `nonempty` is what `has_samples` says: a batch, or a virtual batch,
    without samples is normalized by the moving statistics, with an r of 1 and a d of 0, or, on a path where statistics
    do not stay without weight, by a mean and a variance of 0. `weights` are `sample_weights`.
    """
    layout = _layout(inputs, options)
    dtype = compute_dtype(inputs.dtype)
    gamma, beta = _read(params.gamma, dtype), _read(params.beta, dtype)
    scale, offset = gamma, beta
    if adjustment is not None:
        a, b = (layout.align_right(tf.cast(part, dtype)) for part in adjustment)
        scale, offset = _compose_affine(a, b, scale, offset, layout)
    # XLA cancels all digits of the kernel's own moments where the mean is far from zero; without samples, TensorFlow's
    # second derivatives are NaN.
    own = weights is None and pooled is None and not _tensorflow.compiled_by_xla()
    if (
        own
        and nonempty is not False
        and takes_fused(inputs.dtype, options, layout)
        and _per_channel(scale, offset, layout)
    ):
        return _by_fused_training(inputs, scale, offset, state, options, nonempty, layout)
    # Stay in float32: the gradients through the moments cancel, and must do so before rounding to half precision.
    wide = tf.cast(layout.view_virtual(inputs), dtype)
    if pooled is None:
        if weights is not None:
            weights = layout.view_virtual(layout.broadcast_to_samples(weights, inputs))
        size = nonempty if tf.is_tensor(nonempty) and weights is None else None
        if size is not None and _needs_no_number(wide, options, layout):
            shares = moments.UNCOUNTED
        else:
            shares = moments.weigh_samples(wide, weights, layout, size)
        batch_moments, centred = moments.with_centred(wide, shares, layout)
    else:
        (batch_moments, shares), centred = pooled, None
    if shares.weights is not None and options.path.stays_without_weight:
        nonempty = tf.not_equal(shares.total, 0)
    outputs, batch = _by_moments(
        wide, scale, offset, state, options, nonempty, layout, batch_moments, shares, centred, pooled is not None
    )
    return layout.restore(tf.cast(outputs, inputs.dtype), inputs), batch


def _by_fused_training(
    inputs: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    state: State,
    options: Options,
    nonempty: tf.Tensor | bool,
    layout: Layout,
) -> tuple[tf.Tensor, Batch]:
    """Normalizes by the fused kernel's training mode, including its gradient."""
    if options.renorm_clipping is not None:
        outputs, batch = _by_fused_renorm(inputs, scale, offset, state, options, nonempty, layout)
    else:
        trained = _fused_train(inputs, scale, offset, options, nonempty, layout)
        variance = trained.variance if options.unbiased else _biased(trained, inputs, nonempty, layout)
        outputs, batch = trained.outputs, Batch(trained.mean, variance)
    if _tensorflow.in_v2_body():
        # A conditional's gradient passes zeros through every output of its branch: here, through a third kernel.
        batch = Batch(*(None if value is None else tf.stop_gradient(value) for value in batch))
    return outputs, batch


def _by_fused_renorm(
    inputs: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    state: State,
    options: Options,
    nonempty: tf.Tensor | bool,
    layout: Layout,
) -> tuple[tf.Tensor, Batch]:
    """The statistics come first, since scale and offset depend on them; another kernel computes the outputs."""
    if layout.fused_format == "NHWC":
        # Any scale serves for the statistics; a function's second derivatives pass zeros through it all the same.
        trained = _fused_train(inputs, scale, offset, options, nonempty, layout)
        own = moments.Moments(trained.mean, _biased(trained, inputs, nonempty, layout))
    else:
        # Cheaper on CPU than the kernel's two transposes.
        trained = None
        wide = tf.cast(inputs, compute_dtype(inputs.dtype))
        own = moments.weighted_moments(wide, moments.UNCOUNTED, layout)
    epsilon = tf.constant(options.epsilon, own.variance.dtype)
    scale, offset, stddev, r, d = _renormed(scale, offset, own, state, options, nonempty, layout, epsilon)
    # In bodies of control flow v2 only the training kernel has second derivatives; see `normalize`.
    if trained is None or _tensorflow.in_v2_body():
        by_kernel = _fused_train(inputs, scale, offset, options, nonempty, layout)
        trained, outputs = trained or by_kernel, by_kernel.outputs
    else:
        scale = _guarded(scale, nonempty)
        outputs = closed_form_gradient.fused_again(
            inputs, trained, own, scale, offset, options.epsilon, layout, epsilon
        )
    return outputs, Batch(trained.mean, trained.variance if options.unbiased else own.variance, stddev, r, d)


def _fused_train(
    inputs: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    options: Options,
    nonempty: tf.Tensor | bool,
    layout: Layout,
) -> normalize.Fused:
    """`normalize.fused_train`, with second derivatives of 0 for an empty batch."""
    scale, offset = normalize.or_constants(scale, offset, tf.float32, layout)
    trained = normalize.fused_train(inputs, _guarded(scale, nonempty), offset, options.epsilon, layout)
    if nonempty is not True and not gradients.tape_may_differentiate():
        gradients.zero_second_where_empty(trained.kernel)
    return trained


def _biased(trained: normalize.Fused, inputs: tf.Tensor, nonempty: tf.Tensor | bool, layout: Layout) -> tf.Tensor:
    """The variance that the kernel has normalized by; `nonempty` is the size of the inputs where it is a tensor."""
    return moments.biased(trained.variance, inputs, layout, nonempty if tf.is_tensor(nonempty) else None)


def _guarded(scale: tf.Tensor, nonempty: tf.Tensor | bool) -> tf.Tensor:
    """TensorFlow's second derivatives by the scale divide by the number of samples: in tapes, 0 where that is 0."""
    if nonempty is True or not gradients.tape_may_differentiate():
        return scale
    return gradients.zero_where_empty(scale, tf.convert_to_tensor(nonempty))


def _by_moments(
    inputs: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    state: State,
    options: Options,
    nonempty: tf.Tensor | bool,
    layout: Layout,
    own: moments.Moments,
    shares: moments.SampleWeights,
    centred: tf.Tensor | None,
    across: bool,
) -> tuple[tf.Tensor, Batch]:
    """Normalizes by moments from composed ops, with a kernel that takes them as arguments."""
    # Where all samples count the same, an empty batch has no outputs, so it needs no fallback.
    needless = shares.weights is None and not across and options.epsilon > 0
    applied = own if needless else _fall_back_to_moving(own, state, nonempty, layout)
    pooled = moments.average_over_virtual_batches(applied, shares, layout)
    stddev, r, d = None, None, None
    if options.renorm_clipping is not None:
        scale, offset, stddev, r, d = _renormed(scale, offset, pooled, state, options, nonempty, layout)
    affine_later = not _per_channel(scale, offset, layout)
    affine = (None, None) if affine_later else (scale, offset)
    kernel: Callable[..., tf.Tensor] = closed_form_gradient.fused
    if not _applies_fused(inputs, options, layout) or _differ_by_channel(shares, layout):
        kernel = functools.partial(closed_form_gradient.composed, centred=centred if applied is own else None)
    sharing = nonempty if shares.total is None else shares.normalized(layout)
    outputs = kernel(inputs, applied, sharing, *affine, options.epsilon, layout, across)
    if affine_later:
        # One value per channel is all that the kernels take.
        outputs = outputs if scale is None else outputs * _broadcast_per_channel(scale, layout)
        outputs = outputs if offset is None else outputs + _broadcast_per_channel(offset, layout)
    variance = pooled.variance
    if options.unbiased:
        if shares.total is None:
            shares = moments.weigh_samples(inputs, None, layout, nonempty)
        unbiased = applied._replace(variance=shares.unbiased(applied.variance))
        variance = moments.average_over_virtual_batches(unbiased, shares, layout).variance
    return outputs, Batch(pooled.mean, variance, stddev, r, d)


def _applies_fused(inputs: tf.Tensor, options: Options, layout: Layout) -> bool:
    """Whether the fused kernel normalizes these inputs by moments that it is given."""
    return takes_fused(inputs.dtype, options, layout) and layout.fused_format == "NHWC"


def _needs_no_number(inputs: tf.Tensor, options: Options, layout: Layout) -> bool:
    """Whether outputs need no number of samples that all count the same.

    Without samples, an epsilon of 0 needs moments to add the moving ones to, and the fused kernel's gradient has to be
    told the share of each sample.
    """
    return options.epsilon > 0 and layout.flat_statistics and not _applies_fused(inputs, options, layout)


def _fall_back_to_moving(
    own: moments.Moments, state: State, nonempty: tf.Tensor | bool, layout: Layout
) -> moments.Moments:
    """The batch's own moments, or the moving ones where the batch, or a virtual batch, has none."""
    if nonempty is True:
        return own
    # As constants: a trainable moving average gets no gradient from a batch that has samples.
    moving = (tf.stop_gradient(_read(value, own.mean.dtype)) for value in (state.moving_mean, state.moving_variance))
    if not layout.flat_statistics:
        moving = (layout.broadcast(value) for value in moving)
    # Added to the moments, which are zeros without samples. A tf.where would need its condition for second derivatives,
    # and TensorFlow cannot sum the booleans that a tf.cond of a tf.function stores for these.
    is_empty = 1 - tf.cast(tf.cast(nonempty, tf.bool), own.mean.dtype)
    return moments.Moments(
        *(moment + tf.math.multiply_no_nan(average, is_empty) for moment, average in zip(own, moving))
    )


def _renormed(
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    pooled: moments.Moments,
    state: State,
    options: Options,
    nonempty: tf.Tensor | bool,
    layout: Layout,
    epsilon: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Scale and offset after renorm's corrections; the batch's stddev, and r and d.

    `epsilon` is the options' epsilon as a tensor, if there is one.

    A batch, or a virtual batch, that is normalized by the moving statistics has nothing to correct: its scale and
    offset use an r of 1 and a d of 0.
    """
    assert options.renorm_clipping is not None
    dtype = pooled.mean.dtype
    stddev = tf.sqrt(pooled.variance + (options.epsilon if epsilon is None else epsilon))
    # In a loop this is the value after the previous iteration; a read without a dependency may run too early.
    with tf.control_dependencies([pooled.mean]):
        moving_mean, moving_stddev = (_read_now(value, dtype) for value in (state.renorm_mean, state.renorm_stddev))
    r, d = renorm.corrections(pooled.mean, stddev, moving_mean, moving_stddev, options.epsilon, options.renorm_clipping)
    applied = r, d
    if nonempty is not True:
        corrected = tf.convert_to_tensor(as_bool(nonempty))
        if corrected.shape.rank == layout.rank:  # one flag for each virtual batch
            applied = layout.broadcast(r), layout.broadcast(d)
        constants = tf.ones([], dtype), tf.zeros([], dtype)
        applied = tuple(tf.where(corrected, part, constant) for part, constant in zip(applied, constants))
    return (*_compose_affine(*applied, scale, offset, layout), stddev, r, d)


def normalize_by_moving(inputs: tf.Tensor, params: Params, state: State, options: Options) -> tf.Tensor:
    """y = (x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta."""
    layout = options.layout.pooled
    dtype = compute_dtype(inputs.dtype)
    values = [_read(value, dtype) for value in (*params, state.moving_mean, state.moving_variance)]
    if options.layout.virtual_batch_size is not None and not options.layout.flat:
        # Without the axis that counts virtual batches: in inference there are none.
        values = [None if value is None else tf.reshape(value, layout.param_shape) for value in values]
    beta, gamma, mean, variance = values
    moving = moments.Moments(mean, variance)
    if takes_fused(inputs.dtype, options, layout) and (layout.fused_format == "NHWC" or options.fused_nchw_inference):
        gamma, beta = normalize.or_constants(gamma, beta, dtype, layout)
        return normalize.fused_infer(inputs, moving, gamma, beta, options.epsilon, layout)
    return normalize.composed(inputs, moving, gamma, beta, options.epsilon, layout)


def takes_fused(dtype: tf.DType, options: Options, layout: Layout) -> bool:
    """Whether inputs of this dtype and layout go through TensorFlow's fused kernel, in whatever mode."""
    # Below the floor cuDNN refuses.
    able = layout.fusible and options.epsilon >= FUSED_EPSILON_FLOOR
    return options.fused and able and dtype in normalize.FUSED_DTYPES


def _layout(inputs: tf.Tensor, options: Options) -> Layout:
    return options.layout


def _read(value: Any, dtype: tf.DType) -> tf.Tensor | None:
    return None if value is None else tf.cast(tf.convert_to_tensor(value), dtype)


def _read_now(value: Any, dtype: tf.DType) -> tf.Tensor:
    # A ref variable's tensor is a single read for the whole graph, which a loop takes in from outside.
    return _read(value.read_value() if isinstance(value, tf.Variable) else value, dtype)


def _per_channel(scale: tf.Tensor | None, offset: tf.Tensor | None, layout: Layout) -> bool:
    # An unknown size may be that of a batch.
    shape = tf.TensorShape(layout.param_shape)
    return all(part is None or part.shape == shape for part in (scale, offset))


def _differ_by_channel(shares: moments.SampleWeights, layout: Layout) -> bool:
    return shares.weights is not None and shares.weights.shape.as_list()[layout.axes[0]] not in (1, None)


def _broadcast_per_channel(part: tf.Tensor, layout: Layout) -> tf.Tensor:
    return layout.broadcast(part) if part.shape.rank == 1 else part


def _compose_affine(
    first_scale: tf.Tensor,
    first_offset: tf.Tensor,
    scale: tf.Tensor | None,
    offset: tf.Tensor | None,
    layout: Layout,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The transform x -> (x * first_scale + first_offset) * scale + offset, as one scale and one offset."""
    if not all(part is None or part.shape.rank == 1 for part in (first_scale, first_offset, scale, offset)):
        first_scale = _broadcast_per_channel(first_scale, layout)
        first_offset = _broadcast_per_channel(first_offset, layout)
        scale, offset = (None if part is None else _broadcast_per_channel(part, layout) for part in (scale, offset))
    if scale is not None:
        first_scale, first_offset = first_scale * scale, first_offset * scale
    return first_scale, first_offset if offset is None else first_offset + offset
