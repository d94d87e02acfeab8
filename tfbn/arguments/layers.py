"""The checks that all front ends make, in the same order: of a layer's arguments, and of the inputs of a call."""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.arguments import checks, shapes
from tfbn.core.replicas import several_replicas
from tfbn.core.settings import Arguments
from tfbn.core.values import CallInputs
from tfbn.ops.layout import Layout


def check_arguments(
    arguments: Arguments,
    channels: int | None = None,
    decay: str = "decay",
    renorm_decay: str = "renorm_decay",
) -> Arguments:
    """Checks and returns the arguments, epsilon as a float. `decay` and `renorm_decay` are the front end's names.

    `channels` is None while their number is unknown.
    """
    if arguments.decay is None and arguments.counts is not None:
        checks.check_cumulative(arguments.zero_debias_moving_mean, arguments.counts)
    else:
        checks.check_decay(decay, arguments.decay, channels)
    epsilon = checks.check_epsilon(arguments.epsilon)
    shapes.check_virtual_batch_size(arguments.virtual_batch_size, arguments.adjustment, arguments.synchronized)
    if arguments.renorm:
        checks.check_decay(renorm_decay, arguments.renorm_decay, channels)
        checks.check_renorm_clipping(arguments.renorm_clipping or {}, channels)
    return replace(arguments, epsilon=epsilon)


def check_call(call: CallInputs, layout: Layout, synchronized: bool = False) -> CallInputs:
    """Checks a call; returns it with weights and mask as tensors, and whether it goes across replicas."""
    # With a tensor is_training, the training branch fails only when it runs; but under XLA both branches run.
    if not call.is_training.never and (call.is_training.always or _tensorflow.compiled_by_xla()):
        shapes.check_divides(layout, call.inputs.shape)
    batch_weights, mask = call.batch_weights, call.mask
    if batch_weights is not None:
        batch_weights = tf.convert_to_tensor(batch_weights)
        shapes.check_batch_weights(batch_weights, call.inputs)
    if mask is not None:
        mask = tf.convert_to_tensor(mask)
        shapes.check_mask(mask, call.inputs, layout.pooled.axes[0], call.mask_by_channel)
        mask = _know_channels(mask, layout.pooled, call.mask_by_channel)
    across = several_replicas(synchronized, call.is_training)
    return call._replace(batch_weights=batch_weights, mask=mask, across=across)


def _know_channels(mask: tf.Tensor, layout: Layout, by_channel: bool) -> tf.Tensor:
    """The mask, whose static shape tells what size it has along the channels if it has all axes."""
    axis = layout.axes[0]
    if mask.shape.rank != layout.rank or mask.shape.as_list()[axis] is not None:
        return mask
    expected = [layout.channels if each == axis else None for each in range(layout.rank)]
    if not by_channel:
        expected[axis] = 1
        return tf.ensure_shape(mask, expected)
    sizes = [layout.channels if each == axis else size for each, size in enumerate(tf.unstack(tf.shape(mask)))]
    return tf.ensure_shape(tf.broadcast_to(mask, sizes), expected)
