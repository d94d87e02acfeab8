"""Reads the variables of a V2 checkpoint from its index alone: milliseconds, where loading TensorFlow takes seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfbn import table_file
from tfbn.checkpoint.reader import Entry

MAX_BYTES = 2**21  # of an index; its checksum takes half a second then
FILE_ENDING = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_OBJECT_GRAPH = b"_CHECKPOINTABLE_OBJECT_GRAPH"  # only TensorFlow reads the names in it
_PART_PREFIX = b"\x00"  # of the key of a part of a partitioned variable
# DataType of TensorFlow's types.proto.
_DTYPES = dict(enumerate("float32 float64 int32 uint8 int16 int8 string complex64 int64 bool".split(), 1))
_DTYPES.update({14: "bfloat16", 17: "uint16", 18: "complex128", 19: "float16", 22: "uint32", 23: "uint64"})


def read_entries(path: str) -> list[Entry] | None:
    """The variables under a prefix, in the order of their names, as the reader of TensorFlow lists them.

    Args:
      path: the prefix of a checkpoint on this machine, or one of its files.

    Returns:
      None for anything but a small, intact index of a checkpoint by names: TensorFlow has to read that or explain it.
    """
    candidates = [Path(f"{prefix}.index") for prefix in (path, FILE_ENDING.sub("", path))]
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    something_else = Path(path).exists() and not FILE_ENDING.search(path)  # a folder, or a file of another kind
    if file is None or something_else or file.stat().st_size > MAX_BYTES:
        return None
    try:
        table = table_file.read(file.read_bytes(), verify=True)
        table.pop(b"")  # the header
        if not table or _OBJECT_GRAPH in table:
            return None
        return [_entry(key.decode(), table[key]) for key in sorted(table) if not key.startswith(_PART_PREFIX)]
    except (OSError, KeyError, IndexError, ValueError):
        return None


def _entry(name: str, message: bytes) -> Entry:
    """Parses a BundleEntryProto, whose first two fields are the dtype and the shape."""
    fields = dict(_fields(message))
    sizes = [_size(dim) for number, dim in _fields(bytes(fields.get(2, b""))) if number == 2]
    return Entry(name, name, tuple(sizes), _DTYPES[int(fields[1])])


def _size(dim: int | bytes) -> int:
    return int(dict(_fields(bytes(dim))).get(1, 0))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The numbers and values of a message's fields; protobuf's wire format."""
    place = 0
    while place < len(message):
        tag, place = table_file.decode_varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = table_file.decode_varint(message, place)
            yield number, value
            continue
        if kind == 2:
            size, place = table_file.decode_varint(message, place)
        else:
            size = {1: 8, 5: 4}[kind]
        yield number, message[place : place + size]
        place += size
