"""Which files a checkpoint consists of, and where the variables of a V2 checkpoint lie in them."""

from __future__ import annotations

import math
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from tfbn import _tensorflow
from tfbn.checkpoint import table_file

_PART_PREFIX = b"\x00"  # what the key of a part of a partitioned variable begins with
_MAX_RANK = 254  # of TensorFlow's shapes
OPAQUE = ("resource", "variant")  # dtypes of what only the program that saved it can read


class Stored(NamedTuple):
    """The bytes of a variable."""

    checkpoint: str
    name: str
    file: str
    entry: Any  # of the index: dtype, shape, offset, size and checksum


def files(prefix: str) -> list[Path]:
    """The files of a V1 or V2 checkpoint, as far as they are on this machine."""
    place = Path(prefix)
    if "://" in prefix or not place.parent.is_dir():
        return []
    names = re.compile(rf"{re.escape(place.name)}(\.index|\.data-\d{{5}}-of-\d{{5}}|-\d{{5}}-of-\d{{5}})?")
    return sorted(path for path in place.parent.iterdir() if names.fullmatch(path.name) and path.is_file())


def pattern(path: str) -> str:
    """A pattern that matches only this path: TensorFlow takes the path of a V1 checkpoint for one."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def load(path: str) -> Any:
    """TensorFlow's reader of a checkpoint.

    Raises:
      ValueError: an index that TensorFlow would take for granted, and that would end the process where it is wrong.
      Exception: what tf.train.load_checkpoint raises.
    """
    prefix = tf.train.latest_checkpoint(path) if tf.io.gfile.isdir(path) else path
    if prefix and "://" not in prefix and Path(f"{prefix}.index").is_file():
        with suppress(table_file.ForeignTable):  # which TensorFlow may know, or says what it is
            for key, entry in _read_index(prefix)[1].items():
                problem = _problem(entry)
                if problem:
                    raise ValueError(f"its index says of {key!r} that {problem}")
    return tf.train.load_checkpoint(path)


def _problem(entry: Any) -> str:
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


def locate(prefix: str) -> dict[str, Stored]:
    """Where each variable lies that may be copied as it is.

    Those that lie in parts may not, and none of a checkpoint under a URL, of another byte order, or whose index is not
    there any more or such as TensorFlow does not write.
    """
    if "://" in prefix:
        return {}
    try:
        header, entries = _read_index(prefix)
    except (OSError, ValueError):
        return {}
    if header.endianness != endianness():
        return {}
    return {
        key.decode(): Stored(
            prefix, key.decode(), f"{prefix}.data-{entry.shard_id:05d}-of-{header.num_shards:05d}", entry
        )
        for key, entry in entries.items()
        if not entry.slices and not key.startswith(_PART_PREFIX) and not _problem(entry)
    }


def _read_index(prefix: str) -> tuple[Any, dict[bytes, Any]]:
    """The header, and the entries of variables and their parts.

    Raises:
      ValueError: it is such as TensorFlow does not write.
    """
    table = table_file.read(Path(f"{prefix}.index").read_bytes())
    header_type, entry_type = _tensorflow.bundle_types()
    try:
        header = header_type.FromString(table.pop(b"", b""))
        return header, {key: entry_type.FromString(value) for key, value in table.items()}
    except DecodeError as error:
        raise ValueError(f"its index has an entry that cannot be decoded: {error}") from error


def endianness() -> int:
    """That of this machine, as the header of an index has it."""
    header_type, _ = _tensorflow.bundle_types()
    return int(header_type.LITTLE if sys.byteorder == "little" else header_type.BIG)
