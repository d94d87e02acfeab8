"""The layer's arguments as its config holds them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

# What Keras' own modules make of names, and serialize.
OF_KERAS = {
    "param_initializers": "initializers",
    "param_regularizers": "regularizers",
    "param_constraints": "constraints",
}


def objects_of(given: Mapping[str, Any], api: Any) -> dict[str, Any]:
    """Functions in the place of names and configs; what there is no name for stays as it is."""
    found = dict(given)
    for name, kind in OF_KERAS.items():
        get = getattr(api, kind).get
        found[name] = {key: get(value) for key, value in (given.get(name) or {}).items() if value is not None}
    if isinstance(given.get("adjustment"), str):
        found["adjustment"] = _registered(given["adjustment"], api)
    return found


def plain_of(given: Mapping[str, Any], api: Any) -> dict[str, Any]:
    """Names, numbers and dicts, which go into a file."""
    found = {name: _number(value) for name, value in given.items()}
    for name, kind in OF_KERAS.items():
        found[name] = {key: getattr(api, kind).serialize(value) for key, value in given[name].items()}
    if given["renorm_clipping"] is not None:
        found["renorm_clipping"] = {key: _number(value) for key, value in given["renorm_clipping"].items()}
    if given["adjustment"] is not None:
        found["adjustment"] = _name_of(given["adjustment"], api)
    return found


def _number(value: Any) -> Any:
    return np.asarray(value).item() if tf.is_tensor(value) else value


def _registered(name: str, api: Any) -> Any:
    found = api.utils.get_registered_object(name)
    if found is None:
        raise ValueError(
            f"adjustment: expected the name of a function that Keras knows, got {name!r}. Decorate the function with "
            "keras.utils.register_keras_serializable() before the model is loaded."
        )
    return found


def _name_of(adjustment: Any, api: Any) -> str:
    name: str = api.utils.get_registered_name(adjustment)
    if api.utils.get_registered_object(name) is not adjustment:
        raise ValueError(
            f"adjustment: expected a function that Keras knows, to save it by its name, got {adjustment!r}. Decorate "
            "it with keras.utils.register_keras_serializable()."
        )
    return name
