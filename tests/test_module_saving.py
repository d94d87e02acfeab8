"""What of a `BatchNorm` is saved, copied and exported."""

import copy

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.modules import KINDS, SHAPE, SOME, Model, X, assert_same, values


class TestSaving:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("late", [False, True])
    def test_checkpoint(self, kind, late, tmp_path):
        """Restored at once, or when the variables are created in a tf.function."""
        model = Model(**KINDS[kind])
        model.train(X)
        path = tf.train.Checkpoint(model=model).write(str(tmp_path / "checkpoint"))
        other = Model(channels=None if late else 5, **KINDS[kind])
        status = tf.train.Checkpoint(model=other).read(path)
        other.infer(X)
        status.assert_consumed()
        assert_same(values(model), values(other))
        np.testing.assert_array_equal(model.train(X)["outputs"], other.train(X)["outputs"])
        assert_same(values(model), values(other))

    @pytest.mark.parametrize("kind", KINDS)
    def test_saved_model(self, kind, tmp_path):
        """Inference by the moving statistics, and training that goes on."""
        regularizers = {"gamma": lambda v: tf.reduce_sum(v)}
        model = Model(**KINDS[kind], param_regularizers=regularizers)
        model.train(X)
        tf.saved_model.save(model, str(tmp_path), {"train": model.train, "infer": model.infer})
        loaded = tf.saved_model.load(str(tmp_path))
        x = tf.constant(X + 1)
        np.testing.assert_array_equal(loaded.signatures["infer"](x=x)["outputs"], model.infer(x)["outputs"])
        for _ in range(2):
            np.testing.assert_array_equal(loaded.signatures["train"](x=x)["outputs"], model.train(x)["outputs"])
        np.testing.assert_array_equal(loaded.norm.moving_variance, model.norm.moving_variance)
        np.testing.assert_array_equal(loaded.norm.moving_mean, model.norm.moving_mean)

    @pytest.mark.parametrize("kind", ["unfused", "virtual batches"])
    def test_saved_gradients(self, kind, tmp_path):
        """What is loaded can be differentiated, where composed ops have a gradient of ours."""
        model = Model(channels=5, **{"unfused": {"fused": False}, "virtual batches": {"virtual_batch_size": 2}}[kind])
        tf.saved_model.save(model, str(tmp_path))
        gradients = []
        for each in (model, tf.saved_model.load(str(tmp_path))):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(each.train(X[:4])["outputs"] ** 3)
            gradients.append(tape.gradient(loss, [each.norm.gamma, each.norm.beta]))
        for one, other in zip(*gradients):
            assert np.abs(one).max() > 1
            np.testing.assert_allclose(one, other, rtol=1e-5)

    @pytest.mark.parametrize("kind", ["plain", "renorm"])
    def test_tflite(self, kind):
        model = Model(channels=5, **KINDS[kind])
        model.train(X)
        spec = tf.TensorSpec([None, *SHAPE[1:]])
        function = tf.function(model.infer.python_function).get_concrete_function(spec)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
        interpreter = tf.lite.Interpreter(model_content=converter.convert())
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [2, *SHAPE[1:]])
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], X[:2])
        interpreter.invoke()
        outputs = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_allclose(outputs, model.infer(X[:2])["outputs"], rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("kind", KINDS)
    def test_deep_copy(self, kind):
        """With variables of its own."""
        norm = tfbn.BatchNorm(**{**SOME, **KINDS[kind]}, param_constraints={"gamma": tf.abs})
        norm(X)
        before, twin = values(norm), copy.deepcopy(norm)
        twin(X + 1)
        assert_same(before, values(norm))
        norm(X + 1)
        assert [v.numpy().tolist() for v in norm.variables] == [v.numpy().tolist() for v in twin.variables]
        assert twin.gamma.constraint is tf.abs
