"""The interface for reading a checkpoint: `Reader`, a mapping from names to arrays, and its `Entry` records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from tfbn.checkpoint.stored import Stored


class Entry(NamedTuple):
    """A variable of a checkpoint."""

    name: str  # in the file
    path: str  # its scope and short name in one style, whatever wrote it; '' for TensorFlow's bookkeeping
    shape: tuple[int, ...]
    dtype: str


def size_of(shape: tuple[int, ...], dtype: str) -> int:
    """The size in bytes; 0 for strings, which differ in size."""
    import tensorflow as tf

    return int(np.prod(shape, dtype=np.int64)) * (0 if dtype == "string" else tf.as_dtype(dtype).size)


class Reader(Mapping[str, np.ndarray]):
    """A checkpoint, opened to be read: a mapping from names to arrays, which are read on access.

    Attributes:
      path: the file or prefix.
      format: 'V1' or 'V2' for TF1 names, 'objects' for tf.train.Checkpoint, 'SavedModel', 'Keras'.
      entries: dict from name to a record of name, path, shape and dtype. `path` is the name in one style, whatever
        wrote the checkpoint, such as `norm/moving_mean` for `norm/moving_mean/.ATTRIBUTES/VARIABLE_VALUE`.
    """

    format: str

    def __init__(self, path: str, entries: Mapping[str, Entry]) -> None:
        if not entries:
            raise ValueError(f"{path}: expected a checkpoint with variables, got one that has none.")
        self.path = path
        self.entries = dict(entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.entries:
            raise KeyError(name)
        return self._read(name)

    def _read(self, name: str) -> np.ndarray:
        raise NotImplementedError

    def stored(self, name: str) -> Stored | None:
        """Where the bytes of a variable are, if they can be copied; else None."""
        return None

    def files(self) -> list[Path]:
        """The files of the checkpoint that are on this machine."""
        from tfbn.checkpoint import stored

        return stored.files(self.path)

    def close(self) -> None:
        """Closes the file."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
