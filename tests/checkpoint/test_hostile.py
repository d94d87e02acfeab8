"""Files that try to break the readers: odd types, sizes that cannot be, names that lead out of an archive."""

from __future__ import annotations

import warnings
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.checkpoint.models import reference
from tests.checkpoint.test_hdf5 import LAYER, VALUES, archived, weights
from tfbn import checkpoint
from tfbn.checkpoint.kinds import keras

BFLOAT16 = tf.bfloat16.as_numpy_dtype
STATISTIC = f"{LAYER}/2"
ODD = {
    "compound": {"data": np.zeros(4, [("a", "f4"), ("b", "i4")])},
    "opaque": {"data": np.zeros(4, "V2")},
    "times": {"data": np.zeros(4, h5py.opaque_dtype("M8[s]"))},
    "arrays": {"shape": (4,), "dtype": np.dtype(("f4", (3,)))},
    "lists": {"shape": (4,), "dtype": h5py.vlen_dtype(np.float32)},
    "references": {"shape": (4,), "dtype": h5py.ref_dtype},
    "wide floats": {"shape": (4,), "dtype": np.longdouble},
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_types(kind, tmp_path):
    path = weights(tmp_path / "odd.weights.h5", without=[2])
    with h5py.File(path, "a") as file:
        file.create_dataset(STATISTIC, **ODD[kind])
    with pytest.raises(
        ValueError, match=rf"^{path}: expected datasets of numbers, .*, got {STATISTIC}, which contains n"
    ):
        checkpoint.open(path)


def test_bfloat16(tmp_path):
    """HDF5 has no such type: Keras 3 writes the bytes, with the type's name in an attribute."""
    source, like = (
        weights(tmp_path / "source.weights.h5", without=[2]),
        weights(tmp_path / "like.weights.h5", without=[2]),
    )
    for path, sign in ((source, 1), (like, -1)):
        with h5py.File(path, "a") as file:
            file[STATISTIC] = (sign * VALUES[2]).astype(BFLOAT16).view("V2")
            file[STATISTIC].attrs["dtype"] = "bfloat16"
    checkpoint.convert(source, tmp_path / "model", "contrib", allow=[".*"])
    checkpoint.convert(source, tmp_path / "out.weights.h5", like=like)
    for path in (tmp_path / "model", tmp_path / "out.weights.h5"):
        with checkpoint.open(path) as reader:
            (layer,) = checkpoint.list_layers(reader)
            mean = reader[layer.variables["moving_mean"]]
        assert mean.dtype == BFLOAT16
        assert mean.tolist() == VALUES[2].astype(BFLOAT16).tolist()


def test_a_shape_that_cannot_be(tmp_path):
    """It can be listed; reading it would take terabytes."""
    path = weights(tmp_path / "wide.weights.h5", without=[2])
    with h5py.File(path, "a") as file:
        file.create_dataset(STATISTIC, (10**12,), "f4", chunks=(1000,))
    with pytest.raises(ValueError, match=rf"{STATISTIC} is damaged: .* more than the limit of 1,073,741,824"):
        checkpoint.diagnose(path)


class TestArchives:
    @pytest.mark.parametrize(
        "limit, text",
        [(1000, "config.json is longer than the limit of 1,000 bytes"), (10, "members are .* more than the limit of ")],
    )
    def test_a_zip_bomb(self, limit, text, tmp_path, monkeypatch):
        """Long config, and of the second limit an archive whose directory tells more than deflate can make."""
        monkeypatch.setattr(keras, "_MAX_CONFIG_BYTES", limit)
        monkeypatch.setattr(keras.hdf5, "MAX_EXPANSION", 1032 if limit == 1000 else 0)
        weights(tmp_path / "w.h5")
        with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("config.json", " " * 5000 + "{}")
            file.write(tmp_path / "w.h5", "model.weights.h5")
        with pytest.raises(ValueError, match=rf"^{tmp_path}/bomb\.keras: expected .*{text}"):
            checkpoint.list_layers(tmp_path / "bomb.keras")

    @pytest.mark.parametrize("name", ["../out", "/tmp/out", "assets/../../out", "a\\b"])
    def test_names_that_lead_out(self, name, tmp_path):
        """Nothing is unpacked here, but a copy would hand them on."""
        path = archived(weights(tmp_path / "given.weights.h5"))
        with zipfile.ZipFile(path, "a") as file:
            file.writestr(name, "hostile")
        with pytest.raises(ValueError, match="in it leads out of the folder that it is unpacked to"):
            checkpoint.open(path)

    @pytest.mark.parametrize("name", ["config.json", "assets/words"])
    def test_a_name_twice(self, name, tmp_path):
        path = archived(weights(tmp_path / "given.weights.h5"))
        with zipfile.ZipFile(path, "a") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):
                file.writestr(name, "{}")
        with pytest.raises(ValueError, match=rf"it has \d members '{name}', and programs differ in which they read"):
            checkpoint.open(path)

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    def test_weights_are_unpacked_once(self, method, tmp_path, monkeypatch):
        """HDF5 reads out of order: when each step back unpacked the file from its start, a megabyte took minutes."""
        weights(tmp_path / "w.h5")
        with zipfile.ZipFile(tmp_path / "given.keras", "w", method) as file:
            file.writestr("config.json", "{}")
            file.write(tmp_path / "w.h5", "model.weights.h5")
        reads, read = [], zipfile.ZipExtFile.read
        monkeypatch.setattr(
            zipfile.ZipExtFile, "read", lambda member, n=-1: (reads.append(len(part := read(member, n))), part)[1]
        )
        with checkpoint.open(tmp_path / "given.keras") as reader:
            assert [reader[name].tolist() for name in sorted(reader.entries)] == VALUES.tolist()
        assert sum(reads) == (tmp_path / "w.h5").stat().st_size + len("{}")

    def test_no_room_to_unpack(self, tmp_path, monkeypatch):
        """The disk is at fault then, and not the file."""
        path = archived(weights(tmp_path / "given.weights.h5"))
        monkeypatch.setattr(keras.tempfile, "TemporaryFile", lambda **options: open("/dev/full", "w+b", **options))
        with pytest.raises(OSError, match="unpacked, cannot be written: No space left on device: .*given.keras"):
            checkpoint.open(path)

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_copies_are_compressed_as_the_members(self, method, tmp_path):
        """Or a small file would become a large one."""
        path = archived(weights(tmp_path / "given.weights.h5"))
        with zipfile.ZipFile(path, "a", method) as file:
            file.writestr("assets/words", b"0" * 10**6)
        checkpoint.convert(path, tmp_path / "out.keras", like=path)
        with zipfile.ZipFile(tmp_path / "out.keras") as file:
            info = file.getinfo("assets/words")
            assert file.read(info) == b"0" * 10**6
        with zipfile.ZipFile(path) as file:
            assert info.compress_size == file.getinfo("assets/words").compress_size

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_members_with_damage(self, method, tmp_path):
        """Each way to compress has errors of its own."""
        weights(tmp_path / "w.h5")
        with zipfile.ZipFile(tmp_path / "cut.keras", "w", method) as file:
            file.writestr("config.json", "{}")
            file.write(tmp_path / "w.h5", "model.weights.h5")
        content = bytearray((tmp_path / "cut.keras").read_bytes())
        start = content.index(b"model.weights.h5") + 40
        content[start : start + 60] = bytes(60)
        (tmp_path / "cut.keras").write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{tmp_path}/cut\.keras: expected a weights or model file of Keras"):
            checkpoint.open(tmp_path / "cut.keras")

    def test_a_name_that_is_long(self, tmp_path):
        """The error has no pages of it."""
        path = archived(weights(tmp_path / "given.weights.h5"))
        with zipfile.ZipFile(path, "a") as file:
            file.writestr("../" + "x" * 60000, "hostile")
        with pytest.raises(ValueError, match=r"\.\./xx.* \.\.\. .*leads out") as raised:
            checkpoint.open(path)
        assert len(str(raised.value)) < 800


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"allow": ["["]}, r"^allow: expected regular expressions of paths, got '\['"),
        ({"epsilon": float("nan")}, "^epsilon: expected a number of at least 0, got nan"),
        ({"epsilon": -1.0}, "^epsilon: expected a number of at least 0, got -1.0"),
    ],
)
def test_arguments(arguments, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        checkpoint.convert(reference("contrib"), tmp_path / "out", "contrib", **arguments)
    assert list(tmp_path.iterdir()) == []
