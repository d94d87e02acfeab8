"""The variables of a module or a layer, by name, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfbn.core import values

AFFINE = values.Params._fields
NAMES = (*AFFINE, *values.State._fields)
# Those with an argument for their initializer.
INITIALIZED = NAMES[:4]


def read_arrays(holder: Any) -> dict[str, np.ndarray]:
    """The variables of a module or a layer, of either Keras and any backend."""
    variables = {name: getattr(holder, name, None) for name in NAMES}
    return {name: variable.numpy() for name, variable in variables.items() if variable is not None}


def assign(holder: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Assigns to each variable the array under its name, in the variable's shape."""
    for name in NAMES:
        variable = getattr(holder, name, None)
        if variable is not None:
            variable.assign(np.reshape(arrays[name], tuple(variable.shape)))
