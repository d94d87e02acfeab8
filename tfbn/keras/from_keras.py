"""`from_keras`: a Keras layer as a module of the same numbers."""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.generation import layer_generation
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
      A tfbn.BatchNorm with its own copy of the weights.

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
    if layer_generation(layer) is None:
        raise TypeError(f"layer: expected a Keras BatchNormalization layer, got {layer!r}. Pass the layer itself.")
    if getattr(layer, "moving_mean", None) is None:
        raise ValueError(
            f"layer: expected a layer that is built, got {layer.name!r} without weights. Its estimator depends on the "
            "rank: layer.build([None, ..., C]), or call it once."
        )
    config = _read_arguments(layer)
    arrays = weights.read_arrays(layer)
    norm = BatchNorm(arrays["moving_mean"].size, **config, name=name)
    weights.assign(norm, arrays)
    return norm


def _read_arguments(layer: Any) -> dict[str, Any]:
    """The arguments of a module like this layer."""
    # With virtual batches Keras 2 moves the layer's own `axis` when it is built.
    rank = layer.input_spec.ndim
    axes = [axis % rank for axis in layer.input_spec.axes]
    if len(axes) != 1:
        raise ValueError(
            f"layer: expected one axis, got {sorted(axes)} of {layer.name!r}. Several axes are for "
            "tfbn.batch_normalization."
        )
    # A layer of TF1 with trainable=False still normalizes by the batch.
    as_tf1 = any(cls.__module__.endswith(".batch_normalization_v1") for cls in type(layer).__mro__)
    frozen = not layer.trainable and not as_tf1
    arguments: dict[str, Any] = {
        "decay": layer.momentum,
        "center": layer.center,
        "scale": layer.scale,
        "epsilon": layer.epsilon,
        # With its kernel the module has a lower bound on epsilon, and Keras has none.
        "fused": None if layer.epsilon >= normalization.FUSED_EPSILON_FLOOR else False,
        "unbiased": bool(getattr(layer, "fused", False)),  # Keras 3 has no such choice, nor such an estimator
        "trainable": layer.trainable,
        "frozen": frozen,
        "update_statistics": layer.trainable or frozen,
        "param_dtype": tf.as_dtype(layer.moving_mean.dtype).name,
        "virtual_batch_size": getattr(layer, "virtual_batch_size", None),
        "adjustment": getattr(layer, "adjustment", None),
        "synchronized": bool(getattr(layer, "synchronized", False)),
    }
    if axes == [1] and rank > 2:
        arguments["data_format"] = "NCHW"
    elif axes != [rank - 1]:
        arguments["axis"] = axes[0]
    for kind, names in {
        "initializer": weights.INITIALIZED,
        "regularizer": weights.AFFINE,
        "constraint": weights.AFFINE,
    }.items():
        objects = {name: getattr(layer, f"{name}_{kind}") for name in names}
        arguments[f"param_{kind}s"] = {name: value for name, value in objects.items() if value is not None}
    if getattr(layer, "renorm", False):
        arguments.update(
            renorm=True, renorm_decay=layer.renorm_momentum, renorm_clipping=dict(layer.renorm_clipping or {})
        )
    return arguments
