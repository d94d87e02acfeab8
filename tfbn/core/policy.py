"""The original's behaviour for given arguments, as data.

`resolve` picks the first path whose condition holds; everything after it reads the path. A quirk of the original is a
column here with a parity case beside it, never a branch in the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.layout import Layout
from tfbn.ops.normalize import compute_dtype

BETA_FIRST = ("beta", "gamma", "moving_mean", "moving_variance")
GAMMA_FIRST = ("gamma", "beta", "moving_mean", "moving_variance")
RENORM_VARIABLES = ("moving_stddev", "renorm_mean", "renorm_stddev")


class CallSignature(NamedTuple):
    """The properties by which the original chooses its path."""

    dtype: tf.DType
    layout: Layout
    fused: bool  # not False
    batch_weights: bool
    adjustment: bool
    renorm: bool
    zero_debias: bool
    default_updates: bool  # updates_collections is UPDATE_OPS itself, not merely equal to it

    @property
    def rank(self) -> int:
        return self.layout.pooled.rank

    @property
    def fusible(self) -> bool:
        """Whether the original's fused kernel supports it, with the channels on axis 1 or the last."""
        at_an_end = self.layout.pooled.axes in ((1,), (self.rank - 1,))
        return self.fused and at_an_end and not (self.batch_weights or self.renorm or self.adjustment)

    @property
    def core(self) -> bool:
        """Whether the original passes it to the tf.layers class."""
        return self.default_updates and not (self.batch_weights or self.zero_debias)


class OriginalPath(NamedTuple):
    """One path of the original."""

    name: str
    matches: Callable[[CallSignature], bool]
    order: tuple[str, ...]  # of variable creation
    param_dtype: Callable[[tf.DType], tf.DType]
    regularizers: str  # param_regularizers 'replace' the scope's regularizer, are an 'addition' to it, or are 'ignored'
    fused: bool  # the fused kernel with its unbiased estimator and epsilon floor, or the composed one with neither
    update_kind: str  # what the collections get: 'operation' or 'tensor'
    updates_when_frozen: bool  # whether trainable=False still updates the moving statistics
    collects_after: bool  # variables_collections filled after creation: statistics first, reused ones too, renorm's not
    adjusts: bool  # whether an adjustment is applied
    model_variables: bool = True  # whether the variables enter MODEL_VARIABLES
    float32_rate: bool = False  # 1 - decay in float32 instead of float64
    debias_is_model_variable: bool = False  # whether the zero debias pair enters MODEL_VARIABLES
    # Whether a channel, batch or virtual batch without any weight is normalized by the moving statistics, which stay;
    # else by a mean and a variance of 0, which they follow.
    stays_without_weight: bool = True


FUNCTION_FUSED = OriginalPath(
    name="function-fused",
    matches=lambda call: (
        call.fusible and (call.rank == 2 or (call.rank == 4 and (call.zero_debias or not call.default_updates)))
    ),
    order=BETA_FIRST,
    param_dtype=compute_dtype,
    regularizers="replace",
    fused=True,
    update_kind="tensor",
    updates_when_frozen=True,
    collects_after=False,
    adjusts=False,
)
CORE_FUSED = OriginalPath(
    name="core-fused",
    matches=lambda call: call.core and call.fusible and call.rank == 4,
    order=GAMMA_FIRST,
    param_dtype=compute_dtype,
    regularizers="addition",
    fused=True,
    update_kind="operation",
    updates_when_frozen=False,
    collects_after=True,
    adjusts=False,
    float32_rate=True,
)
CORE = CORE_FUSED._replace(name="core", matches=lambda call: call.core, fused=False, adjusts=True, float32_rate=False)
# The original refuses this combination: core's variables and arithmetic, the legacy path's update mechanics.
RENORM = CORE._replace(
    name="renorm-anywhere", matches=lambda call: call.renorm, update_kind="tensor", updates_when_frozen=True
)
LEGACY = OriginalPath(
    name="legacy",
    matches=lambda call: True,
    order=BETA_FIRST,
    param_dtype=lambda dtype: dtype,
    regularizers="ignored",
    fused=False,
    update_kind="tensor",
    updates_when_frozen=True,
    collects_after=False,
    adjusts=False,
    debias_is_model_variable=True,
)
TABLE: tuple[OriginalPath, ...] = (FUNCTION_FUSED, CORE_FUSED, CORE, RENORM, LEGACY)
# tf.layers.batch_normalization is the class that the core path calls, without contrib's collections. Its virtual
# batches have no fused kernel; those of the other front ends are no part of the original.
LAYERS_TABLE = (
    CORE_FUSED._replace(
        model_variables=False,
        matches=lambda call: CORE_FUSED.matches(call) and call.layout.virtual_batch_size is None,
    ),
    CORE._replace(model_variables=False),
)
# `tfbn.functional` has no original whose habits it would have to share.
FUNCTIONAL_TABLE = (CORE._replace(name="functional", matches=lambda call: True),)
# A mask that Keras 3 passes on counts as in its own layer; everything else is as it is without one.
KERAS_3_MASK_TABLE = tuple(path._replace(stays_without_weight=False) for path in TABLE)


def resolve(call: CallSignature, table: tuple[OriginalPath, ...] = TABLE) -> OriginalPath:
    """The path of the table that the original would take."""
    return next(path for path in table if path.matches(call))
