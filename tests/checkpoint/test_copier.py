"""Variables that go from checkpoint to checkpoint as bytes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.checkpoint.models import reference
from tests.checkpoint.test_bundle import write
from tfbn import _tensorflow, checkpoint, table_file
from tfbn.checkpoint import bundle, bundle_reader, copier, stored

tf1 = tf.compat.v1


@pytest.fixture
def source(small, tmp_path, monkeypatch):
    """Variables of every dtype, in several data files."""
    monkeypatch.setattr(bundle, "_MAX_SHARED_BYTES", 64)
    write(tmp_path / "source", small)
    monkeypatch.undo()
    assert len(list(tmp_path.glob("source.data-*"))) > 1
    return tmp_path / "source"


def copy(places, target):
    with bundle.writing(str(target), False) as writer:
        for name, place in places.items():
            writer.copy(name, place)


class TestLocate:
    def test_bytes(self, source, small):
        """Of every variable, those that are in the file at its place."""
        places = stored.locate(str(source))
        assert set(places) == set(small)
        for name, array in small.items():
            if array.dtype != object:
                with open(places[name].file, "rb") as file:
                    content = file.read()
                offset = places[name].entry.offset
                assert content[offset : offset + places[name].entry.size] == array.tobytes(), name

    def test_parts(self, tmp_path):
        """Those of a partitioned variable would have to be put together."""
        with tf.Graph().as_default(), tf1.Session() as session:
            tf1.get_variable("parted", [10, 3], partitioner=tf1.fixed_size_partitioner(2))
            tf1.get_variable("whole", [10, 3])
            session.run(tf1.global_variables_initializer())
            path = tf1.train.Saver().save(session, str(tmp_path / "model"))
        assert set(stored.locate(path)) == {"whole"}
        checkpoint.convert(path, tmp_path / "out", "tf.layers")
        assert checkpoint.diff(path, tmp_path / "out") == []

    def test_another_byte_order(self, source):
        index = source.with_name("source.index")
        table = table_file.read(index.read_bytes())
        header = _tensorflow.bundle_types()[0].FromString(table[b""])
        header.endianness = 1 - header.endianness
        index.write_bytes(table_file.build({**table, b"": header.SerializeToString()}))
        assert stored.locate(str(source)) == {}

    def test_elsewhere(self):
        assert stored.locate("gs://bucket/model") == {}

    def test_v1(self):
        """Has no index."""
        with checkpoint.open(reference("contrib_v1")) as found:
            assert found.stored(next(iter(found))) is None


class TestCopier:
    def test_every_dtype(self, source, small, tmp_path):
        """Under other names, beside arrays; in one data file for all that is copied."""
        places = stored.locate(str(source))
        with bundle.writing(str(tmp_path / "out"), False) as writer:
            writer.add("made", np.arange(3.0))
            for name, place in places.items():
                writer.copy(f"new/{name}", place)
        with checkpoint.open(tmp_path / "out") as found:
            assert set(found) == {"made", *(f"new/{name}" for name in small)}
            for name, array in small.items():
                assert found[f"new/{name}"].dtype == array.dtype
                assert found[f"new/{name}"].tolist() == array.tolist()
        assert len(list(tmp_path.glob("out.data-*"))) == 2

    def test_more_than_a_chunk(self, tmp_path):
        """A size that is no multiple of it, of two checkpoints in turn."""
        random = np.random.default_rng(3)
        arrays = {f"{side}/{i}": random.normal(2.0, 1.0, 700_001 + i) for side in "ab" for i in range(2)}
        for side in "ab":
            write(tmp_path / side, {name: array for name, array in arrays.items() if name.startswith(side)})
        places = {**stored.locate(str(tmp_path / "a")), **stored.locate(str(tmp_path / "b"))}
        copy({name: places[name] for name in ("b/1", "a/0", "b/0", "a/1")}, tmp_path / "out")
        with checkpoint.open(tmp_path / "out") as found:
            for name, array in arrays.items():
                np.testing.assert_array_equal(found[name], array)

    def test_a_mistake_is_found(self, tmp_path):
        """The bytes of another variable of the same size: nothing is written."""
        write(tmp_path / "source", {"a": np.arange(4.0), "b": np.arange(4.0) + 9})
        places = stored.locate(str(tmp_path / "source"))
        places["a"].entry.offset = places["b"].entry.offset
        with pytest.raises(
            ValueError, match="is damaged: a cannot be read: its checksum or its size is not the one in the index"
        ):
            copy(places, tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))

    def test_damaged(self, source, tmp_path):
        """A byte in the middle of the last variable."""
        place = stored.locate(str(source))["a/float64"]
        with open(place.file, "r+b") as file:
            file.seek(place.entry.offset + 5)
            byte = file.read(1)
            file.seek(place.entry.offset + 5)
            file.write(bytes([byte[0] ^ 1]))
        text = f"{source}: expected a whole checkpoint, got one that is damaged: a/float64 cannot be read: its checksum"
        with pytest.raises(ValueError, match=f"^{re.escape(text)} or its size is not the one in the index"):
            copy({"x": place}, tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))

    def test_cut_or_missing(self, source, tmp_path):
        place = stored.locate(str(source))["a/float64"]
        with open(place.file, "r+b") as file:
            file.truncate(place.entry.offset + 9)
        with pytest.raises(ValueError, match=rf"a/float64 cannot be read: {re.escape(place.file)} ends before it does"):
            copy({"x": place}, tmp_path / "out")
        with pytest.raises(ValueError, match="a/float64 cannot be read: .*No such file"):
            copy({"x": place._replace(file=f"{place.file}.gone")}, tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))

    def test_damaged_strings(self, source, tmp_path):
        """Where the lengths are: TensorFlow has errors of other kinds for them."""
        place = stored.locate(str(source))["b/string"]
        original = Path(place.file).read_bytes()
        for position in range(place.entry.size):
            content = bytearray(original)
            content[place.entry.offset + position] ^= 0x81
            Path(place.file).write_bytes(content)
            with pytest.raises(ValueError, match="is damaged: b/string cannot be read: "):
                copy({"x": place}, tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))

    def test_a_dtype_that_numpy_does_not_have(self, tmp_path):
        """The state of an iterator."""
        iterator = iter(tf.data.Dataset.range(10))
        next(iterator)
        source = tf.train.Checkpoint(it=iterator, x=tf.Variable([1.0, 2.0])).write(str(tmp_path / "source"))
        copy(stored.locate(source), tmp_path / "out")
        other = iter(tf.data.Dataset.range(10))
        tf.train.Checkpoint(it=other).read(str(tmp_path / "out")).expect_partial()
        assert next(other).numpy() == 1

    def test_many_parts(self, source, small, tmp_path, monkeypatch):
        """One for each variable here; they are compared while the next is copied."""
        monkeypatch.setattr(copier, "_MAX_PART_VARIABLES", 1)
        copy(stored.locate(str(source)), tmp_path / "out")
        assert len(list(tmp_path.glob("out.data-*"))) == len(small)
        with checkpoint.open(tmp_path / "out") as found:
            for name, array in small.items():
                assert found[name].tolist() == array.tolist()

    def test_full_disk(self, source, tmp_path, monkeypatch):
        """The target is named, not the source."""
        place = stored.locate(str(source))["a/float64"]

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(table_file, "build", full)
        with pytest.raises(OSError, match=r"^target: .*out cannot be written: .*No space left on device"):
            copy({"x": place}, tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))

    def test_a_full_disk_while_copying(self, source, tmp_path, monkeypatch):
        """Also what waits to be written is given up, and nothing stays."""
        add = copier._Part.add

        def full(part, name, origin, chunks):
            add(part, name, origin, chunks)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(copier._Part, "add", full)
        with pytest.raises(OSError, match=r"^target: .*out cannot be written: .*No space left on device"):
            copy(stored.locate(str(source)), tmp_path / "out")
        assert not list(tmp_path.glob("*out*"))


class TestConversion:
    def test_a_source_that_is_replaced(self, source, tmp_path):
        """Between the plan and the copy: what lies there now is not what the plan says."""
        with checkpoint.open(source) as opened:
            write(source, {"a/float32": np.arange(9.0), "a/float64": np.arange(4.0)}, force=True)
            assert opened.stored("a/float32") is None
            assert opened.stored("a/float64") is not None
            assert opened.stored("b/bool") is None
        with checkpoint.open(source) as opened:
            source.with_name("source.index").unlink()
            assert opened.stored("a/float64") is None

    def test_what_is_unchanged_is_copied(self, source, small, tmp_path, monkeypatch):
        """No array of it is made; what changes is read."""
        read = []
        original = bundle_reader.BundleReader._read
        monkeypatch.setattr(
            bundle_reader.BundleReader, "_read", lambda self, name: read.append(name) or original(self, name)
        )
        checkpoint.convert(source, tmp_path / "same", "contrib", rename=[("^a/", "c/")])
        assert read == []
        write(tmp_path / "like", {**small, "a/float32": small["a/float32"].astype(np.float64)})
        checkpoint.convert(source, tmp_path / "wider", like=tmp_path / "like")
        assert read == ["a/float32"]
        with checkpoint.open(tmp_path / "wider") as found:
            np.testing.assert_array_equal(found["a/float32"], small["a/float32"].astype(np.float64))
            assert found["a/float32"].dtype == np.float64

    @pytest.mark.parametrize("name", ["model[1]", "back\\slash", "folder[0]/model", "a*b?"])
    def test_targets_that_look_like_patterns(self, name, source, small, tmp_path):
        """TensorFlow would not find the copies: the arrays are written, then."""
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        checkpoint.convert(source, target, "contrib")
        assert set(stored.locate(str(target))) == set(small)

    def test_an_index_that_was_replaced(self, source, monkeypatch):
        """By what TensorFlow does not write, since it was opened: the arrays are read and written, then."""

        def foreign(_):
            raise table_file.ForeignTable("a block is compressed")

        with checkpoint.open(source) as reader:
            monkeypatch.setattr(table_file, "read", foreign)
            assert [reader.stored(name) for name in reader] == [None] * len(reader)
