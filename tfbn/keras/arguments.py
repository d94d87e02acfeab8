"""What a BatchNorm was made with, and a BatchNorm made of arrays."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfbn.core.values import Params, State
from tfbn.keras import weights
from tfbn.module import BatchNorm

# Every argument of the module but self.
NAMES = tuple(inspect.signature(BatchNorm.__init__).parameters)[1:]
# What the module keeps under another name than its argument's.
KEPT = {
    "param_initializers": "initializers",
    "param_regularizers": "regularizers",
    "param_constraints": "constraints",
    "zero_debias_moving_mean": "zero_debias",
}


def arguments_of(norm: BatchNorm) -> dict[str, Any]:
    """The arguments that make a module like this one, as its attributes are now; `channels` None before variables."""
    given = norm._given
    found = {}
    for name in NAMES:
        kept = KEPT.get(name, name)
        found[name] = getattr(given, kept) if hasattr(given, kept) else getattr(norm, name, None)
    found["channels"] = None if norm.moving_mean is None else norm.moving_mean.shape.as_list()[0]
    return found


def module_of_arrays(arrays: Any, **config: Any) -> BatchNorm:
    """A module with these numbers. What a mapping lacks, but for both moving statistics, the module does without."""
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
