"""`from_keras`: a Keras layer as a module of the same numbers."""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.generation import Generation, generation_of_layer
from tfbn.keras.layer import Layer
from tfbn.keras.wrap import unwrap
from tfbn.module import BatchNorm


def from_keras(layer: Any) -> BatchNorm:
    """A module with the configuration and the weights of a built Keras BatchNormalization layer.

    Called with `is_training` where the layer is called with `training`, it gives equal outputs, and its moving
    statistics are equal after steps: `unbiased` is what the layer's estimator is. A layer whose trainable is False
    normalizes by its moving statistics even in training, and so does the module, by its attribute `frozen`. Not so one
    of tf.compat.v1.keras.layers or tf.compat.v1.layers: it holds its moving statistics, and normalizes by the batch.

    What differs: a layer casts its inputs to its compute dtype, the module computes in that of the inputs. Where Keras
    2 runs its fused kernel (ranks 4 and 5) it ignores masks, and the module does not.

    Args:
      layer: BatchNormalization of Keras 2 or 3, or of a subclass, that has been built or called; or tfbn's own layer.

    Returns:
      A tfbn.BatchNorm with variables of its own.

    Raises:
      TypeError: no BatchNormalization layer.
      ValueError: a layer that is not built, has several axes, or is synchronized.

    Example:
      >>> import numpy as np, tensorflow as tf, tfbn
      >>> layer = tf.keras.layers.BatchNormalization(momentum=0.5)
      >>> outputs = layer(np.array([[1.0, 5.0], [3.0, 5.0]], "float32"), training=True)
      >>> norm = tfbn.keras.from_keras(layer)
      >>> print(norm.decay, norm.moving_mean.numpy())
      0.5 [1.  2.5]
    """
    checks.check_no_tf1_graph("from_keras")
    name = re.sub(r"\W|^(?=\d)", "_", str(getattr(layer, "name", "")))  # as far as a tf.Module takes it
    if isinstance(layer, Layer):
        return unwrap(layer, name)
    found = generation_of_layer(layer)
    if found is None:
        raise TypeError(f"layer: expected a Keras BatchNormalization layer, got {layer!r}. Pass the layer itself.")
    if getattr(layer, "moving_mean", None) is None:
        raise ValueError(
            f"layer: expected a layer that is built, got {layer.name!r} without weights. Its estimator depends on the "
            "rank: layer.build([None, ..., C]), or call it once."
        )
    config = _arguments_of_layer(layer, found)
    arrays = weights.arrays_of(layer)
    norm = BatchNorm(arrays["moving_mean"].size, **config, name=name)
    weights.assign(norm, arrays)
    return norm


def _arguments_of_layer(layer: Any, found: Generation) -> dict[str, Any]:
    rank, axis = layer.input_spec.ndim, _axis(layer)
    frozen = not layer.trainable and not _as_tf1(layer)
    fused = bool(getattr(layer, "fused", False))  # Keras 3 has no such choice, nor such an estimator
    taken: dict[str, Any] = {
        "decay": layer.momentum,
        "center": layer.center,
        "scale": layer.scale,
        "epsilon": layer.epsilon,
        # With its kernel the module has a lower bound on epsilon, and Keras has none.
        "fused": None if layer.epsilon >= normalization.FUSED_EPSILON_FLOOR else False,
        "unbiased": fused,
        "trainable": layer.trainable,
        "frozen": frozen,
        # A frozen layer of TF1 holds its statistics, and normalizes by the batch.
        "update_statistics": layer.trainable or frozen,
        "param_dtype": tf.as_dtype(layer.moving_mean.dtype).name,
        "virtual_batch_size": getattr(layer, "virtual_batch_size", None),
        "adjustment": getattr(layer, "adjustment", None),
        "synchronized": bool(getattr(layer, "synchronized", False)),
    }
    if axis == 1 and rank > 2:
        taken["data_format"] = "NCHW"
    elif axis != rank - 1:
        taken["axis"] = axis
    for kind, names in {
        "initializer": weights.INITIALIZED,
        "regularizer": weights.AFFINE,
        "constraint": weights.AFFINE,
    }.items():
        given = {name: getattr(layer, f"{name}_{kind}") for name in names}
        taken[f"param_{kind}s"] = {name: value for name, value in given.items() if value is not None}
    if getattr(layer, "renorm", False):
        taken.update(renorm=True, renorm_decay=layer.renorm_momentum, renorm_clipping=dict(layer.renorm_clipping or {}))
    return taken


def _axis(layer: Any) -> int:
    """The axis of the channels, counted from the left."""
    # With virtual batches Keras 2 moves the layer's own `axis` when it is built.
    axes = [axis % layer.input_spec.ndim for axis in layer.input_spec.axes]
    if len(axes) != 1:
        raise ValueError(
            f"layer: expected one axis, got {sorted(axes)} of {layer.name!r}. Several axes are for "
            "tfbn.batch_normalization."
        )
    return axes[0]


def _as_tf1(layer: Any) -> bool:
    """Whether trainable=False goes on with batch statistics."""
    return any(cls.__module__.endswith(".batch_normalization_v1") for cls in type(layer).__mro__)
