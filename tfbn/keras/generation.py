"""Which Keras: Keras 2 as tf.keras or tf_keras, or Keras 3. It is imported only when needed."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import tensorflow as tf

NAMES = {"keras", "tf_keras"}


class Generation(NamedTuple):
    """One Keras."""

    package: str  # keras or tf_keras
    version: str
    api: Any  # the module with `layers`, `initializers`, `utils`

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def title(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def layer(self) -> Any:
        """Its own BatchNormalization."""
        return self.api.layers.BatchNormalization


def find_generation(keras: Any = None) -> Generation:
    """The Keras of a module, `keras`, `tf_keras` or by default `tf.keras`, with the TensorFlow backend."""
    if keras is None:
        try:
            keras = tf.keras
            base = keras.layers.Layer
        except (ImportError, AttributeError, RecursionError) as error:  # depends on the version of TensorFlow
            raise ImportError(
                "keras: TensorFlow finds no Keras, and tfbn.keras needs one. pip install keras brings Keras 3 to "
                "TensorFlow 2.16 or newer; tf_keras is Keras 2, for keras=tf_keras.",
                name="keras",
            ) from error
    else:
        base = getattr(getattr(keras, "layers", None), "Layer", None)
    package = getattr(base, "__module__", "").partition(".")[0]
    if package not in NAMES:
        raise TypeError(f"keras: expected keras, tf_keras, tf.keras or None, got {keras!r}. Pass the module itself.")
    generation = Generation(package, importlib.import_module(package).__version__, keras)
    if generation.major >= 3 and keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"tfbn.keras: expected the TensorFlow backend of {generation.title}, got {keras.backend.backend()!r}. Set "
            "KERAS_BACKEND=tensorflow before Keras is imported."
        )
    # The package keras does not export all of Keras 2.12; tf.keras, which is the same, does.
    return generation._replace(api=tf.keras) if generation.major == 2 and package == "keras" else generation


def layer_generation(layer: Any) -> Generation | None:
    """The Keras that a BatchNormalization layer is of; None for any other object."""
    for cls in type(layer).__mro__:
        package = cls.__module__.partition(".")[0]
        if package in NAMES and cls.__name__.startswith("BatchNormalization"):
            return find_generation(importlib.import_module(package))
    return None
