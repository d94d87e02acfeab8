"""Modules of arrays."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.keras import generations
from tfbn.keras.from_arrays import module_from_arrays


class TestModuleFromArrays:
    KINDS = {
        "plain": {},
        "no parameters": {"center": False},
        "scale": {"scale": True},
        "renorm": {"renorm": True},
        "zero debias": {"zero_debias_moving_mean": True, "param_dtype": "float64"},
        "cumulative": {"decay": None},
    }

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("form", ["names", "scopes", "pair"])
    def test_forms(self, kind, form):
        """By name, by name in a checkpoint, or as the pure functions have them."""
        norm = tfbn.BatchNorm(5, **self.KINDS[kind])
        generations.randomize(norm)
        params = tfbn.functional.Params(norm.beta, norm.gamma)
        state = tfbn.functional.State(*(getattr(norm, name) for name in tfbn.functional.State._fields))
        values = {**params._asdict(), **state._asdict()}
        if form == "scopes":
            values = {f"net/BatchNorm/{name}": value for name, value in values.items() if value is not None}
        found = module_from_arrays((params, state) if form == "pair" else values, decay=norm.decay, epsilon=0.1)
        generations.assert_equal_numbers(found, norm)
        assert found.arguments() == {**norm.arguments(), "epsilon": 0.1, "param_dtype": norm.moving_mean.dtype}

    @pytest.mark.parametrize(
        "arrays, text",
        [
            ({"moving_mean": [0.0]}, r"missing \['moving_variance'\]"),
            ({"moving_mean": [0.0], "moving_variance": [1.0], "weights": [1.0]}, r"unknown \['weights'\]"),
            (
                {"moving_mean": [0.0], "moving_variance": [1.0], "renorm_mean": [1.0]},
                r"'moving_stddev', 'renorm_stddev'",
            ),
            ({"a/moving_mean": [0.0], "b/moving_mean": [0.0]}, "expected the arrays of one layer"),
        ],
    )
    def test_refusals(self, arrays, text):
        with pytest.raises(ValueError, match=text):
            module_from_arrays(arrays)

    @generations.each
    def test_a_checkpoint_of_tf1(self, keras, tmp_path):
        """From the variables of a graph to a layer that goes on where the graph was."""
        v1, x = tf.compat.v1, generations.batch((8, 3, 3, 5))
        with tf.Graph().as_default(), v1.Session() as session:
            inputs = v1.placeholder(tf.float32, x.shape)
            outputs = tfbn.batch_norm(inputs, decay=0.5, scale=True, is_training=True, scope="norm")
            inference = tfbn.batch_norm(inputs, decay=0.5, scale=True, is_training=False, scope="norm", reuse=True)
            with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
                step = tf.identity(outputs)
            session.run(v1.global_variables_initializer())
            session.run(step, {inputs: x})
            expected = session.run(inference, {inputs: x})
            path = v1.train.Saver().save(session, str(tmp_path / "model"))
        reader = tf.train.load_checkpoint(path)
        arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        layer = tfbn.keras.to_keras(arrays, x.shape, keras=keras, accept=["unbiased"], decay=0.5)
        np.testing.assert_allclose(layer(x, training=False), expected, **generations.OUTPUTS)
        assert (len(arrays), layer.momentum, layer.scale) == (4, 0.5, True)
