"""`BatchNorm`: its variables and attributes, and what a tf.Module goes through. The numbers: tests/parity."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle

SHAPE = (6, 4, 3, 5)
X = oracle.batch(SHAPE).astype(np.float32)
SOME = {"decay": 0.5, "scale": True}
KINDS = {
    "plain": {},
    "renorm": {"renorm": True, "renorm_clipping": {"rmax": 2.0, "rmin": 0.5, "dmax": 1.0}},
    "zero debias": {"zero_debias_moving_mean": True},
    "cumulative": {"decay": None},
}


def values(module):
    return {variable.name: variable.numpy() for variable in module.variables}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


class Model(tf.Module):
    """A layer within a module, with the functions that are saved."""

    def __init__(self, **arguments):
        super().__init__()
        self.norm = tfbn.BatchNorm(**{**SOME, **arguments})

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]])])
    def train(self, x):
        return {"outputs": self.norm(x, is_training=True)}

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]])])
    def infer(self, x):
        return {"outputs": self.norm(x, is_training=False)}


class TestVariables:
    def test_at_once(self):
        """With the channels given; by name, as attributes."""
        norm = tfbn.BatchNorm(5, scale=True, renorm=True, name="first")
        names = ["beta", "gamma", "moving_mean", "moving_stddev", "moving_variance", "renorm_mean", "renorm_stddev"]
        assert [variable.name for variable in norm.variables] == [f"first/{name}:0" for name in names]
        assert [getattr(norm, name) is variable for name, variable in zip(names, norm.variables)] == [True] * 7
        assert [variable.name for variable in norm.trainable_variables] == ["first/beta:0", "first/gamma:0"]
        np.testing.assert_array_equal(norm.moving_variance, np.ones(5))

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize("traced", [False, True])
    def test_on_the_first_call(self, dtype, traced):
        """In eager code, or in a tf.function, which finds them again."""
        norm, expected = tfbn.BatchNorm(**SOME), "float64" if dtype == "float64" else "float32"
        assert norm.moving_mean is None
        call = tf.function(norm) if traced else norm
        outputs = call(tf.constant(X, dtype))
        first = norm.moving_mean
        call(tf.constant(X[:3], dtype))
        assert norm.moving_mean is first
        assert (outputs.dtype, first.dtype, norm.gamma.dtype) == (dtype, expected, expected)
        halves = [oracle.moments(x)[0] for x in (X.astype(dtype), X[:3].astype(dtype))]
        np.testing.assert_allclose(norm.moving_mean, halves[0] / 4 + halves[1] / 2, **oracle.AVERAGE)

    def test_losses_and_constraints(self):
        given = {"beta": lambda v: tf.reduce_sum(v) + 1.0, "gamma": lambda v: 0.5 * tf.reduce_sum(v**2)}
        norm = tfbn.BatchNorm(
            5, **SOME, param_regularizers=given, param_constraints={"gamma": lambda v: tf.minimum(v, 0.5)}
        )
        np.testing.assert_allclose(norm.losses, [1.0, 2.5])
        norm.gamma.assign(2 * norm.gamma)
        np.testing.assert_allclose(norm.losses, [1.0, 10.0])
        tf.compat.v1.train.GradientDescentOptimizer(1.0).apply_gradients([(tf.zeros(5), norm.gamma)])
        np.testing.assert_array_equal(norm.gamma, np.full(5, 0.5))

    def test_nothing_to_lose(self):
        assert tfbn.BatchNorm(5, param_regularizers={"gamma": tf.nn.l2_loss}).losses == []


class TestFreezing:
    def test_affine_parameters(self):
        """By an attribute, for the module, one around it, and tapes; and back."""
        model = Model(channels=5)
        model.norm.trainable = False
        assert model.trainable_variables == ()
        assert len(model.variables) == 4
        with tf.GradientTape() as tape:
            outputs = model.norm(X)
        assert tape.watched_variables() == ()
        assert outputs.shape == SHAPE
        model.norm.trainable = True
        assert len(model.trainable_variables) == 2

    def test_before_the_variables_are_there(self):
        norm = tfbn.BatchNorm(trainable=False)
        norm(X)
        assert norm.trainable_variables == ()

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("way", ["attribute", "variable", "argument", "is_training", "empty"])
    def test_statistics(self, kind, way):
        """Held to the last bit."""
        norm = tfbn.BatchNorm(**{**SOME, **KINDS[kind]})
        norm(X)
        before = values(norm)
        if way in ("attribute", "variable"):
            norm.update_statistics = False if way == "attribute" else tf.Variable(False, trainable=False, name="switch")
        call = tf.function(norm.__call__)
        more = {
            "argument": {"update_statistics": tf.constant(False)},
            "is_training": {"is_training": tf.constant(False)},
        }
        call(tf.constant(X[:0] if way == "empty" else 3 * X), **more.get(way, {}))
        assert_same(before, {name: value for name, value in values(norm).items() if name in before})
        norm.update_statistics = True
        norm(3 * X)
        assert not np.array_equal(before[norm.moving_mean.name], norm.moving_mean)

    @pytest.mark.parametrize("kind", KINDS)
    def test_frozen(self, kind):
        """All calls normalize by the moving statistics and hold them; and thawed they go on."""
        norm = tfbn.BatchNorm(**{**SOME, **KINDS[kind]})
        norm(X)
        expected, before = norm(X, is_training=False), values(norm)
        norm.frozen = True
        for is_training in (True, False, tf.constant(True)):
            np.testing.assert_array_equal(norm(X, is_training), expected)
        assert_same(before, values(norm))
        assert len(norm.trainable_variables) == 2
        norm.frozen = False
        norm(3 * X)
        assert not np.array_equal(before[norm.moving_mean.name], norm.moving_mean)

    def test_frozen_from_the_start(self):
        norm = tfbn.BatchNorm(frozen=True, epsilon=0.0, fused=False)
        np.testing.assert_allclose(norm(X), X, rtol=1e-6)
        np.testing.assert_array_equal(norm.moving_mean, np.zeros(5))


class TestEstimator:
    @pytest.mark.parametrize("unbiased", [None, False, True])
    @pytest.mark.parametrize("shape", [(9, 5), (6, 4, 5), (6, 4, 3, 5), (6, 2, 4, 3, 5)], ids=len)
    @pytest.mark.parametrize("given", [{}, {"fused": False}, {"axis": 1}], ids=str)
    def test_moving_variance(self, unbiased, shape, given):
        """As asked for, or as batch_norm does: corrected for ranks 2 and 4, where the kernel serves."""
        axis = given.get("axis", -1)
        norm, x = tfbn.BatchNorm(decay=0.0, unbiased=unbiased, **given), oracle.batch(shape, axis).astype(np.float32)
        norm(x)
        _, variance = oracle.moments(x, axis)
        by_default = len(shape) in (2, 4) and given.get("fused") is not False
        if by_default if unbiased is None else unbiased:
            variance = oracle.unbiased(x, variance, axis)
        np.testing.assert_allclose(norm.moving_variance, variance, rtol=1e-5)

    @pytest.mark.parametrize("given, factor", [({"virtual_batch_size": 2}, 2.0), ({"batch_weights": True}, 6 / 5)])
    def test_with_parts_of_the_batch(self, given, factor):
        """The correction is by the samples of a virtual batch, and by the weight of all."""
        variances = []
        weights = [1.0] * 6 if given.pop("batch_weights", None) else None
        for unbiased in (True, False):
            norm = tfbn.BatchNorm(decay=0.0, unbiased=unbiased, **given)
            norm(X[:, 0, 0], batch_weights=weights)
            variances.append(norm.moving_variance.numpy())
        np.testing.assert_allclose(variances[0] / variances[1], np.full(5, factor), rtol=1e-5)

    def test_no_matter_to_renorm(self):
        one, other = (tfbn.BatchNorm(renorm=True, unbiased=unbiased, name="norm") for unbiased in (True, False))
        one(X), other(X)
        assert_same(values(one), values(other))


class TestFunctions:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_training_may_be_a_tensor(self, kind):
        """One trace for both, and the numbers of Python's bools."""
        arguments = {**SOME, **KINDS[kind], "channels": 5}
        one, other, traces = tfbn.BatchNorm(**arguments), tfbn.BatchNorm(**arguments), []

        @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE[1:]]), tf.TensorSpec([], tf.bool)])
        def call(x, is_training):
            traces.append(x)
            return one(x, is_training)

        for index, is_training in enumerate([True, False, True, True]):
            x = X[: 6 - index] + index
            np.testing.assert_array_equal(call(x, is_training), other(x, is_training))
        assert len(traces) == 1
        assert_same(values(one), values(other))

    def test_no_new_trace_for_a_new_batch_size(self):
        model = Model(channels=5)
        for size in (6, 2, 1, 0, 5):
            model.train(X[:size])
        assert model.train.experimental_get_tracing_count() == 1

    def test_updates_in_a_wrapped_function(self):
        """Which runs what its outputs need, and nothing for its effects."""
        norm = tfbn.BatchNorm(5, **SOME)
        outputs = tf.compat.v1.wrap_function(norm, [tf.TensorSpec([None, *SHAPE[1:]])])(tf.constant(X))
        np.testing.assert_allclose(norm.moving_mean, oracle.moments(X)[0] / 2, **oracle.AVERAGE)
        np.testing.assert_array_equal(outputs, norm(X))

    def test_updates_once(self):
        """Each call moves the averages one step, two calls two."""
        norm = tfbn.BatchNorm(5, **SOME)
        mean = oracle.moments(X)[0]
        tf.function(lambda x: norm(x) + norm(x))(X)
        np.testing.assert_allclose(norm.moving_mean, mean * 0.75, **oracle.AVERAGE)

    @pytest.mark.parametrize("kind", KINDS)
    def test_xla(self, kind):
        arguments = {**SOME, **KINDS[kind], "channels": 5}
        one, other = tfbn.BatchNorm(**arguments), tfbn.BatchNorm(**arguments)
        outputs = tf.function(one.__call__, jit_compile=True)(tf.constant(X))
        np.testing.assert_allclose(outputs, other(X), rtol=1e-5, atol=1e-5)
        for name, value in values(one).items():
            np.testing.assert_allclose(value, values(other)[name], rtol=5e-6, atol=1e-6)

    @pytest.mark.parametrize("kind", KINDS)
    def test_gradients_under_xla_with_a_tensor(self, kind):
        """Of a step that XLA compiles whole, as of one that it does not; in training and in inference."""
        arguments = {**SOME, **KINDS[kind], "channels": 5, "update_statistics": False}
        norm, slope = tfbn.BatchNorm(**arguments), np.random.RandomState(1).standard_normal(SHAPE).astype("float32")

        def step(x, is_training):
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(norm(x, is_training) * slope)
            return tape.gradient(loss, [x, *norm.trainable_variables])

        for is_training in (True, False):
            found = tf.function(step, jit_compile=True)(tf.constant(X), tf.constant(is_training))
            for one, other in zip(found, step(tf.constant(X), is_training)):
                # Sums over 72 values of size 1 in another order.
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)

    def test_unknown_sizes(self):
        """All but the channels: one trace for every size."""
        norm, traces = tfbn.BatchNorm(5, **SOME), []

        @tf.function(input_signature=[tf.TensorSpec([None, None, None, 5])])
        def train(x):
            traces.append(x.shape)
            return norm(x)

        for x in (X, X[:2, :3], X[:, :, :1]):
            expected = oracle.normalize(x, *oracle.moments(x))
            np.testing.assert_allclose(train(x), expected, **oracle.OUTPUT["float32"])
        assert len(traces) == 1

    @pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
    def test_mixed_precision(self, dtype):
        """Half in, half out, gradients as well; float32 kept: averages of a tenth of a half's ulp still move."""
        norm, x = tfbn.BatchNorm(5, decay=0.9999, scale=True), tf.cast(X, dtype)
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = norm(x)
        assert outputs.dtype == dtype
        expected = oracle.moments(tf.cast(x, tf.float64).numpy())[0] * 1e-4
        np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-3)
        found = tape.gradient(outputs, [x, norm.beta, norm.gamma])
        assert [gradient.dtype for gradient in found] == [dtype, tf.float32, tf.float32]
        np.testing.assert_allclose(found[1], np.full(5, 72.0), rtol=1e-6)

    def test_weights_and_mask(self):
        """Masked samples do not count, as if they were not there."""
        one, other = tfbn.BatchNorm(5, **SOME, fused=False), tfbn.BatchNorm(5, **SOME, fused=False)
        one(X, mask=np.arange(6) < 4)
        other(X, batch_weights=[1.0] * 4 + [0.0] * 2)
        mean, variance = oracle.moments(X[:4])
        for norm in (one, other):
            np.testing.assert_allclose(norm.moving_mean, mean / 2, **oracle.AVERAGE)
            np.testing.assert_allclose(norm.moving_variance, 0.5 + variance / 2, **oracle.AVERAGE)

    @pytest.mark.parametrize("axis", [0, 1, 2, 3])
    def test_axis(self, axis):
        norm, x = tfbn.BatchNorm(axis=axis, scale=True), np.moveaxis(X, -1, axis)
        mean, variance = oracle.moments(x, axis)
        expected = oracle.normalize(x, mean, variance, axis=axis)
        np.testing.assert_allclose(norm(x), expected, **oracle.OUTPUT["float32"])

    @pytest.mark.parametrize("tapes", ["in the function", "around the function"])
    @pytest.mark.parametrize("weighted", [True, False])
    def test_second_derivatives_with_a_tensor(self, weighted, tapes):
        """Of either kernel inside of the branch that training is, as without a branch."""
        norm, x = tfbn.BatchNorm(5, **SOME), tf.constant(X / X.std((0, 1, 2)))
        call = {"batch_weights": np.linspace(0.5, 1.0, 6, dtype="float32")} if weighted else {}
        slope = np.random.RandomState(1).standard_normal(x.shape).astype("float32")

        def layer(x, is_training):
            return norm(x, is_training, update_statistics=False, **call)

        def second(x, is_training, layer=layer):
            with tf.GradientTape() as outer:
                outer.watch(x)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    loss = tf.reduce_sum(layer(x, is_training) * slope)
                first = tf.reduce_sum(tape.gradient(loss, x) ** 2)
            return outer.gradient(first, [x, norm.gamma], unconnected_gradients="zero")

        if tapes == "in the function":
            found = tf.function(second, autograph=False)(x, tf.constant(True))
        else:
            found = second(x, tf.constant(True), tf.function(layer, autograph=False))
        for one, other in zip(found, second(x, True)):
            assert np.abs(other).max() > 0.1
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)

    def test_replicas(self):
        """Each has statistics of its own; what is read outside is their mean."""
        # In a process of its own: a process that has used TensorFlow gets no second CPU.
        done = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        halves = np.split(np.arange(12.0).reshape(4, 3) ** 2, 2)
        expected = np.mean([half.mean(0) for half in halves], 0) / 2
        mean, trainable = json.loads(done.stdout.splitlines()[-1])
        np.testing.assert_allclose(mean, expected, rtol=1e-6)
        assert trainable == 0


REPLICAS = """
import json
import numpy as np
import tensorflow as tf
import tfbn
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    norm = tfbn.BatchNorm(decay=0.5)
halves = np.split(np.arange(12, dtype="float32").reshape(4, 3) ** 2, 2)
inputs = strategy.experimental_distribute_values_from_function(lambda c: halves[c.replica_id_in_sync_group])
tf.function(lambda x: strategy.run(norm, [x]))(inputs)
norm.trainable = False
print(json.dumps([norm.moving_mean.numpy().tolist(), len(norm.trainable_variables)]))
"""


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


class TestRefusals:
    @pytest.mark.parametrize(
        "error, match, given",
        [
            (ValueError, "data_format has to be", {"data_format": "NHCW"}),
            (ValueError, "axis: expected None with data_format='NCHW'", {"data_format": "NCHW", "axis": 2}),
            (TypeError, "axis: expected an int", {"axis": [1, 2]}),
            (ValueError, "decay: expected a number with zero debias", {"decay": None, "zero_debias_moving_mean": True}),
            (ValueError, "decay: expected a number in", {"decay": 2.0}),
            (ValueError, "renorm_decay: expected a number", {"renorm": True, "renorm_decay": None}),
            (ValueError, "renorm_clipping: expected None without renorm", {"renorm_clipping": {"rmax": 2.0}}),
            (ValueError, "contains keys not in", {"renorm": True, "renorm_clipping": {"max": 2.0}}),
            (TypeError, r"param_constraints\['gamma'\]: expected a function", {"param_constraints": {"gamma": 1.0}}),
            (TypeError, "param_constraints: expected a dict", {"param_constraints": [tf.abs]}),
            (TypeError, r"param_regularizers\['beta'\]", {"param_regularizers": {"beta": 1.0}}),
            (ValueError, "adjustment cannot be specified", {"virtual_batch_size": 2, "adjustment": lambda shape: None}),
            (TypeError, "update_statistics: expected a bool", {"update_statistics": 0.5}),
            (TypeError, "param_dtype: expected", {"param_dtype": tf.int32}),
            (ValueError, "channels: expected at least 1", {"channels": 0}),
        ],
    )
    def test_of_the_module(self, error, match, given):
        with pytest.raises(error, match=match):
            tfbn.BatchNorm(**given)

    @pytest.mark.parametrize(
        "error, match, inputs, given",
        [
            (ValueError, r"expected 5 channels.*norm were created, got 3 in the shape \(2, 3\)", X[:2, 0, :, 0], {}),
            (TypeError, "inputs: expected float16.*got int32", np.ones([2, 5], "int32"), {}),
            (ValueError, "undefined channels", np.float32(1), {}),
            (ValueError, "mask: expected a shape", X, {"mask": np.ones(3, bool)}),
            (ValueError, "batch_weights takes one weight per sample", X, {"batch_weights": np.ones(3)}),
            (TypeError, "is_training: expected a bool", X, {"is_training": "yes"}),
            (TypeError, "update_statistics: expected a bool", X, {"update_statistics": "yes"}),
        ],
    )
    def test_of_a_call(self, error, match, inputs, given):
        """The statistics stay as they are."""
        norm = tfbn.BatchNorm(5, name="norm")
        before = values(norm)
        with pytest.raises(error, match=match):
            norm(inputs, **given)
        assert_same(before, values(norm))

    @pytest.mark.parametrize(
        "error, match, attribute, value",
        [
            (ValueError, "decay: expected a number in", "decay", 1.5),
            (ValueError, "decay: expected a number for a state.*BatchNorm made with decay=None", "decay", None),
            (ValueError, "renorm_decay: expected a number in", "renorm_decay", -0.1),
            (ValueError, r"contains keys not in.*\['max'\]", "renorm_clipping", {"max": 2.0}),
            (ValueError, "adjustment cannot be specified", "adjustment", lambda shape: (1.0, 0.0)),
            (TypeError, "update_statistics: expected a bool", "update_statistics", "no"),
        ],
    )
    def test_of_attributes(self, error, match, attribute, value):
        """Set later, they are held to what the constructor takes."""
        norm = tfbn.BatchNorm(5, renorm=True, renorm_clipping={"rmax": 2.0}, virtual_batch_size=2)
        norm(X)
        before = values(norm)
        setattr(norm, attribute, value)
        with pytest.raises(error, match=match):
            norm(X)
        assert_same(before, values(norm))

    def test_tf1_graph(self):
        """Nor in a branch of one."""
        norm = tfbn.BatchNorm()
        with tf.Graph().as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None, 5])
            for call in (lambda: norm(x), lambda: tf.cond(x[0, 0] > 0, lambda: norm(x), lambda: x)):
                with pytest.raises(RuntimeError, match="Use tfbn.batch_norm there"):
                    call()
