"""`list_layers`: the batch norm layers of a checkpoint, as a table."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfbn.checkpoint.layers import Layer, find
from tfbn.checkpoint.reader import Reader
from tfbn.tables import format_shape, format_table


class Layers(list):
    """A list of `Layer`, printed as a table."""

    HEADER = ("scope", "shape", "dtype", "variables", "zero debias", "renorm", "shadows")

    def __str__(self) -> str:
        rows = [
            (
                layer.scope or "-",
                format_shape(layer.shape),
                layer.dtype,
                ", ".join(_shown(short, layer) for short in layer.variables),
                layer.zero_debias or "-",
                layer.renorm or "-",
                ", ".join(layer.shadows) or "-",
            )
            for layer in self
        ]
        return format_table([self.HEADER, *rows])

    __repr__ = __str__


def _shown(short: str, layer: Layer) -> str:
    """The short name, with the name in the checkpoint if that differs."""
    if short not in layer.aliases:
        return short
    return f"{short} ({layer.aliases[short].removeprefix(f'{layer.scope}/')})"


def list_layers(path: str | os.PathLike[str] | Reader, *, rename: Sequence[tuple[str, str]] = ()) -> Layers:
    """Lists the batch norm layers of a checkpoint: of contrib and slim, tf.layers, Keras, `BatchNorm` or `TF1Module`.

    A layer is a scope that has a moving_mean or a moving_variance, or both of them by another of the common names, such
    as pop_mean and pop_var, mean/EMA and variance/EMA, running_mean and running_var, or the shadows that
    tf.train.ExponentialMovingAverage made for tf.nn.moments; or beta or gamma alone, under a name that suggests batch
    norm. Several pairs of statistics with one beta and gamma, as for several domains, count as a layer each.

    Args:
      path: as for `open`, or what `open` returned.
      rename: pairs of a regular expression and its replacement for the paths, as for `convert`, for statistics with
        unknown names. Default ().

    Returns:
      A list with a record for each layer, in the natural order of the scopes; `print` shows it as a table. The fields:
      scope; shape and dtype of the statistics; variables and shadows, dicts from short names to names in the
      checkpoint, the latter for the averages of tf.train.ExponentialMovingAverage; zero_debias, how biased and
      local_step are named ('single', 'doubled', 'suffixed', 'attributes' or ''); renorm ('up to 1.14', 'from 1.15' or
      ''); aliases, a dict from short names to the paths of variables that are not the scope and the short name.

    Raises:
      FileNotFoundError, ValueError, ImportError: as `open`; ValueError also for a pattern that matches nothing.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tf.train.Checkpoint(norm=tfbn.BatchNorm(2, renorm=True)).write(tempfile.mkdtemp() + "/model")
      >>> (layer,) = tfbn.checkpoint.list_layers(path)
      >>> print(layer.scope, layer.shape, layer.renorm, layer.variables["beta"])
      norm (2,) from 1.15 norm/beta/.ATTRIBUTES/VARIABLE_VALUE
    """
    from tfbn.checkpoint.open import open as open_checkpoint
    from tfbn.checkpoint.rename import renamed_entries

    if isinstance(path, Reader):
        return Layers(find(renamed_entries(path, rename)).layers)
    with open_checkpoint(path) as reader:
        return Layers(find(renamed_entries(reader, rename)).layers)
