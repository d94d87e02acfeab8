"""Writes V2 checkpoints a few tensors at a time, so that a crash leaves a whole one or none.

The files are written to a new folder beside the target. Then the data files are renamed to their places, and the index
last: without an index there is no checkpoint. The next run to the same target removes what a killed run has left
behind, which it knows by the name of the folder.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.checkpoint.copier import Copier
from tfbn.checkpoint.stored import Stored
from tfbn.checkpoint.writer import Writer

# Small tensors share a data file up to this size: a file for each would be thousands, and these wait in memory.
_MAX_SHARED_BYTES = 4 * 2**20


class BundleWriter(Writer):
    """Puts arrays and copies into a checkpoint in `folder`; `finish` returns its prefix.

    Attributes:
      names: those that were added or copied.
    """

    def __init__(self, folder: Path) -> None:
        self.names: list[str] = []
        self._folder = folder
        self._parts: list[str] = []
        self._waiting: dict[str, np.ndarray] = {}
        self._size = 0  # in bytes, of the waiting arrays
        # Eager ops keep their inputs in memory for longer.
        self._graph = tf.Graph()
        # One thread: memory that a thread frees stays reserved for that thread.
        threads = tf.compat.v1.ConfigProto(
            inter_op_parallelism_threads=1, intra_op_parallelism_threads=1, use_per_session_threads=True
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=threads)
        self._ops: dict[tuple, tuple[Any, Any, list[Any], Any]] = {}
        self._copier: Copier | None = None
        # TensorFlow takes the path of what it reads for a pattern, and would not find the copy to compare.
        self.takes_copies = not set("*?[\\") & set(str(folder))

    def add(self, name: str, array: np.ndarray) -> None:
        self.names.append(name)
        if self._size + array.nbytes > _MAX_SHARED_BYTES:
            self._flush()
        self._waiting[name] = array
        self._size += array.nbytes
        if array.nbytes > _MAX_SHARED_BYTES:
            self._flush()  # so that it is not in memory while the next one is read

    def copy(self, name: str, origin: Stored) -> None:
        self.names.append(name)
        if self._copier is None:
            self._copier = Copier(self._folder)
        self._copier.copy(name, origin)

    def finish(self) -> Path:
        self._flush()
        if self._copier is not None:
            self._parts += self._copier.finish()
        whole = self._folder / "whole"
        with self._graph.as_default():
            merge = tf.raw_ops.MergeV2Checkpoints(
                checkpoint_prefixes=self._parts, destination_prefix=str(whole), delete_old_dirs=True
            )
        self._session.run(merge)
        return whole

    def close(self) -> None:
        self._session.close()
        if self._copier is not None:
            self._copier.close()

    def _flush(self) -> None:
        if not self._waiting:
            return
        arrays = list(self._waiting.values())
        dtypes = tuple(tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype) for array in arrays)
        prefix, names, tensors, save = self._op(dtypes)
        part = str(self._folder / "parts" / str(len(self._parts)))
        self._session.run(save, {prefix: part, names: list(self._waiting), **dict(zip(tensors, arrays))})
        self._parts.append(part)
        self._waiting.clear()
        self._size = 0

    def _op(self, dtypes: tuple) -> tuple[Any, Any, list[Any], Any]:
        if dtypes not in self._ops:
            with self._graph.as_default():
                prefix = tf.compat.v1.placeholder(tf.string, [])
                names = tf.compat.v1.placeholder(tf.string, [len(dtypes)])
                tensors = [tf.compat.v1.placeholder(dtype) for dtype in dtypes]
                save = tf.raw_ops.SaveV2(
                    prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(dtypes), tensors=tensors
                )
            self._ops[dtypes] = prefix, names, tensors, save
        return self._ops[dtypes]


@contextmanager
def writing(target: str, force: bool) -> Iterator[BundleWriter]:
    """A writer whose checkpoint becomes `target` when the block ends, and is removed when the block raises."""
    place = Path(os.path.abspath(target))
    check_free(target, force)
    remove_leftovers(place)
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}.", suffix=".partial", dir=place.parent))
    try:
        with closing(BundleWriter(folder)) as writer:
            yield writer
            _move(writer.finish(), place)
    except (tf.errors.OpError, OSError) as error:  # such as of a full disk
        reason = error.message if isinstance(error, tf.errors.OpError) else error
        raise OSError(f"target: {target} cannot be written: {reason}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(whole: Path, place: Path) -> None:
    index = Path(f"{place}.index")
    # From here on there is no checkpoint, also where one is replaced, until the index is in place.
    _remove([index, *_list_data(place), *([place] if place.is_file() else [])])
    for data in _list_data(whole):
        os.replace(data, f"{place}{data.name[len(whole.name) :]}")
    os.replace(f"{whole}.index", index)


def check_free(target: str, force: bool) -> None:
    """Refuses a target in a folder that is not there, and without `force` one that exists."""
    place = Path(os.path.abspath(target))
    if "://" in target or not place.parent.is_dir():
        raise FileNotFoundError(f"target: expected a path in a folder of this machine that exists, got {target}.")
    there = [path for path in (Path(f"{place}.index"), place) if path.exists()]
    there += [] if _list_leftovers(place) else _list_data(place)
    if there and not force:
        raise FileExistsError(
            f"target: expected a path where nothing is, got {target}: {there[0]} exists. Name another, or replace it "
            "with force=True (--force)."
        )
    if place.is_dir():
        raise IsADirectoryError(f"target: expected the path of a file, got {target}, which is a folder.")


def remove_leftovers(place: Path) -> None:
    """Removes what killed runs to this target have left beside it."""
    leftovers = _list_leftovers(place)
    if leftovers and not Path(f"{place}.index").exists():
        _remove(_list_data(place))  # first: without the folder, nothing tells that they are of a killed run
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _list_leftovers(place: Path) -> list[Path]:
    """Folders of `writing`, and files of `tfbn.files.replacing`; the eight characters are from tempfile."""
    pattern = re.compile(rf"\.{re.escape(place.name)}\.[a-z0-9_]{{8}}\.partial(\..+)?")
    return sorted(path for path in place.parent.iterdir() if pattern.fullmatch(path.name))


def _list_data(place: Path) -> list[Path]:
    pattern = re.compile(rf"{re.escape(place.name)}\.data-\d{{5}}-of-\d{{5}}")
    return sorted(path for path in place.parent.iterdir() if pattern.fullmatch(path.name))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
