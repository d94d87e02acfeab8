"""Plans: what is renamed, lost, unmatched and allowed, and what is refused before anything is written."""

from __future__ import annotations

import importlib
import os

import h5py
import numpy as np
import pytest
import tensorflow as tf

from tests.checkpoint.models import Keras2, reference
from tfbn import checkpoint
from tfbn.checkpoint.bundle import writing


@pytest.fixture
def write(tmp_path):
    """Writes a checkpoint with TF1 names; returns its prefix."""

    def make(name, arrays):
        with writing(str(tmp_path / name), False) as writer:
            for path, array in arrays.items():
                writer.add(path, np.asarray(array))
        return str(tmp_path / name)

    return make


STATISTICS = {"n/moving_mean": np.float32([1, 2]), "n/moving_variance": np.float32([3, 4])}


def refused(folder, match, *arguments, **more):
    """The error, and that nothing was written."""
    before = sorted(os.listdir(folder))
    with pytest.raises(ValueError, match=match):
        checkpoint.convert(*arguments, **more)
    assert sorted(os.listdir(folder)) == before


class TestLostAndUnmatched:
    def test_listed_and_refused(self, write, tmp_path):
        """Both sides, with the remedy."""
        source = write("source", {**STATISTICS, "extra": np.float32(1)})
        like = write("like", {**STATISTICS, "more": np.float32([5, 6])})
        text = (
            r"(?s)^expected a place in .*out for all variables of .*source, and a value for each there, got variables "
            r"without\.\nlost, because the target has no place for them:\n  extra\n\nunmatched, because the source has "
            r"nothing for them:\n  more\nRename what is called otherwise.*allow=\['extra'\]"
        )
        refused(tmp_path, text, source, tmp_path / "out", like=like)

    def test_allowed_by_name(self, write, tmp_path):
        """What is lost is not written; what stays unmatched keeps the value it has there."""
        source = write("source", {**STATISTICS, "extra": np.float32(1)})
        like = write("like", {**{name: array * 0 for name, array in STATISTICS.items()}, "more": np.float32([5, 6])})
        plan = checkpoint.convert(source, tmp_path / "out", like=like, allow=["extra", "mor."])
        assert plan.allowed == {"extra", "more"}
        assert not plan.refused
        with checkpoint.open(tmp_path / "out") as made:
            assert {name: array.tolist() for name, array in made.items()} == {
                "n/moving_mean": [1, 2],
                "n/moving_variance": [3, 4],
                "more": [5, 6],
            }

    def test_the_whole_name_is_to_be_allowed(self, write, tmp_path):
        """A part of it is not enough."""
        source = write("source", {**STATISTICS, "extra/more": np.float32(1)})
        refused(tmp_path, "extra/more", source, tmp_path / "out", like=write("like", STATISTICS), allow=["extra"])

    def test_dry_run(self, write, tmp_path):
        """Returns the plan, refused or not, and writes nothing."""
        source = write("source", {**STATISTICS, "extra": np.float32(1)})
        like = write("like", STATISTICS)
        before = sorted(os.listdir(tmp_path))
        plan = checkpoint.convert(source, tmp_path / "out", like=like, dry_run=True)
        assert plan.refused
        assert [step.name for step in plan.steps] == ["n/moving_mean", "n/moving_variance"]
        assert "lost, because the target has no place for them:\n  extra" in str(plan)
        assert sorted(os.listdir(tmp_path)) == before


class TestShapesAndTypes:
    @pytest.mark.parametrize(
        "array, text",
        [
            (np.float32([1, 2, 3]), "3 of float32 does not fit 2 of float32"),
            (np.float32([[1, 2], [3, 4]]), "2x2 of float32 does not fit 2 of float32"),
            (np.float64([1, 2]), "2 of float64 does not fit 2 of float32"),
            (np.int32([1, 2]), "2 of int32 does not fit 2 of float32"),
        ],
    )
    def test_refused(self, array, text, write, tmp_path):
        """What another shape holds, and what would lose digits."""
        source = write("source", {**STATISTICS, "w": array})
        like = write("like", {**STATISTICS, "w": np.float32([0, 0])})
        refused(tmp_path, f"w: {text}", source, tmp_path / "out", like=like)

    @pytest.mark.parametrize("array", [np.float16([1, 2]), np.float32([[[1, 2]]])])
    def test_without_a_loss(self, array, write, tmp_path):
        """A wider type, and ones in the shape."""
        source = write("source", {**STATISTICS, "w": array})
        like = write("like", {**STATISTICS, "w": np.float32([0, 0])})
        checkpoint.convert(source, tmp_path / "out", like=like)
        with checkpoint.open(tmp_path / "out") as made:
            assert made["w"].dtype == np.float32
            assert made["w"].tolist() == [1, 2]

    def test_a_narrower_type_by_name(self, write, tmp_path):
        """Allowed, it is rounded; what cannot fit keeps its value."""
        source = write("source", {**STATISTICS, "w": np.float64([1 / 3, 2]), "v": np.float32([1, 2, 3])})
        like = write("like", {**STATISTICS, "w": np.float32([0, 0]), "v": np.float32([7])})
        checkpoint.convert(source, tmp_path / "out", like=like, allow=["w", "v"])
        with checkpoint.open(tmp_path / "out") as made:
            assert made["w"].tolist() == [np.float32(1 / 3), 2]
            assert made["v"].tolist() == [7]


class TestRename:
    def test_in_turn(self, write, tmp_path):
        """Each on what the one before has made, groups and all."""
        source = write("source", STATISTICS)
        rename = [("^n/", "a/b/"), (r"^(\w)/(\w)/", r"\2/\1/")]
        plan = checkpoint.convert(source, tmp_path / "out", "contrib", rename=rename)
        assert [step.name for step in plan.steps] == ["b/a/moving_mean", "b/a/moving_variance"]

    @pytest.mark.parametrize(
        "rename, text",
        [
            (
                [("nowhere", "x")],
                r"rename: expected a pattern that is found in a name, got 'nowhere'. The names are\n  n/m",
            ),
            ([("(", "x")], r"rename: expected a regular expression and its replacement, got '\(' and 'x': "),
            ([("n", r"\1")], "rename: expected a regular expression and its replacement"),
            (
                [("moving_.*", "x")],
                "rename: expected a different name for each variable, got 'n/x' for n/moving_mean and",
            ),
        ],
    )
    def test_refused(self, rename, text, write, tmp_path):
        refused(tmp_path, text, write("source", STATISTICS), tmp_path / "out", "contrib", rename=rename)


class TestArguments:
    @pytest.mark.parametrize(
        "more, text",
        [
            ({"to": "keras"}, r"^to: expected one of \('contrib', .*got 'keras'"),
            (
                {"to": None},
                r"^to: expected one of \(.*\), or a checkpoint as like, got neither. Pass --to KIND or --like",
            ),
            ({"to": "Keras"}, "^like: expected a weight file of the Keras model, got None"),
            (
                {"zero_debias": "invent"},
                r"^zero_debias: expected one of \('keep', 'drop', 'synthesize'\), got 'invent'",
            ),
            (
                {"like": reference("contrib"), "to": "BatchNorm"},
                "^like: expected a checkpoint of BatchNorm, got .*contrib",
            ),
            ({"target": "out.h5"}, "^target: expected the prefix of a checkpoint for contrib, got .*out.h5"),
            ({"target": "source"}, "^target: expected another path than that of its input, got "),
        ],
    )
    def test_refused(self, more, text, write, tmp_path):
        given = {"source": write("source", STATISTICS), "to": "contrib", **more}
        given["target"] = tmp_path / given.get("target", "out")
        refused(tmp_path, text, **given)

    @pytest.mark.parametrize("name", ["source", "like"])
    @pytest.mark.parametrize("target", ["{}.index", "{}.data-00000-of-00001", "linked", "real"])
    def test_a_target_among_the_files_that_are_read(self, target, name, write, tmp_path):
        """Which `force` would remove: one of them, or all through links from one path to the other."""
        paths = {"source": write("source", STATISTICS), "like": write("like", STATISTICS)}
        path = paths[name]
        if target in ("linked", "real"):
            for ending in ("index", "data-00000-of-00001"):
                os.symlink(f"{path}.{ending}", tmp_path / f"linked.{ending}")
        if target == "real":
            paths[name], target = str(tmp_path / "linked"), path
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        text = r"^target: expected another path than that of its input, got .*\. Write to another path, and rename\."
        refused(tmp_path, text, paths["source"], tmp_path / target.format(name), like=paths["like"], force=True)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_keras_by_its_ending(self, write, tmp_path):
        """What model.load_weights goes by."""
        with h5py.File(tmp_path / "like.weights.h5", "w") as file:
            file.create_dataset("layers/dense/vars/0", [2])
        text = r"^target: expected a path that ends in \.h5 for Keras, got .*out\.ckpt"
        source = write("source", STATISTICS)
        refused(tmp_path, text, source, tmp_path / "out.ckpt", like=tmp_path / "like.weights.h5")

    def test_saved_models_are_no_layout(self, write, tmp_path):
        tf.saved_model.save(tf.train.Checkpoint(x=tf.Variable(1.0)), str(tmp_path / "exported"))
        text = "^like: expected a checkpoint or weight file, got the SavedModel"
        refused(tmp_path, text, write("source", STATISTICS), tmp_path / "out", like=tmp_path / "exported")

    def test_what_exists(self, write, tmp_path):
        """Both kinds of target, before anything is read."""
        source = write("source", STATISTICS)
        write("out", {"x": np.float32(1)})
        with pytest.raises(FileExistsError, match="^target: expected a path that does not exist, .*out.index exists"):
            checkpoint.convert(source, tmp_path / "out", "contrib")
        checkpoint.convert(source, tmp_path / "out", "contrib", force=True)
        assert checkpoint.diff(source, tmp_path / "out") == []


def test_fill_affine(write, tmp_path):
    """Without a checkpoint to go by, where asked for."""
    source = write("source", STATISTICS)
    checkpoint.convert(source, tmp_path / "out", "contrib", fill_affine=True)
    with checkpoint.open(tmp_path / "out") as made:
        assert made["n/gamma"].tolist() == [1, 1]
        assert made["n/beta"].tolist() == [0, 0]
        assert made["n/gamma"].dtype == np.float32


def test_slots_of_objects_need_their_program(tmp_path):
    """A Keras optimizer's slots under a variable are no variables of a graph."""
    model = Keras2().model
    keras = tf.keras if Keras2.package == "keras" else importlib.import_module(Keras2.package)
    model.compile(keras.optimizers.legacy.SGD(0.1, momentum=0.9), "mse")
    model.train_on_batch(np.ones([1, 2, 2, 3], np.float32), np.ones([1, 2, 2, 2], np.float32))
    model.save_weights(str(tmp_path / "model"))
    plan = checkpoint.convert(tmp_path / "model", tmp_path / "out", "contrib", dry_run=True)
    assert any("OPTIMIZER_SLOT" in path for path in plan.lost)
    assert not [step.name for step in plan.steps if "OPTIMIZER_SLOT" in step.name]


class TestOtherNames:
    """Statistics that are not called moving_mean and moving_variance, or that share beta and gamma."""

    SHADOW = "ExponentialMovingAverage"
    ARRAYS = {
        "n/beta": np.float32([1, 2]),
        f"n/beta/{SHADOW}": np.float32([3, 4]),
        "n/s/moving_mean": np.float32([5, 6]),
        "n/s/moving_variance": np.float32([7, 8]),
        f"e/moments/Squeeze/{SHADOW}": np.float32([9, 10]),
        f"e/moments/Squeeze_1/{SHADOW}": np.float32([11, 12]),
        "bn/beta": np.float32([13, 14]),
    }

    @pytest.mark.parametrize("to", ["contrib", "TF1Module", "BatchNorm"])
    def test_copied_as_they_are(self, to, write, tmp_path):
        """Nothing is filled in that another scope has."""
        options = {"fill_affine": True, "zero_debias": "synthesize"} if to == "TF1Module" else {}
        checkpoint.convert(write("source", self.ARRAYS), tmp_path / "out", to, **options)
        with checkpoint.open(tmp_path / "out") as made:
            arrays = {made.entries[name].path: array.tolist() for name, array in made.items()}
        filled = {"n/s/gamma"} if options else set()
        assert {path for path in arrays.keys() - self.ARRAYS.keys() if "moving_mean/" not in path} - {""} == filled
        assert {path: arrays[path] for path in self.ARRAYS} == {path: a.tolist() for path, a in self.ARRAYS.items()}

    def test_said(self, write, tmp_path):
        """Which layers a program of tfbn's would not find, until they are renamed."""
        source = write("source", self.ARRAYS)
        plan = checkpoint.convert(source, tmp_path / "out", "BatchNorm", dry_run=True)
        e = [f"moving_mean is e/moments/Squeeze/{self.SHADOW}", f"moving_variance is e/moments/Squeeze_1/{self.SHADOW}"]
        assert plan.other_names == {"e": ", ".join(e), "n/s": "beta is n/beta"}
        assert [(f.kind, f.severity, f.where) for f in plan.findings()] == [
            ("other names", "warning", "e"),
            ("other names", "warning", "n/s"),
        ]
        assert "\n  n/s: beta is n/beta" in str(plan)
        rename = [("e/moments/Squeeze/.*", "e/moving_mean"), ("e/moments/Squeeze_1/.*", "e/moving_variance")]
        rename += [("n/beta$", "n/s/beta"), ("n/beta/", "n/s/beta/")]
        renamed = checkpoint.convert(source, tmp_path / "out", "BatchNorm", rename=rename, dry_run=True)
        assert renamed.other_names == {}

    def test_statistics_are_no_averages_of_variables(self, write, tmp_path):
        """moving_average=True takes that of beta, and leaves the statistics their names."""
        plan = checkpoint.convert(write("source", self.ARRAYS), tmp_path / "out", "contrib", moving_average=True)
        assert plan.left_out == ["n/beta"]
        names = {step.name: step.value.read().tolist() for step in plan.steps}
        assert names.keys() == self.ARRAYS.keys() - {f"n/beta/{self.SHADOW}"}
        assert names["n/beta"] == [3, 4]

    def test_renamed(self, write, tmp_path):
        """Under contrib's names they are a layer of the target."""
        rename = [("moments/Squeeze/.*", "moving_mean"), ("moments/Squeeze_1/.*", "moving_variance")]
        checkpoint.convert(write("source", self.ARRAYS), tmp_path / "out", "contrib", rename=rename)
        layers = {layer.scope: layer.aliases for layer in checkpoint.list_layers(tmp_path / "out")}
        assert layers["e"] == {}
        assert layers["n/s"] == {"beta": "n/beta"}


def test_long_lists_end(write, tmp_path):
    """An error and a summary list a screen of names, one a line, in their natural order; the plan lists all."""
    source = write("source", {**STATISTICS, **{f"extra_{i}": np.float32(i) for i in range(25)}})
    like = write("like", STATISTICS)
    plan = checkpoint.convert(source, tmp_path / "out", like=like, dry_run=True)
    assert "\n  extra_18\n  extra_19\n  and 5 more" in plan.summary()
    assert "\n  extra_24" in str(plan)
    refused(
        tmp_path, r"\n  extra_9\n  extra_10\n(.*\n)*  extra_19\n  and 5 more\n", source, tmp_path / "out", like=like
    )
    refused(tmp_path, r"\n  and 7 more$", source, tmp_path / "out", "contrib", rename=[("nowhere", "x")])
