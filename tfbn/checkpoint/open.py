"""`open`: a checkpoint of any kind; the only place that knows them all."""

from __future__ import annotations

import os

import tensorflow as tf

from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.kinds.contrib import Contrib
from tfbn.checkpoint.kinds.keras import Keras
from tfbn.checkpoint.kinds.objects import Objects
from tfbn.checkpoint.kinds.saved_model import SavedModel
from tfbn.checkpoint.kinds.tf1_module import TF1Module
from tfbn.checkpoint.kinds.tf_layers import TFLayers
from tfbn.checkpoint.reader import Reader
from tfbn.graphdef.messages import reason

# From the most general, which reads what no later one recognizes. Of those that a `like` fits, the first is written.
KINDS: list[Kind] = [Contrib(), TFLayers(), Objects(), TF1Module(), SavedModel(), Keras()]


def open(path: str | os.PathLike[str]) -> Reader:
    """Opens a checkpoint of any kind for reading; nothing is read of it yet but its list of variables.

    Args:
      path: the prefix of a TF1 or TF2 checkpoint (`model.ckpt-100`) or one of its files, a folder with checkpoints (the
        latest is taken), the folder of a SavedModel, or a weights or model file of Keras (`.h5`, `.weights.h5`,
        `.keras`), for which h5py is needed.

    Returns:
      A `Reader`: a mapping from names to NumPy arrays, and a context manager.

    Raises:
      FileNotFoundError: nothing is there.
      ValueError: the files are no checkpoint, or a damaged one; of a damaged array, when it is read. A folder whose
        file `checkpoint` names a checkpoint outside; a file of Keras with links, virtual datasets or values in other
        files.
      ImportError: a file of Keras, and no h5py.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tf.train.Checkpoint(norm=tfbn.BatchNorm(2)).write(tempfile.mkdtemp() + "/model")
      >>> with tfbn.checkpoint.open(path) as reader:
      ...     for name, entry in reader.entries.items():
      ...         print(entry.path or "-", entry.shape, entry.dtype)
      ...     print(reader["norm/moving_variance/.ATTRIBUTES/VARIABLE_VALUE"])
      - () string
      norm/beta (2,) float32
      norm/moving_mean (2,) float32
      norm/moving_variance (2,) float32
      [1. 1.]
    """
    path = os.fspath(path)
    try:
        return next(kind for kind in reversed(KINDS) if kind.recognizes(path)).open(path)
    except tf.errors.OpError as error:  # of a file system that TensorFlow does not know, or that refuses
        raise ValueError(f"{path}: expected a path that TensorFlow reads, got {reason(error)}.") from error


def writable_kinds() -> dict[str, Kind]:
    """The kinds of a target, by name."""
    return {kind.name: kind for kind in KINDS if kind.like_formats}
