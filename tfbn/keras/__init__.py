"""Keras, of either generation: `to_keras` and `from_keras` convert; `BatchNorm` and `wrap` put tfbn into a Model.

`BatchNorm` is the layer for the Keras of `tf.keras`, created on first use; `layer_class` creates it for another.
Importing this module loads no Keras.
"""

from __future__ import annotations

from typing import Any

from tfbn.keras.from_keras import from_keras
from tfbn.keras.layer import layer_class
from tfbn.keras.to_keras import to_keras
from tfbn.keras.wrap import wrap

__all__ = ["from_keras", "layer_class", "to_keras", "wrap"]


def __getattr__(name: str) -> Any:
    if name == "BatchNorm":
        return layer_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
