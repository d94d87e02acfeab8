"""Writes V2 checkpoints a few tensors at a time, so that at every moment there is a complete one or none.

The files are written to a new folder beside the target, and synced. Then the data files are renamed to their places,
and after them the index, which commits them: without an index there is no checkpoint. When a checkpoint is
replaced, the new data is put beside the old, under another number of files, and the old data is removed last: whichever
of the two indexes is in place finds its data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import _tensorflow, files, table_file
from tfbn.checkpoint.copier import Copier
from tfbn.checkpoint.stored import Stored
from tfbn.checkpoint.writer import Writer
from tfbn.graphdef.messages import reason
from tfbn.paths import check_is_utf8

# Small tensors share a data file up to this size, to avoid thousands of files; until written they are in memory.
_MAX_SHARED_BYTES = 4 * 2**20


class BundleWriter(Writer):
    """Puts arrays and copies into a checkpoint in `folder`; `finish` returns its prefix.

    Attributes:
      names: the variables added or copied so far.
    """

    def __init__(self, folder: Path) -> None:
        self.names: list[str] = []
        self._folder = folder
        self._parts: list[str] = []
        self._pending: dict[str, np.ndarray] = {}
        self._size = 0  # of the pending arrays in bytes
        # A graph, because eager ops keep their inputs in memory for longer.
        self._graph = tf.Graph()
        # One thread, because memory that a thread frees stays reserved for it.
        threads = tf.compat.v1.ConfigProto(
            inter_op_parallelism_threads=1, intra_op_parallelism_threads=1, use_per_session_threads=True
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=threads)
        self._ops: dict[tuple, tuple[Any, Any, list[Any], Any]] = {}
        self._copier: Copier | None = None
        # TensorFlow reads a path as a pattern, and would not find the copy to compare.
        self.takes_copies = not set("*?[\\") & set(str(folder))

    def add(self, name: str, array: np.ndarray) -> None:
        self.names.append(name)
        if self._size + array.nbytes > _MAX_SHARED_BYTES:
            self._flush()
        self._pending[name] = array
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
        if not self._pending:
            return
        arrays = list(self._pending.values())
        dtypes = tuple(tf.string if array.dtype.kind in "OSU" else tf.as_dtype(array.dtype) for array in arrays)
        prefix, names, tensors, save = self._op(dtypes)
        part = str(self._folder / "parts" / str(len(self._parts)))
        self._session.run(save, {prefix: part, names: list(self._pending), **dict(zip(tensors, arrays))})
        self._parts.append(part)
        self._pending.clear()
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
    check_is_utf8(target)
    check_free(target, force)
    _check_no_links(place)
    with files.locked(place.parent):
        if files.leftovers(place) and not _index(place).exists():
            # Before the folder: without it, nothing shows that they are a killed run's.
            files.remove(_list_data(place))
    try:
        with files.working_folder(place) as folder, closing(BundleWriter(folder)) as writer:
            yield writer
            _commit(writer.finish(), target, force)
    except (FileExistsError, files.UnsyncedError):
        raise
    except (tf.errors.OpError, OSError) as error:  # for example, a full disk
        raise OSError(f"target: {target} cannot be written: {reason(error)}") from error


def check_free(target: str, force: bool) -> None:
    """Refuses a target in a folder that does not exist, and without `force` a target that exists."""
    place = Path(os.path.abspath(target))
    if "://" in target or not place.parent.is_dir():
        raise FileNotFoundError(f"target: expected a path in a folder of this machine that exists, got {target}.")
    existing = _list_present(place)
    if existing and not force:
        raise FileExistsError(
            f"target: expected a path that does not exist, got {target}: {existing[0]} exists. Name another, or "
            "replace it with force=True (--force)."
        )
    for path in (place, *existing):
        if path.is_dir():
            raise IsADirectoryError(f"target: expected the path of files, got {target}: {path} is a folder.")


def _commit(whole: Path, target: str, force: bool) -> None:
    """Moves a checkpoint to its place."""
    place = Path(os.path.abspath(target))
    data = _list_data(whole)
    for path in data:
        files.sync(path)
    with files.locked(place.parent):
        existing = _list_present(place)
        if existing and not force:
            raise files.target_appeared(target, existing[0])
        _check_no_links(place)
        old = [*_list_data(place), *([place] if place.is_file() else [])]
        count = _free_count(len(data), old)
        if count != len(data):
            _set_data_files(_index(whole), count)
        files.sync(_index(whole))
        places = [Path(f"{place}.data-{number:05d}-of-{count:05d}") for number in range(len(data))]
        try:
            for path, beside_old in zip(data, places):
                files.move(path, beside_old)
            files.sync(place.parent)
            files.move(_index(whole), _index(place))
        except BaseException:
            if _index(whole).exists():  # the new index is not in place, so nothing needs this data
                files.remove(places)
            raise
        files.settle(_index(place), old)


def _free_count(count: int, old: list[Path]) -> int:
    """The number of data files for the new index to state, such that no new name is an old one."""
    taken = {path.name[-len("00000") :] for path in old}
    while f"{count:05d}" in taken:
        count += 1
    return count


def _set_data_files(index: Path, count: int) -> None:
    """Writes the number of data files into an index. It may be too large: each variable states its own file."""
    table = table_file.read(index.read_bytes())
    header = _tensorflow.bundle_types()[0].FromString(table[b""])
    header.num_shards = count
    index.write_bytes(table_file.build({**table, b"": header.SerializeToString()}))


def _check_no_links(place: Path) -> None:
    for path in (_index(place), place, *_list_data(place)):
        if path.is_symlink():
            raise FileExistsError(
                f"target: expected a path that does not exist, or files, got {place}: {path.name} is a link to "
                f"{os.readlink(path)}, and a checkpoint is several files. Name the checkpoint that the link points to, "
                "or remove the link."
            )


def _list_present(place: Path) -> list[Path]:
    """The files of a checkpoint; data without an index, left by a killed run, does not count."""
    # Unlike Path.exists, False for a name that is too long, as the index of a file of Keras might be.
    existing = [path for path in (_index(place), place) if os.path.exists(path)]
    return existing + (_list_data(place) if existing or not files.leftovers(place) else [])


def _list_data(place: Path) -> list[Path]:
    pattern = re.compile(rf"{re.escape(place.name)}\.data-\d{{5}}-of-\d{{5}}")
    return sorted(path for path in place.parent.iterdir() if pattern.fullmatch(path.name))


def _index(place: Path) -> Path:
    return Path(f"{place}.index")
