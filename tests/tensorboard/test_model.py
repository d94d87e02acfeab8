"""tfbn.summaries of models in eager code, and the callback of Keras, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.keras import generations
from tests.tensorboard.tags import assert_equal, expected, read, read_events


def data(seed, shape=(6, 4, 5, 3)):
    return oracle.batch(shape, seed=seed).astype(np.float32)


def moments(x, unbiased=True):
    mean, variance = oracle.moments(x)
    return mean, oracle.unbiased(x, variance) if unbiased else variance


class Model(tf.Module):
    """Two layers in a tf.function, and one that is used in inference alone."""

    def __init__(self):
        super().__init__()
        self.first = tfbn.BatchNorm(3, decay=0.75, name="first")
        self.second = tfbn.BatchNorm(3, renorm=True, name="second")
        self.layers = [tfbn.BatchNorm(3, name="third")]

    @tf.function
    def __call__(self, x, is_training):
        return self.layers[0](self.second(tf.exp(0.1 * self.first(x, is_training)), is_training), False)


def test_a_module_by_step():
    """The moving statistics are those after the steps before; the batch's are the batch's; nothing moves."""
    model = Model()
    moving = np.zeros(3), np.ones(3)
    for step in range(3):
        x = data(step)
        before = [variable.numpy() for variable in model.variables]
        found = read(tfbn.summaries(model, tf.constant(x)).numpy())
        assert all(np.array_equal(old, variable) for old, variable in zip(before, model.variables))
        of_second = moments(np.exp(0.1 * oracle.normalize(x, *oracle.moments(x))), unbiased=False)
        second = [variable.numpy() for variable in (model.second.moving_mean, model.second.moving_variance)]
        wanted = expected("first", moving, moments(x))
        wanted.update(expected("second", second, of_second))
        wanted.update(expected("third", (np.zeros(3), np.ones(3))))
        assert_equal(found, wanted)
        model(x, True)
        mean, variance = moments(x)
        moving = 0.75 * moving[0] + 0.25 * mean, 0.75 * moving[1] + 0.25 * variance
    chosen = read(tfbn.summaries(model, tf.constant(x), lambda batch: model.first(batch), layers="first").numpy())
    assert_equal(chosen, expected("first", moving, moments(x)))


def test_a_writer(tmp_path):
    """The tensor is what write_raw_pb takes."""
    norm = tfbn.BatchNorm(3, name="norm")
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        assert tf.summary.experimental.write_raw_pb(tfbn.summaries(norm, data(1)), step=7)
    assert_equal(read_events(tmp_path)[7], expected("norm", (np.zeros(3), np.ones(3)), moments(data(1))))


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ((tfbn.BatchNorm(3), None, lambda batch: None), ValueError, "call: expected a call in which some layer trains"),
        ((tfbn.BatchNorm(), data(0)), ValueError, "which has no variables yet. Call the model once, or restore it"),
        ((tf.Module(), data(0)), ValueError, "expected one with a tfbn.BatchNorm or a called TF1Module in it"),
        (("model", data(0)), TypeError, "expected a tf.Module, got str"),
        ((), ValueError, "session: expected a graph with layers that normalize by the batch"),
    ],
)
def test_refusals(arguments, error, text):
    with pytest.raises(error, match=text):
        tfbn.summaries(*arguments)


def test_refuses_a_tf_function():
    norm = tfbn.BatchNorm(3)
    with pytest.raises(RuntimeError, match="Call tfbn.summaries outside of tf.function, beside the step"):
        tf.function(lambda x: tfbn.summaries(norm, x))(data(0))


@generations.each
class TestKeras:
    def model(self, keras, *layers):
        layers = layers or [tfbn.keras.layer_class(keras)(decay=0.75, name="norm"), keras.layers.Dropout(0.5, seed=1)]
        model = keras.Sequential([keras.layers.Input([3]), *layers])
        model.compile("sgd", "mse")
        return model

    def test_fit(self, keras, tmp_path):
        """The event file has the steps that were asked for, and training is the one without the callback."""
        x, sample = data(0, (40, 3)), data(1, (9, 3))
        weights = []
        for callbacks in ([], [tfbn.summaries_callback(tmp_path, sample, 2, keras=keras)]):
            keras.utils.set_random_seed(3)
            model = self.model(keras)
            model.fit(x, x, batch_size=8, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
            weights.append(model.get_weights())
        for one, other in zip(*weights):
            np.testing.assert_array_equal(one, other)
        found = read_events(tmp_path)
        assert list(found) == [2, 4]
        moving = np.zeros(3), np.ones(3)
        for step in range(4):
            mean, variance = moments(x[8 * step : 8 * step + 8])
            moving = 0.75 * moving[0] + 0.25 * mean, 0.75 * moving[1] + 0.25 * variance
            if step + 1 in found:
                assert_equal(found[step + 1], expected("norm", moving, moments(sample)))

    def test_layers_of_keras(self, keras):
        """Keras' own are summarized by the estimator that they have themselves, and nothing of them moves."""
        natives = [keras.layers.BatchNormalization(name=name, momentum=0.9) for name in ("native", "frozen")]
        natives[1].trainable = False
        model = self.model(keras, natives[0], tfbn.keras.layer_class(keras)(name="norm"), natives[1])
        x = data(0, (8, 3))
        for native, value in zip(natives, (2.0, 3.0)):
            native.moving_mean.assign([value] * 3)
        before = model.get_weights()
        found = read(tfbn.summaries(model, x).numpy())
        for one, other in zip(before, model.get_weights()):
            np.testing.assert_array_equal(one, other)
        wanted = {
            **expected("native", (np.full(3, 2.0), np.ones(3)), moments(x, unbiased=False)),
            **expected("norm", (np.zeros(3), np.ones(3)), moments(natives[0](x, training=True).numpy())),
            **expected("frozen", (np.full(3, 3.0), np.ones(3))),
        }
        assert found.keys() == wanted.keys()
        for tag, value in wanted.items():
            np.testing.assert_allclose(found[tag], value, rtol=1e-5, atol=1e-5, err_msg=tag)
        assert natives[0].momentum == 0.9
        assert "call" not in vars(natives[0])
        assert read(tfbn.summaries(model, x, layers="native").numpy()).keys() == {t for t in wanted if "/native/" in t}
        with pytest.raises(ValueError, match="call: expected a call in which some layer trains"):
            tfbn.summaries(model, x, layers="frozen")
        with pytest.raises(TypeError, match="source: expected a model, got the layer 'native'"):
            tfbn.summaries(natives[0], x)

    def test_a_layer_of_keras_that_is_called_twice(self, keras):
        """The calls are pooled, each with its number of samples; rank 4 has the fused kernel's estimator in Keras 2."""
        native = keras.layers.BatchNormalization(name="native")
        inputs = keras.layers.Input([4, 5, 3])
        model = keras.Model(inputs, [native(inputs), native(inputs[:, :2] * 2.0)])
        x = data(3)
        first, second = x, 2.0 * x[:, :2]
        batches = [moments(part, unbiased=keras is generations.KERAS_2) for part in (first, second)]
        share = first.size / (first.size + second.size)
        mean = share * batches[0][0] + (1 - share) * batches[1][0]
        variance = sum(part * (batch[1] + (batch[0] - mean) ** 2) for part, batch in zip((share, 1 - share), batches))
        found = read(tfbn.summaries(model, x).numpy())
        wanted = expected("native", (np.zeros(3), np.ones(3)), (mean, variance))
        for tag, value in wanted.items():
            np.testing.assert_allclose(found[tag], value, rtol=1e-5, atol=1e-5, err_msg=tag)
