import functools

import numpy as np
import pytest
import tensorflow as tf

from tests import oracle
from tfbn.ops import closed_form_gradient, moments, normalize
from tfbn.ops.layout import layout_of

tf1 = tf.compat.v1
EPSILON = 1e-3
LAYOUTS = [([6, 3, 2, 5], 3), ([6, 5, 3, 2], 1), ([6, 5], 1), ([6, 4, 5], 2), ([6, 5, 4], 1), ([6, 2, 3, 2, 5], 4)]
CHANNELS_LAST = [layout for layout in LAYOUTS if layout[1] == len(layout[0]) - 1]
# Relative to the largest gradient. float32: sums of some 40 terms, each of a few roundings of 6e-8, and for the second
# order twice as many; float64: the same roundings of 1e-16.
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def plain(x, gamma, beta, weights, axis):
    """The formulas of weighted normalization, for automatic differentiation to take apart."""
    axes = [i for i in range(x.shape.rank) if i != axis]
    weights = tf.broadcast_to(tf.reshape(weights, [-1] + [1] * (x.shape.rank - 1)), tf.shape(x))
    total = tf.reduce_sum(weights, axes, keepdims=True)
    mean = tf.reduce_sum(weights * x, axes, keepdims=True) / total
    variance = tf.reduce_sum(weights * (x - mean) ** 2, axes, keepdims=True) / total
    spread = [-1 if i == axis else 1 for i in range(x.shape.rank)]
    return (x - mean) / tf.sqrt(variance + EPSILON) * tf.reshape(gamma, spread) + tf.reshape(beta, spread)


def kernel(x, gamma, beta, weights, axis, fused):
    layout = layout_of(x.shape, [axis])
    if weights is not None:
        weights = layout.align_left(tf.convert_to_tensor(weights))
    shares = moments.weigh_samples(x, weights, layout)
    own = moments.weighted_moments(x, shares, layout)
    return (closed_form_gradient.fused if fused else closed_form_gradient.composed)(
        x, own, shares.normalized(layout), gamma, beta, EPSILON, layout
    )


def gradients(outputs, x, gamma, beta, slope):
    """Of sum(slope * y**2), and of a penalty on its gradient: all that WGAN-GP asks for."""
    first = tf.gradients(tf.reduce_sum(slope * outputs**2), [x, gamma, beta])
    penalty = (tf.sqrt(tf.reduce_sum(first[0] ** 2)) - 1.0) ** 2
    return [*first, *tf.gradients(penalty, [x, gamma, beta])]


def inputs_of(shape, axis, dtype):
    random = np.random.RandomState(3)
    channels = [random.uniform(0.5, 2.0, 5), random.uniform(-1.0, 3.0, 5)]
    values = [oracle.batch(shape, axis), *channels, random.uniform(0.2, 3.0, shape[0]), random.standard_normal(shape)]
    return [value.astype(dtype) for value in values]


def close(found, expected, dtype):
    for value, wanted in zip(found, expected):
        assert value.dtype == dtype
        np.testing.assert_allclose(value, wanted, rtol=0, atol=TOLERANCE[dtype] * np.abs(wanted).max())


CASES = [
    (*layout, dtype, fused, weighted)
    for layout in LAYOUTS
    for dtype, fused in (("float32", True), ("float32", False), ("float64", False))
    for weighted in (False, True)
    if layout in CHANNELS_LAST or not fused
]


@pytest.mark.parametrize(("shape", "axis", "dtype", "fused", "weighted"), CASES)
def test_gradients_of_first_and_second_order(shape, axis, dtype, fused, weighted):
    *given, weights, slope = inputs_of(shape, axis, dtype)
    with tf.Graph().as_default(), tf1.Session() as session:
        x, gamma, beta = (tf.constant(value) for value in given)
        outputs = kernel(x, gamma, beta, weights if weighted else None, axis, fused)
        found = session.run([outputs, *gradients(outputs, x, gamma, beta, slope)])
        # Autodiff of the plain formula, in float64 whatever the kernel's dtype.
        x, gamma, beta = (tf.constant(value, tf.float64) for value in given)
        weights = weights.astype(np.float64) if weighted else np.ones(shape[0])
        outputs = plain(x, gamma, beta, weights, axis)
        expected = session.run([outputs, *gradients(outputs, x, gamma, beta, slope.astype(np.float64))])
    close(found, expected, dtype)


LEARNED = [(*layout, False) for layout in LAYOUTS] + [(*layout, True) for layout in CHANNELS_LAST]


@pytest.mark.parametrize(("shape", "axis", "fused"), LEARNED)
def test_weights_that_are_learned(shape, axis, fused):
    *given, weights, slope = inputs_of(shape, axis, "float32")

    def of_weights(compute, dtype):
        x, gamma, beta, learned = (tf.constant(value, dtype) for value in (*given, weights))
        loss = tf.reduce_sum(slope.astype(dtype) * compute(x, gamma, beta, learned) ** 2)
        by_x, by_weights = tf.gradients(loss, [x, learned])
        return [by_weights, *tf.gradients(tf.reduce_sum(by_weights**2) + tf.reduce_sum(by_x**2), [x, learned])]

    with tf.Graph().as_default(), tf1.Session() as session:
        found = session.run(of_weights(lambda *args: kernel(*args, axis=axis, fused=fused), "float32"))
        expected = session.run(of_weights(lambda *args: plain(*args, axis=axis), "float64"))
    close(found, expected, "float32")


@pytest.mark.process
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("place", ["eager", "function", "graph"])
def test_under_a_tape(place, fused):
    *given, weights, slope = inputs_of([6, 3, 2, 5], 3, "float32")

    def penalized(compute, given, weights, slope):
        x, gamma, beta = given
        with tf.GradientTape() as outer:
            outer.watch(given)
            with tf.GradientTape() as inner:
                inner.watch(x)
                outputs = compute(x, gamma, beta, weights)
                loss = tf.reduce_sum(slope * outputs**2)
            gradient = inner.gradient(loss, x)
            penalty = (tf.sqrt(tf.reduce_sum(gradient**2)) - 1.0) ** 2
        return [outputs, gradient, *outer.gradient(penalty, given)]

    def run():
        tensors = [tf.constant(value) for value in given]
        return penalized(lambda *args: kernel(*args, axis=3, fused=fused), tensors, tf.constant(weights), slope)

    if place == "graph":
        with tf.Graph().as_default(), tf1.Session() as session:
            found = session.run(run())
    else:
        found = [value.numpy() for value in (run() if place == "eager" else tf.function(run)())]
    wide = [tf.constant(value, tf.float64) for value in given]
    expected = penalized(lambda *args: plain(*args, axis=3), wide, tf.constant(weights, tf.float64), slope.astype("d"))
    close(found, [value.numpy() for value in expected], "float32")


@pytest.mark.parametrize("fused", [True, False])
def test_forward_mode(fused):
    """The derivative along a tangent by a ForwardAccumulator, against the plain formula's in float64."""
    *given, weights, slope = inputs_of([6, 3, 2, 5], 3, "float32")

    def along(compute, dtype):
        x, gamma, beta, weighed, tangent = (tf.constant(value, dtype) for value in (*given, weights, slope))
        with tf.autodiff.ForwardAccumulator(x, tangent) as forward:
            outputs = compute(x, gamma, beta, weighed, axis=3)
        return forward.jvp(outputs).numpy()

    found, expected = along(functools.partial(kernel, fused=fused), tf.float32), along(plain, tf.float64)
    close([found], [expected], "float32")


def again(x, gamma, beta):
    """A second pass over the inputs of a training kernel, which had another scale and offset."""
    layout, beside = layout_of(x.shape, [x.shape.rank - 1]), tf.ones_like(gamma)
    trained = normalize.fused_train(x, 3 * beside, 7 * beside, EPSILON, layout)
    own = moments.Moments(trained.mean, moments.biased(trained.variance, x, layout))
    return closed_form_gradient.fused_again(x, trained, own, gamma, beta, EPSILON, layout, tf.constant(EPSILON))


@pytest.mark.parametrize("shape", [shape for shape, _ in CHANNELS_LAST], ids=str)
@pytest.mark.parametrize("place", ["eager", "function", "graph"])
def test_second_pass_of_a_trained_batch(place, shape):
    """Gradients of both orders by input, scale and offset, against autodiff of the plain formula in float64."""
    *given, _, slope = inputs_of(shape, len(shape) - 1, "float32")

    def penalized(compute, given, slope):
        with tf.GradientTape() as outer:
            outer.watch(given)
            with tf.GradientTape() as inner:
                inner.watch(given)
                loss = tf.reduce_sum(slope * compute(*given) ** 2)
            first = inner.gradient(loss, given)
            penalty = tf.add_n([tf.reduce_sum(value**2) for value in first])
        return [*first, *outer.gradient(penalty, given)]

    def run():
        return penalized(again, [tf.constant(value) for value in given], tf.constant(slope))

    if place == "graph":
        with tf.Graph().as_default(), tf1.Session() as session:
            tensors = [tf.constant(value) for value in given]
            first = tf.gradients(tf.reduce_sum(slope * again(*tensors) ** 2), tensors)
            second = tf.gradients(tf.add_n([tf.reduce_sum(value**2) for value in first]), tensors)
            found = session.run([*first, *second])
    else:
        found = [value.numpy() for value in (run() if place == "eager" else tf.function(run)())]
    ones = tf.ones(shape[:1], tf.float64)
    expected = penalized(
        lambda *values: plain(*values, ones, len(shape) - 1),
        [tf.constant(value, tf.float64) for value in given],
        slope.astype("d"),
    )
    close(found, [value.numpy() for value in expected], "float32")


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_second_pass_of_a_trained_batch_in_forward_mode(dtype):
    x, gamma, beta, _, slope = inputs_of([6, 3, 2, 5], 3, "float32")
    x, slope = (value.astype(dtype) for value in (x, slope))
    tensor = tf.constant(x)
    with tf.autodiff.ForwardAccumulator(tensor, tf.constant(slope)) as forward:
        outputs = again(tensor, tf.constant(gamma), tf.constant(beta))
    wide = tf.constant(x, tf.float64)
    with tf.autodiff.ForwardAccumulator(wide, tf.constant(slope, tf.float64)) as reference:
        expected = plain(wide, tf.constant(gamma, tf.float64), tf.constant(beta, tf.float64), tf.ones(6, tf.float64), 3)
    found, wanted = forward.jvp(outputs).numpy(), reference.jvp(expected).numpy()
    assert found.dtype == dtype
    # In half precision the output's gradient and the sums' result are rounded, each by 2**-11 of the largest.
    tolerance = TOLERANCE["float32"] if dtype == "float32" else 2**-9
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("v2", [False, True])
def test_inside_a_branch(v2, fused):
    before = tf1.control_flow_v2_enabled()
    (tf1.enable_control_flow_v2 if v2 else tf1.disable_control_flow_v2)()
    try:
        *given, weights, slope = inputs_of([6, 3, 2, 5], 3, "float32")
        with tf.Graph().as_default(), tf1.Session() as session:
            x, gamma, beta = (tf.constant(value) for value in given)
            predicate = tf1.placeholder(tf.bool, [])
            outputs = tf1.cond(predicate, lambda: kernel(x, gamma, beta, weights, 3, fused), lambda: x)
            plainly = kernel(x, gamma, beta, weights, 3, fused)
            fetches = [[y, *gradients(y, x, gamma, beta, slope)] for y in (outputs, plainly)]
            found, expected = session.run(fetches, {predicate: True})
        close(found, expected, "float32")
    finally:
        (tf1.enable_control_flow_v2 if before else tf1.disable_control_flow_v2)()


@pytest.mark.parametrize("fused", [True, False])
def test_zero_weights_keep_gradients_of_moments(fused):
    x, gamma, beta, _, slope = inputs_of([6, 3, 2, 5], 3, "float32")
    with tf.Graph().as_default(), tf1.Session() as session:
        tensor, layout = tf.constant(x), layout_of(tf.TensorShape(x.shape), [3])
        shares = moments.weigh_samples(tensor, tf.zeros([6, 1, 1, 1]), layout)
        given = moments.Moments(tf.fill([5], 2.0), tf.fill([5], 3.0))
        run = closed_form_gradient.fused if fused else closed_form_gradient.composed
        outputs = run(tensor, given, shares.normalized(layout), tf.constant(gamma), tf.constant(beta), EPSILON, layout)
        found = session.run(tf.gradients(tf.reduce_sum(outputs * slope), tensor)[0])
    np.testing.assert_allclose(found, slope * gamma / np.sqrt(3.0 + EPSILON), rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 6])
def test_samples_that_the_gradient_counts(n):
    """As with a share for each sample; where there are none, derivatives of either order are 0, not NaN."""
    x, gamma, beta, _, slope = inputs_of([6, 3, 2, 5], 3, "float32")
    with tf.Graph().as_default(), tf1.Session() as session:
        values, layout = tf1.placeholder(tf.float32, [None, 3, 2, 5]), layout_of(tf.TensorShape([None, 3, 2, 5]), [3])
        scale, offset = tf.constant(gamma), tf.constant(beta)
        found, expected = [], []
        for results, shares in (
            (found, moments.UNCOUNTED),
            (expected, moments.weigh_samples(values, None, layout)),
        ):
            own = moments.weighted_moments(values, shares, layout)
            sharing = tf.size(values) if shares is moments.UNCOUNTED else shares.normalized(layout)
            outputs = closed_form_gradient.composed(values, own, sharing, scale, offset, EPSILON, layout)
            first = tf.gradients(tf.reduce_sum(slope[:n] * outputs**2), [values, scale, offset])
            second = tf.gradients(sum(tf.reduce_sum(part**2) for part in first), [values, scale, offset])
            results.extend(session.run([outputs, *first, *second, *own], {values: x[:n]}))
    *derivatives, mean, _ = found
    assert np.isnan(mean).all() == (n == 0)
    for value, wanted in zip(derivatives, expected):
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, wanted, rtol=0, atol=TOLERANCE["float32"] * np.abs(wanted).max(initial=0))
