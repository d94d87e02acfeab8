"""`list_layers`: the batch norm layers of a checkpoint, as a table."""

from __future__ import annotations

import os

from tfbn.checkpoint.layers import find
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.tables import shown, table


class Layers(list):
    """A list of `Layer`, printed as a table."""

    HEADER = ("scope", "shape", "dtype", "variables", "zero debias", "renorm", "shadows")

    def __str__(self) -> str:
        rows = [
            (
                layer.scope or "-",
                shown(layer.shape),
                layer.dtype,
                ", ".join(layer.variables),
                layer.zero_debias or "-",
                layer.renorm or "-",
                ", ".join(layer.shadows) or "-",
            )
            for layer in self
        ]
        return table([self.HEADER, *rows])

    __repr__ = __str__


def list_layers(path: str | os.PathLike[str] | Reader) -> Layers:
    """Lists the batch norm layers of a checkpoint: of contrib and slim, tf.layers, Keras, `BatchNorm` or `TF1Module`.

    A layer is a scope that holds a moving_mean or a moving_variance; or beta or gamma alone, under a name that says
    batch norm.

    Args:
      path: as for `open`, or what `open` returned.

    Returns:
      A list with a record for each layer, in the natural order of the scopes; `print` shows it as a table. The fields:
      scope; shape and dtype of the statistics; variables and shadows, dicts from short names to names in the
      checkpoint, the latter for the averages of tf.train.ExponentialMovingAverage; zero_debias, how biased and
      local_step are named ('single', 'doubled', 'suffixed', 'attributes' or ''); renorm ('up to 1.14', 'from 1.15' or
      '').

    Raises:
      FileNotFoundError, ValueError, ImportError: as `open`.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tf.train.Checkpoint(norm=tfbn.BatchNorm(2, renorm=True)).write(tempfile.mkdtemp() + "/model")
      >>> (layer,) = tfbn.checkpoint.list_layers(path)
      >>> print(layer.scope, layer.shape, layer.renorm, layer.variables["beta"])
      norm (2,) from 1.15 norm/beta/.ATTRIBUTES/VARIABLE_VALUE
    """
    if isinstance(path, Reader):
        return Layers(find(path.entries.values()).layers)
    with open_checkpoint(path) as reader:
        return Layers(find(reader.entries.values()).layers)
