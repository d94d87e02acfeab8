"""Hand-written layers that only train: exported by the averages of their statistics, or refused where that is not sure.

tests/graphdef/test_forms.py exports those of all formulas and averages.
"""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph.regimes import graph, session
from tests.training.networks import every_regime

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(4).normal(3.0, 2.0, [6, 4, 4, 3]).astype(np.float32)
EPSILON = 1e-3


def averages(names=("moving_mean", "moving_variance"), shape=(3,)):
    return [tf1.get_variable(name, shape, initializer=tf1.ones_initializer(), trainable=False) for name in names]


def update(moving, batch):
    for average, value in zip(moving, batch):
        tf1.add_to_collection("updates", tf1.assign_sub(average, 0.1 * (average - value)))


def plain(x):
    batch = tf.nn.moments(x, [0, 1, 2])
    update(averages(), batch)
    return tf.nn.batch_normalization(x, *batch, None, None, EPSILON)


def kept_dimensions(x):
    """The statistics have the rank of the images, their averages one."""
    mean, variance = tf.nn.moments(x, [0, 1, 2], keepdims=True)
    update(averages(), [tf.reshape(mean, [3]), tf.squeeze(variance)])
    return (x - mean) * tf.math.rsqrt(variance + EPSILON)


def of_squares(x):
    """E[x^2] - E[x]^2, with Bessel's correction on the way to the average."""
    mean = tf.reduce_mean(x, [0, 1, 2])
    variance = tf.reduce_mean(x * x, [0, 1, 2]) - mean * mean
    n = tf.cast(tf.size(x) // 3, tf.float32)
    update(averages(("a", "b")), [mean, variance * n / (n - 1.0)])
    return (x - mean) / tf.sqrt(variance + EPSILON)


def of_sums(x):
    """Sums over the number of samples: the quotient is the mean, and no reduction is."""
    n = tf.cast(tf.size(x) // 3, tf.float32)
    mean = tf.reduce_sum(x, [0, 1, 2]) / n
    variance = tf.reduce_sum((x - mean) ** 2, [0, 1, 2]) / n
    update(averages(), [mean, variance])
    return (x - mean) / tf.sqrt(variance + EPSILON)


def channels_first(x):
    x = tf.transpose(x, [0, 3, 1, 2])
    batch = tf.nn.moments(x, [0, 2, 3], keepdims=True)
    update(averages(shape=(1, 3, 1, 1)), batch)
    y = tf.nn.batch_normalization(x, *batch, None, None, EPSILON)
    return tf.transpose(y, [0, 2, 3, 1])


def half_precision(x):
    x = tf.cast(x, tf.float16)
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(averages(), [tf.cast(each, tf.float32) for each in (mean, variance)])
    return tf.cast((x - mean) * tf.math.rsqrt(variance + EPSILON), tf.float32)


def renormalized(x):
    """With r and d computed from both: of the averages alone, 1 and 0."""
    moving = averages()
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(moving, [mean, variance])
    r = tf.sqrt((variance + EPSILON) / (moving[1] + EPSILON))
    d = (mean - moving[0]) / tf.sqrt(moving[1] + EPSILON)
    return (x - mean) / tf.sqrt(variance + EPSILON) * r + d


def floored(x):
    """What is added to the variance is in the average, and is not added again."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    batch = mean, variance + 0.5
    update(averages(), batch)
    return tf.nn.batch_normalization(x, *batch, None, None, EPSILON)


@every_regime
@pytest.mark.parametrize(
    "layer", [plain, kept_dimensions, of_squares, of_sums, channels_first, half_precision, renormalized, floored]
)
def test_it_normalizes_by_its_averages(layer, resource, v2):
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        with tf1.variable_scope("net"):
            y = tf.identity(layer(x), name="y")
        with session() as running:
            randomize(running)
            exported = tfbn.export.inference_graph(running, y)
            mean, variance = (value.reshape(-1).astype(np.float64) for value in running.run(tf1.global_variables()))
    assert [each.source for each in exported.report.rewritten] == ["averages"]
    assert leftovers(exported.graph_def) == []
    expected = (IMAGES - mean) / np.sqrt(variance + EPSILON)
    found = run(exported.graph_def, y.name, {"x:0": IMAGES})
    if layer is half_precision:
        np.testing.assert_allclose(found, expected, atol=2e-2)
    else:
        assert_close(found, expected.astype(np.float32))


# Arguments of tfbn's own layers of several ops, and the axes of the inputs.
OWN = {
    "rank 4": ({"fused": False, "scale": True}, "NHWC"),
    "rank 2": ({"fused": False, "updates_collections": None}, "NC"),
    "channels first": ({"fused": False, "data_format": "NCHW"}, "NCHW"),
    "zero debias": ({"fused": False, "zero_debias_moving_mean": True}, "NHWC"),
    "weights": ({"batch_weights": True}, "NHWC"),
    "weights of several ops": ({"batch_weights": True, "fused": False, "scale": True}, "NHWC"),
}


@every_regime
@pytest.mark.parametrize("static", [False, True], ids=["any batch", "fixed batch"])
@pytest.mark.parametrize("name", OWN)
def test_own_layers_of_a_metagraph(name, static, resource, v2, tmp_path):
    """Called twice, so that the second's statistics depend on those of the first."""
    arguments, axes = OWN[name]
    images = {"NHWC": IMAGES, "NC": IMAGES[:, 0, 0], "NCHW": np.moveaxis(IMAGES, -1, 1)}[axes]
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [6 if static else None, *images.shape[1:]], name="x")
        if "batch_weights" in arguments:
            arguments = {**arguments, "batch_weights": tf.range(6.0)}
        y = x
        for _ in range(2):
            y = tfbn.batch_norm(y, scope="net/bn", reuse=tf1.AUTO_REUSE, **arguments)
        with tf1.Session() as running:
            randomize(running)
            checkpoint = tf1.train.Saver().save(running, str(tmp_path / "model"))
            values = {v.op.name.rpartition("/")[2]: running.run(v).astype(np.float64) for v in tf1.global_variables()}
        meta_graph = tf1.train.export_meta_graph()
    exported = tfbn.export.inference_graph(meta_graph, y.name, checkpoint=checkpoint)
    assert [(each.layer, each.source) for each in exported.report.rewritten] == [("net/bn", "averages")] * 2
    assert leftovers(exported.graph_def) == []
    assert exported.inputs == ("x:0",)
    shape = [3, 1, 1] if axes == "NCHW" else [3]
    gamma, beta, mean, variance = (
        values.get(key, np.ones(3)).reshape(shape) for key in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    expected = images.astype(np.float64)
    for _ in range(2):
        expected = (expected - mean) / np.sqrt(variance + EPSILON) * gamma + beta
    assert_close(run(exported.graph_def, y.name, {"x:0": images}), expected.astype(np.float32))


def stddev(x):
    """Averages the square root: its variable is no variance."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(averages(), [mean, tf.sqrt(variance)])
    return (x - mean) / tf.sqrt(variance + EPSILON)


def averaged_sum(x):
    """Averages the sum, and normalizes by its quotient."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    total = tf.reduce_sum(x, [0, 1, 2])
    update(averages(), [total, variance])
    return (x - total / tf.cast(tf.size(x) // 3, tf.float32)) / tf.sqrt(variance + EPSILON)


def another_mean(x):
    """Is computed by ops of its own, which need not be the same."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(averages(), [tf.reduce_mean(x, [0, 1, 2]), variance])
    return (x - mean) / tf.sqrt(variance + EPSILON)


def another_floor(x):
    """The average has an addition of its own, which need not be the same."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(averages(), [mean, variance + 0.5])
    return tf.nn.batch_normalization(x, mean, variance, None, None, 0.5 + EPSILON)


def with_another_use(x):
    """What is centered by the batch is not what the layer normalizes: of both, only one could be right."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    update(averages(), [mean, variance])
    return tf.nn.batch_normalization(x, mean, variance, None, None, EPSILON) * tf.sigmoid(x - mean)


def two_averages(x):
    """A fast one and a slow one: no telling which."""
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    for scope in ("fast", "slow"):
        with tf1.variable_scope(scope):
            update(averages(("a", "b")), [mean, variance])
    return (x - mean) / tf.sqrt(variance + EPSILON)


def in_a_branch(x):
    moving = averages()

    def layer():
        batch = tf.nn.moments(x, [0, 1, 2])
        updates = [tf1.assign_sub(average, 0.1 * (average - value)) for average, value in zip(moving, batch)]
        with tf.control_dependencies(updates):
            return tf.nn.batch_normalization(x, *batch, None, None, EPSILON)

    return tf1.cond(tf.reduce_sum(x) > 0.0, layer, lambda: x)


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("layer", [stddev, averaged_sum, another_mean, another_floor, with_another_use, in_a_branch])
def test_what_is_not_sure_is_refused(layer, v2):
    with graph(True, v2):
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        with tf1.variable_scope("net"):
            y = layer(x)
        with (
            session() as running,
            pytest.raises(tfbn.TrainingModeError, match="^net: .*consists of several ops, no update"),
        ):
            tfbn.export.inference_graph(running, y)


def test_what_has_two_averages_is_not_silent():
    with graph():
        y = two_averages(tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x"))
        with session() as running:
            report = tfbn.export.inference_graph(running, y).report
    assert [finding.kind for finding in report.warnings] == ["unrecognized"]


def test_output_statistics_stay_those_of_the_batch():
    """So that the layer is refused: of both, only one could be right."""
    with graph(), tf1.variable_scope("net"):
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        update(averages(), [mean, variance])
        y = tf.nn.batch_normalization(x, mean, variance, None, None, EPSILON)
        with session() as running, pytest.raises(tfbn.TrainingModeError, match="^net: "):
            tfbn.export.inference_graph(running, [y, tf.sqrt(variance, name="monitor")])


def test_kept_layer_stays_on_batch_statistics():
    """Two normalizations by the same statistics, of which one is kept."""
    with graph(), tf1.variable_scope("net"):
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")
        batch = tf.nn.moments(x, [0, 1, 2])
        update(averages(), batch)
        a, b = (tf.nn.batch_normalization(x, *batch, None, None, EPSILON, name=name) for name in "ab")
        with session() as running:
            with pytest.raises(tfbn.TrainingModeError, match="^net: net/b/Rsqrt normalizes by the batch"):
                tfbn.export.inference_graph(running, a + b, keep_training=["net/a/Rsqrt"])
            exported = tfbn.export.inference_graph(running, a + b, keep_training=["net"])
    assert exported.report.left_training == ("net/a/Rsqrt", "net/b/Rsqrt")
