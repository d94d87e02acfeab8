"""Batches, and virtual batches, without weight: normalized by the moving statistics, which stay as they are.

Every front end against the formulas in float64, from moving statistics and averages of renorm that do not agree.
"""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph
from tests.keras import generations

tf1 = tf.compat.v1
CHANNELS, EPSILON, DECAY, RENORM_DECAY = 3, 1e-2, 0.8, 0.7
RANDOM = np.random.RandomState(23)
PARAMS = {"gamma": RANDOM.uniform(0.5, 1.5, CHANNELS), "beta": RANDOM.uniform(-1.0, 1.0, CHANNELS)}
PLAIN_STATE = {"moving_mean": RANDOM.uniform(1.0, 3.0, CHANNELS), "moving_variance": RANDOM.uniform(1.0, 9.0, CHANNELS)}
RENORM_STATE = {
    "renorm_mean": RANDOM.uniform(2.0, 4.0, CHANNELS),
    "renorm_stddev": RANDOM.uniform(1.0, 2.0, CHANNELS),
    "moving_stddev": np.sqrt(PLAIN_STATE["moving_variance"] + EPSILON),
}
CLIPPING = {"rmin": 0.7, "rmax": 1.6, "dmax": 0.9}
ADJUSTMENT = np.array([1.2, 0.8, 1.1]), np.array([0.3, -0.2, 0.1])
# Outputs up to 10 of float32 inputs: some twenty roundings of 6e-8 of terms up to 20; averages of up to 10 terms.
OUTPUT, STATISTICS = {"rtol": 0, "atol": 3e-5}, {"rtol": 5e-6}
VIRTUAL = {"virtual_batch_size": 4}
# Of 8 samples, whose virtual batches of 4 are every other one.
WEIGHTS = {
    "none": np.zeros(8),
    "none in a virtual batch": np.array([0, 1, 0, 2, 0, 0.5, 0, 1.5]),
    "everywhere": np.array([0.5, 1, 0, 2, 1, 0.5, 3, 1.5]),
}
OPTIONS = {
    "plain": {},
    "virtual": VIRTUAL,
    "renorm": {"renorm": True},
    "clipped renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "virtual renorm": {"renorm": True, **VIRTUAL},
    "virtual clipped renorm": {"renorm": True, "renorm_clipping": CLIPPING, **VIRTUAL},
    "adjusted renorm": {"renorm": True, "adjustment": True},
}


def expected(x, counted, given):
    """Outputs, and the statistics after the step; x has its channels last, and `counted` broadcasts against it."""
    number, axes = len(x) // given.get("virtual_batch_size", max(len(x), 1)), tuple(range(x.ndim - 1))
    weights, moments = np.broadcast_to(counted, x.shape), []
    for part in range(number):
        own, values = weights[part::number], x[part::number]
        total = own.sum(axes)
        mean = (own * values).sum(axes) / np.where(total, total, 1)
        moments.append(
            (mean, (own * (values - mean) ** 2).sum(axes) / np.where(total, total, 1)) if total.all() else None
        )
    counting, r, d, state = [each for each in moments if each is not None], 1.0, 0.0, dict(PLAIN_STATE)
    if given.get("renorm"):
        state.update(RENORM_STATE)
    if counting:
        mean, variance = np.mean(counting, 0)
        follow = {"moving_mean": (mean, DECAY), "moving_variance": (variance, DECAY)}
        if given.get("renorm"):
            stddev, bounds = np.sqrt(variance + EPSILON), given.get("renorm_clipping") or {}
            r = np.clip(stddev / state["renorm_stddev"], bounds.get("rmin", 0), bounds.get("rmax", np.inf))
            d = (mean - state["renorm_mean"]) / state["renorm_stddev"]
            d = np.clip(d, -bounds.get("dmax", np.inf), bounds.get("dmax", np.inf))
            follow["renorm_mean"], follow["renorm_stddev"] = (mean, RENORM_DECAY), (stddev, RENORM_DECAY)
            follow["moving_stddev"] = stddev, DECAY
        state.update({name: decay * state[name] + (1 - decay) * value for name, (value, decay) in follow.items()})
        if given.get("renorm"):
            state["moving_variance"] = state["moving_stddev"] ** 2 - EPSILON
    y, common = np.zeros_like(x), {**PARAMS, "epsilon": EPSILON}
    if "adjustment" in given:
        common["a"], common["b"] = ADJUSTMENT
    for part, own in enumerate(moments):
        moving = PLAIN_STATE["moving_mean"], PLAIN_STATE["moving_variance"]
        by = {**dict(zip(("mean", "variance"), own or moving)), **({"r": r, "d": d} if own else {})}
        y[part::number] = oracle.normalize(x[part::number], **by, **common)
    return y, state


def adjust(shape):
    return tuple(tf.constant(part, tf.float32) for part in ADJUSTMENT)


def by_functional(x, weighing, given, dynamic):
    given, names = dict(given), [*PLAIN_STATE, *(RENORM_STATE if given.get("renorm") else ())]
    if given.pop("renorm", False):
        given["renorm_decay"] = RENORM_DECAY
    if "adjustment" in given:
        given["adjustment"] = adjust(None)
    if given.pop("data_format", "NHWC") == "NCHW":
        given["axis"] = 1
        if "adjustment" in given:
            given["adjustment"] = tuple(part[:, tf.newaxis] for part in given["adjustment"])
    values = {name: tf.constant(value, tf.float32) for name, value in {**PLAIN_STATE, **RENORM_STATE, **PARAMS}.items()}
    params = tfbn.functional.Params(values["beta"], values["gamma"])
    state = tfbn.functional.State(**{name: values[name] for name in names})

    def run(x, weighing):
        found = tfbn.functional.train(
            x, params, state, epsilon=EPSILON, decay=DECAY, unbiased=False, **weighing, **given
        )
        return found[0], {name: getattr(found[1], name) for name in names}

    return traced(run, x, weighing, dynamic)


def traced(run, x, weighing, dynamic):
    """`run` in a function that does not know the sizes; eagerly where it may know them."""
    if not dynamic:
        return run(tf.constant(x), {name: tf.constant(value) for name, value in weighing.items()})
    shape = [None if size != CHANNELS else size for size in x.shape]
    spec = {name: tf.TensorSpec([None] * value.ndim, value.dtype) for name, value in weighing.items()}
    return tf.function(run, input_signature=[tf.TensorSpec(shape, x.dtype), spec])(x, weighing)


def by_module(x, weighing, given, dynamic, layer=None):
    given = {"decay": DECAY, "epsilon": EPSILON, "scale": True, "unbiased": False, **given}
    if given.get("renorm"):
        given["renorm_decay"] = RENORM_DECAY
    if "adjustment" in given:
        given["adjustment"] = adjust
    if layer is None:
        norm, name = tfbn.BatchNorm(CHANNELS, **given), "is_training"
    else:
        norm, name = layer(**given), "training"
        norm.build(x.shape)
    variables = {name: getattr(norm, name) for name in (*PLAIN_STATE, *RENORM_STATE, *PARAMS)}
    for key, value in {**PLAIN_STATE, **RENORM_STATE, **PARAMS}.items():
        if variables[key] is not None:
            variables[key].assign(value.astype("float32"))
    outputs = traced(lambda x, weighing: norm(x, **{name: True}, **weighing), x, weighing, dynamic)
    after = {key: variables[key] for key in (*PLAIN_STATE, *RENORM_STATE) if variables[key] is not None}
    return outputs, {key: tf.convert_to_tensor(variable) for key, variable in after.items()}


def by_keras(x, weighing, given, dynamic):
    return by_module(x, weighing, given, dynamic, tfbn.keras.layer_class(generations.ALL[-1]))


def by_graph(x, weighing, given, dynamic):
    given, feeds = dict(given), {}
    if "adjustment" in given:
        given["adjustment"] = adjust
    if given.get("renorm"):
        given["renorm_decay"] = RENORM_DECAY

    def fed(value):
        shape = [None if dynamic and size != CHANNELS else size for size in value.shape]
        placeholder = tf1.placeholder(value.dtype, shape)
        feeds[placeholder] = value
        return placeholder

    with graph():
        outputs = tfbn.batch_norm(
            fed(x),
            DECAY,
            scale=True,
            epsilon=EPSILON,
            scope="bn",
            is_training=fed(np.array(True)) if dynamic else True,
            **{name: fed(value) for name, value in weighing.items()},
            **given,
        )
        variables = {variable.op.name.rpartition("/")[2]: variable for variable in tf1.global_variables()}
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            for name, value in {**PLAIN_STATE, **RENORM_STATE, **PARAMS}.items():
                if name in variables:
                    variables[name].load(value.astype("float32"), session)
            found = session.run([outputs, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], feeds)[0]
            return found, session.run({name: value for name, value in variables.items() if name not in PARAMS})


def check(front, shape, given, weighing, counted, dynamic=False):
    x = oracle.batch(shape, seed=4)
    outputs, state = expected(x, counted, given)
    nchw = given.get("data_format") == "NCHW"
    moved = (np.moveaxis(x, -1, 1) if nchw else x).astype("float32")
    found, after = front(moved, weighing, given, dynamic)
    found = np.asarray(found)
    np.testing.assert_allclose(np.moveaxis(found, 1, -1) if nchw else found, outputs, **OUTPUT)
    assert set(after) == set(state)
    for name, value in state.items():
        np.testing.assert_allclose(after[name], value, **STATISTICS, err_msg=name)
        if not np.any(counted):
            start = {**PLAIN_STATE, **RENORM_STATE}[name].astype("float32")
            np.testing.assert_array_equal(after[name], start, err_msg=name)


FRONTS = {"functional": by_functional, "module": by_module, "keras": by_keras, "batch_norm": by_graph}


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("front", FRONTS)
def test_front_ends(front, options, dynamic):
    for weights in WEIGHTS.values():
        counted = weights.reshape(-1, 1, 1, 1)
        given = {"batch_weights": weights.astype("float32")}
        check(FRONTS[front], (8, 2, 4, 3), OPTIONS[options], given, counted, dynamic)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("data_format", ["NHWC", "NCHW"])
@pytest.mark.parametrize("options", OPTIONS)
def test_masks_formats_and_kernels(options, data_format, fused):
    positions = RANDOM.uniform(size=(8, 4)) > 0.3
    for weights in WEIGHTS.values():
        given = {**OPTIONS[options], "data_format": data_format, "fused": fused}
        mask = positions * weights[:, None] > 0
        check(by_functional, (8, 4, 3), given, {"mask": mask}, mask[..., None])
        both = {"mask": positions, "batch_weights": weights.astype("float32")}
        check(by_functional, (8, 4, 3), given, both, (positions * weights[:, None])[..., None])


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("front", FRONTS)
def test_empty_batches(front, options, dynamic):
    check(FRONTS[front], (0, 2, 4, 3), OPTIONS[options], {}, np.zeros([0, 1, 1, 1]), dynamic)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("options", ["renorm", "virtual renorm", "virtual clipped renorm"])
def test_gradients(options, dynamic):
    """Those under the moving statistics for a virtual batch without weight; none that is NaN of an empty batch."""
    params, state = tfbn.functional.init(CHANNELS, renorm=True, scale=True)
    given = {name: value for name, value in OPTIONS[options].items() if name != "renorm"}
    state = state._replace(**{name: tf.constant(v, tf.float32) for name, v in {**PLAIN_STATE, **RENORM_STATE}.items()})
    slope = RANDOM.uniform(0.5, 1.5, (8, 4, 3)).astype("float32")

    def gradients(x, slope, weighing):
        with tf.GradientTape() as tape:
            tape.watch([x, params])
            outputs, _ = tfbn.functional.train(x, params, state, epsilon=EPSILON, **weighing, **given)
            loss = tf.reduce_sum(outputs * slope)
        return tape.gradient(loss, [x, params.gamma, params.beta])

    x = oracle.batch((8, 4, 3)).astype("float32")
    weights = tf.constant(WEIGHTS["none in a virtual batch" if "virtual" in options else "none"], tf.float32)
    run = tf.function(gradients, reduce_retracing=True) if dynamic else gradients
    of_x, _, of_beta = run(tf.constant(x), tf.constant(slope), {"batch_weights": weights})
    inverse = 1 / np.sqrt(PLAIN_STATE["moving_variance"] + EPSILON)
    np.testing.assert_allclose(of_x[::2], slope[::2] * inverse, rtol=1e-5)
    np.testing.assert_allclose(of_beta, slope.sum((0, 1)), rtol=1e-5)
    for value in run(tf.constant(x[:0]), tf.constant(slope[:0]), {})[1:]:
        np.testing.assert_array_equal(value, np.zeros(CHANNELS))


@pytest.mark.parametrize("renorm", [False, True], ids=["plain", "renorm"])
@pytest.mark.parametrize("training", [True, tf.constant(True)], ids=["static", "tensor"])
@pytest.mark.parametrize("size", ["eager", "static", "dynamic"])
def test_second_derivatives_of_an_empty_batch(size, training, renorm):
    """All zero, by gamma too, where TensorFlow's own divide by the number of samples."""
    norm = tfbn.BatchNorm(CHANNELS, scale=True, renorm=renorm)

    def second(x):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.tanh(norm(x, training)))
            penalty = tf.reduce_sum(tape.gradient(loss, norm.gamma) * [1.0, -2.0, 3.0])
        return penalty, outer.gradient(penalty, [norm.gamma, norm.beta], unconnected_gradients="zero")

    if size != "eager":
        signature = [tf.TensorSpec([0 if size == "static" else None, 4, 4, CHANNELS])]
        second = tf.function(second, input_signature=signature)
    np.testing.assert_array_equal(second(tf.zeros([0, 4, 4, CHANNELS]))[1], np.zeros([2, CHANNELS]))
    if size == "dynamic":  # where there are samples, they stay
        assert np.abs(second(tf.constant(oracle.batch((8, 4, 4, CHANNELS)), tf.float32))[1][0]).min() > 1e-6


@pytest.mark.parametrize("renorm", [False, True], ids=["plain", "renorm"])
@pytest.mark.parametrize("size", [0, None], ids=["static", "dynamic"])
def test_second_derivatives_through_a_function_of_an_empty_batch(size, renorm):
    """By tapes outside of it, which pass zeros through all that its gradient takes from it."""
    norm = tfbn.BatchNorm(CHANNELS, scale=True, renorm=renorm)
    layer = tf.function(lambda x: norm(x, True), input_signature=[tf.TensorSpec([size, CHANNELS])])
    x, sources = tf.zeros([0, CHANNELS]), [norm.gamma, norm.beta]
    with tf.GradientTape() as outer:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.tanh(layer(x)))
        penalty = tf.add_n([tf.reduce_sum(value * [1.0, -2.0, 3.0]) for value in tape.gradient(loss, sources)])
    second = outer.gradient(penalty, sources, unconnected_gradients="zero")
    np.testing.assert_array_equal(second, np.zeros([2, CHANNELS]))


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("given", [{}, {"renorm": True}, {"data_format": "NCHW"}, {"scale": False}], ids=str)
@pytest.mark.parametrize("training", ["static", "placeholder"])
def test_second_derivatives_of_an_empty_batch_in_a_session(training, given, v2):
    """As in eager code, and of a batch with samples those of a graph whose batch size is known."""
    samples = oracle.batch((6, CHANNELS, 4, CHANNELS)).astype("float32")
    found = []
    for size in (None, 6):
        with graph(True, v2), tf1.Session() as session:
            x = tf1.placeholder(tf.float32, [size, CHANNELS, 4, CHANNELS])
            flag = True if training == "static" else tf1.placeholder_with_default(True, [])
            outputs = tfbn.batch_norm(x, is_training=flag, **{"scale": True, **given})
            sources = [x, *tf1.trainable_variables()]
            first = tf1.gradients(tf.reduce_sum(tf.tanh(outputs)), sources)
            penalty = tf.add_n([tf.reduce_sum(each * each) for each in first])
            second = tf1.gradients(penalty, sources)
            session.run(tf1.global_variables_initializer())
            found.append(session.run(second, {x: samples}))
            if size is None:
                for value in session.run(second, {x: samples[:0]})[1:]:
                    np.testing.assert_array_equal(value, np.zeros(CHANNELS))
    for dynamic, static in zip(*found):
        np.testing.assert_allclose(dynamic, static, rtol=0, atol=1e-5 * np.abs(static).max())
        assert np.abs(static).max() > 1e-3


@pytest.mark.parametrize("training", ["static", "placeholder"])
@pytest.mark.parametrize(
    "given", [{"virtual_batch_size": 2}, {"axis": [1, -1]}, {"axis": [1, -1], **VIRTUAL}, {}], ids=str
)
@pytest.mark.parametrize("form", ["function", "class"])
def test_batch_normalization_of_an_empty_batch(form, given, training):
    """tf.layers' forms take no weights; of an empty batch nothing moves and no gradient is NaN."""
    with graph():
        x = tf1.placeholder(tf.float32, [None, 2, 4, CHANNELS])
        fed = tf1.placeholder(tf.bool, [])
        given = {"renorm": True, "renorm_clipping": CLIPPING, "name": "bn", **given}
        switch = fed if training == "placeholder" else True
        if form == "class":
            outputs = tfbn.BatchNormalization(**given)(x, training=switch)
        else:
            outputs = tfbn.batch_normalization(x, training=switch, **given)
        gradients = tf1.gradients(outputs, tf1.trainable_variables())
        with tf1.Session() as session:
            session.run(tf1.global_variables_initializer())
            feeds = {x: oracle.batch((8, 2, 4, 3)), fed: True}
            session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS), feeds)
            before = session.run(tf1.global_variables())
            feeds[x] = feeds[x][:0]
            found = session.run([outputs, gradients, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], feeds)
            after = session.run(tf1.global_variables())
    assert found[0].shape == (0, 2, 4, 3)
    for value in found[1]:
        np.testing.assert_array_equal(value, np.zeros_like(value))
    for one, other in zip(before, after):
        np.testing.assert_array_equal(one, other)
