"""The index of a V2 checkpoint: which variables it has, of what dtype and shape, and where their bytes are.

TensorFlow takes what an index says for granted: where it is wrong, a function that reads it may end the process. Every
function of ours that lets TensorFlow read a checkpoint checks its index first.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfbn import _tensorflow, table_file

_MAX_RANK = 254  # of TensorFlow's shapes


def check(path: str | os.PathLike[str]) -> None:
    """Checks the index of the checkpoint that a path names, its prefix or a folder whose latest it is.

    Nothing is said of V1 checkpoints, of those under a URL, and where there is none.

    Raises:
      ValueError: an index that TensorFlow does not write, and that might end the process.
    """
    path = os.fspath(path)
    prefix = tf.train.latest_checkpoint(path) if tf.io.gfile.isdir(path) else path
    if not prefix or "://" in prefix or not Path(f"{prefix}.index").is_file():
        return
    try:
        _, entries = read(prefix)
    except table_file.ForeignTable as error:
        raise _error(prefix, f"is not such as TensorFlow writes: {error}") from error
    except DecodeError as error:
        raise _error(prefix, f"has an entry that cannot be decoded: {error}") from error
    for key, entry in entries.items():
        problem = find_problem(entry)
        if problem:
            raise _error(prefix, f"says of {key.decode(errors='backslashreplace')!r} that {problem}")


def _error(prefix: str, what: str) -> ValueError:
    return ValueError(
        f"{prefix}: expected a whole checkpoint, got one that is damaged: {prefix}.index {what}. Copy it anew, or save "
        "it once more where it was made."
    )


def read(prefix: str) -> tuple[Any, dict[bytes, Any]]:
    """The header, and the entries of variables and their parts.

    Raises:
      table_file.ForeignTable, DecodeError: it is such as TensorFlow does not write.
    """
    table = table_file.read(Path(f"{prefix}.index").read_bytes())
    header_type, entry_type = _tensorflow.bundle_types()
    header = header_type.FromString(table.pop(b"", b""))
    return header, {key: entry_type.FromString(value) for key, value in table.items()}


def find_problem(entry: Any) -> str:
    """What no entry of an index can be; '' where nothing is wrong."""
    sizes = [dim.size for dim in entry.shape.dim]
    try:
        known = entry.dtype < 100 and bool(tf.as_dtype(entry.dtype))  # above are those of references
    except TypeError:
        known = False
    if not known:
        return f"its dtype is number {entry.dtype}"
    if entry.shape.unknown_rank or len(sizes) > _MAX_RANK or min(sizes, default=0) < 0:
        return f"its shape is {sizes[:4]}{'...' if len(sizes) > 4 else ''}"
    if math.prod(sizes) * max(tf.as_dtype(entry.dtype).size or 1, 1) >= 2**63:
        return "it has more than 2**63 bytes"
    return "its place in the data is negative" if min(entry.offset, entry.size, entry.shard_id) < 0 else ""
