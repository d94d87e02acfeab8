"""A BatchNorm from arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfbn.core.values import Params, State
from tfbn.keras import weights
from tfbn.module import BatchNorm


def module_from_arrays(arrays: Any, **config: Any) -> BatchNorm:
    """A module with these values. It has no variables that the arrays lack; both moving statistics are required."""
    if isinstance(arrays, tuple) and len(arrays) == 2:
        arrays = {**Params(*arrays[0])._asdict(), **State(*arrays[1])._asdict()}
    if not isinstance(arrays, Mapping):
        raise TypeError(
            "norm: expected a tfbn.BatchNorm, a dict of arrays, or a pair of Params and State, got "
            f"{type(arrays).__name__}. The names of arrays are {list(weights.NAMES)}."
        )
    values = {name.rpartition("/")[2]: value for name, value in arrays.items() if value is not None}
    if len(values) < sum(value is not None for value in arrays.values()):
        raise ValueError(f"norm: expected the arrays of one layer, got {sorted(arrays)}. Convert layer by layer.")
    unknown = sorted(set(values) - set(weights.NAMES))
    missing = sorted({"moving_mean", "moving_variance"} - set(values))
    if "renorm_mean" in values:
        missing += sorted({"renorm_stddev", "moving_stddev"} - set(values))
    if unknown or missing:
        raise ValueError(
            f"norm: expected arrays by the names {list(weights.NAMES)}, got unknown {unknown}, missing {missing}. Both "
            "moving statistics are needed, and with renorm_mean both deviations."
        )
    values = {name: np.asarray(value) for name, value in values.items()}
    implied: dict[str, Any] = {
        "center": "beta" in values,
        "scale": "gamma" in values,
        "renorm": "renorm_mean" in values,
        "zero_debias_moving_mean": "biased" in values,
    }
    norm = BatchNorm(values["moving_mean"].size, param_dtype=values["moving_mean"].dtype, **implied, **config)
    weights.assign(norm, values)
    return norm
