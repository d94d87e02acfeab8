"""`open`: a checkpoint of any kind."""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module

import tensorflow as tf

from tfbn.checkpoint import kinds
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.reader import Reader
from tfbn.graphdef.messages import reason
from tfbn.paths import check_is_file_or_folder


def discover() -> list[Kind]:
    """A kind for each file in the folder `kinds`, by precedence and then by the names of the files."""
    modules = [import_module(f"{kinds.__name__}.{info.name}") for info in pkgutil.iter_modules(kinds.__path__)]
    classes = [value for module in modules for value in vars(module).values() if _is_kind_in(module.__name__, value)]
    return sorted((class_() for class_ in classes), key=lambda kind: kind.precedence)


def _is_kind_in(module: str, value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Kind) and value.__module__ == module


KINDS = discover()


def open(path: str | os.PathLike[str]) -> Reader:
    """Opens a checkpoint of any kind for reading; at first only its list of variables is read.

    Args:
      path: the prefix of a TF1 or TF2 checkpoint (`model.ckpt-100`) or one of its files, a folder with checkpoints (the
        latest is taken), the folder of a SavedModel, or a weights or model file of Keras (`.h5`, `.weights.h5`,
        `.keras`), for which h5py is needed.

    Returns:
      A `Reader`: a mapping from names to NumPy arrays, and a context manager.

    Raises:
      FileNotFoundError: nothing is there.
      ValueError: the files are not a checkpoint, or a damaged one; for a damaged array, when it is read. A folder whose
        file `checkpoint` names a checkpoint outside; a file of Keras with links, virtual datasets or values in other
        files.
      ImportError: a file of Keras, and h5py is missing.

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
    for file in (path, f"{path}.index"):
        check_is_file_or_folder(file)
    try:
        return next(kind for kind in reversed(KINDS) if kind.recognizes(path)).open(path)
    except UnicodeEncodeError as error:
        raise ValueError(f"{path}: expected a name in UTF-8, as TensorFlow takes no other. Rename it.") from error
    except tf.errors.OpError as error:  # a file system that TensorFlow does not know, or that denies access
        raise ValueError(f"{path}: expected a path that TensorFlow reads, got {reason(error)}.") from error


def writable_kinds() -> dict[str, Kind]:
    """The kinds of a target, by name."""
    return {kind.name: kind for kind in KINDS if kind.like_formats}
