"""What the original would do for these arguments, as data.

`resolve` picks the first row whose condition holds; everything after it reads the row. A quirk of the original is a
column here with a parity case beside it, never a branch in the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfbn.ops.normalize import compute_dtype

BETA_FIRST = ("beta", "gamma", "moving_mean", "moving_variance")
GAMMA_FIRST = ("gamma", "beta", "moving_mean", "moving_variance")
RENORM_VARIABLES = ("moving_stddev", "renorm_mean", "renorm_stddev")


class Question(NamedTuple):
    """What the original looks at to choose its path."""

    dtype: tf.DType
    rank: int
    fused: bool
    batch_weights: bool
    adjustment: bool
    renorm: bool
    zero_debias: bool
    default_updates: bool  # updates_collections is UPDATE_OPS itself, not merely equal to it

    @property
    def fusible(self) -> bool:
        """What the original's own fused function can do."""
        return self.rank in (2, 4) and not (self.batch_weights or self.renorm or self.adjustment)

    @property
    def core(self) -> bool:
        """What the original hands to the tf.layers class."""
        return self.default_updates and not (self.batch_weights or self.zero_debias)


def _float32(dtype: tf.DType) -> tf.DType:
    return compute_dtype(dtype)


def _inputs_own(dtype: tf.DType) -> tf.DType:
    return dtype


class Row(NamedTuple):
    """One path of the original."""

    name: str
    holds: Callable[[Question], bool]
    order: tuple[str, ...]  # of variable creation
    param_dtype: Callable[[tf.DType], tf.DType]
    regularizers: str  # param_regularizers 'replace' the scope's regularizer, are an 'addition' to it, or are 'ignored'
    fused: bool  # the fused kernel with its unbiased estimator and epsilon floor, or the composed one with neither
    update_kind: str  # what the collections get: 'operation' or 'tensor'
    updates_when_frozen: bool  # whether trainable=False still updates the moving statistics
    collects_after: bool  # variables_collections filled after creation: statistics first, reused ones too, renorm's not
    adjusts: bool  # whether an adjustment is applied
    model_variables: bool = True  # whether the variables enter MODEL_VARIABLES
    single: bool = False  # 1 - decay in float32 instead of float64
    debias_is_model_variable: bool = False  # whether the zero debias pair enters MODEL_VARIABLES


FUNCTION_FUSED = Row(
    name="function-fused",
    holds=lambda q: q.fused and q.fusible and (q.zero_debias or q.rank == 2 or not q.default_updates),
    order=BETA_FIRST,
    param_dtype=_float32,
    regularizers="replace",
    fused=True,
    update_kind="tensor",
    updates_when_frozen=True,
    collects_after=False,
    adjusts=False,
)
CORE_FUSED = Row(
    name="core-fused",
    holds=lambda q: q.core and q.fused and q.rank == 4 and not (q.renorm or q.adjustment),
    order=GAMMA_FIRST,
    param_dtype=_float32,
    regularizers="addition",
    fused=True,
    update_kind="operation",
    updates_when_frozen=False,
    collects_after=True,
    adjusts=False,
    single=True,
)
CORE = CORE_FUSED._replace(name="core", holds=lambda q: q.core, fused=False, adjusts=True, single=False)
# The original refuses this combination: core's variables and arithmetic, the legacy path's update mechanics.
RENORM = CORE._replace(name="renorm-anywhere", holds=lambda q: q.renorm, update_kind="tensor", updates_when_frozen=True)
LEGACY = Row(
    name="legacy",
    holds=lambda q: True,
    order=BETA_FIRST,
    param_dtype=_inputs_own,
    regularizers="ignored",
    fused=False,
    update_kind="tensor",
    updates_when_frozen=True,
    collects_after=False,
    adjusts=False,
    debias_is_model_variable=True,
)
TABLE = (FUNCTION_FUSED, CORE_FUSED, CORE, RENORM, LEGACY)
# tf.layers.batch_normalization is the class that the core path calls, without contrib's collections.
LAYERS_TABLE = tuple(row._replace(model_variables=False) for row in (CORE_FUSED, CORE))


def resolve(question: Question, table: tuple[Row, ...] = TABLE) -> Row:
    """The row of the table that the original would take."""
    return next(row for row in table if row.holds(question))
