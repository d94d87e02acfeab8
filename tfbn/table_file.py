"""Files of sorted keys and values in LevelDB's table format, as far as the index of a V2 checkpoint uses it.

TensorFlow has no function that says where in the data files a variable is, or that makes an index for bytes that are
already in a file. The format: https://github.com/google/leveldb/blob/main/doc/table_format.md. TensorFlow does not
compress it. Its reader searches for a key from restart points, so each of these must be an entry that is read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
_FOOTER = 48  # the handles of two blocks, filled up to 40 bytes, and the magic number
_TYPE = b"\x00"  # of an uncompressed block


class ForeignTable(ValueError):
    """A file that is not a table, or has content that TensorFlow does not write."""


def read(content: bytes, verify: bool = False) -> dict[bytes, bytes]:
    """The values of a table by their keys. `verify` compares the checksums, as TensorFlow's reader does.

    Raises:
      ForeignTable: it cannot be read.
    """
    if content[-len(_MAGIC) :] != _MAGIC:
        raise ForeignTable("no magic number at its end")
    try:
        footer = content[-_FOOTER:]
        _, end = _handle(footer, 0)  # of the metadata block, which is empty
        handles = [_handle(value, 0)[0] for _, value in _entries(_block(content, _handle(footer, end)[0], verify))]
        items = [item for handle in handles for item in _entries(_block(content, handle, verify))]
    except (IndexError, struct.error) as error:
        raise ForeignTable("it ends too early") from error
    if any(items[i][0] >= items[i + 1][0] for i in range(len(items) - 1)):
        raise ForeignTable("its keys are not in order")
    return dict(items)


def build(items: Mapping[bytes, bytes]) -> bytes:
    """A table of these keys and values, in a single block."""
    content = bytearray()
    data = _append(content, _entries_block(sorted(items.items())))
    metadata = _append(content, _entries_block([]))
    # The list of blocks has, for each block, a key that is not below the block's last.
    blocks = _append(content, _entries_block([(max(items, default=b""), data)]))
    return bytes(content) + (metadata + blocks).ljust(_FOOTER - len(_MAGIC), b"\x00") + _MAGIC


def masked_crc32c(content: bytes) -> int:
    """The CRC-32C of RFC 3720, masked as LevelDB stores it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _remainder(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC = [_remainder(byte) for byte in range(256)]


def _block(content: bytes, handle: tuple[int, int], verify: bool) -> bytes:
    offset, size = handle
    if content[offset + size : offset + size + 1] != _TYPE:
        raise ForeignTable("a block is compressed, or not where it should be")
    if verify:
        (checksum,) = struct.unpack_from("<I", content, offset + size + 1)
        if masked_crc32c(content[offset : offset + size + 1]) != checksum:
            raise ForeignTable("a block is damaged")
    return content[offset : offset + size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A key is stored as the number of bytes that it shares with the previous one, and the rest.

    Searches start at the restart points listed at the end, where keys are stored whole.
    """
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ForeignTable("a block is shorter than it says")
    key, place, whole = b"", 0, {0}
    while place < end:
        start = place
        shared, place = decode_varint(block, place)
        unshared, place = decode_varint(block, place)
        size, place = decode_varint(block, place)
        if shared > len(key) or place + unshared + size > end:
            raise ForeignTable("a block has an entry that is longer than it")
        if not shared:
            whole.add(start)
        key = key[:shared] + block[place : place + unshared]
        yield key, block[place + unshared : place + unshared + size]
        place += unshared + size
    if not whole.issuperset(struct.unpack_from(f"<{restarts}I", block, end)):
        raise ForeignTable("a restart point of a block is within an entry")


def _entries_block(items: list[tuple[bytes, bytes]]) -> bytes:
    """Stores each key whole, and lists its place at the end as a restart point."""
    content, places = bytearray(), []
    for key, value in items:
        places.append(len(content))
        content += _encode_varint(0) + _encode_varint(len(key)) + _encode_varint(len(value)) + key + value
    places = places or [0]
    return bytes(content) + struct.pack(f"<{len(places) + 1}I", *places, len(places))


def _append(content: bytearray, block: bytes) -> bytes:
    """Appends a block, and returns its handle."""
    handle = _encode_varint(len(content)) + _encode_varint(len(block))
    content += block + _TYPE + struct.pack("<I", masked_crc32c(block + _TYPE))
    return handle


def _handle(content: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = decode_varint(content, place)
    size, place = decode_varint(content, place)
    return (offset, size), place


def decode_varint(content: bytes, place: int) -> tuple[int, int]:
    """A number, seven bits a byte with the lowest first, and the place after it."""
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return value, place


def _encode_varint(value: int) -> bytes:
    content = bytearray()
    while value >= 0x80:
        content.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*content, value])
