"""The function from end to end against the float64 oracle, above all where the original fails and cannot be asked."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
GAMMA, BETA = np.linspace(0.5, 2, 5), np.linspace(-1, 3, 5)
PARAMETERS = {"gamma": tf1.constant_initializer(GAMMA), "beta": tf1.constant_initializer(BETA)}
RENORM = {"renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.7, "dmax": 0.6}}


def step(x, axis=-1, dtype="float32", data_format="NHWC", fetch=None, **kwargs):
    """Output, gradient of sum(y * slope) with respect to x, and the state after one step."""
    slope = np.random.RandomState(5).uniform(0.5, 2, x.shape)
    with graph():
        placeholder = tf1.placeholder(dtype, x.shape)
        y = tfbn.batch_norm(
            placeholder,
            scale=True,
            data_format=data_format,
            param_initializers=PARAMETERS,
            decay=0.8,
            scope="bn",
            **kwargs,
        )
        (gradient,) = tf1.gradients(tf.reduce_sum(tf.cast(y, tf.float64) * slope), placeholder)
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) + tf1.get_collection("u")
        with session() as opened:
            found = opened.run([tf.cast(y, tf.float64), tf.cast(gradient, tf.float64), updates], {placeholder: x})
            return found[0], found[1], values(opened)


def rounded(x, dtype):
    """x as the dtype holds it, in float64."""
    return x.astype(tf.as_dtype(dtype).as_numpy_dtype).astype(np.float64)


def numeric_gradient(f, x, slope):
    """Central differences of sum(f(x) * slope) in float64, in a few random directions."""
    random = np.random.RandomState(9)
    for _ in range(3):
        direction = random.standard_normal(x.shape)
        h = 1e-5
        yield direction, ((f(x + h * direction) - f(x - h * direction)) * slope).sum() / (2 * h)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("updates_collections", [tf1.GraphKeys.UPDATE_OPS, "u", None])
@pytest.mark.parametrize(("shape", "data_format", "axis"), [([6, 3, 2, 5], "NHWC", -1), ([6, 5, 3, 2], "NCHW", 1)])
def test_fused_path_in_float64_and_nchw(shape, data_format, axis, dtype, updates_collections):
    x = oracle.batch(shape, axis)
    output, _, state = step(x, axis, dtype, data_format, updates_collections=updates_collections, epsilon=1e-7)
    mean, variance = oracle.moments(x, axis)
    # The floor on epsilon goes with the path, whatever the dtype.
    expected = oracle.normalize(x, mean, variance, GAMMA, BETA, 1.001e-5, axis)
    np.testing.assert_allclose(output, expected, **oracle.OUTPUT[dtype])
    np.testing.assert_allclose(state["bn/moving_mean"], 0.2 * mean, **oracle.AVERAGE)
    np.testing.assert_allclose(
        state["bn/moving_variance"], 0.8 + 0.2 * oracle.unbiased(x, variance, axis), **oracle.AVERAGE
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("rank", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("kwargs", [{}, {"fused": False}, {"updates_collections": None}])
def test_every_rank_and_dtype(rank, dtype, kwargs):
    shape = [7, 2, 3, 2, 2][: rank - 1] + [5]
    x = rounded(oracle.batch(shape), dtype)
    legacy_half = kwargs and rank not in (2, 4) and dtype in ("float16", "bfloat16") and "updates_collections" in kwargs
    output, _, _ = step(x, dtype=dtype, **kwargs, **({"param_dtype": tf.float32} if legacy_half else {}))
    expected = oracle.normalize(x, *oracle.moments(x), GAMMA, BETA)
    np.testing.assert_allclose(output, expected, **oracle.OUTPUT[dtype])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_rank_2_batch_of_one(dtype):
    x = rounded(oracle.batch([1, 5]), dtype)
    output, gradient, state = step(x, dtype=dtype)
    np.testing.assert_allclose(output, BETA[None], **oracle.OUTPUT[dtype])
    np.testing.assert_allclose(gradient, np.zeros([1, 5]), **oracle.OUTPUT[dtype])
    np.testing.assert_allclose(state["bn/moving_mean"], 0.2 * x[0], **oracle.AVERAGE)
    np.testing.assert_allclose(state["bn/moving_variance"], np.full(5, 0.8), **oracle.AVERAGE)


def renormed(x, axis=-1, weights=None, epsilon=1e-3):
    """Outputs of the first step of a renorm layer, clipped as RENORM says, from averages of 0 and 1."""
    mean, variance = oracle.moments(x, axis, weights)
    r, d = np.clip(np.sqrt(variance + epsilon), 0.7, 1.5), np.clip(mean, -0.6, 0.6)
    return oracle.normalize(x, mean, variance, GAMMA, BETA, epsilon, axis, r, d)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("updates_collections", [tf1.GraphKeys.UPDATE_OPS, ["u"], None])
@pytest.mark.parametrize("zero_debias", [False, True])
@pytest.mark.parametrize(("shape", "data_format", "axis"), [([6, 3, 2, 5], "NHWC", -1), ([6, 5, 4], "NCHW", 1)])
def test_renorm_with_everything(shape, data_format, axis, zero_debias, updates_collections, weighted):
    x = oracle.batch(shape, axis)
    weights = np.linspace(0.5, 2, 6) if weighted else None
    output, _, state = step(
        x,
        axis,
        "float64",
        data_format,
        batch_weights=weights,
        updates_collections=updates_collections,
        zero_debias_moving_mean=zero_debias,
        **RENORM,
    )
    np.testing.assert_allclose(output, renormed(x, axis, weights), **oracle.OUTPUT["float64"])
    mean, variance = oracle.moments(x, axis, weights)
    stddev = np.sqrt(variance + 1e-3)
    expected = {
        "moving_mean": mean if zero_debias else 0.2 * mean,
        "moving_stddev": 0.8 + 0.2 * stddev,
        "moving_variance": (0.8 + 0.2 * stddev) ** 2 - 1e-3,
        "renorm_mean": 0.01 * mean,
        "renorm_stddev": 0.99 + 0.01 * stddev,
    }
    for name, value in expected.items():
        # 1 - decay is rounded to float32, as in the original.
        np.testing.assert_allclose(state[f"bn/{name}"], value, rtol=6e-8, err_msg=name)


@pytest.mark.parametrize(
    ("kwargs", "forward"),
    [
        ({"fused": False}, lambda x: oracle.normalize(x, *oracle.moments(x), GAMMA, BETA)),
        (
            {"batch_weights": np.linspace(0.5, 2, 6)},
            lambda x: oracle.normalize(x, *oracle.moments(x, weights=np.linspace(0.5, 2, 6)), GAMMA, BETA),
        ),
    ],
    ids=["plain", "weights"],
)
def test_gradients_against_differences(kwargs, forward):
    x = oracle.batch([6, 3, 5])
    _, gradient, _ = step(x, dtype="float64", **kwargs)
    slope = np.random.RandomState(5).uniform(0.5, 2, x.shape)
    for direction, expected in numeric_gradient(forward, x, slope):
        # Central differences: h^2 = 1e-10 of truncation, and 1e-16 / h = 1e-11 of rounding on a sum of some hundreds.
        np.testing.assert_allclose((gradient * direction).sum(), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("fed", [False, True], ids=["static", "placeholder"])
@pytest.mark.parametrize("per_example", [False, True])
@pytest.mark.parametrize("renorm", [False, True])
@pytest.mark.parametrize("control_flow_v2", [False, True])
def test_adjustment_applies_and_differentiates_in_training(fed, per_example, renorm, control_flow_v2):
    x = oracle.batch([6, 3, 2, 5])
    shape = [6, 1, 1, 5] if per_example else [5]
    a, b = np.random.RandomState(3).uniform(0.5, 2, [2, *shape])
    with graph(True, control_flow_v2):
        placeholder = tf1.placeholder(tf.float64, x.shape)
        is_training = tf1.placeholder(tf.bool, []) if fed else True
        given = tf.constant(a), tf.constant(b)
        shapes = []

        def adjustment(shape):
            shapes.append(shape)
            return given

        y = tfbn.batch_norm(
            placeholder,
            scale=True,
            param_initializers=PARAMETERS,
            is_training=is_training,
            adjustment=adjustment,
            **(RENORM if renorm else {}),
        )
        gradients = tf1.gradients(tf.reduce_sum(y**2), given)
        with session() as opened:
            feed = {placeholder: x, **({is_training: True} if fed else {})}
            output, (to_a, to_b), found = opened.run([y, gradients, shapes], feed)
            if fed:
                inference = opened.run(y, {placeholder: x, is_training: False})
                moving = np.zeros(5), np.ones(5)
                np.testing.assert_allclose(
                    inference, oracle.normalize(x, *moving, GAMMA, BETA), **oracle.OUTPUT["float64"]
                )
    assert [list(s) for s in found] == [[6, 3, 2, 5]]
    mean, variance = oracle.moments(x)
    r, d = (np.clip(np.sqrt(variance + 1e-3), 0.7, 1.5), np.clip(mean, -0.6, 0.6)) if renorm else (1.0, 0.0)
    expected = oracle.normalize(x, mean, variance, GAMMA, BETA, 1e-3, -1, r, d, a, b)
    np.testing.assert_allclose(output, expected, **oracle.OUTPUT["float64"])
    axes = (1, 2) if per_example else (0, 1, 2)
    xhat = oracle.normalize(x, mean, variance, 1.0, 0.0, 1e-3, -1, r, d)
    for gradient, factor in ((to_a, xhat), (to_b, 1.0)):
        value = (2 * expected * GAMMA * factor).sum(axes, keepdims=per_example)
        # Sums of up to 36 terms below 1000, a few roundings of 1e-16 each.
        np.testing.assert_allclose(gradient, value, rtol=0, atol=1e-11)


def test_dynamic_dimensions():
    with graph():
        x = tf1.placeholder(tf.float32, [None, None, None, 5])
        y = tfbn.batch_norm(x)
        assert y.shape.as_list() == [None, None, None, 5]
        with session() as opened:
            for shape in ([2, 3, 4, 5], [7, 1, 2, 5]):
                value = oracle.batch(shape)
                expected = oracle.normalize(value, *oracle.moments(value))
                np.testing.assert_allclose(opened.run(y, {x: value}), expected, **oracle.OUTPUT["float32"])


@pytest.mark.parametrize(
    ("data_format", "kwargs", "more"),
    # Three nodes guard the averages, and the share is no constant; r and d have a guard of their own.
    [("NHWC", {"fused": False}, 2), ("NCHW", {"fused": False}, 2), ("NCHW", RENORM, 12)],
)
def test_composed_moments_of_an_unknown_batch_size(data_format, kwargs, more):
    """The bits of a known size, with nothing in the graph that counts samples on the way forward."""
    x = oracle.batch([6, 5, 5, 5])
    found, counts = [], []
    for size in (6, None):
        with graph() as opened:
            placeholder = tf1.placeholder(tf.float32, [size, 5, 5, 5])
            y = tfbn.batch_norm(placeholder, scale=True, data_format=data_format, **kwargs)
            counts.append(len(opened.get_operations()))
            derivatives = tf1.gradients(tf.reduce_sum(y**3), [placeholder, *tf1.trainable_variables()])
            updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
            with session() as running:
                found.append([*running.run([y, derivatives, updates], {placeholder: x})[:2], values(running)])
    assert counts[1] == counts[0] + more
    for known, unknown in zip(*(tf.nest.flatten(part) for part in found)):
        np.testing.assert_array_equal(known, unknown)


@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
@pytest.mark.parametrize("kwargs", [{}, {"updates_collections": None}, {"is_training": False}])
def test_fused_op_has_the_requested_data_format(data_format, kwargs):
    with graph() as opened:
        tfbn.batch_norm(tf1.placeholder(tf.float32, [4, 5, 5, 5]), data_format=data_format, **kwargs)
        ops = [op for op in opened.get_operations() if op.type == "FusedBatchNormV3"]
    assert [op.get_attr("data_format") for op in ops] == [data_format.encode()]


def test_fused_false_puts_no_fused_op_into_the_graph():
    with graph() as opened:
        tfbn.batch_norm(tf1.placeholder(tf.float32, [4, 3, 2, 5]), fused=False)
        assert not [op for op in opened.get_operations() if "FusedBatchNorm" in op.type]


@pytest.mark.parametrize("renorm", [False, True])
def test_nchw_inference_fuses_as_the_original(renorm):
    """Elsewhere composed: on a CPU without oneDNN the fused op has no gradient there."""
    with graph() as opened:
        inputs = tf1.placeholder(tf.float32, [4, 5, 3, 2])
        tfbn.batch_norm(inputs, data_format="NCHW", is_training=False, renorm=renorm)
        formats = [op.get_attr("data_format") for op in opened.get_operations() if op.type == "FusedBatchNormV3"]
        assert formats == ([] if renorm else [b"NCHW"])


@pytest.mark.parametrize(
    ("kwargs", "shape", "name"),
    [
        ({}, [4, 3, 2, 5], "bn/FusedBatchNormV3"),
        ({"is_training": False}, [4, 3, 2, 5], "bn/FusedBatchNormV3"),
        ({"fused": False, "is_training": False}, [4, 3, 2, 5], "bn/batchnorm/add_1"),
        ({"updates_collections": None}, [4, 3, 2, 5], "bn/Identity"),
        ({}, [4, 5], "bn/Reshape_1"),
    ],
)
def test_names_of_the_output_op(kwargs, shape, name):
    with graph():
        assert tfbn.batch_norm(tf1.placeholder(tf.float32, shape), scope="bn", **kwargs).op.name == name


def test_as_a_normalizer_fn():
    """As contrib's layers call it: normalizer_fn(outputs, **normalizer_params)."""

    def convolution(inputs, filters, normalizer_fn=None, normalizer_params=None):
        with tf1.variable_scope("conv"):
            kernel = tf1.get_variable("weights", [1, 1, inputs.shape[-1], filters])
            return normalizer_fn(tf.nn.conv2d(inputs, kernel, 1, "SAME"), **(normalizer_params or {}))

    x = oracle.batch([4, 3, 2, 5])
    with graph():
        placeholder = tf1.placeholder(tf.float32, x.shape)
        with tfbn.arg_scope([tfbn.batch_norm], decay=0.5, center=False):
            y = convolution(placeholder, 6, tfbn.batch_norm, {"decay": 0.9, "scale": True})
        with session() as opened:
            output = opened.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {placeholder: x})[0]
            state = values(opened)
    assert list(state) == [
        f"conv/{n}" for n in ("weights", *(f"BatchNorm/{v}" for v in ("gamma", "moving_mean", "moving_variance")))
    ]
    np.testing.assert_allclose(output.mean((0, 1, 2)), np.zeros(6), **oracle.OUTPUT["float32"])
    assert (np.abs(state["conv/BatchNorm/moving_variance"] - 0.9) > 1e-4).all()


def test_added_parameters_are_keyword_only():
    parameters = inspect.signature(tfbn.batch_norm).parameters.values()
    added = ["param_dtype", "mask", "virtual_batch_size", "update_statistics", "synchronized"]
    assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] == added
    assert len([p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]) == 23
