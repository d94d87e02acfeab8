"""Checkpoints of TensorFlow as mappings from names to arrays, each of which is read when it is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.checkpoint import object_graph, stored
from tfbn.checkpoint.stored import Stored

KERAS_ENDINGS = (".h5", ".hdf5", ".keras")
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")


class Entry(NamedTuple):
    """A variable of a checkpoint."""

    name: str  # in the file
    path: str  # its scope and short name in one style, whatever wrote it; '' for what is TensorFlow's own bookkeeping
    shape: tuple[int, ...]
    dtype: str


def size_of(shape: tuple[int, ...], dtype: str) -> int:
    """In bytes; 0 of strings, which differ in size."""
    return int(np.prod(shape, dtype=np.int64)) * (0 if dtype == "string" else tf.as_dtype(dtype).size)


class Reader(Mapping[str, np.ndarray]):
    """A checkpoint, opened to be read: a mapping from names to arrays that holds none of them.

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
        """Where the bytes of a variable are that may be copied as they are; None where there are no such."""
        return None

    def files(self) -> list[Path]:
        """The files that it reads, as far as they are on this machine."""
        return stored.files(self.path)

    def close(self) -> None:
        """Lets go of the file."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
    if path.endswith(KERAS_ENDINGS):
        from tfbn.checkpoint.keras_file import KerasReader

        return KerasReader(path)
    saved_model = any(tf.io.gfile.exists(os.path.join(path, f"saved_model.{kind}")) for kind in ("pb", "pbtxt"))
    return BundleReader(os.path.join(path, "variables", "variables") if saved_model else _prefix(path), saved_model)


def _prefix(path: str) -> str:
    if tf.io.gfile.isdir(path):
        latest = tf.train.latest_checkpoint(path)
        if latest is None:
            raise ValueError(
                f"{path}: expected a folder with a SavedModel, or with a file `checkpoint` that names the latest "
                "checkpoint, got one with neither. Name the checkpoint itself, such as model.ckpt-100."
            )
        # By an absolute path, it names the files of another run after its folder was copied.
        if not _is_within(latest, path):
            raise ValueError(
                f"{path}: expected a folder whose file `checkpoint` names a checkpoint in it, got one that names "
                f"{latest}, which is outside. Name the checkpoint itself, such as {path}/model.ckpt-100."
            )
        return latest
    prefix = _PART.sub("", path)
    for candidate in (path, prefix):
        if tf.io.gfile.exists(f"{candidate}.index"):
            return candidate
    if not tf.io.gfile.exists(path) and not tf.io.gfile.glob(f"{stored.pattern(path)}-?????-of-?????"):
        data = tf.io.gfile.glob(f"{stored.pattern(prefix)}.data-?????-of-?????")
        reason = f"{data[0]} is there, but without an index there is no checkpoint" if data else "there is no such file"
        raise FileNotFoundError(f"{path}: expected a checkpoint, but {reason}.")
    return path


def _is_within(path: str, folder: str) -> bool:
    inside, around = os.path.realpath(path), os.path.realpath(folder)
    return inside.startswith(os.path.join(around, ""))


class BundleReader(Reader):
    """What TensorFlow writes: V1 and V2 checkpoints, by name and by object, alone or in a SavedModel."""

    def __init__(self, prefix: str, saved_model: bool = False) -> None:
        self._v2 = tf.io.gfile.exists(f"{prefix}.index")
        sharded = not self._v2 and not tf.io.gfile.exists(prefix)
        # TensorFlow takes the path of a V1 checkpoint for a pattern, by which it would read other files as well.
        self._location = prefix if self._v2 else stored.pattern(prefix) + ("-?????-of-?????" if sharded else "")
        with _clear_errors(prefix, "cannot be opened"):
            self._reader = tf.train.load_checkpoint(self._location)
            shapes, dtypes = self._reader.get_variable_to_shape_map(), self._reader.get_variable_to_dtype_map()
        self.object_graph: bytes | None = None
        paths = {name: name for name in shapes}
        if object_graph.KEY in shapes:
            with _clear_errors(prefix, "has an object graph that cannot be read"):
                self.object_graph = self._reader.get_tensor(object_graph.KEY)
                paths = object_graph.paths(self.object_graph, shapes)
        found = [Entry(name, paths[name], tuple(shapes[name]), dtypes[name].name) for name in sorted(shapes)]
        super().__init__(prefix, {entry.name: entry for entry in found})
        by_name = "V2" if self._v2 else "V1"
        self.format = "SavedModel" if saved_model else "objects" if self.object_graph is not None else by_name
        self._stored: dict[str, Stored] | None = None

    def stored(self, name: str) -> Stored | None:
        if self._stored is None:
            self._stored = stored.locate(self.path) if self._v2 else {}
        found = self._stored.get(name)
        # Somebody may have replaced the files since they were opened.
        return found if found and _describes(found.entry, self.entries[name]) else None

    def _read(self, name: str) -> Any:
        with _clear_errors(self.path, f"is damaged: {name} cannot be read"):
            try:
                value = self._reader.get_tensor(name)
            except tf.errors.UnimplementedError:
                # A partitioned variable in a V1 file, which only the op puts together.
                value = self._restored(name)
        # NumPy's own strings lose zeros at their end.
        return np.asarray(value, dtype=object if self.entries[name].dtype == "string" else None)

    def _restored(self, name: str) -> np.ndarray:
        # In a graph: eager tensors keep what they were made of for longer.
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            (value,) = tf.raw_ops.RestoreV2(
                prefix=self._location,
                tensor_names=[name],
                shape_and_slices=[""],
                dtypes=[tf.as_dtype(self.entries[name].dtype)],
            )
            return session.run(value)


def _describes(entry: Any, variable: Entry) -> bool:
    shape = tuple(dim.size for dim in entry.shape.dim)
    return shape == variable.shape and tf.as_dtype(entry.dtype).name == variable.dtype


@contextmanager
def _clear_errors(path: str, what: str) -> Iterator[None]:
    """TensorFlow's reader raises many types for files that are damaged or something else altogether."""
    try:
        yield
    except (tf.errors.OpError, IndexError, RuntimeError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "message", "") or str(error) or type(error).__name__
        raise ValueError(f"{path}: expected a whole checkpoint, got one that {what}: {reason}") from error
