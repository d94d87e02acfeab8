"""Batch norm in unusual forms is audited and exported as it behaves, or named; other running averages are no layers."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.function import Defun
from tensorflow.python.training import moving_averages

import tfbn
from tests.graph.regimes import graph
from tests.training.networks import every_regime
from tfbn.graphdef import recognize

tf1 = tf.compat.v1
DECAY = 0.9
EPSILON = 1e-3


def untrained(name, value):
    return tf1.get_variable(name, initializer=value, trainable=False)


def averages():
    return [untrained("a", [-1.0, 0.0, 2.0, 0.5]), untrained("b", [1.0, 2.0, 2.0, 0.5])]


def affine():
    return tf1.get_variable("beta", initializer=[0.3, -0.2, 0.1, 0.5]), tf1.get_variable("gamma", [4])


def normalize(x, mean, variance):
    return tf.nn.batch_normalization(x, mean, variance, *affine(), EPSILON)


def choose(flag, batch, moving):
    """`flag` is a tensor, or what it would be at each run."""
    if isinstance(flag, bool):
        return batch if flag else [tf.identity(each) for each in moving]
    return tf1.cond(flag, lambda: [tf.identity(v) for v in batch], lambda: [tf.identity(v) for v in moving])


def move(moving, batch, decay=DECAY):
    return [tf1.assign(old, old * decay + new * (1 - decay)) for old, new in zip(moving, batch)]


def batch_norm(x, flag, batch=None, moving=None, normalize=normalize):
    """The outputs, the averages, and their updates."""
    batch, moving = batch or tf1.nn.moments(x, [0]), moving or averages()
    return normalize(x, *choose(flag, batch, moving)), moving, move(moving, batch)


def in_a_loop(x, flag):
    moving = averages()
    beta, gamma = affine()

    def body(step, y):
        batch = tf1.nn.moments(y, [0])
        with tf.control_dependencies([] if flag is False else move(moving, batch)):
            y = tf.nn.batch_normalization(y, *choose(flag, batch, moving), beta, gamma, EPSILON)
        return step + 1, y

    return tf1.while_loop(lambda step, y: step < 2, body, [0, x])[1], moving, []


def in_a_function(x, flag):
    def call(x, mean, variance):
        def function(x, m, v, b, g):
            return g * (x - m) / tf.sqrt(v + EPSILON) + b

        y = Defun(*[tf.float32] * 5)(function)(x, mean, variance, *affine())
        y.set_shape(x.shape)
        return y

    return batch_norm(x, flag, normalize=call)


def shadows(x, flag, **settings):
    batch = tf1.nn.moments(x, [0])
    ema = tf1.train.ExponentialMovingAverage(DECAY, **settings)
    updates = [ema.apply(batch)]
    moving = [ema.average(each) for each in batch]
    return normalize(x, *choose(flag, batch, moving)), moving, updates


def zero_debias(x, flag):
    return shadows(x, flag, zero_debias=True)


def decay_by_steps(x, flag):
    return shadows(x, flag, num_updates=untrained("steps", 3.0))


def momentum_that_is_fed(x, flag):
    batch, moving, steps = tf1.nn.moments(x, [0]), averages(), untrained("steps", 3.0)
    decay = tf.minimum(tf1.placeholder_with_default(0.9, []), (1 + steps) / (10 + steps))
    return normalize(x, *choose(flag, batch, moving)), moving, move(moving, batch, decay)


def masked(x, flag):
    weights = tf.ones_like(x[:, :1]) * tf1.placeholder_with_default(np.ones([1, 1], np.float32), [None, 1])
    mean = tf.reduce_sum(x * weights, [0]) / tf.reduce_sum(weights)
    squares = tf.reduce_sum(weights * tf.square(x - mean), [0])
    return batch_norm(x, flag, [mean, squares / tf.reduce_sum(weights)])


def positive_gamma(x, flag):
    def scaled(x, mean, variance):
        beta, gamma = affine()
        return tf.nn.batch_normalization(x, mean, variance, beta, tf.exp(gamma), EPSILON)

    return batch_norm(x, flag, normalize=scaled)


def pooled_variance(x, flag):
    """Averages by count, with what the means differ by in the variance."""
    moving, count = averages(), untrained("count", 20.0)
    batch = mean, variance = tf1.nn.moments(x, [0])
    n = tf.cast(tf.shape(x)[0], tf.float32)
    total, delta = count + n, mean - moving[0]
    pooled = moving[1] * count + variance * n + tf.square(delta) * count * n / total
    updates = [tf1.assign(moving[0], moving[0] + delta * n / total), tf1.assign(moving[1], pooled / total)]
    return normalize(x, *choose(flag, batch, moving)), moving, updates


def last_statistics(x, flag):
    """As in ladder networks: variables have those of the last batch, and their averages are what normalizes."""
    batch, last = tf1.nn.moments(x, [0]), averages()
    ema = tf1.train.ExponentialMovingAverage(DECAY)
    with tf.control_dependencies([tf1.assign(old, new) for old, new in zip(last, batch)]):
        updates = [ema.apply(last)]
    moving = [ema.average(each) for each in last]
    return normalize(x, *choose(flag, batch, moving)), moving, updates


def gamma_for_each_sample(x, flag):
    """Conditional batch norm; the product of gamma and the inverse root is the scale."""

    def scaled(x, mean, variance):
        return tf.nn.batch_normalization(x, mean, variance, x[:, ::-1] * 0.1, 1.0 + x[:, :1] * affine()[1], EPSILON)

    return batch_norm(x, flag, normalize=scaled)


def gamma_for_each_sample_first(x, flag):
    def scaled(x, mean, variance):
        return (1.0 + x[:, :1] * affine()[1]) * (x - mean) / tf.sqrt(variance + EPSILON)

    return batch_norm(x, flag, normalize=scaled)


KNOWN = [
    *(in_a_loop, in_a_function, zero_debias, decay_by_steps, momentum_that_is_fed),
    *(masked, positive_gamma, pooled_variance, last_statistics, gamma_for_each_sample, gamma_for_each_sample_first),
]


def blended(x, flag):
    train = tf.cast(flag, tf.float32)
    batch, moving = tf1.nn.moments(x, [0]), averages()
    mixed = [train * new + (1 - train) * old for new, old in zip(batch, moving)]
    return normalize(x, *mixed), moving, move(moving, batch)


def running_stddev(x, flag):
    mean, variance = tf1.nn.moments(x, [0])
    batch = [mean, tf.sqrt(variance + EPSILON)]
    return batch_norm(x, flag, batch, normalize=lambda x, mean, stddev: (x - mean) / stddev)


def running_inverse(x, flag):
    mean, variance = tf1.nn.moments(x, [0])
    batch = [mean, tf.math.rsqrt(variance + EPSILON)]
    return batch_norm(x, flag, batch, normalize=lambda x, mean, inverse: (x - mean) * inverse)


def running_squares(x, flag):
    batch = [tf.reduce_mean(x, 0), tf.reduce_mean(x * x, 0)]
    moving = [untrained("a", [-1.0, 0.0, 1.0, 0.5]), untrained("b", [3.0, 2.0, 2.0, 0.5])]
    return batch_norm(x, flag, batch, moving, lambda x, mean, squares: normalize(x, mean, squares - mean * mean))


def running_sums(x, flag):
    sums, squares, count = (
        untrained("a", [4.0, 3.0, 2.0, 1.0]),
        untrained("b", [9.0, 9.0, 9.0, 9.0]),
        untrained("n", 3.0),
    )
    n = tf.cast(tf.shape(x)[0], tf.float32)
    updates = [tf1.assign_add(sums, tf.reduce_sum(x, 0)), tf1.assign_add(squares, tf.reduce_sum(x * x, 0))]
    mean = sums / count
    return normalize(x, mean, squares / count - mean * mean), [sums, squares], [*updates, tf1.assign_add(count, n)]


def weighted_average(x, flag):
    """The variables hold the averages' numerators, and the weights."""
    batch, n = tf1.nn.moments(x, [0]), tf.cast(tf.shape(x)[0], tf.float32)
    known = len(tf1.global_variables())
    updates = [moving_averages.weighted_moving_average(each, DECAY, n) for each in batch]
    numerators, weights = (tf1.global_variables()[known + place :: 2] for place in (0, 1))
    moving = [each / (weight + 1.0) for each, weight in zip(numerators, weights)]
    return normalize(x, *choose(flag, batch, moving)), numerators, updates


def absolute_deviation(x, flag):
    mean = tf.reduce_mean(x, 0)
    batch = [mean, tf.reduce_mean(tf.abs(x - mean), 0)]
    return batch_norm(x, flag, batch, normalize=lambda x, mean, scale: (x - mean) / (1.25 * scale + EPSILON))


def mean_only(x, flag):
    moving, batch = averages()[:1], [tf.reduce_mean(x, 0)]
    mean = choose(flag, batch, moving)
    return x - tf.reshape(mean, [4]) + affine()[0], moving, move(moving, batch)


def logarithms(x, flag):
    return batch_norm(x, flag, normalize=lambda x, m, v: (x - m) * tf.exp(-0.5 * tf.math.log(v + EPSILON)))


def by_products(x, flag):
    n = tf.cast(tf.shape(x)[0], tf.float32)
    mean = tf.einsum("nc->c", x) / n
    return batch_norm(x, flag, [mean, tf.matmul(tf.ones_like(x[:, :1]), (x - mean) ** 2, True)[0] / n])


def for_each_position(x, flag):
    moving = [untrained(name, np.ones([3, 4], np.float32)) for name in "ab"]
    steps = tf.reshape([1.0, 2.0, 3.0], [3, 1, 1]) * x
    batch = tf1.nn.moments(steps, [1])
    mean, variance = (tf.expand_dims(each, 1) for each in choose(flag, batch, moving))
    return tf.reduce_sum(normalize(steps, mean, variance), 0), moving, move(moving, batch)


def for_each_domain(x, flag):
    moving, domain = (
        [untrained(name, np.ones([2, 4], np.float32)) for name in "ab"],
        tf1.placeholder_with_default(1, []),
    )
    batch, rows = tf1.nn.moments(x, [0]), [tf.gather(each, domain) for each in moving]
    updates = [
        tf1.scatter_update(each, domain, old * DECAY + new * (1 - DECAY)) for each, old, new in zip(moving, rows, batch)
    ]
    return normalize(x, *choose(flag, batch, rows)), moving, updates


def in_groups(x, flag):
    """The branch for inference alone has a known form."""
    moving, groups = averages(), tf.reshape(x, [2, -1, 4])
    mean, variance = tf1.nn.moments(groups, [1], keepdims=True)
    scaled = tf.reshape((groups - mean) * tf.math.rsqrt(variance + EPSILON), [-1, 4])
    if flag is False:
        y = normalize(x, *moving)
    else:
        y = tf1.cond(flag, lambda: tf.identity(scaled), lambda: normalize(x, *moving))
    return y, moving, move(moving, [tf.reduce_mean(mean, [0, 1]), tf.reduce_mean(variance, [0, 1])])


def folded_into_weights(x, flag):
    weights = tf1.get_variable("w", [4, 4])

    def scaled(x, mean, variance):
        beta, gamma = affine()
        scale = gamma * tf.math.rsqrt(variance + EPSILON)
        return tf.matmul(x, weights * scale) + (beta - mean * scale)

    return batch_norm(x, flag, tf1.nn.moments(tf.matmul(x, weights), [0]), normalize=scaled)


UNKNOWN = [
    *(running_stddev, running_inverse, running_squares, running_sums, weighted_average, absolute_deviation, mean_only),
    *(logarithms, by_products, for_each_position, for_each_domain, in_groups, folded_into_weights),
]


def build(form, flag):
    x = tf1.placeholder(tf.float32, [None, 4], "x")
    with tf1.variable_scope("net/bn", initializer=tf1.random_uniform_initializer(0.5, 1.5, seed=1)):
        y, moving, updates = form(x, flag)
    return x, tf.identity(y, "y"), moving, updates


def kinds(step):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tfbn.NoLayersWarning)
        return [finding.kind for finding in tfbn.check_updates(step, raise_on_error=False)]


def trained(form, flag, session):
    """Steps without the updates and with them, after one of the latter; which of the two move the averages."""
    x, y, moving, updates = build(form, flag)
    step = tf1.train.GradientDescentOptimizer(1e-3).minimize(tf.reduce_sum(y * y * tf1.get_variable("readout", [4])))
    wired, moves = tf.group(step, *updates), []
    feed = {x: np.random.default_rng(0).normal(3.0, 2.0, [16, 4])}
    for each in (step, wired):
        session.run(tf1.global_variables_initializer())
        before = session.run(moving)
        session.run(each, feed if isinstance(flag, bool) else {**feed, flag: True})
        moves.append(all((a != b).any() for a, b in zip(before, session.run(moving))))
    return y, step, wired, moves


def assert_infers(exported, form, values):
    """The export gives what the layer built for inference does, of these variables."""
    samples = np.random.default_rng(1).normal(2.0, 3.0, [16, 4]).astype(np.float32)
    with graph(), tf1.Session() as session:
        x, y, _, _ = build(form, False)
        session.run(tf1.global_variables_initializer())
        for variable in tf1.global_variables():
            session.run(variable.initializer, {variable.initializer.inputs[1]: values[variable.op.name]})
        expected = session.run(y, {x: samples})
    with graph(), tf1.Session() as session:
        tf.import_graph_def(exported.graph_def, name="")
        outputs = session.run("y:0", {"x:0": samples})
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("choice", ["fed", "training"])
@pytest.mark.parametrize("form", KNOWN, ids=lambda form: form.__name__)
def test_known_forms_are_audited_and_exported(form, choice):
    """The export gives what the layer built for inference gives, or is refused where the layer only trains."""
    with graph(), tf1.Session() as session:
        flag = True if choice == "training" else tf1.placeholder(tf.bool, [], "flag")
        y, step, wired, moves = trained(form, flag, session)
        assert [layer.mode for layer in tfbn.list_layers()] == ["training" if choice == "training" else "dynamic"]
        assert (kinds(step), kinds(wired)) == ([] if moves[0] else ["not reached"], [])
        assert moves == [form is in_a_loop, True]
        if form in (in_a_loop, pooled_variance) and choice == "training":
            with pytest.raises(tfbn.TrainingModeError, match="no update averages exactly its statistics"):
                tfbn.export.inference_graph(session, y)
            return
        exported = tfbn.export.inference_graph(session, y)
        values = {variable.op.name: session.run(variable) for variable in tf1.global_variables()}
    assert_infers(exported, form, values)
    left = tfbn.fold.fold_graph(exported.graph_def, ["y"], lower=True).left
    assert [finding.kind for finding in left] == ["not folded"] * (form is in_a_loop)


def interpolated(x, flag):
    """By a product of matrices, which the audit need not understand: it is of the batch's statistics."""
    batch, moving = tf1.nn.moments(x, [0]), averages()
    both = [tf.tensordot(tf.constant([DECAY, 1 - DECAY]), tf.stack([old, new]), 1) for old, new in zip(moving, batch)]
    return normalize(x, *choose(flag, batch, moving)), moving, [tf1.assign(*each) for each in zip(moving, both)]


def averages_of_averages(x, flag):
    batch, moving = tf1.nn.moments(x, [0]), averages()
    ema = tf1.train.ExponentialMovingAverage(DECAY)
    with tf.control_dependencies(move(moving, batch)):
        updates = [ema.apply(moving)]
    shadows = [ema.average(each) for each in moving]
    return normalize(x, *choose(flag, batch, shadows)), shadows, updates


def copies_of_averages(x, flag):
    batch, moving = tf1.nn.moments(x, [0]), averages()
    ema = tf1.train.ExponentialMovingAverage(DECAY)
    updates = [ema.apply(batch), *(tf1.assign(old, ema.average(new)) for old, new in zip(moving, batch))]
    return normalize(x, *choose(flag, batch, moving)), moving, updates


def two_towers(x, flag):
    """Of which the first updates the averages."""
    moving, (beta, gamma) = averages(), affine()
    batches = [tf1.nn.moments(each, [0]) for each in (x, x * 2.0)]
    ys = [
        tf.nn.batch_normalization(x, *choose(flag, batch, moving), beta, gamma, EPSILON, name=f"tower_{place}")
        for place, batch in enumerate(batches)
    ]
    return ys[0] + 0.5 * ys[1], moving, move(moving, batches[0])


def towers_in_turn(x, flag):
    """The second update reads what the first one, of both averages, has assigned."""
    moving, (beta, gamma), updates, ys = averages(), affine(), [], []
    for factor in (1.0, 2.0):
        batch = tf1.nn.moments(x * factor, [0])
        ys.append(tf.nn.batch_normalization(x, *choose(flag, batch, moving), beta, gamma, EPSILON))
        with tf.control_dependencies([tf.group(*updates)]):
            read = [each.read_value() for each in moving]
        updates = [
            tf1.assign(*each) for each in zip(moving, [a * DECAY + b * (1 - DECAY) for a, b in zip(read, batch)])
        ]
    return ys[0] + 0.5 * ys[1], moving, updates


SHARED = [
    *((interpolated, "fed"), (averages_of_averages, "fed"), (copies_of_averages, "fed")),
    *((two_towers, "training"), (towers_in_turn, "training")),
]


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize("form, choice", SHARED)
def test_their_updates_are_known(form, choice, resource):
    with graph(resource), tf1.Session() as session:
        flag = True if choice == "training" else tf1.placeholder(tf.bool, [], "flag")
        _, step, wired, moves = trained(form, flag, session)
        assert (kinds(step), kinds(wired), moves) == (["not reached"], [], [False, True])


def test_a_choice_by_factors_is_refused():
    with graph(), tf1.Session() as session:
        y, step, wired, moves = trained(blended, tf1.placeholder(tf.bool, [], "flag"), session)
        assert (moves, kinds(step), kinds(wired)) == ([False, True], ["not reached"], [])
        with pytest.raises(tfbn.TrainingModeError, match="each run decides whether"):
            tfbn.export.inference_graph(session, y)


@pytest.mark.parametrize("form", UNKNOWN, ids=lambda form: form.__name__)
def test_unknown_forms_are_named(form):
    """By both audits and the export's report, with the variables, updated or not; what chooses is pinned."""
    with graph(), tf1.Session() as session:
        y, step, wired, moves = trained(form, tf1.placeholder(tf.bool, [], "flag"), session)
        assert moves == [False, True]
        assert (kinds(step), kinds(wired)) == (["unrecognized"], ["unrecognized"])
        (missing,) = tfbn.check_saver(tf1.train.Saver(tf1.trainable_variables()), raise_on_error=False)
        assert (missing.kind, "net/bn/" in missing.problem) == ("not saved", True)
        exported = tfbn.export.inference_graph(session, y)
        known = form in (by_products, for_each_position, in_groups)  # of which inference has a usual form
        assert ("unrecognized" in [finding.kind for finding in exported.report.warnings]) is not known
        values = {variable.op.name: session.run(variable) for variable in tf1.global_variables()}
    assert exported.inputs == ("x:0",)
    assert_infers(exported, form, values)


@every_regime
def test_unknown_forms_in_every_kind_of_graph(resource, v2):
    with graph(resource, v2), tf1.Session() as session:
        _, step, _, _ = trained(running_stddev, tf1.placeholder(tf.bool, [], "flag"), session)
        with pytest.warns(tfbn.NoLayersWarning):
            (finding,) = tfbn.check_updates(step)
        assert "(net/bn/a, net/bn/b, of net/bn/moments/mean, net/bn/moments/variance)" in finding.problem
        assert "standardized by running statistics" in finding.remedy


def spectral_norm(x):
    w, u = tf1.get_variable("w", [4, 4]), untrained("u", [[1.0, 2.0, 3.0, 4.0]])
    v = tf.math.l2_normalize(tf.matmul(u, w, transpose_b=True))
    after = tf.math.l2_normalize(tf.matmul(v, w))
    sigma = tf.matmul(tf.matmul(v, w), after, transpose_b=True)
    return tf.matmul(x, w / sigma), [tf1.assign(u, after)]


def averaged_loss(x):
    y = x * tf1.get_variable("w", [4])
    ema = tf1.train.ExponentialMovingAverage(DECAY)
    loss = tf.reduce_mean(y * y)
    updates = [ema.apply([loss])]
    return y / (1.0 + ema.average(loss)), updates


def averaged_weights(x):
    w = tf1.get_variable("w", [4])
    ema = tf1.train.ExponentialMovingAverage(DECAY)
    updates = [ema.apply([w])]
    return x * w + x * ema.average(w), updates


def watched_statistics(x):
    batch, moving = tf1.nn.moments(x, [0]), averages()
    tf1.summary.histogram("stddev", tf.sqrt(moving[1]))
    tf1.summary.histogram("centered", x - moving[0])
    return x * tf1.get_variable("w", [4]), move(moving, batch)


def sparsity(x):
    y = tf.sigmoid(x * tf1.get_variable("w", [4]))
    rate = untrained("rate", [0.1, 0.2, 0.3, 0.4])
    loss = tf.reduce_sum(y * y) + tf.reduce_sum(rate * tf.math.log(rate / 0.05))
    return loss, move([rate], [tf.reduce_mean(y, 0)])


def codebook(x):
    codes, sizes = untrained("codes", np.eye(4, dtype=np.float32)), untrained("sizes", [1.0, 2.0, 3.0, 4.0])
    nearest = tf.one_hot(tf.argmax(tf.matmul(x, codes, transpose_b=True), 1), 4)
    quantized = x + tf.stop_gradient(tf.matmul(nearest, codes) - x)
    sums = tf.matmul(nearest, x, transpose_a=True) / sizes[:, None]
    return quantized * tf1.get_variable("w", [4]), move([sizes, codes], [tf.reduce_sum(nearest, 0), sums])


def recurrent_state(x):
    state = untrained("state", np.zeros([1, 4], np.float32))
    after = tf.tanh(tf.matmul(x, tf1.get_variable("w", [4, 4])) + state)
    return after + x, [tf1.assign(state, after[:1])]


def momentum_by_hand(x):
    w, velocity = tf1.get_variable("w", [4]), untrained("velocity", [0.1, 0.2, 0.3, 0.4])
    y = x * w
    (slope,) = tf.gradients(tf.reduce_mean(y * y), [w], name="slope")
    after = velocity * DECAY + slope
    with tf.control_dependencies([tf1.assign(velocity, after), tf1.assign_sub(w, 0.01 * after)]):
        return tf.identity(y), []


def queue_of_keys(x):
    keys = untrained("keys", np.zeros([8, 4], np.float32))
    y = x * tf1.get_variable("w", [4])
    return y + tf.matmul(tf.matmul(y, keys, transpose_b=True), keys), [tf1.assign(keys, tf.concat([y, keys], 0)[:8])]


def streaming_metric(x):
    y = x * tf1.get_variable("w", [4])
    return y, [tf1.metrics.mean_tensor(tf.reduce_mean(y, 0))[1]]


def whitening(x):
    centered = x - tf.reduce_mean(x, 0)
    covariance = tf.matmul(centered, centered, transpose_a=True) / tf.cast(tf.shape(x)[0], tf.float32)
    factor = tf.linalg.inv(tf.linalg.cholesky(covariance + EPSILON * tf.eye(4)))
    return tf.matmul(centered, factor, transpose_b=True) * tf1.get_variable("w", [4]), []


def squeeze_and_excite(x):
    pooled = tf.reduce_mean(tf.reshape(x, [-1, 2, 2]), 1)
    return x * tf.sigmoid(tf.matmul(pooled, tf1.get_variable("w", [2, 4]))), []


OTHERS = [
    *(spectral_norm, averaged_loss, averaged_weights, watched_statistics, sparsity, codebook, recurrent_state),
    *(momentum_by_hand, queue_of_keys, streaming_metric, whitening, squeeze_and_excite),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.__name__)
def test_other_running_statistics_are_no_layers(other):
    with graph() as opened:
        with tf1.variable_scope("net"):
            y, updates = other(tf1.placeholder(tf.float32, [None, 4]))
        tf.group(tf1.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(y * y + tf1.get_variable("bias", [4]))), *updates)
        recognized = recognize.recognize(opened.as_graph_def())
        assert (recognized.layers, recognized.unrecognized, recognized.unexplained) == ({}, [], [])
