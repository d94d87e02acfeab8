"""Opening checkpoints of every kind, and what is no checkpoint, or a damaged one."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.checkpoint import models
from tests.checkpoint.models import KINDS, reference
from tfbn import checkpoint

tf1 = tf.compat.v1
WEIGHTS = np.random.default_rng(4).normal(2.0, 1.0, [1, 1, 3, 4]).astype(np.float32)
VALUES = {
    short: np.random.default_rng(5).normal(3.0, 1.0, [4]).astype(np.float32)
    for short in ("gamma", "beta", "moving_mean", "moving_variance")
}


def keras_model(kind, **arguments):
    """A model of which one layer has the values above; and after it one without gamma."""
    model = KINDS[kind](**arguments)
    model.model.get_layer("first_conv").set_weights([WEIGHTS])
    model.model.get_layer("first_norm").set_weights([VALUES[short] for short in VALUES])
    return model.model


class TestFormats:
    def test_v1_is_v2(self):
        """The two files of one program, one of them in parts: the same variables, each readable."""
        with checkpoint.open(reference("contrib")) as v2, checkpoint.open(reference("contrib_v1")) as v1:
            assert (v1.format, v2.format) == ("V1", "V2")
            assert set(v1) == {name for name in v2 if not name.endswith("ExponentialMovingAverage")}
            for name, array in v1.items():
                assert array.shape == v1.entries[name].shape == v2.entries[name].shape
                assert array.dtype == v1.entries[name].dtype
            with pytest.raises(KeyError, match="nothing"):
                v1["nothing"]

    def test_partitioned_variables_are_concatenated(self, tmp_path):
        """As they were before they were parted, in both formats and in a V1 checkpoint of several files."""
        with tf.Graph().as_default(), tf1.Session() as session:
            with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
                whole = tf1.get_variable("w", [3, 2])
            joined = tf.convert_to_tensor(whole)
            session.run(tf1.global_variables_initializer())
            for version in (1, 2):
                saver = tf1.train.Saver([whole], write_version=version, sharded=version == 1)
                path = saver.save(session, str(tmp_path / f"v{version}"), write_meta_graph=False, write_state=False)
                with checkpoint.open(path.partition("-?")[0]) as reader:
                    assert reader.format == f"V{version}"
                    assert reader["w"].tolist() == session.run(joined).tolist()

    @pytest.mark.parametrize("name", ["contrib", "contrib.index", "contrib.data-00000-of-00001", "contrib.meta"])
    def test_by_any_of_its_files(self, name):
        """As people complete names in shells."""
        with checkpoint.open(reference(name)) as reader:
            assert reader.path == reference("contrib")

    def test_a_folder(self, tmp_path):
        """Its latest checkpoint; nothing to read where none is named."""
        module = tf.train.Checkpoint(norm=tfbn.BatchNorm(3))
        manager = tf.train.CheckpointManager(module, str(tmp_path), max_to_keep=2)
        manager.save()
        latest = manager.save()
        with checkpoint.open(tmp_path) as reader:
            assert reader.path == latest
            assert reader.format == "objects"
        with pytest.raises(ValueError, match="expected a folder with a SavedModel, or with a file `checkpoint`"):
            checkpoint.open(models.DATA)

    @pytest.mark.parametrize("where", ["{}/elsewhere/model", "../elsewhere/model"], ids=["absolute", "relative"])
    def test_a_folder_that_names_a_checkpoint_outside(self, where, tmp_path):
        """As after a copy, where absolute paths still lead to the folder that was copied."""
        norm = tf.train.Checkpoint(norm=tfbn.BatchNorm(3))
        norm.write(str(tmp_path / "elsewhere" / "model"))
        norm.write(str(tmp_path / "run" / "model"))
        state = tmp_path / "run" / "checkpoint"
        state.write_text(f'model_checkpoint_path: "{where.format(tmp_path)}"')
        text = (
            rf"^{state.parent}: expected a folder whose file `checkpoint` names a checkpoint in it, got one that names"
        )
        with pytest.raises(
            ValueError, match=rf"{text} .*elsewhere/model, which is outside. Name the checkpoint itself"
        ):
            checkpoint.open(state.parent)
        state.write_text(f'model_checkpoint_path: "{state.parent}/model"')
        (tmp_path / "link").symlink_to(state.parent)
        with checkpoint.open(tmp_path / "link") as reader:
            assert reader.path == f"{state.parent}/model"

    @pytest.mark.parametrize("name", ["m[1]", "m?", "m*", "m\\1"])
    @pytest.mark.parametrize("sharded", [False, True], ids=["one file", "shards"])
    def test_names_that_are_patterns(self, sharded, name, tmp_path):
        """TensorFlow would read the V1 checkpoint `m1` in place of each of these."""
        for path, value in (("m1", 3.0), ("other", 5.0)):
            with tf.Graph().as_default(), tf1.Session() as session:
                with tf1.variable_scope("", partitioner=tf1.fixed_size_partitioner(2)):
                    weights = tf1.get_variable("w", [3, 2], initializer=tf1.constant_initializer(value))
                session.run(tf1.global_variables_initializer())
                saver = tf1.train.Saver([weights], write_version=1, sharded=sharded)
                saver.save(session, str(tmp_path / path), write_meta_graph=False, write_state=False)
        for path in tmp_path.glob("other*"):
            path.rename(tmp_path / path.name.replace("other", name))
        with checkpoint.open(tmp_path / name) as reader:
            assert reader["w"].tolist() == [[5.0, 5.0]] * 3

    def test_objects(self, tmp_path):
        """Attributes, lists, and TF1's names inside of a TF1Module; the bookkeeping has no path."""
        both = tf.train.Checkpoint(norms=[tfbn.BatchNorm(3)], old=models.TF1Builder().module)
        with checkpoint.open(both.save(str(tmp_path / "model"))) as reader:
            paths = {entry.path for entry in reader.entries.values()}
        assert {"norms/0/beta", "first/BatchNorm/moving_mean", "second/weights", ""} <= paths
        assert not [path for path in paths if path.startswith(("_", "old", "save_counter"))]

    def test_two_tf1_modules_that_share_names(self, tmp_path):
        """Are told apart by their attributes."""
        pair = tf.train.Checkpoint(a=models.TF1Builder().module, b=models.TF1Builder().module)
        with checkpoint.open(pair.write(str(tmp_path / "model"))) as reader:
            paths = [entry.path for entry in reader.entries.values() if entry.path]
        assert len(set(paths)) == len(paths)
        assert "a/tf1_variables/first/weights" in [path.replace("//", "/") for path in paths]

    @pytest.mark.parametrize("ending", [".h5", ".weights.h5", ".keras", "", "/"])
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("keras")])
    def test_keras(self, kind, ending, tmp_path):
        """Weight files, model files, tf.train.Checkpoint and SavedModels of Keras 2 and 3."""
        model = keras_model(kind)
        path = str(tmp_path / f"model{ending}").rstrip("/")
        if ending == "":
            path = tf.train.Checkpoint(model=model).write(path)
        elif ending == "/":
            model.export(path, verbose=False) if kind == "keras3" else model.save(path)
        elif ending == ".weights.h5":
            model.save_weights(path)
        else:
            model.save(path)
        with checkpoint.open(path) as reader:
            assert reader.format == {"": "objects", "/": "SavedModel"}.get(ending, "Keras")
            first, _ = checkpoint.list_layers(reader)
            for short, array in VALUES.items():
                assert reader[first.variables[short]].tolist() == array.tolist()
            kernels = [reader[e.name] for e in reader.entries.values() if e.path.endswith("kernel")]
            assert WEIGHTS.tolist() in [kernel.tolist() for kernel in kernels]

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("keras")])
    def test_keras_without_gamma(self, kind, tmp_path):
        """A numbered file does not say which of the two it is; a model's config does."""
        model = keras_model_without_gamma(kind)
        model.save_weights(str(tmp_path / "w.weights.h5"))
        model.save(str(tmp_path / "m.keras"))
        model.save(str(tmp_path / "m.h5"))
        found = {
            name: [list(layer.variables)[0:] for layer in checkpoint.list_layers(tmp_path / name)]
            for name in ("w.weights.h5", "m.keras", "m.h5")
        }
        statistics = ["moving_mean", "moving_variance"]
        assert found["m.keras"] == found["m.h5"] == [["beta", *statistics]] * 2
        assert found["w.weights.h5"] == [[*statistics, "gamma_or_beta"]] * 2


def keras_model_without_gamma(kind):
    return KINDS[kind](scale=False).model


FILES = ("contrib.index", "contrib.data-00000-of-00001", "contrib_v1", "fresh.h5", "fresh.keras")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    for name in FILES[:3]:
        shutil.copy(reference(name), folder)
    model = keras_model("keras2")
    model.save_weights(str(folder / "fresh.h5"))
    source = KINDS.get("keras3", KINDS["keras2"])().model
    source.save(str(folder / "fresh.keras"))
    return folder


class TestDamaged:
    """Files that are cut, changed, empty or something else: an error that names the file, and nothing is written."""

    @pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
    @pytest.mark.parametrize("name", FILES)
    def test_cut(self, name, share, whole, tmp_path):
        """Anywhere."""
        content = (whole / name).read_bytes()
        self.refused(name, content[: int(share * len(content))], whole, tmp_path)

    @pytest.mark.parametrize("name", FILES)
    def test_foreign(self, name, whole, tmp_path):
        """A text in the place of a file."""
        self.refused(name, b"to whom it may concern\n" * 50, whole, tmp_path)

    @pytest.mark.parametrize("place", [0.0, 0.3, 0.6])
    @pytest.mark.parametrize("name", FILES[:2])
    def test_corrupt(self, name, place, whole, tmp_path):
        """A byte is changed, which the checksums of the V2 format tell."""
        content = bytearray((whole / name).read_bytes())
        content[int(place * len(content))] ^= 0xFF
        self.refused(name, bytes(content), whole, tmp_path)

    @staticmethod
    def refused(name, content, whole, folder):
        for path in whole.iterdir():
            shutil.copy(path, folder)
        (folder / name).write_bytes(content)
        before = sorted(os.listdir(folder))
        path = str(folder / name.partition(".")[0]) if name.startswith("contrib") else str(folder / name)
        with pytest.raises(ValueError, match=rf"^{path}.*: expected a .*, got one that|got one in which"):
            checkpoint.convert(path, str(folder / "out"), "contrib", allow=[".*"])
        assert sorted(os.listdir(folder)) == before

    def test_missing_data(self, whole, tmp_path):
        """An index alone can be listed, and not be read."""
        shutil.copy(whole / "contrib.index", tmp_path)
        with pytest.raises(ValueError, match="is damaged: .* cannot be read"):
            checkpoint.diagnose(tmp_path / "contrib")

    def test_missing_index(self, whole, tmp_path):
        shutil.copy(whole / "contrib.data-00000-of-00001", tmp_path)
        with pytest.raises(FileNotFoundError, match="without an index there is no checkpoint"):
            checkpoint.open(tmp_path / "contrib")

    @pytest.mark.parametrize("name", ["nothing", "nothing.index", "nothing.h5", "no/folder/nothing"])
    def test_nothing_there(self, name, tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no such file"):
            checkpoint.open(tmp_path / name)

    def test_no_variables(self, tmp_path):
        h5py.File(tmp_path / "empty.h5", "w").close()
        with pytest.raises(ValueError, match="expected a checkpoint with variables, got one that has none"):
            checkpoint.open(tmp_path / "empty.h5")

    def test_a_zip_without_weights(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
            archive.writestr("config.json", "{}")
        with pytest.raises(ValueError, match=r"model\.keras: expected a weights or model file of Keras, got one that"):
            checkpoint.open(tmp_path / "model.keras")

    def test_without_h5py(self, tmp_path, monkeypatch):
        """TensorFlow's own formats need none; for Keras' the error has the remedy."""
        monkeypatch.setitem(sys.modules, "h5py", None)
        with checkpoint.open(reference("contrib")) as reader:
            assert len(reader) == 23
        (tmp_path / "model.h5").touch()
        with pytest.raises(ImportError, match=r"need h5py, and this Python has none.*pip install 'tfbn\[tools\]'"):
            checkpoint.open(tmp_path / "model.h5")


def test_the_source_is_only_read(tmp_path):
    """Its bytes, and a folder without the right to write to it."""
    for name in ("contrib.index", "contrib.data-00000-of-00001"):
        shutil.copy(reference(name), tmp_path)
        (tmp_path / name).chmod(0o444)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    out = tmp_path / "out"
    out.mkdir()
    checkpoint.convert(tmp_path / "contrib", out / "model", "contrib")
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir() if path.is_file()}
    assert after == before
