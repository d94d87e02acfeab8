"""Checks what TensorFlow's checkpoint readers take for granted, before they read.

The index of a V2 checkpoint says which variables it has, their dtypes and shapes, and where their bytes are. A function
that reads a wrong index may end the process; one that reads a pipe in place of a file waits forever. Every function of
tfbn that lets TensorFlow read a checkpoint, or find the latest one in a folder, makes these checks first.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfbn import _tensorflow, table_file
from tfbn.paths import check_is_file_or_folder

_MAX_RANK = 254  # of TensorFlow's shapes


def check(path: str | os.PathLike[str]) -> None:
    """Checks the index of the checkpoint that a path names: its prefix, or a folder, whose latest one is checked.

    V1 checkpoints in files, checkpoints under a URL and missing ones pass unchecked.

    Raises:
      ValueError: an index that TensorFlow would not write, and that might end the process; a pipe or a device.
    """
    path = os.fspath(path)
    prefix = find_latest(path) if tf.io.gfile.isdir(path) else path
    if not prefix or "://" in prefix:
        return
    place = Path(prefix)
    names = re.compile(rf"{re.escape(place.name)}(\.index|(\.data)?-\d{{5}}-of-\d{{5}})?")
    for file in place.parent.iterdir() if place.parent.is_dir() else ():
        if names.fullmatch(file.name):
            check_is_file_or_folder(file)
    if not Path(f"{prefix}.index").is_file():
        return
    try:
        _, entries = read(prefix)
    except table_file.ForeignTable as error:
        raise _error(prefix, f"is not as TensorFlow writes it: {error}") from error
    except DecodeError as error:
        raise _error(prefix, f"has an entry that cannot be decoded: {error}") from error
    for key, entry in entries.items():
        problem = find_problem(entry) or find_problem_of_name(key)
        if problem:
            raise _error(prefix, f"says of {key.decode(errors='backslashreplace')!r} that {problem}")


def find_latest(folder: str | os.PathLike[str]) -> str | None:
    """The prefix of the latest checkpoint in a folder, by its file `checkpoint`; None without one.

    Raises:
      ValueError: the file cannot be read.
    """
    return tf.train.latest_checkpoint(os.fspath(folder)) if read_state(folder) else None


def read_state(folder: str | os.PathLike[str]) -> Any:
    """What the file `checkpoint` of a folder says; None without one.

    Raises:
      ValueError: it cannot be read.
    """
    file = os.path.join(folder, "checkpoint")
    check_is_file_or_folder(file)
    try:
        return tf.train.get_checkpoint_state(os.fspath(folder))
    except (tf.errors.OpError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(
            f"{file}: expected a file in which TensorFlow notes the latest checkpoint, got one that cannot be read: "
            f"{error} Remove it, and name the checkpoint itself, such as model.ckpt-100."
        ) from error


def _error(prefix: str, what: str) -> ValueError:
    return ValueError(
        f"{prefix}: expected a whole checkpoint, got one that is damaged: {prefix}.index {what}. Copy it again, "
        "or save it again where it was written."
    )


def read(prefix: str) -> tuple[Any, dict[bytes, Any]]:
    """The header, and the entries of variables and their parts.

    Raises:
      table_file.ForeignTable, DecodeError: it is not as TensorFlow writes it.
    """
    table = table_file.read(Path(f"{prefix}.index").read_bytes())
    header_type, entry_type = _tensorflow.bundle_types()
    header = header_type.FromString(table.pop(b"", b""))
    return header, {key: entry_type.FromString(value) for key, value in table.items()}


def find_problem_of_name(key: bytes) -> str:
    """TensorFlow's reader in Python makes text of all names at once, and so of none where one is none."""
    try:
        key.decode()
    except UnicodeDecodeError:
        # The key of a part of a variable starts with a zero, and has numbers in it.
        return "" if key.startswith(b"\x00") else "its name is not UTF-8"
    return ""


def find_problem(entry: Any) -> str:
    """What makes an entry of an index impossible; '' where nothing does."""
    sizes = [dim.size for dim in entry.shape.dim]
    try:
        known = entry.dtype < 100 and bool(tf.as_dtype(entry.dtype))  # reference dtypes are above
    except TypeError:
        known = False
    if not known:
        return f"its dtype is number {entry.dtype}"
    if entry.shape.unknown_rank or len(sizes) > _MAX_RANK or min(sizes, default=0) < 0:
        return f"its shape is {sizes[:4]}{'...' if len(sizes) > 4 else ''}"
    if math.prod(sizes) * max(tf.as_dtype(entry.dtype).size or 1, 1) >= 2**63:
        return "it has more than 2**63 bytes"
    return "its place in the data is negative" if min(entry.offset, entry.size, entry.shard_id) < 0 else ""
