"""`wrap`: a module as a layer of tfbn's own class, without differences, and back."""

from __future__ import annotations

from typing import Any

from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.layer import ARGUMENTS, Layer, layer_class
from tfbn.module import BatchNorm


def wrap(norm: BatchNorm, *, keras: Any = None, dtype: Any = None, name: str | None = None) -> Any:
    """A layer, of the class from `layer_class`, with the arguments of a module and copies of its variables.

    Variables of half precision become float32. `tfbn.keras.from_keras` turns the layer back into a module.

    Args:
      norm: tfbn.BatchNorm; without variables the layer is not built yet.
      keras: as in `layer_class`.
      dtype: the layer's dtype or policy. Default: that of the module's variables.
      name: the layer's name. Default: chosen by Keras.

    Returns:
      The layer.

    Raises:
      TypeError: `norm` is not a tfbn.BatchNorm.

    Example:
      >>> import numpy as np, tfbn
      >>> norm = tfbn.BatchNorm(2, decay=0.5, zero_debias_moving_mean=True)
      >>> layer = tfbn.keras.wrap(norm)
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> print(np.allclose(layer(inputs, training=True), norm(inputs)), layer.moving_mean.numpy())
      True [2. 5.]
    """
    if not isinstance(norm, BatchNorm):
        raise TypeError(f"norm: expected a tfbn.BatchNorm, got {norm!r}. For arrays there is tfbn.keras.to_keras.")
    arguments, built = norm.arguments(), norm.moving_mean is not None
    param_dtype = norm.moving_mean.dtype if built else arguments["param_dtype"]
    if dtype is None and param_dtype is not None:
        dtype = normalization.compute_dtype(param_dtype).name
    layer = layer_class(keras)(
        **{name: arguments[name] for name in ARGUMENTS}, trainable=norm.trainable, dtype=dtype, name=name
    )
    if built:
        layer.build(_smallest_shape(arguments["axis"], arguments["data_format"], arguments["channels"]))
        weights.assign(layer, weights.read_arrays(norm))
    return layer


def unwrap(layer: Layer, name: str) -> BatchNorm:
    """A module with the arguments of such a layer and copies of its weights."""
    inner = module_of(layer)
    norm = BatchNorm(**{**inner.arguments(), "trainable": layer.trainable, "name": name})
    weights.assign(norm, weights.read_arrays(inner))
    return norm


def module_of(layer: Layer) -> BatchNorm:
    """The module that computes for the layer, on the layer's own variables."""
    return layer._hidden.module


def _smallest_shape(axis: int | None, data_format: str, channels: int) -> tuple[int | None, ...]:
    """The shape of the lowest rank with channels on this axis."""
    if axis is None:
        axis = 1 if data_format == "NCHW" else -1
    rest = (None,) * max(axis if axis >= 0 else -axis - 1, 1)
    return (channels, *rest) if axis < -1 or axis == 0 else (*rest, channels)
