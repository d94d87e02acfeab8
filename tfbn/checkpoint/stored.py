"""Which files a checkpoint consists of, and where in them the variables of a V2 checkpoint are."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from tfbn import _tensorflow, bundle_index, table_file

_PART_PREFIX = b"\x00"  # of the key of a part of a partitioned variable
OPAQUE = ("resource", "variant")  # dtypes that only the program that saved them can read


class Stored(NamedTuple):
    """Where the bytes of a variable are."""

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
    """A pattern that matches only this path: TensorFlow reads the path of a V1 checkpoint as a pattern."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def locate(prefix: str) -> dict[str, Stored]:
    """Where the variables are whose bytes may be copied.

    Partitioned variables may not, nor those of a checkpoint under a URL, of another byte order, or with an index that
    is missing or was not written by TensorFlow.
    """
    if "://" in prefix:
        return {}
    try:
        header, entries = bundle_index.read(prefix)
    except (OSError, DecodeError, table_file.ForeignTable):
        return {}
    if header.endianness != endianness():
        return {}
    return {
        key.decode(): Stored(
            prefix, key.decode(), f"{prefix}.data-{entry.shard_id:05d}-of-{header.num_shards:05d}", entry
        )
        for key, entry in entries.items()
        if not entry.slices and not key.startswith(_PART_PREFIX) and not bundle_index.find_problem(entry)
    }


def endianness() -> int:
    """The byte order of this machine, as in the header of an index."""
    header_type, _ = _tensorflow.bundle_types()
    return int(header_type.LITTLE if sys.byteorder == "little" else header_type.BIG)
