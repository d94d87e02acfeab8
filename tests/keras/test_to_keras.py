"""`to_keras`: layers that do as the module does, over steps; and what is refused, with the choices."""

import importlib
import types

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.keras import generations
from tests.keras.generations import ALL, KERAS_2, KERAS_3, OUTPUTS, batch, each
from tfbn.keras.generation import Generation, find_generation

SHAPE = (6, 4, 3, 5)
SHAPES = {"rank 2": (12, 5), "rank 3": (6, 4, 5), "rank 4": SHAPE, "rank 5": (6, 2, 4, 3, 5)}
BIASED = {"unbiased": False}
# What every Keras can express.
CASES = {
    **{name: (shape, BIASED) for name, shape in SHAPES.items()},
    "default, rank 3": ((6, 4, 5), {}),
    "not fused": (SHAPE, {"fused": False}),
    "NCHW": (SHAPE, {**BIASED, "data_format": "NCHW"}),
    "axis 2": (SHAPE, {"axis": 2}),
    "no parameters": (SHAPE, {**BIASED, "center": False, "scale": False}),
    # Of which the module's kernel has a lower bound, and the layer takes that.
    "small epsilon": (SHAPE, {**BIASED, "epsilon": 1e-7}),
    "frozen": (SHAPE, {**BIASED, "frozen": True, "trainable": False}),
    "renorm": (
        SHAPE,
        {"renorm": True, "renorm_decay": 0.6, "renorm_clipping": {"rmax": 1.5, "rmin": 0.7, "dmax": 0.5}},
    ),
    "renorm, unbiased": (SHAPE, {"renorm": True, "renorm_clipping": {}, "unbiased": True}),
    "double": (SHAPE, {**BIASED, "param_dtype": "float64"}),
}
# What only Keras 2 can do.
KERAS_2_CASES = {
    "rank 4": (SHAPE, {}),
    "rank 4, NCHW": (SHAPE, {"data_format": "NCHW"}),
    "rank 5": ((6, 2, 4, 3, 5), {"unbiased": True}),
    "virtual batches": (SHAPE, {**BIASED, "virtual_batch_size": 2}),
    "adjustment": (SHAPE, {"adjustment": lambda shape: (tf.fill(shape[-1:], 1.5), tf.fill(shape[-1:], -0.5))}),
}
# What is refused: by which Kerases, and what their layer then does otherwise.
REFUSED = {
    "unbiased": (ALL, (12, 5), {}, r"follows variance, this module's variance \* n / \(n - 1\)"),
    "unbiased, rank 4": (KERAS_3, SHAPE, {}, r"Choices: BatchNorm\(unbiased=False\); or Keras 2 with inputs of rank 4"),
    "adjustment": (KERAS_3, SHAPE, KERAS_2_CASES["adjustment"][1], r"no adjustment. Choices: norm.adjustment = None"),
    "zero_debias_moving_mean": (ALL, SHAPE, {**BIASED, "zero_debias_moving_mean": True}, "correct for a start at zero"),
    "virtual_batch_size": (KERAS_3, SHAPE, {**BIASED, "virtual_batch_size": 2}, "whole batches. Choices: Keras 2"),
    "synchronized": (ALL, SHAPE, {"renorm": True, "renorm_clipping": {}, "synchronized": True}, "by its own batch"),
    "trainable": (ALL, SHAPE, {**BIASED, "trainable": False}, "norm.frozen = not norm.trainable, to do as Keras"),
    "trainable, frozen": (ALL, SHAPE, {**BIASED, "frozen": True}, "or norm.trainable = not norm.frozen"),
    "update_statistics": (ALL, SHAPE, {**BIASED, "update_statistics": False}, "its statistics move whenever"),
    "update_statistics, a variable": (ALL, SHAPE, {**BIASED, "update_statistics": "variable"}, "move whenever"),
    "param_dtype": ([KERAS_2], SHAPE, {**BIASED, "param_dtype": "float16"}, "its weights are of another dtype"),
}
BY_KERAS = [(keras, case) for case, (refusing, *_) in REFUSED.items() for keras in refusing]


def module(**given):
    given = {"channels": 5, "decay": 0.7, "scale": True, **given}
    if "axis" in given or given.get("data_format") == "NCHW":
        given["channels"] = SHAPE[given.get("axis", 1)]
    if given.get("update_statistics") == "variable":
        given["update_statistics"] = tf.Variable(True, trainable=False)
    norm = tfbn.BatchNorm(**given)
    generations.randomize(norm)
    return norm


def shape_of(shape):
    return [None, *shape[1:]]


class TestNumbers:
    @each
    @pytest.mark.parametrize("case", CASES)
    def test_steps(self, keras, case):
        shape, given = CASES[case]
        norm = module(**given)
        layer = tfbn.keras.to_keras(norm, shape_of(shape), keras=keras)
        assert type(layer) is keras.layers.BatchNormalization
        generations.assert_equal_steps(layer, norm, shape, given.get("param_dtype", "float32"))

    @pytest.mark.parametrize("case", KERAS_2_CASES)
    def test_steps_of_keras_2(self, case):
        shape, given = KERAS_2_CASES[case]
        norm = module(**given)
        layer = tfbn.keras.to_keras(norm, shape_of(shape), keras=KERAS_2)
        generations.assert_equal_steps(layer, norm, shape)

    @each
    def test_a_policy(self, keras):
        norm = module(**BIASED)
        layer = tfbn.keras.to_keras(norm, shape_of(SHAPE), keras=keras, dtype="mixed_float16", name="bn")
        assert (layer(batch(SHAPE)).dtype, layer.compute_dtype, layer.name) == ("float16", "float16", "bn")
        generations.assert_equal_numbers(layer, norm)

    def test_a_wide_policy(self):
        """float64 has no fused kernel: for Keras 2 the estimator is another one then."""
        norm = module(param_dtype="float64")
        with pytest.raises(ValueError, match="- unbiased: its moving_variance follows variance"):
            tfbn.keras.to_keras(norm, shape_of(SHAPE), keras=KERAS_2)

    def test_the_default_is_tf_keras(self):
        assert type(tfbn.keras.to_keras(module(**BIASED), [None, 5])) is tf.keras.layers.BatchNormalization


class TestConfiguration:
    @each
    @pytest.mark.parametrize("case", [name for name in CASES if name != "small epsilon"])
    def test_there_and_back(self, keras, case):
        """A module that is converted to a layer and back has the arguments and the numbers it had."""
        shape, given = CASES[case]
        norm = module(**given)
        back = tfbn.keras.from_keras(tfbn.keras.to_keras(norm, shape_of(shape), keras=keras))
        generations.assert_equal_numbers(norm, back)
        ours, theirs = norm.arguments(), back.arguments()
        # Spelt out, or another way to say the same.
        for name in ("name", "fused", "unbiased", "param_initializers", "param_dtype", "renorm_clipping"):
            ours.pop(name), theirs.pop(name)
        if "renorm" not in case:
            ours.pop("renorm_decay"), theirs.pop("renorm_decay")
        assert ours == theirs
        assert (norm.renorm_clipping or {}) == (back.renorm_clipping or {})

    @each
    @pytest.mark.parametrize("given", [{}, {"axis": 1, "scale": False}, {"renorm": True, "renorm_momentum": 0.6}])
    def test_back_and_there(self, keras, given):
        """A layer that is converted to a module and back has the configuration it had."""
        given = {"momentum": 0.7, "gamma_regularizer": "l2", "beta_constraint": "non_neg", **given}
        layer = keras.layers.BatchNormalization(**given, name="bn")
        layer.build(tuple(shape_of(SHAPE)))
        again = tfbn.keras.to_keras(tfbn.keras.from_keras(layer), shape_of(SHAPE), keras=keras, name="bn")
        ours, theirs = again.get_config(), layer.get_config()
        for config in (ours, theirs):
            if not layer.get_config().get("renorm"):
                config.pop("renorm_clipping", None), config.pop("renorm_momentum", None)
            axis = config.pop("axis")
            config["axis"] = list(axis)[0] if np.ndim(axis) else axis % 4
        ours["axis"] %= 4
        assert ours == theirs
        assert [w.name for w in again.weights] == [w.name for w in layer.weights]

    @each
    def test_functions(self, keras):
        given = {"param_regularizers": {"gamma": tf.nn.l2_loss}, "param_constraints": {"beta": tf.abs}, **BIASED}
        norm = module(**given, param_initializers={"moving_mean": tf.compat.v1.constant_initializer(3.0)})
        layer = tfbn.keras.to_keras(norm, shape_of(SHAPE), keras=keras)
        np.testing.assert_allclose([float(loss) for loss in layer.losses], [float(loss) for loss in norm.losses])
        assert len(layer.losses) == 1
        assert layer.beta.constraint is tf.abs

    @each
    def test_in_a_model(self, keras):
        """The layer is Keras' own: it trains in a model, and its variables are its own."""
        norm = module(**BIASED)
        model = keras.Sequential([tfbn.keras.to_keras(norm, [None, 5], keras=keras)])
        before = norm.moving_mean.numpy()
        model.compile("sgd", "mse")
        model.fit(batch((12, 5)), np.zeros((12, 5)), verbose=0)
        assert len(model.trainable_variables) == 2
        assert np.abs(model.layers[-1].moving_mean.numpy() - before).max() > 0.1
        np.testing.assert_array_equal(norm.moving_mean, before)


class TestRefusals:
    @pytest.mark.parametrize("keras, case", BY_KERAS, ids=lambda value: getattr(value, "__version__", value))
    def test_keras_refuses_inexpressible_modules(self, keras, case):
        """Named, with the choices; and accepted, outputs in inference are equal."""
        _, shape, given, text = REFUSED[case]
        name = case.partition(",")[0]
        norm = module(**given)
        with pytest.raises(
            ValueError, match=rf"(?s)of (tf_)?keras {find_generation(keras).version} cannot.*- {name}: .*{text}"
        ):
            tfbn.keras.to_keras(norm, shape_of(shape), keras=keras)
        with pytest.raises(ValueError, match=rf"accept=\['{name}'\].*tfbn.keras.wrap"):
            tfbn.keras.to_keras(norm, shape_of(shape), keras=keras)
        layer = tfbn.keras.to_keras(norm, shape_of(shape), keras=keras, accept=[name])
        x = batch(shape)
        np.testing.assert_allclose(layer(x, training=False), norm(x, is_training=False), **OUTPUTS)

    @each
    def test_what_is_frozen_holds_its_statistics(self, keras):
        """So that update_statistics says nothing more."""
        norm = module(**BIASED, frozen=True, trainable=False, update_statistics=False)
        generations.assert_equal_steps(tfbn.keras.to_keras(norm, [None, 5], keras=keras), norm, (12, 5))

    @each
    def test_all_at_once(self, keras):
        """One error names them all."""
        norm = module(zero_debias_moving_mean=True, update_statistics=False)
        with pytest.raises(ValueError, match=r"(?s)- unbiased:.*- zero_debias_moving_mean:.*- update_statistics:"):
            tfbn.keras.to_keras(norm, [None, 5], keras=keras)
        with pytest.raises(ValueError, match=r"express all of it:\n- update_statistics:"):
            tfbn.keras.to_keras(norm, [None, 5], keras=keras, accept=["unbiased", "zero_debias_moving_mean"])

    @each
    def test_default_module_error_starts_with_the_remedy(self, keras):
        remedy = "norm: pass accept=['unbiased'], or make the module with unbiased=False.\nThe "
        for norm in (tfbn.BatchNorm(5), tfbn.BatchNorm(5, unbiased=True)):
            with pytest.raises(ValueError, match="- unbiased:") as raised:
                tfbn.keras.to_keras(norm, [None, 5], keras=keras)
            assert str(raised.value).startswith(remedy) == (norm.arguments()["unbiased"] is None)
        for given, accept in (({}, ["unbiased"]), ({"unbiased": False}, [])):
            tfbn.keras.to_keras(tfbn.BatchNorm(5, **given), [None, 5], keras=keras, accept=accept)

    def test_keras_without_renorm(self, monkeypatch):
        """As early versions of Keras 3 are."""

        class Early(ALL[-1].layers.BatchNormalization):
            def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, **given):
                assert "renorm" not in given
                super().__init__(axis, momentum, epsilon, center, scale, **given)

        keras = types.SimpleNamespace(layers=types.SimpleNamespace(BatchNormalization=Early))
        converter = importlib.import_module("tfbn.keras.to_keras")
        monkeypatch.setattr(converter, "find_generation", lambda _: Generation("keras", "3.0.5", keras))
        with pytest.raises(
            ValueError, match="keras 3.0.5 cannot .*\n- renorm: it has no batch renorm.* Choices: Keras 2"
        ):
            tfbn.keras.to_keras(module(renorm=True), [None, 5])
        norm, x = module(renorm=True), batch((12, 5))
        layer = tfbn.keras.to_keras(norm, [None, 5], accept=["renorm"])
        np.testing.assert_allclose(layer(x, training=False), norm(x, is_training=False), **OUTPUTS)

    @pytest.mark.parametrize(
        "given, text",
        [
            ({"decay": None}, "decay: expected a number, which is what Keras keeps, got None"),
            ({"decay": tf.constant(0.5)}, "decay: expected a number"),
            ({"renorm": True, "renorm_decay": tf.constant(0.5)}, "renorm_decay: expected a number"),
            ({"renorm": True, "renorm_clipping": {"rmax": tf.constant(2.0)}}, r"renorm_clipping\['rmax'\]: expected"),
        ],
    )
    def test_numbers(self, given, text):
        with pytest.raises(ValueError, match=text):
            tfbn.keras.to_keras(module(**{**BIASED, **given}), [None, 5])

    def test_a_number_set_afterwards(self):
        """The choice that the error names."""
        norm = module(decay=None, **BIASED)
        norm.decay = 0.5
        layer = tfbn.keras.to_keras(norm, [None, 5])
        np.testing.assert_array_equal(layer.moving_mean.numpy(), norm.moving_mean)
        assert layer.momentum == 0.5

    @pytest.mark.parametrize(
        "error, text, call",
        [
            (ValueError, "one before its first call", lambda: tfbn.keras.to_keras(tfbn.BatchNorm(), [None, 5])),
            (
                ValueError,
                "accept: expected a list of names",
                lambda: tfbn.keras.to_keras(module(), [5], accept=["fused"]),
            ),
            (ValueError, r"got \['unbiased'\]", lambda: tfbn.keras.to_keras(module(), [5], accept="unbiased")),
            (
                TypeError,
                r"none with a module.*\['decay'\]",
                lambda: tfbn.keras.to_keras(module(), [None, 5], decay=0.5),
            ),
            (TypeError, "norm: expected a tfbn.BatchNorm, a dict", lambda: tfbn.keras.to_keras(3, [None, 5])),
            (ValueError, "undefined `C` dimension", lambda: tfbn.keras.to_keras(module(), [None, None])),
        ],
    )
    def test_arguments(self, error, text, call):
        with pytest.raises(error, match=text):
            call()

    def test_in_a_graph(self):
        norm = module()
        with tf.Graph().as_default(), pytest.raises(RuntimeError, match="to_keras is for eager code"):
            tfbn.keras.to_keras(norm, [None, 5])
