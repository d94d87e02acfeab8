"""Converts the layer's arguments to its config, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

# The arguments that modules of Keras turn into objects, and serialize.
KERAS_MODULES = {
    "param_initializers": "initializers",
    "param_regularizers": "regularizers",
    "param_constraints": "constraints",
}


def deserialize(config: Mapping[str, Any], api: Any) -> dict[str, Any]:
    """The arguments, with names and configs replaced by functions; anything else stays as it is."""
    arguments = dict(config)
    for name, kind in KERAS_MODULES.items():
        get = getattr(api, kind).get
        arguments[name] = {key: get(value) for key, value in (config.get(name) or {}).items() if value is not None}
    adjustment = config.get("adjustment")
    if isinstance(adjustment, str):
        arguments["adjustment"] = api.utils.get_registered_object(adjustment)
        if arguments["adjustment"] is None:
            raise ValueError(
                f"adjustment: expected the name of a function that Keras knows, got {adjustment!r}. Decorate the "
                "function with keras.utils.register_keras_serializable() before the model is loaded."
            )
    return arguments


def serialize(arguments: Mapping[str, Any], api: Any) -> dict[str, Any]:
    """The arguments as names, numbers and dicts, which can be saved."""
    config = {name: _number(value) for name, value in arguments.items()}
    for name, kind in KERAS_MODULES.items():
        config[name] = {key: getattr(api, kind).serialize(value) for key, value in arguments[name].items()}
    if arguments["renorm_clipping"] is not None:
        config["renorm_clipping"] = {key: _number(value) for key, value in arguments["renorm_clipping"].items()}
    adjustment = arguments["adjustment"]
    if adjustment is not None:
        config["adjustment"] = api.utils.get_registered_name(adjustment)
        if api.utils.get_registered_object(config["adjustment"]) is not adjustment:
            raise ValueError(
                f"adjustment: expected a function that Keras knows, to save it by its name, got {adjustment!r}. "
                "Decorate it with keras.utils.register_keras_serializable()."
            )
    return config


def _number(value: Any) -> Any:
    return np.asarray(value).item() if tf.is_tensor(value) else value
