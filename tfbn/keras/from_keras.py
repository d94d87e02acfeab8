"""`from_keras`: a Keras layer as a module with the same numbers."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.generation import layer_generation
from tfbn.keras.layer import Layer
from tfbn.keras.wrap import unwrap
from tfbn.module import BatchNorm


def from_keras(layer: Any) -> Any:
    """A module with the configuration and the weights of a built Keras BatchNormalization layer.

    Called with `is_training` where the layer is called with `training`, it gives equal outputs, and its moving
    statistics are equal after steps: `unbiased` is set to the layer's estimator. A layer whose trainable is False
    normalizes by its moving statistics even in training, and so does the module, with its attribute `frozen`. A layer
    of tf.compat.v1.keras.layers or tf.compat.v1.layers instead freezes its moving statistics and normalizes by the
    batch.

    Differences: a layer casts its inputs to its compute dtype, the module computes in the inputs' dtype. Keras 2
    ignores masks where it runs its fused kernel (ranks 4 and 5), and the module does not. A channel that a mask leaves
    without values keeps its statistics in the module; Keras 3 gives it a mean and a variance of 0.

    Args:
      layer: BatchNormalization of Keras 2 or 3, or of a subclass, that has been built or called; or tfbn's own layer;
        or a model with such layers, in models within it too.

    Returns:
      A tfbn.BatchNorm with its own copy of the weights. For a model, a dict of these by the layers' paths: the names of
      the models around the layer and its own, with slashes between.

    Raises:
      TypeError: no BatchNormalization layer.
      ValueError: a layer that is not built, has several axes, or is synchronized; a model that has such layers inside
        layers other than models and wrappers, or several with one path.

    Example:
      >>> import numpy as np, tensorflow as tf, tfbn
      >>> layer = tf.keras.layers.BatchNormalization(momentum=0.5)
      >>> outputs = layer(np.array([[1.0, 5.0], [3.0, 5.0]], "float32"), training=True)
      >>> norm = tfbn.keras.from_keras(layer)
      >>> print(norm.decay, norm.moving_mean.numpy())
      0.5 [1.  2.5]
    """
    checks.check_no_tf1_graph("from_keras")
    if isinstance(getattr(layer, "layers", None), (list, tuple)):
        return _read_model(layer)
    name = re.sub(r"\W|^(?=\d)", "_", str(getattr(layer, "name", "")))  # a name that tf.Module accepts
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


def _read_model(model: Any) -> dict[str, BatchNorm]:
    """The modules of a model's layers by path."""
    layers = list(find_batch_norms(model))
    paths = [path for path, _ in layers]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise ValueError(f"layer: expected a model with layers of different paths, got several of {twice}. Name them.")
    reached = {id(layer.moving_mean) for _, layer in layers}
    hidden = [
        getattr(weight, "path", weight.name)
        for weight in model.weights
        if weight.name.partition(":")[0].endswith("moving_mean") and id(weight) not in reached
    ]
    if hidden:
        raise ValueError(
            f"layer: expected batch norm layers in models and wrappers, got {hidden} in layers of another kind, which "
            "do not list their layers. Convert those layers one by one."
        )
    return {path: from_keras(layer) for path, layer in layers}


def find_batch_norms(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The batch norm layers of a model, Keras' own and tfbn's, with their paths."""
    for layer in model.layers:
        path = prefix + layer.name
        if isinstance(layer, Layer) or layer_generation(layer) is not None:
            yield path, layer
        elif isinstance(getattr(layer, "layers", None), (list, tuple)):
            yield from find_batch_norms(layer, f"{path}/")
        elif hasattr(layer, "layer"):
            yield from find_batch_norms(types.SimpleNamespace(layers=[layer.layer]), f"{path}/")


def _read_arguments(layer: Any) -> dict[str, Any]:
    """The arguments of a module like this layer."""
    # With virtual batches Keras 2 shifts the layer's `axis` when it is built.
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
        # The module's fused kernel has a lower bound on epsilon, and Keras has none.
        "fused": None if layer.epsilon >= normalization.FUSED_EPSILON_FLOOR else False,
        "unbiased": bool(getattr(layer, "fused", False)),  # Keras 3 has neither the argument nor the estimator
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
