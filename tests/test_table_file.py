"""The table format of an index: what TensorFlow writes is read, and what is written TensorFlow reads."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.checkpoint.test_bundle import write
from tests.cli.attacks import table_of
from tfbn import table_file


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Of 3,000 variables, in many blocks whose keys share beginnings."""
    path = tmp_path_factory.mktemp("index") / "model"
    write(path, {f"block_{i // 100}/layer_{i}/variable": np.full(i % 7, i) for i in range(3000)})
    return path


def test_reading(index):
    table = table_file.read(index.with_name("model.index").read_bytes())
    expected = [name for name, _ in tf.train.list_variables(str(index))]
    assert [key.decode() for key in table][1:] == expected
    assert next(iter(table)) == b""
    assert len(expected) == 3000
    assert len(set(map(len, table.values()))) > 3


def test_what_is_written_is_read(index):
    """By TensorFlow, that checks the checksums of blocks, and by this module."""
    table = table_file.read(index.with_name("model.index").read_bytes())
    written = table_file.build(dict(reversed(table.items())))
    assert table_file.read(written) == table
    index.with_name("again.index").write_bytes(written)
    data = index.with_name("model.data-00000-of-00001")
    index.with_name("again.data-00000-of-00001").write_bytes(data.read_bytes())
    reader, again = (tf.train.load_checkpoint(str(index.with_name(name))) for name in ("model", "again"))
    shapes = reader.get_variable_to_shape_map()
    assert again.get_variable_to_shape_map() == shapes
    for name in list(shapes)[::10]:
        np.testing.assert_array_equal(again.get_tensor(name), reader.get_tensor(name))


@pytest.mark.parametrize("items", [{}, {b"": b""}, {b"k" * 300: b"v" * 70_000, b"\xff\x00": b"\x00"}])
def test_corners(items):
    """Nothing at all, empty keys, and lengths of more than one byte."""
    assert table_file.read(table_file.build(items)) == items


def test_masked_crc32c():
    """Of the test vectors in RFC 3720, appendix B.4; the mask turns by 15 bits and adds a constant."""
    for content, crc in (
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ):
        turned = (crc >> 15 | crc << 17) & 0xFFFFFFFF
        assert table_file.masked_crc32c(content) == (turned + 0xA282EAD8) % 2**32


def test_foreign(index):
    """Cut anywhere, or something else: one kind of error."""
    whole = index.with_name("model.index").read_bytes()
    magic = whole[-8:]
    for content in (b"", magic, b"text" * 50, whole[:-1], whole[10_000:], bytes(200) + magic, b"\x80" * 60 + magic):
        with pytest.raises(table_file.ForeignTable):
            table_file.read(content)


@pytest.mark.parametrize(
    "items, change, text",
    [
        ([(b"b", b"1"), (b"a", b"2")], {}, "not in order"),
        ([(b"a", b"1"), (b"a", b"2")], {}, "not in order"),
        ([(b"a", b"1"), (b"b", b"2")], {1: 3}, "longer than it"),
        ([(b"a", b"1"), (b"b", b"2")], {2: 9}, "longer than it"),
        ([(b"a", b"1"), (b"b", b"2" * 9)], {-8: 8}, "is within an entry"),
        ([(b"a", b"1"), (b"b", b"2")], {-4: 200}, "shorter than it says"),
    ],
)
def test_entries_that_a_search_may_miss_or_find(items, change, text):
    """TensorFlow's reader would find other values than are read here, or none."""
    block = bytearray(table_file._entries_block(items))
    for place, byte in change.items():
        block[place] = byte
    with pytest.raises(table_file.ForeignTable, match=text):
        table_file.read(table_of(bytes(block)))


def test_compressed(index):
    """The type of the first block is changed: 1 would be Snappy."""
    table = {b"key": b"value"}
    content = bytearray(table_file.build(table))
    place = content.index(b"value") + len(b"value") + 8
    assert content[place] == 0
    content[place] = 1
    with pytest.raises(table_file.ForeignTable, match="compressed"):
        table_file.read(bytes(content))
