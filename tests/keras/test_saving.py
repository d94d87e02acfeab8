"""The layer, saved and loaded: models, weights, checkpoints, configurations."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.keras import generations
from tests.keras.generations import ALL, OUTPUTS, batch, each

SHAPE = (12, 4, 5)
X = batch(SHAPE)


def adjust(shape):
    return tf.fill(shape[-1:], 1.5), tf.fill(shape[-1:], -0.5)


for _keras in ALL:
    _keras.utils.register_keras_serializable(package="tests")(adjust)

GIVEN = {
    "plain": {},
    "all": {
        "decay": 0.25,
        "center": False,
        "epsilon": 0.1,
        "axis": 1,
        "param_initializers": {"gamma": "ones", "moving_mean": "ones"},
        "param_regularizers": {"gamma": "l2"},
        "param_constraints": {"gamma": "non_neg"},
        "fused": False,
        "unbiased": False,
        "update_statistics": True,
        "zero_debias_moving_mean": True,
        "renorm": True,
        "renorm_clipping": {"rmax": 2.0, "dmax": 1.0},
        "renorm_decay": 0.5,
        "virtual_batch_size": 2,
        "trainable": False,
        "dtype": "mixed_float16",
    },
    "cumulative": {"decay": None, "data_format": "NCHW"},
    "adjustment": {"adjustment": adjust, "dtype": "float64", "frozen": True},
}


def layer_of(keras, **given):
    return tfbn.keras.layer_class(keras)(**{"decay": 0.5, "scale": True, "name": "norm", **given})


def model_of(keras, given):
    inputs = keras.Input(SHAPE[1:])
    return keras.Model(inputs, layer_of(keras, **given)(inputs))


def trained(keras, given, steps=3):
    model = model_of(keras, given)
    for seed in range(steps):
        model(batch(SHAPE, seed), training=True)
    return model


def norm_of(model):
    return model.get_layer("norm")


def assert_same(one, other):
    """All variables to the last bit, inference, and training that goes on."""
    found, expected = generations.numbers(norm_of(one)), generations.numbers(norm_of(other))
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name])
    for training in (False, True, False):
        outputs = (model(X, training=training) for model in (one, other))
        np.testing.assert_allclose(*map(generations.as_wide, outputs), **OUTPUTS)


class TestModels:
    @each
    @pytest.mark.parametrize("kind", GIVEN)
    @pytest.mark.parametrize("file", ["model.keras", "model.h5"])
    @pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
    def test_save_and_load(self, keras, kind, file, tmp_path):
        model, path = trained(keras, GIVEN[kind]), str(tmp_path / file)
        model.save(path)
        loaded = keras.models.load_model(path, compile=False)
        assert norm_of(loaded).get_config() == norm_of(model).get_config()
        assert norm_of(loaded).trainable == norm_of(model).trainable
        assert_same(loaded, model)

    @each
    def test_training_continues(self, keras, tmp_path):
        """With the optimizer, as if it had not been saved."""
        model, path = model_of(keras, {}), str(tmp_path / "model.keras")
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        model.fit(X, X / 2 + 1, verbose=0)
        model.save(path)
        loaded = keras.models.load_model(path)
        for either in (model, loaded):
            either.fit(X, X / 2 + 1, shuffle=False, verbose=0)
        generations.assert_equal_numbers(norm_of(loaded), norm_of(model))
        assert np.abs(norm_of(model).beta.numpy()).min() > 0.01

    @pytest.mark.slow
    def test_in_another_process(self, tmp_path):
        """Where the class is made first."""
        models = {keras.__name__.partition(".")[0]: trained(keras, {}) for keras in ALL}
        source = f"import sys; sys.path[:0] = {sys.path!r}\nimport importlib, numpy as np, tensorflow as tf, tfbn\n"
        for name, model in models.items():
            model.save(str(tmp_path / f"{name}.keras"))
            np.save(tmp_path / "inputs.npy", X)
            source += f"""
keras = importlib.import_module({name!r}) if {len(ALL) > 1} else tf.keras
tfbn.keras.layer_class(keras)
np.save("{name}.npy", keras.models.load_model("{name}.keras").predict(np.load("inputs.npy"), verbose=0))
"""
        done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=240, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        for name, model in models.items():
            np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), model.predict(X, verbose=0), **OUTPUTS)

    @each
    def test_saved_model(self, keras, tmp_path):
        """For inference, without Keras' classes."""
        model = trained(keras, {})
        serve = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec([None, *SHAPE[1:]])])
        module = tf.Module()
        module.model, module.serve = norm_of(model), serve
        tf.saved_model.save(module, str(tmp_path))
        loaded = tf.saved_model.load(str(tmp_path))
        np.testing.assert_allclose(loaded.serve(X), model(X, training=False), **OUTPUTS)

    @each
    def test_clone(self, keras):
        """Same configuration, weights anew."""
        model = trained(keras, GIVEN["all"])
        clone = keras.models.clone_model(model)
        assert norm_of(clone).get_config() == norm_of(model).get_config()
        assert not np.array_equal(norm_of(clone).moving_mean.numpy(), norm_of(model).moving_mean.numpy())


class TestWeights:
    @each
    @pytest.mark.parametrize("kind", ["plain", "all"])
    def test_weights_file(self, keras, kind, tmp_path):
        model, path = trained(keras, GIVEN[kind]), str(tmp_path / "model.weights.h5")
        model.save_weights(path)
        other = trained(keras, GIVEN[kind], steps=1)
        other.load_weights(path)
        assert_same(other, model)

    @each
    def test_get_and_set(self, keras):
        model, other = trained(keras, {}), trained(keras, {}, steps=1)
        other.set_weights(model.get_weights())
        assert_same(other, model)

    @each
    @pytest.mark.parametrize("kind", ["plain", "all"])
    def test_checkpoint(self, keras, kind, tmp_path):
        model = trained(keras, GIVEN[kind])
        path = tf.train.Checkpoint(layer=norm_of(model)).write(str(tmp_path / "checkpoint"))
        other = trained(keras, GIVEN[kind], steps=1)
        tf.train.Checkpoint(layer=norm_of(other)).read(path).assert_existing_objects_matched()
        assert_same(other, model)

    @each
    def test_a_checkpoint_of_the_module(self, keras, tmp_path):
        """A layer reads what tfbn.BatchNorm has written, and the other way round."""
        norm = tfbn.BatchNorm(5, decay=0.5, scale=True)
        generations.randomize(norm)
        path = tf.train.Checkpoint(norm=norm).write(str(tmp_path / "module"))
        model = trained(keras, {})
        tf.train.Checkpoint(norm=norm_of(model)).read(path).expect_partial()
        generations.assert_equal_numbers(norm_of(model), norm)
        generations.randomize(norm_of(model), seed=8)
        path = tf.train.Checkpoint(norm=norm_of(model)).write(str(tmp_path / "layer"))
        tf.train.Checkpoint(norm=norm).read(path).expect_partial()
        generations.assert_equal_numbers(norm_of(model), norm)


class TestConfiguration:
    @each
    @pytest.mark.parametrize("kind", GIVEN)
    def test_round_trip(self, keras, kind):
        layer = layer_of(keras, **GIVEN[kind])
        config = layer.get_config()
        again = tfbn.keras.layer_class(keras).from_config(config)
        assert again.get_config() == config
        plain = {name: value for name, value in GIVEN[kind].items() if isinstance(value, (int, float, type(None)))}
        assert {name: config[name] for name in plain} == plain

    @each
    def test_variables_become_numbers(self, keras):
        rmax = tf.Variable(1.5, trainable=False)
        layer = layer_of(keras, decay=tf.Variable(0.75, trainable=False), renorm=True, renorm_clipping={"rmax": rmax})
        rmax.assign(2.5)
        config = layer.get_config()
        assert (config["decay"], config["renorm_clipping"]) == (0.75, {"rmax": 2.5})
        assert [type(config["decay"]), type(config["renorm_clipping"])] == [float, dict]

    @each
    def test_an_adjustment_that_keras_does_not_know(self, keras):
        layer = layer_of(keras, adjustment=lambda shape: (1.0, 0.0))
        with pytest.raises(ValueError, match="adjustment: expected a function that Keras knows.*register_keras_seri"):
            layer.get_config()

    @each
    @pytest.mark.parametrize(
        "error, text, given",
        [
            (ValueError, "epsilon: expected a number of at least 0", {"epsilon": -1.0}),
            (ValueError, "adjustment: expected the name of a function that Keras knows", {"adjustment": "nobody"}),
            (TypeError, "channels", {"channels": 5}),
        ],
    )
    def test_refusals(self, keras, error, text, given):
        with pytest.raises(error, match=text):
            layer_of(keras, **given)
