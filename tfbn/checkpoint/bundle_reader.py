"""Reads what TensorFlow writes: V1 and V2 checkpoints, by name and by object, alone or in a SavedModel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import bundle_index
from tfbn.checkpoint import object_graph, stored
from tfbn.checkpoint.index import FILE_ENDING
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.stored import Stored

_PATTERN_CHARACTERS = "*?[\\"


class BundleReader(Reader):
    """The variables under a prefix.

    Args:
      prefix: what the names of its files begin with.
      format: the attribute of that name. Default 'V1' or 'V2', by the files.
    """

    def __init__(self, prefix: str, format: str = "") -> None:
        self._v2 = tf.io.gfile.exists(f"{prefix}.index")
        self._location = _location(prefix)
        bundle_index.check(self._location)
        with _clear_errors(prefix, "cannot be opened"):
            self._reader = tf.train.load_checkpoint(self._location)
            shapes, dtypes = self._reader.get_variable_to_shape_map(), self._reader.get_variable_to_dtype_map()
            entries = [(name, tuple(shapes[name]), dtypes[name].name) for name in sorted(shapes)]
        paths = {name: name for name in shapes}
        if object_graph.KEY in shapes:
            with _clear_errors(prefix, "has an object graph that cannot be read"):
                paths = object_graph.paths(self._reader.get_tensor(object_graph.KEY), shapes)
        super().__init__(prefix, {name: Entry(name, paths[name], shape, dtype) for name, shape, dtype in entries})
        self.format = format or ("V2" if self._v2 else "V1")
        self._stored: dict[str, Stored] | None = None

    def stored(self, name: str) -> Stored | None:
        if self._stored is None:
            self._stored = stored.locate(self.path) if self._v2 else {}
        place = self._stored.get(name)
        # The files may have been replaced since they were opened.
        return place if place and _describes(place.entry, self.entries[name]) else None

    def _read(self, name: str) -> Any:
        if self.entries[name].dtype in stored.OPAQUE:
            raise ValueError(
                f"{self.path}: expected numbers, booleans and strings, got {name} of the dtype "
                f"{self.entries[name].dtype}, which only the program that saved it can read. Save the checkpoint "
                "without it."
            )
        with _clear_errors(self.path, f"is damaged: {name} cannot be read"):
            try:
                value = self._reader.get_tensor(name)
            except tf.errors.UnimplementedError:
                # A partitioned variable in a V1 file, which only the op can assemble.
                value = self._restore(name)
        # NumPy's string types drop trailing zero bytes.
        return np.asarray(value, dtype=object if self.entries[name].dtype == "string" else None)

    def _restore(self, name: str) -> np.ndarray:
        # In a graph, because eager tensors keep memory for longer.
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            (value,) = tf.raw_ops.RestoreV2(
                prefix=self._location,
                tensor_names=[name],
                shape_and_slices=[""],
                dtypes=[tf.as_dtype(self.entries[name].dtype)],
            )
            return session.run(value)


def contains(path: str, name: str) -> bool:
    """Whether the path leads to a readable checkpoint with a variable of this name."""
    try:
        prefix = find_prefix(path)
        bundle_index.check(prefix)
        with _clear_errors(prefix, "cannot be opened"):
            return bool(tf.train.load_checkpoint(_location(prefix)).has_tensor(name))
    except (FileNotFoundError, ValueError):
        return False


def find_prefix(path: str) -> str:
    """The prefix of the checkpoint that a path names: the prefix itself, one of its files, or a folder.

    Raises:
      FileNotFoundError, ValueError: as `tfbn.checkpoint.open`.
    """
    if tf.io.gfile.isdir(path):
        latest = bundle_index.find_latest(path)
        if latest is None:
            raise ValueError(
                f"{path}: expected a folder with a SavedModel, or with a file `checkpoint` that names the latest "
                "checkpoint, got a folder with neither. Name the checkpoint itself, such as model.ckpt-100."
            )
        # An absolute path leads to the files of another run after the folder was copied.
        if not _is_within(latest, path):
            raise ValueError(
                f"{path}: expected a folder whose file `checkpoint` names a checkpoint in it, got one that names "
                f"{latest}, which is outside. Name the checkpoint itself, such as {path}/model.ckpt-100."
            )
        return latest
    prefix = FILE_ENDING.sub("", path)
    for candidate in (path, prefix):
        if tf.io.gfile.exists(f"{candidate}.index"):
            return candidate
    if not tf.io.gfile.exists(path) and not tf.io.gfile.glob(f"{stored.pattern(path)}-?????-of-?????"):
        data = tf.io.gfile.glob(f"{stored.pattern(prefix)}.data-?????-of-?????")
        reason = f"{data[0]} is there, but without an index there is no checkpoint" if data else "there is no such file"
        raise FileNotFoundError(f"{path}: expected a checkpoint, but {reason}.")
    return path


def _location(prefix: str) -> str:
    """The path to open: TensorFlow reads that of a V1 checkpoint as a pattern, which could match other files."""
    if tf.io.gfile.exists(f"{prefix}.index"):
        return prefix
    return stored.pattern(prefix) + ("" if tf.io.gfile.exists(prefix) else "-?????-of-?????")


def _is_within(path: str, folder: str) -> bool:
    inside, outer = os.path.realpath(path), os.path.realpath(folder)
    return inside.startswith(os.path.join(outer, ""))


def _describes(entry: Any, variable: Entry) -> bool:
    shape = tuple(dim.size for dim in entry.shape.dim)
    return shape == variable.shape and tf.as_dtype(entry.dtype).name == variable.dtype


@contextmanager
def _clear_errors(path: str, what: str) -> Iterator[None]:
    """Raises ValueError for the many types that TensorFlow's reader raises for damaged files or other files."""
    try:
        yield
    except (tf.errors.OpError, IndexError, RuntimeError, TypeError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "message", "") or str(error) or type(error).__name__
        if set(_PATTERN_CHARACTERS) & set(path):
            reason += (
                f". TensorFlow takes a path with one of {' '.join(_PATTERN_CHARACTERS)} for a pattern: rename or move "
                "the files, so that it has none"
            )
        raise ValueError(f"{path}: expected a whole checkpoint, got one that {what}: {reason}") from error
