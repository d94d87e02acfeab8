"""Writing so that a crash at any moment leaves a whole target or none, and within a bound of memory."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from benchmarks import checkpoints
from tfbn import checkpoint
from tfbn.checkpoint import bundle

MB = 2**20


def write(path, arrays, force=False):
    with bundle.writing(str(path), force) as writer:
        for name, array in arrays.items():
            writer.add(name, array)


class TestWriting:
    def test_every_dtype(self, small, tmp_path):
        """What is read is what was written, in one data file."""
        write(tmp_path / "model", small)
        with checkpoint.open(tmp_path / "model") as reader:
            assert set(reader) == set(small)
            for name, array in small.items():
                assert reader[name].dtype == array.dtype
                assert reader[name].tolist() == array.tolist()
        assert sorted(os.listdir(tmp_path)) == ["model.data-00000-of-00001", "model.index"]

    def test_large_tensors_have_files_of_their_own(self, small, tmp_path, monkeypatch):
        """So that no more than one is held."""
        monkeypatch.setattr(bundle, "_MAX_SHARED_BYTES", 64)
        write(tmp_path / "model", small)
        assert len(list(tmp_path.glob("model.data-*"))) == 3
        with checkpoint.open(tmp_path / "model") as reader:
            assert reader["b/string"].tolist() == small["b/string"].tolist()

    def test_nothing_stays_of_a_block_that_raises(self, small, tmp_path):
        bad = {"a": small["a/float64"], "b": np.array(object())}
        with pytest.raises(OSError, match=r"^target: .*model cannot be written: (?s:.*)object"):
            write(tmp_path / "model", bad)
        assert os.listdir(tmp_path) == []

    def test_what_exists_is_kept(self, small, tmp_path):
        """Also where a run that is to replace it fails."""
        write(tmp_path / "model", small)
        with pytest.raises(FileExistsError, match=r"^target: expected a path that does not exist, got .*\.index"):
            write(tmp_path / "model", {"other": np.zeros(3)})
        with pytest.raises(ZeroDivisionError), bundle.writing(str(tmp_path / "model"), True):
            1 / 0  # noqa: B018
        with checkpoint.open(tmp_path / "model") as reader:
            assert set(reader) == set(small)

    def test_force_replaces_all_of_it(self, small, tmp_path, monkeypatch):
        """More data files by fewer; and a V1 file, which is the prefix itself."""
        monkeypatch.setattr(bundle, "_MAX_SHARED_BYTES", 64)
        write(tmp_path / "model", small)
        monkeypatch.undo()
        (tmp_path / "model").write_bytes(b"a V1 file")
        write(tmp_path / "model", {"other": np.zeros(3)}, force=True)
        assert sorted(os.listdir(tmp_path)) == ["model.data-00000-of-00001", "model.index"]

    def test_neighbours_are_left_alone(self, small, tmp_path):
        """Other checkpoints whose names begin or end alike, and what is left of runs to them."""
        others = ["model-1.index", "my_model.data-00000-of-00001", ".model.ckpt.abcdefgh.partial", "model.txt"]
        for name in others:
            (tmp_path / name).write_text("not ours")
        write(tmp_path / "model", small)
        assert set(others) <= set(os.listdir(tmp_path))

    def test_data_without_an_index_may_be_somebodys(self, small, tmp_path):
        """Only a run's own leftovers say that it is ours."""
        (tmp_path / "model.data-00000-of-00001").write_bytes(b"precious")
        with pytest.raises(FileExistsError, match="data-00000-of-00001 exists"):
            write(tmp_path / "model", small)
        (tmp_path / ".model.abcdefgh.partial").mkdir()
        write(tmp_path / "model", small)
        assert sorted(os.listdir(tmp_path)) == ["model.data-00000-of-00001", "model.index"]

    def test_leftovers_beside_a_whole_target(self, small, tmp_path):
        """The next run fails: what is whole stays."""
        write(tmp_path / "model", small)
        (tmp_path / ".model.abcdefgh.partial").mkdir()
        with pytest.raises(ZeroDivisionError), bundle.writing(str(tmp_path / "model"), True):
            1 / 0  # noqa: B018
        assert sorted(os.listdir(tmp_path)) == ["model.data-00000-of-00001", "model.index"]

    @pytest.mark.parametrize("target", ["missing/model", "gs://bucket/model"])
    def test_no_folder(self, target, small, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(FileNotFoundError, match="^target: expected a path in a folder of this machine that exists"):
            write(target, small)


# Above importing TensorFlow.
LARGEST = 8 * MB
LIMIT = checkpoints.ALLOWANCE + 3 * LARGEST


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Of a size that would show if all of it were held."""
    prefix = tmp_path_factory.mktemp("large") / "source"
    assert checkpoints.make(prefix, 25, LARGEST) > 1.5 * LIMIT
    return prefix


@pytest.mark.slow
class TestMemory:
    """Peaks of resident memory, each in a process of its own."""

    def test_copied(self, source, tmp_path):
        """And read to compare the checksums."""
        found = checkpoints.in_a_process(source, tmp_path / "target")
        assert 0 < found["peak"] < LIMIT

    def test_changed(self, source, tmp_path):
        """Read and written a few tensors at a time, here in a wider dtype."""
        with checkpoint.open(source) as reader, bundle.writing(str(tmp_path / "like"), force=False) as writer:
            for entry in reader.entries.values():
                writer.add(entry.name, np.zeros(entry.shape))
        found = checkpoints.in_a_process(source, tmp_path / "target", to="contrib", like=str(tmp_path / "like"))
        # The target has twice the bytes, 400 MB. Runs differ by two arrays that malloc keeps.
        assert 0 < found["peak"] < checkpoints.ALLOWANCE + (3 + 2) * 2 * LARGEST

    def test_to_keras(self, source, tmp_path):
        """A weight file is filled in place."""
        like = tmp_path / "fresh.h5"
        with checkpoint.open(source) as reader, h5py.File(like, "w") as file:
            for entry in reader.entries.values():
                file.create_dataset(f"layer/{entry.path}:0", entry.shape, entry.dtype)
        found = checkpoints.in_a_process(source, tmp_path / "out.h5", to="Keras", like=str(like))
        assert 0 < found["peak"] < LIMIT
        assert checkpoint.diff(source, tmp_path / "out.h5") == []
