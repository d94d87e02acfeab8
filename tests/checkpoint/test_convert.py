"""Conversion between every two kinds of programs, proven by building both models."""

from __future__ import annotations

import functools
import importlib
import os

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.checkpoint import models
from tests.checkpoint.models import EXPECTED, KINDS, assert_same, reference
from tfbn import checkpoint

PAIRS = [(a, b) for a in KINDS for b in KINDS if a != b]
# Keras 3 lets moving_variance follow the variance as it is; the others do so without the fused kernel.
BIASED = {kind: {} if kind == "keras3" else {"fused": False} for kind in KINDS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def sources(folder):
    """Of a kind: a trained model's checkpoint, and its outputs before and after one more step."""

    @functools.cache
    def of(kind, biased=False):
        model = models.trained(kind, **(BIASED[kind] if biased else {}))
        path = models.saved(model, folder, f"source_{kind}_{biased}")
        before = model.infer()
        model.step()
        return path, before, model.infer()

    return of


@pytest.fixture(scope="module")
def targets(folder):
    """Of a kind: a fresh model, and a checkpoint of it as the program itself writes it."""

    @functools.cache
    def of(kind, biased=False):
        model = KINDS[kind](**(BIASED[kind] if biased else {}))
        return model, models.saved(model, folder, f"fresh_{kind}_{biased}")

    return of


def arguments_of(source, target, like):
    """The kind, the renames and, for Keras, the file that tells the layout."""
    one, other = KINDS[source], KINDS[target]
    given = {"to": other.kind, "rename": [*one.to_neutral, *other.from_neutral]}
    return {**given, "like": like} if other.kind == "Keras" else given


@pytest.mark.parametrize("source, target", PAIRS)
def test_outputs_and_one_more_step(source, target, sources, targets, tmp_path):
    """The other program infers the same, trains on the same, and back again not a bit has changed."""
    biased = "keras3" in (source, target)
    path, before, after = sources(source, biased)
    model, like = targets(target, biased)
    converted = str(tmp_path / f"converted{KINDS[target].ending}")
    checkpoint.convert(path, converted, **arguments_of(source, target, like))
    model.load(converted)
    assert_same(model.infer(), before)
    model.step()
    assert_same(model.infer(), after)
    assert np.abs(after - before).max() > 1e-3 * np.abs(before).max()

    back = str(tmp_path / f"back{KINDS[source].ending}")
    checkpoint.convert(converted, back, **arguments_of(target, source, path))
    assert checkpoint.diff(path, back) == []


class TestOfTheOriginal:
    """Checkpoints that TensorFlow 1.15.5 trained and wrote."""

    @pytest.mark.parametrize("name", ["contrib", "contrib_v1"])
    def test_to_modules(self, name, tmp_path):
        """V1, partitioned too, and V2: the original's outputs, before and after a step."""
        model = models.Modules()
        like = models.saved(model, str(tmp_path), "fresh")
        rename = [("/BatchNorm/", "/norm/"), ("^(first|second)", r"model/\1")]
        allow = ["global_step", ".*/Momentum", ".*/ExponentialMovingAverage"]
        plan = checkpoint.convert(reference(name), str(tmp_path / "out"), like=like, rename=rename, allow=allow)
        assert set(plan.lost) == plan.allowed
        assert not plan.unmatched
        model.load(str(tmp_path / "out"))
        self.check(model, name)

    def test_to_keras(self, tmp_path):
        """Of a layer without gamma, gamma is filled with ones where Keras has one."""
        model = models.Keras2()
        like = models.saved(model, str(tmp_path), "fresh")
        rename = [("/BatchNorm/", "_norm/"), ("/weights$", "_conv/kernel")]
        plan = checkpoint.convert(
            reference("no_scale"),
            str(tmp_path / "out.h5"),
            like=like,
            rename=rename,
            allow=["global_step", ".*/Momentum"],
        )
        assert [step.value.change for step in plan.steps if step.name.endswith("gamma:0")] == ["filled with 1"] * 2
        model.load(str(tmp_path / "out.h5"))
        assert_same(model.infer(), EXPECTED["no_scale_before"])

    @pytest.mark.parametrize("name", ["renorm", "zero_debias"])
    def test_state_beside_the_statistics(self, name, tmp_path):
        """Renorm's and zero debias' state goes to tf.Modules, and from there back to a graph."""
        arguments = {"renorm": {"renorm": True, "renorm_decay": models.DECAY}}
        arguments["zero_debias"] = {"zero_debias_moving_mean": True}
        rename = [("/BatchNorm/", "/norm/"), ("^(first|second)", r"model/\1")]
        module, graph = models.Modules(**arguments[name]), models.Graph(**arguments[name])
        like = models.saved(module, str(tmp_path), "fresh")
        allow = ["global_step", ".*/Momentum"]
        checkpoint.convert(reference(name), str(tmp_path / "out"), like=like, rename=rename, allow=allow)
        module.load(str(tmp_path / "out"))
        self.check(module, name)
        back = [("^model/", ""), ("/norm/", "/BatchNorm/")]
        checkpoint.convert(str(tmp_path / "out"), str(tmp_path / "back"), "contrib", rename=back)
        graph.load(str(tmp_path / "back"))
        self.check(graph, name)
        only = checkpoint.diff(reference(name), str(tmp_path / "back"))
        assert {each.path.rpartition("/")[2] for each in only} == {"Momentum", "global_step"}

    def test_virtual_batches(self, tmp_path):
        """Shapes of [1, 1, 1, 1, C] become [C], for a module that normalizes by virtual batches too."""
        model = models.Modules(virtual_batch_size=4)
        rename = [("/batch_normalization/", "/norm/"), ("^(first|second)", r"model/\1")]
        checkpoint.convert(
            reference("virtual_batch"),
            str(tmp_path / "out"),
            "BatchNorm",
            rename=[*rename, (".*/Momentum|global_step", r"unused/\g<0>")],
        )
        tf.train.Checkpoint(model=model.model).read(str(tmp_path / "out")).assert_existing_objects_matched()
        assert_same(model.infer(), EXPECTED["virtual_batch_before"])

    def test_keras_weights_from_renorm_of_tf_layers(self, tmp_path):
        """Keras 2 has renorm of its own."""
        model = models.Keras2(renorm=True, renorm_momentum=models.DECAY)
        like = models.saved(model, str(tmp_path), "fresh")
        rename = [("/batch_normalization/", "_norm/"), ("/weights$", "_conv/kernel")]
        checkpoint.convert(
            reference("layers_renorm"),
            str(tmp_path / "out.h5"),
            like=like,
            rename=rename,
            allow=["global_step", ".*/Momentum"],
        )
        model.load(str(tmp_path / "out.h5"))
        self.check(model, "layers_renorm")

    def test_default_scopes_between_contrib_and_tf_layers(self, tmp_path):
        """Renamed with all that stands under them, and back to the last bit."""
        target, back = str(tmp_path / "layers"), str(tmp_path / "back")
        checkpoint.convert(reference("contrib"), target, "tf.layers")
        names = [name for name, _ in tf.train.list_variables(target)]
        assert "first/batch_normalization/gamma/Momentum" in names
        assert not [name for name in names if "BatchNorm" in name]
        graph = models.LayersGraph()
        graph.load(target)
        self.check(graph, "contrib")
        checkpoint.convert(target, back, "contrib")
        assert checkpoint.diff(reference("contrib"), back) == []

    @staticmethod
    def check(model, name):
        assert_same(model.infer(), EXPECTED[f"{name}_before"])
        model.step()
        assert_same(model.infer(), EXPECTED[f"{name}_after"])


class TestMovingAverage:
    def test_chosen(self, tmp_path):
        """The shadows' values, under the variables' names; what they stand for is left out and said so."""
        plan = checkpoint.convert(reference("contrib"), str(tmp_path / "out"), "contrib", moving_average=True)
        with checkpoint.open(reference("contrib")) as source, checkpoint.open(str(tmp_path / "out")) as target:
            shadow = source["first/BatchNorm/gamma/ExponentialMovingAverage"]
            assert np.array_equal(target["first/BatchNorm/gamma"], shadow)
            assert not np.array_equal(source["first/BatchNorm/gamma"], shadow)
            assert np.array_equal(target["first/BatchNorm/moving_mean"], source["first/BatchNorm/moving_mean"])
            assert not [name for name in target if name.endswith("ExponentialMovingAverage")]
        assert "first/BatchNorm/gamma" in plan.left_out

    def test_not_chosen(self, tmp_path):
        """They are variables like others."""
        checkpoint.convert(reference("contrib"), str(tmp_path / "out"), "contrib")
        assert checkpoint.diff(reference("contrib"), str(tmp_path / "out")) == []

    def test_there_are_none(self, tmp_path):
        with pytest.raises(ValueError, match=r"^moving_average: expected a source with variables that end in /Expo"):
            checkpoint.convert(reference("layers"), str(tmp_path / "out"), "contrib", moving_average=True)


class TestZeroDebias:
    def test_synthesized(self, tmp_path):
        """Trains on as the average without it would."""
        plain, debiased = models.Graph(), models.Graph(zero_debias_moving_mean=True)
        checkpoint.convert(reference("contrib"), str(tmp_path / "out"), "contrib", zero_debias="synthesize")
        plain.load(reference("contrib"))
        debiased.load(str(tmp_path / "out"))
        for _ in range(2):
            assert_same(debiased.infer(), plain.infer())
            debiased.step()
            plain.step()

    def test_dropped(self, tmp_path):
        """A graph without it restores, and the pair is said to be left out."""
        plan = checkpoint.convert(reference("zero_debias"), str(tmp_path / "out"), "contrib", zero_debias="drop")
        assert "first/BatchNorm/local_step" in plan.left_out
        plain = models.Graph()
        plain.load(str(tmp_path / "out"))
        assert_same(plain.infer(), EXPECTED["zero_debias_before"])

    def test_tf_layers_has_none(self, tmp_path):
        """Which would be lost."""
        with pytest.raises(ValueError, match="first/BatchNorm/biased: tf.layers has no zero debias; leave it out with"):
            checkpoint.convert(reference("zero_debias"), str(tmp_path / "out"), "tf.layers")
        assert os.listdir(tmp_path) == []

    def test_float16_count(self, tmp_path):
        """A count that the type holds, and that is long past any decay."""
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            for short in ("moving_mean", "moving_variance"):
                tf.compat.v1.get_variable(f"n/{short}", initializer=tf.constant([0.5, 2.0], tf.float16))
            session.run(tf.compat.v1.global_variables_initializer())
            path = tf.compat.v1.train.Saver().save(session, str(tmp_path / "half"))
        checkpoint.convert(path, str(tmp_path / "out"), "contrib", zero_debias="synthesize")
        with checkpoint.open(str(tmp_path / "out")) as made:
            count = made["n/n/moving_mean/local_step"]
            assert np.isfinite(count)
            assert np.float16(1) - np.float16(0.999) ** count == 1


class TestOldRenorm:
    """What TensorFlow up to 1.14 kept: averages that start at 0, and weights that say how much of them is there."""

    MEAN, STDDEV, SHARE = [1.0, -2.0, 0.5], [2.0, 1.0, 3.0], 1 - 0.9**3

    def old(self, folder, share):
        arrays = {
            "moving_mean": self.MEAN,
            "moving_variance": np.square(self.STDDEV) - 0.001,
            "renorm_mean": np.multiply(self.MEAN, share),
            "renorm_mean_weight": share,
            "renorm_stddev": np.multiply(self.STDDEV, share),
            "renorm_stddev_weight": share,
            "beta": [0.0, 1.0, 2.0],
        }
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            for name, array in arrays.items():
                tf.compat.v1.get_variable(f"n/{name}", initializer=np.float32(array))
            session.run(tf.compat.v1.global_variables_initializer())
            return tf.compat.v1.train.Saver().save(session, str(folder / "old"))

    def test_brought_forward(self, tmp_path):
        """By the definition of the weights, and of moving_stddev."""
        path = self.old(tmp_path, self.SHARE)
        assert [layer.renorm for layer in checkpoint.list_layers(path)] == ["up to 1.14"]
        plan = checkpoint.convert(path, str(tmp_path / "new"), "contrib")
        with checkpoint.open(str(tmp_path / "new")) as made:
            assert sorted(name[2:] for name in made) == [
                "beta",
                "moving_mean",
                "moving_stddev",
                "moving_variance",
                "renorm_mean",
                "renorm_stddev",
            ]
            # A product, a quotient and a root in float32, 6e-8 each.
            np.testing.assert_allclose(made["n/renorm_mean"], self.MEAN, rtol=3e-7)
            np.testing.assert_allclose(made["n/renorm_stddev"], self.STDDEV, rtol=3e-7)
            np.testing.assert_allclose(made["n/moving_stddev"], self.STDDEV, rtol=3e-7)
        assert plan.left_out == ["n/renorm_mean_weight", "n/renorm_stddev_weight"]

    def test_never_trained(self, tmp_path):
        """Without a weight there is nothing to divide: the initial values of 1.15."""
        checkpoint.convert(self.old(tmp_path, 0.0), str(tmp_path / "new"), "contrib")
        with checkpoint.open(str(tmp_path / "new")) as made:
            assert made["n/renorm_mean"].tolist() == [0, 0, 0]
            np.testing.assert_allclose(made["n/renorm_stddev"], self.STDDEV, rtol=3e-7)

    def test_trains_on(self, tmp_path):
        """A layer of today restores it whole."""
        checkpoint.convert(self.old(tmp_path, self.SHARE), str(tmp_path / "new"), "BatchNorm")
        norm = tfbn.BatchNorm(3, renorm=True)
        tf.train.Checkpoint(n=norm).restore(str(tmp_path / "new")).assert_consumed()
        norm(tf.constant(np.random.default_rng(2).normal(1.0, 2.0, [8, 3]), tf.float32))
        np.testing.assert_allclose(norm.renorm_mean, self.MEAN, atol=0.1)


class TestOtherTargets:
    @pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("keras")])
    def test_files_of_keras(self, kind, ending, sources, tmp_path):
        """Both numbered layouts: weights alone, and inside of a model file, which loads as a model."""
        model = KINDS[kind]()
        like, out = str(tmp_path / f"fresh{ending}"), str(tmp_path / f"out{ending}")
        (model.model.save if ending == ".keras" else model.model.save_weights)(like)
        path, before, _ = sources("contrib")
        layers = [layer.scope for layer in checkpoint.list_layers(like)]
        kernels = [e.path for e in checkpoint.open(like).entries.values() if e.path.endswith("kernel")]
        rename = [(f"^{scope}/weights$", kernel) for scope, kernel in zip(("first", "second"), sorted(kernels))]
        rename += [(f"^{scope}/BatchNorm/", f"{layer}/") for scope, layer in zip(("first", "second"), layers)]
        checkpoint.convert(path, out, "Keras", like=like, rename=rename)
        if ending == ".keras":
            loaded = importlib.import_module(KINDS[kind].package).models.load_model(out)
            assert_same(loaded(models.INPUTS, training=False).numpy(), before)
        else:
            model.load(out)
            assert_same(model.infer(), before)

    def test_tf1_module_by_object(self, sources, tmp_path):
        """With a checkpoint of tf.train.Checkpoint(model=module) to go by, save_counter and all."""
        model = models.TF1Builder()
        objects = tf.train.Checkpoint(model=model.module)
        like = objects.save(str(tmp_path / "fresh"))
        path, before, _ = sources("BatchNorm")
        rename = [("^model/", ""), ("/norm/", "/BatchNorm/")]
        plan = checkpoint.convert(path, str(tmp_path / "out"), "TF1Module", like=like, rename=rename)
        objects.restore(str(tmp_path / "out")).assert_consumed()
        assert_same(model.infer(), before)
        assert plan.to == "TF1Module"

    def test_saved_model_as_source(self, sources, tmp_path):
        """Its variables, by their objects."""
        model = models.Modules()
        tf.saved_model.save(model.model, str(tmp_path / "exported"))
        model.save(str(tmp_path / "saved"))
        checkpoint.convert(str(tmp_path / "exported"), str(tmp_path / "out"), "BatchNorm", rename=[("^", "model/")])
        assert checkpoint.diff(str(tmp_path / "saved"), str(tmp_path / "out")) == []
