"""Under XLA: every path compiles, with the numbers it has without; and far from zero it keeps its digits."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph, session
from tfbn.core import normalization
from tfbn.core.settings import Arguments, resolve
from tfbn.core.values import Params, State
from tfbn.ops.layout import layout_of

tf1 = tf.compat.v1
SHAPE = (8, 6, 5, 3)
CLIPPING = {"rmin": 1 / 3, "rmax": 3.0, "dmax": 5.0}
MASK = np.random.RandomState(5).random_sample(SHAPE[:3]) > 0.4
WEIGHTS = np.linspace(0.5, 1.5, SHAPE[0])
PATHS = {
    "default": {},
    "dynamic": {},
    "zero debias": {"zero_debias_moving_mean": True},
    "placeholder": {"is_training": True},
    "inference": {"is_training": False},
    "rank 2": {},
    "rank 3": {},
    "rank 5": {},
    "composed": {"fused": False},
    "renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "adjustment": {"adjustment": lambda shape: (tf.ones([3]) * 1.1, tf.ones([3]) * 0.1)},
    "weights": {"batch_weights": WEIGHTS},
    "mask": {"mask": MASK},
    "virtual batches": {"virtual_batch_size": 4},
    "renorm of virtual masked batches": {"renorm": True, "mask": MASK, "virtual_batch_size": 4},
    "NCHW": {"data_format": "NCHW"},
    "NCHW inference": {"data_format": "NCHW", "is_training": False},
    "NCHW renorm": {"data_format": "NCHW", "renorm": True},
    "float16": {},
    "bfloat16": {},
    "float64": {},
}
VIEWS = {"rank 2": (-1, 3), "rank 3": (8, -1, 3), "rank 5": (4, 2, 6, 5, 3)}
# A scope compiles what it surrounds by the same means: one of each kind of op and of is_training.
SCOPED = ("default", "placeholder", "inference", "composed", "renorm", "mask", "NCHW")
FAR = ("default", "dynamic", "placeholder", "rank 2", "rank 5", "renorm", "weights", "mask", "NCHW", "composed")


def no_context(function, x):
    return function(x)


def jit_compile(function, x):
    return tf.function(function, jit_compile=True)(x)


def jit_scope(function, x):
    with tf.xla.experimental.jit_scope():
        return function(x)


def batch_of(path, mean, deviation):
    x = np.random.RandomState(11).standard_normal(SHAPE) * deviation + mean * (1 + np.arange(3.0))
    x = np.moveaxis(x, -1, 1) if path.startswith("NCHW") else x.reshape(VIEWS.get(path, SHAPE))
    dtype = tf.as_dtype(path) if "float" in path else tf.float32
    return x.astype(dtype.as_numpy_dtype)


def step(path, x, under, gradient=True):
    """Outputs, the inputs' gradient, and every variable after a training step."""
    arguments = dict(PATHS[path])
    with graph(control_flow_v2=True):
        inputs = tf1.placeholder(x.dtype, [None, *x.shape[1:]] if path == "dynamic" else x.shape)
        feeds = {inputs: x}
        if path == "placeholder":
            arguments["is_training"] = tf1.placeholder(tf.bool, [])
            feeds[arguments["is_training"]] = True

        def layer(inputs):
            outputs = tfbn.batch_norm(inputs, 0.5, scale=True, scope="bn", reuse=tf1.AUTO_REUSE, **arguments)
            # Those of this function, or of the graph.
            with tf.control_dependencies(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)):
                return tf.identity(outputs)

        outputs = under(layer, inputs)
        # Another weight for each output, since the sum of normalized ones does not depend on the inputs.
        upstream = tf.constant(np.random.RandomState(3).standard_normal(x.shape).astype(x.dtype))
        found = [outputs, *(tf.gradients(outputs, [inputs], [upstream]) if gradient else [])]
        with session() as opened:
            found = [value.astype(float) for value in opened.run(found, feeds)]
            return found, dict(zip([v.op.name for v in tf1.global_variables()], opened.run(tf1.global_variables())))


@pytest.mark.parametrize(
    ("path", "under"), [*((path, jit_compile) for path in PATHS), *((path, jit_scope) for path in SCOPED)]
)
def test_the_same_numbers_on_centred_data(path, under):
    """Sums in another order: some roundings of numbers up to ten, in a half precision one."""
    x = batch_of(path, 0.2, 1.0)
    (outputs, gradient), state = step(path, x, under)
    (expected_outputs, expected_gradient), expected_state = step(path, x, no_context)
    ulp = {"float16": 2e-3, "bfloat16": 1.6e-2, "float64": 1e-14}.get(path, 2e-6)
    np.testing.assert_allclose(outputs, expected_outputs, rtol=ulp, atol=4 * ulp)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=ulp, atol=4 * ulp)
    assert state.keys() == expected_state.keys()
    for name, value in expected_state.items():
        np.testing.assert_allclose(state[name], value, rtol=5e-6, atol=1e-6, err_msg=name)
    assert path.endswith("inference") or np.any(state["bn/moving_mean"] != 0)


@pytest.mark.cases(6)
@pytest.mark.parametrize("under", [jit_compile, jit_scope], ids=lambda under: under.__name__)
@pytest.mark.parametrize("path", FAR)
def test_digits_far_from_zero(path, under):
    """TensorFlow's fused kernel, as XLA compiles it, is off by a variance of hundreds here."""
    x = batch_of(path, 1e4, 1e-2)
    _, state = step(path, x, under, gradient=False)
    wide = np.moveaxis(x, 1, -1) if path == "NCHW" else x
    wide = wide.astype(float).reshape(SHAPE)
    weight = {"weights": WEIGHTS.reshape(-1, 1, 1), "mask": MASK}.get(path, np.ones(SHAPE[:3])) * np.ones(SHAPE[:3])
    mean = np.einsum("nhwc,nhw->c", wide, weight) / weight.sum()
    variance = np.einsum("nhwc,nhw->c", (wide - mean) ** 2, weight) / weight.sum()
    # Half from the start, half from the batch. A mean in float32 is right to 4e-3, four ulps of 1e4 for the roundings
    # of two stages; a variance about it is off by the square of that.
    np.testing.assert_allclose(state["bn/moving_mean"], mean / 2, rtol=2e-7)
    unbiased = 1 if path in ("rank 5", "renorm", "weights", "mask", "composed") else 240 / 239
    expected, atol = 0.5 + variance * unbiased / 2, 8e-6
    if path == "renorm":
        # The square root of 1.1e-3 magnifies by 15.
        expected, atol = (0.5 + np.sqrt(variance + 1e-3) / 2) ** 2 - 1e-3, 5e-5
    np.testing.assert_allclose(state["bn/moving_variance"], expected, atol=atol)


@pytest.mark.process
@pytest.mark.parametrize("under", [jit_compile, jit_scope], ids=lambda under: under.__name__)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("path", ["default", "composed", "renorm"])
def test_unused_mode_may_be_infinite(path, training, under):
    """Statistics that are NaN do not reach a training step's gradients, nor a batch's infinity those of inference."""
    x = batch_of("default", 0.2, 1.0)
    if not training:
        x[0, 0, 0, 0] = np.inf
    state = {"moving_mean": np.nan, "moving_variance": -5.0} if training else {}
    initializers = {name: tf.constant_initializer(value) for name, value in state.items()}
    found = []
    for how in (under, no_context):
        with graph(control_flow_v2=True):
            inputs, flag = tf1.placeholder(tf.float32, SHAPE), tf1.placeholder(tf.bool, [])

            def layer(inputs, flag=flag):
                return tfbn.batch_norm(
                    inputs,
                    scale=True,
                    is_training=flag,
                    param_initializers=initializers if path != "renorm" else {},
                    scope="bn",
                    reuse=tf1.AUTO_REUSE,
                    **PATHS[path],
                )

            outputs = how(layer, inputs)
            # Finite where the outputs are not.
            gradients = tf.gradients(tf.where(tf.math.is_finite(outputs), outputs, 0.0), [inputs])
            with session() as opened:
                found.append(opened.run([outputs, *gradients], {inputs: x, flag: training}))
    for ours, expected in zip(*found):
        np.testing.assert_allclose(ours, expected, rtol=2e-6, atol=1e-5)
        assert np.isfinite(ours).mean() > 0.9


@pytest.mark.process
def test_variance_stays_nonnegative():
    """A function traced on its own, and compiled with the one that calls it: the kernel's own variance is -1e3."""
    layout = layout_of(tf.TensorShape(SHAPE), [3])
    settings = resolve(Arguments(decay=0.9, epsilon=1e-3), layout, tf.float32)
    state = State(tf.zeros([3]), tf.ones([3]))
    x = tf.constant(batch_of("default", 1e4, 1e-2))
    signs = set()

    @tf.function(input_signature=[tf.TensorSpec(SHAPE, tf.float32)])
    def train(x):
        _, batch = normalization.normalize_batch(x, Params(None, None), state, settings, True)
        raw = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=tf.ones([3]), offset=tf.zeros([3]), mean=[], variance=[], is_training=True
        )
        return batch.variance, raw.batch_variance

    concrete = train.get_concrete_function()
    for shift in np.linspace(0, 1000, 11):
        variance, raw = tf.function(concrete, jit_compile=True)(x + shift)
        assert np.all(variance.numpy() >= 0)
        signs |= set(np.sign(raw.numpy()))
    assert -1 in signs  # else this shows nothing


@pytest.mark.process
@pytest.mark.parametrize("place", ["calls", "loop"])
def test_updates_of_one_variable_follow_each_other(place):
    """In a function that is compiled as a whole, where there are no mutexes: two calls, and the rounds of a loop."""
    batches = [batch_of("default", mean, 1.0) for mean in (1.0, 4.0, -2.0)]

    def layer(x):
        return tfbn.batch_norm(x, 0.5, updates_collections=None, scope="bn", reuse=tf1.AUTO_REUSE)

    def calls(x):
        return tf.add_n([layer(part) for part in tf.unstack(x)])

    def loop(x):
        layer(x[0])  # creates the variables
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y + layer(x[i])), [1, x[0]])[1]

    with graph(control_flow_v2=True):
        outputs = jit_compile({"calls": calls, "loop": loop}[place], tf.constant(np.stack(batches)))
        with session() as opened:
            opened.run(outputs)
            (found,) = [opened.run(v) for v in tf1.global_variables() if v.op.name == "bn/moving_mean"]
    expected = np.zeros(3)
    for x in batches:
        expected += (x.astype(float).mean((0, 1, 2)) - expected) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # three steps in float32
