"""Parameters, state and batches as values, which the functions of tfbn.core take and return."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core.flag import Flag


class Params(NamedTuple):
    """The affine parameters: tensors, arrays or variables of shape [C].

    Args:
      beta: the offset. None means 0.
      gamma: the factor. None means 1.
    """

    beta: Any
    gamma: Any


class State(NamedTuple):
    """The statistics that training updates: tensors, arrays or variables of shape [C]; `local_step` has shape [].

    Unused fields are None; `init` creates those that its arguments need.

    Args:
      moving_mean: the mean that inference subtracts.
      moving_variance: the variance by whose square root inference divides.
      renorm_mean: with renorm, the mean that d is taken from.
      renorm_stddev: with renorm, the standard deviation that r is taken from.
      moving_stddev: with renorm, the standard deviation whose square moving_variance is, up to epsilon.
      biased: with zero debias, the moving mean before the correction for its start at zero.
      local_step: with zero debias, and for the cumulative average of decay=None, how many batches have been averaged;
        a floating number.
    """

    moving_mean: Any
    moving_variance: Any
    renorm_mean: Any = None
    renorm_stddev: Any = None
    moving_stddev: Any = None
    biased: Any = None
    local_step: Any = None


# Pickles of both name the public module.
Params.__module__ = State.__module__ = "tfbn.functional"


class Batch(NamedTuple):
    """The statistics of a batch, in the parameters' shape: the values that the moving averages follow."""

    mean: tf.Tensor
    variance: tf.Tensor  # by the estimator asked for
    stddev: tf.Tensor | None = None  # with renorm: sqrt(biased variance + epsilon)
    r: tf.Tensor | None = None  # with renorm: its corrections, taken from the averages as they were
    d: tf.Tensor | None = None


class CallInputs(NamedTuple):
    """The inputs of one call of a layer, and how it is to be computed."""

    inputs: tf.Tensor
    is_training: Flag = Flag(True)
    update_statistics: Flag = Flag(True)
    batch_weights: tf.Tensor | None = None
    mask: tf.Tensor | None = None
    mask_by_channel: bool = False  # whether a mask of the inputs' rank may differ from channel to channel
    adjustment: Any = None  # a pair (a, b), or a function of the inputs' dynamic shape that gives one
    across: bool = False  # whether the statistics are those of all replicas, of which there are several
