"""The arguments that all front ends have, and the settings that they give on the path that the original would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core import policy
from tfbn.ops.layout import Layout
from tfbn.ops.normalize import FUSED_EPSILON_FLOOR


@dataclass(frozen=True)
class Arguments:
    """A layer's arguments, under contrib's names. Not a NamedTuple: a tf.Module would wrap and save it."""

    decay: Any
    epsilon: Any
    fused: bool = True
    unbiased: bool | None = None  # None: as the original does
    zero_debias_moving_mean: bool = False
    counts: bool | None = None  # whether batches are counted, for decay=None; None: there is no such average
    renorm: bool = False
    renorm_clipping: Mapping[str, Any] | None = None
    renorm_decay: Any = 0.99
    adjustment: Any = None
    virtual_batch_size: int | None = None
    synchronized: bool = False


class Settings(NamedTuple):
    """How a layer treats inputs of one layout."""

    path: policy.OriginalPath
    layout: Layout
    epsilon: float
    fused: bool  # the fused kernel, where it has the dtype and the layout
    unbiased: bool  # whether moving_variance follows the unbiased estimator
    decay: Any  # None: every batch has the same share
    zero_debias: bool
    renorm_clipping: Mapping[str, Any] | None  # None: no renorm
    renorm_decay: Any
    synchronized: bool

    @property
    def fused_nchw_inference(self) -> bool:
        """The fused kernel's inference mode in NCHW as well, which has no gradient on a CPU without oneDNN."""
        return self.path.fused


def resolve(
    arguments: Arguments,
    layout: Layout,
    dtype: tf.DType,
    batch_weights: bool = False,
    default_updates: bool = True,
    table: tuple[policy.OriginalPath, ...] = policy.TABLE,
) -> Settings:
    """The settings for inputs of this layout and dtype, with or without weights."""
    path = policy.resolve(
        policy.CallSignature(
            dtype=dtype,
            layout=layout,
            fused=arguments.fused,
            batch_weights=batch_weights,
            adjustment=arguments.adjustment is not None,
            renorm=arguments.renorm,
            zero_debias=arguments.zero_debias_moving_mean,
            default_updates=default_updates,
        ),
        table,
    )
    return Settings(
        path=path,
        layout=layout,
        epsilon=max(arguments.epsilon, FUSED_EPSILON_FLOOR) if path.fused else arguments.epsilon,
        fused=arguments.fused,
        unbiased=path.fused if arguments.unbiased is None else arguments.unbiased,
        decay=arguments.decay,
        zero_debias=arguments.zero_debias_moving_mean,
        renorm_clipping=(arguments.renorm_clipping or {}) if arguments.renorm else None,
        renorm_decay=arguments.renorm_decay,
        synchronized=arguments.synchronized,
    )
