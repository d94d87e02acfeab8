"""keep_training: layers that normalize by the batch while others infer, against graphs that are built so."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.exported import assert_close, leftovers, randomize, run
from tests.graph import regimes
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
IMAGES = np.random.RandomState(2).normal(3.0, 2.0, [6, 4, 4, 3]).astype(np.float32)
LAYERS = {
    "fused": {"scale": True},
    "composed": {"fused": False, "scale": True},
    "renorm": {"renorm": True},
    "renorm composed": {"renorm": True, "fused": False},
    "inline": {"updates_collections": None},
    "weights": {"batch_weights": np.arange(1.0, 7.0, dtype=np.float32)},
}
EVERY_KIND = ("fused", "composed", "renorm")


def images():
    return tf1.placeholder(tf.float32, [None, 4, 4, 3], name="x")


def network(layer, first, second):
    """Two layers, of which the first is to be kept."""
    x, arguments = images(), LAYERS[layer]
    with tf1.variable_scope("net"):
        hidden = tfbn.batch_norm(x, is_training=first, scope="a", activation_fn=tf.nn.relu, **arguments)
        hidden = tf.nn.conv2d(hidden, tf1.get_variable("kernel", [3, 3, 3, 3]), 1, "SAME")
        return tf.identity(tfbn.batch_norm(hidden, is_training=second, scope="b", **arguments), name="y")


def flag(kind):
    if kind == "placeholder":
        return tf1.placeholder(tf.bool, [], name="phase")
    return tf1.get_variable("phase", initializer=True, trainable=False) if kind == "variable" else True


def expected_of(build, values, regime=(False, False)):
    """What a graph infers whose first layer is built for training and whose others are not."""
    with graph(*regime):
        y = build(True, False)
        with session() as running:
            for variable in tf1.global_variables():
                running.run(variable.initializer, {variable.initializer.inputs[1]: values[variable.op.name]})
            return running.run(y, {"x:0": IMAGES})


CASES = [
    pytest.param(kind, layer, regime, id=f"{kind}-{layer}-{name}")
    for kind in ("placeholder", "variable", "training")
    for layer in LAYERS
    for regime, name in zip(regimes.REGIMES, regimes.NAMES)
    if (name in ("ref-v1", "resource-v2") and kind == "placeholder") or (name == "ref-v1" and layer in EVERY_KIND)
]


@pytest.mark.parametrize("kind, layer, regime", CASES)
def test_from_a_session(kind, layer, regime):
    """The layer's batch statistics, others' moving ones, and nothing of is_training."""
    with graph(*regime) as opened:
        phase = flag(kind)
        y = network(layer, phase, phase)
        with session() as running:
            randomize(running)
            before, values = opened.as_graph_def(), regimes.values(running)
            exported = tfbn.export.inference_graph(running, y, keep_training=["net/a"])
            assert opened.as_graph_def() == before
    report = exported.report
    assert report.left_training
    assert all(name.startswith("net/a/") for name in report.left_training)
    assert (report.layers, report.refused) == (("net/b",), ())
    assert report.pinned == (() if kind == "training" else ("phase",))
    assert exported.inputs == ("x:0",)
    assert set(leftovers(exported.graph_def)) <= {*report.left_training}
    expected = expected_of(lambda *modes: network(layer, *modes), values, regime=regime)
    assert_close(run(exported.graph_def, y.name, {"x:0": IMAGES}), expected)


@pytest.mark.parametrize("kind", ["placeholder", "training"])
@pytest.mark.parametrize("layer", EVERY_KIND)
def test_from_files(tmp_path, kind, layer):
    """As from a session: a MetaGraph and a checkpoint, and into a SavedModel of variables."""
    with graph():
        phase = flag(kind)
        y = network(layer, phase, False if kind == "training" else phase)
        with session() as running:
            randomize(running)
            values = regimes.values(running)
            checkpoint = tf1.train.Saver().save(running, str(tmp_path / "values"), write_meta_graph=False)
        meta_graph = tf1.train.export_meta_graph()
    arguments = {"checkpoint": checkpoint, "keep_training": "net/a"}
    exported = tfbn.export.inference_graph(meta_graph, y.name, **arguments)
    saved = tfbn.export.saved_model(tmp_path / "model", meta_graph, y.name, variables="keep", **arguments)
    assert saved.report.left_training == exported.report.left_training != ()
    expected = expected_of(lambda *modes: network(layer, *modes), values)
    assert_close(run(exported.graph_def, y.name, {"x:0": IMAGES}), expected)
    with tf.Graph().as_default(), tf1.Session() as running:
        tf1.saved_model.load(running, ["serve"], str(tmp_path / "model"))
        assert_close(running.run(y.name, {"x:0": IMAGES}), expected)


def calls(first, second):
    """A layer called twice with the same variables, in two towers, and one behind them."""
    x, hidden = images(), []
    for number in range(2):
        with tf1.name_scope(f"tower_{number}"):
            z = x * (number + 1.0)
            hidden.append(tfbn.batch_norm(z, is_training=first, scope="net/a", reuse=tf1.AUTO_REUSE))
    return tf.identity(tfbn.batch_norm(hidden[0] - 2.0 * hidden[1], is_training=second, scope="net/b"), name="y")


def around(first, second):
    """A cond that calls the layer in both modes, a nested one, and dropout by the same placeholder elsewhere."""

    def inferred(x, scope, reuse=True):
        return tfbn.batch_norm(x, is_training=False, scope=scope, reuse=reuse, fused=False)

    def trained(x, scope):
        return tfbn.batch_norm(x, is_training=True, scope=scope, reuse=tf1.AUTO_REUSE, fused=False)

    x = images()
    first, second = (tf.constant(each) if isinstance(each, bool) else each for each in (first, second))
    x = tf1.cond(second, lambda: tf.nn.dropout(x, rate=0.5), lambda: x * 1.5)
    hidden = tf1.cond(first, lambda: trained(x, "net/a"), lambda: inferred(x, "net/a"))
    hidden = tf1.cond(
        tf.reduce_sum(x) < 0,
        lambda: hidden,
        lambda: hidden + tf1.cond(first, lambda: trained(x, "net/a"), lambda: inferred(x, "net/a")),
    )
    return tf.identity(tf1.cond(second, lambda: trained(hidden, "b"), lambda: inferred(hidden, "b")), name="y")


def loop(first, second):
    """Whose iterations share a layer."""

    def body(i, z):
        return i + 1, tfbn.batch_norm(z * 1.1, is_training=first, scope="net/a", reuse=tf1.AUTO_REUSE)

    x = tf1.while_loop(lambda i, z: i < 2, body, [0, images()])[1]
    return tf.identity(tfbn.batch_norm(x, is_training=second, scope="b"), name="y")


def of_ones_own(first, second):
    """Composed by hand: a cond for the mean and one for the variance, or a where."""

    def norm(x, scope, is_training):
        with tf1.variable_scope(scope):
            moving = [tf1.get_variable(f"moving_{name}", [3], trainable=False) for name in ("mean", "variance")]
            batch = tf.nn.moments(x, [0, 1, 2])
            for average, value in zip(moving, batch):
                tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_sub(average, 0.1 * (average - value)))
            (batch_mean, batch_variance), (mean, variance) = batch, moving
            mean = tf1.cond(is_training, lambda: batch_mean, lambda: tf.identity(mean))
            variance = tf.where(is_training, batch_variance, variance)
            return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)

    first, second = (tf.constant(each) if isinstance(each, bool) else each for each in (first, second))
    return tf.identity(norm(norm(images(), "net/a", first), "net/b", second), name="y")


def case(first, second):
    """By a number, of which 1 trains."""
    first, second = (tf.constant(int(each)) if isinstance(each, bool) else each for each in (first, second))
    x = images()

    def norm(is_training):
        return lambda: tfbn.batch_norm(x, is_training=is_training, scope="net/a", reuse=tf1.AUTO_REUSE)

    hidden = tf.switch_case(first, [norm(False), norm(True), lambda: x])
    return tf.identity(tfbn.batch_norm(hidden, is_training=tf.equal(second, 1), scope="b"), name="y")


def in_the_branch_for_inference(first, second):
    """A layer that trains where the network infers, as a generator that is fixed does."""
    x = images()
    second = tf.constant(second) if isinstance(second, bool) else second
    hidden = tf1.cond(second, lambda: x * 3.0, lambda: tfbn.batch_norm(x, is_training=True, scope="net/a"))
    return tf.identity(tfbn.batch_norm(hidden, is_training=second, scope="b"), name="y")


@pytest.mark.parametrize("regime", [(False, False), (True, True)], ids=["ref-v1", "resource-v2"])
@pytest.mark.parametrize("build", [calls, around, loop, of_ones_own, case, in_the_branch_for_inference])
def test_only_what_is_the_layers(build, regime):
    """Its conditionals, wherever they are and of whichever ops, go the way of training; no other does."""
    with graph(*regime):
        phase = tf1.placeholder(tf.int32 if build is case else tf.bool, [], name="phase")
        y = build(phase, phase)
        with session() as running:
            randomize(running)
            values = regimes.values(running)
            exported = tfbn.export.inference_graph(running, y, keep_training=["net/a"])
    assert exported.report.left_training
    assert exported.report.pinned == ("phase",)
    assert exported.inputs == ("x:0",)
    assert not [node for node in exported.graph_def.node if "Random" in node.op]
    expected = expected_of(build, values, regime=regime)
    assert_close(run(exported.graph_def, y.name, {"x:0": IMAGES}), expected)


@pytest.mark.parametrize(
    "scope, kept",
    [
        ("net/a", ["tower_0", "tower_1"]),
        ("net/a/", ["tower_0", "tower_1"]),
        ("net/a/moving_mean", ["tower_0", "tower_1"]),
        ("tower_0", ["tower_0"]),
        ("tower_1/net", ["tower_1"]),
        ("tower_1/net/a/cond/FusedBatchNormV3", ["tower_1"]),
        ("tower_1/net/a/cond/FusedBatchNormV3:0", ["tower_1"]),
        ("tower_0/net/a/cond/Merge", ["tower_0"]),
        (["net/b", "tower_0"], ["net", "tower_0"]),
    ],
)
def test_what_a_scope_may_be(scope, kept):
    """The layer's, one above it, a call's, or an op of it."""
    with graph():
        phase = tf1.placeholder(tf.bool, [], name="phase")
        y = calls(phase, phase)
        exported = tfbn.export.inference_graph(
            y.graph.as_graph_def(), y.name, variables="keep", keep_training=scope, is_training="phase"
        )
    assert sorted(name.split("/")[0] for name in exported.report.left_training) == kept


UNKNOWN = {
    "net/aa": r"got 'net/aa', which names none\. Is it net/a or net/b\?",
    "generator": r"got 'generator', which names none\. The layers are net/a, net/b\.",
    "x": r"got 'x', which names none\. The layers are",
    "other": "got 'other', whose layers have no part in them: other",
    "frozen": "got 'frozen', whose layers were built with is_training=False: frozen",
    "": "expected `keep_training` to be scopes of layers or names of their ops, got ''",
    3: "expected `keep_training` to be scopes of layers or names of their ops, got 3",
}


@pytest.mark.parametrize("scope", UNKNOWN)
@pytest.mark.parametrize("kind", ["placeholder", "training"])
def test_what_names_no_layer(scope, kind):
    """Of the graph, of what the outputs need, or of what trains; the nearest names, or the layers, are said."""
    with graph():
        phase = flag(kind)
        y = calls(phase, phase)
        tfbn.batch_norm(images(), is_training=phase, scope="other")
        y = tfbn.batch_norm(y, is_training=False, scope="frozen")
        made = tf1.get_default_graph().as_graph_def()
    with pytest.raises(ValueError, match=UNKNOWN[scope]) as caught:
        tfbn.export.inference_graph(made, y.name, variables="keep", keep_training=["net/b", scope])
    assert not isinstance(caught.value, tfbn.TrainingModeError)


def two_modes(x, phase, trained, inferred):
    hidden = tf1.cond(phase, lambda: trained(x), lambda: inferred(x))
    return tfbn.batch_norm(hidden, is_training=phase, scope="b")


def norm(scope, is_training):
    return lambda x: tfbn.batch_norm(x, is_training=is_training, scope=scope, reuse=tf1.AUTO_REUSE)


def noisy(x):
    return tf.nn.dropout(norm("net/a", True)(x), rate=0.5)


def another_layer(x):
    return norm("net/c", True)(norm("net/a", True)(x))


def another_variable(x):
    return norm("net/a", True)(x) * tf1.get_variable("slope", [3])


def auxiliary(x, phase):
    """A layer that is in training alone."""
    y = norm("b", phase)(x)
    return y + tf1.cond(phase, lambda: norm("net/a", True)(x), lambda: x * 0.0)


def by_another_number(x, phase):
    number = tf1.placeholder_with_default(0, [], name="number")
    return norm("b", tf.equal(number, 2))(norm("net/a", tf.equal(number, 2))(x))


def by_another_placeholder(x, phase):
    return norm("b", phase)(norm("net/a", tf.logical_not(tf1.placeholder(tf.bool, [], name="infers")))(x))


def by_arithmetic(x, phase):
    with tf1.variable_scope("net/a"):
        moving = [tf1.get_variable(f"moving_{name}", [3], trainable=False) for name in ("mean", "variance")]
        batch = tf.nn.moments(x, [0, 1, 2])
        share = tf.cast(phase, tf.float32)
        for average, value in zip(moving, batch):
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_sub(average, 0.1 * (average - value)))
        mixed = [share * value + (1.0 - share) * average for average, value in zip(moving, batch)]
        return norm("b", phase)(tf.nn.batch_normalization(x, *mixed, None, None, 1e-3))


REFUSED = {
    "dropout": (
        lambda x, phase: two_modes(x, phase, noisy, norm("net/a", False)),
        "in its branch for training is .*RandomUniform, too, which is random",
    ),
    "adjustment": (
        lambda x, phase: tfbn.batch_norm(
            x, is_training=phase, scope="net/a", adjustment=lambda shape: (tf.random.uniform([3]), tf.zeros([3]))
        ),
        "in its branch for training is .*RandomUniform, too, which is random",
    ),
    "another layer": (
        lambda x, phase: two_modes(x, phase, another_layer, norm("net/a", False)),
        "in its branch for training is .*net/c/normalize/FusedBatchNormV3, too, which normalizes by the batch",
    ),
    "another variable": (
        lambda x, phase: two_modes(x, phase, another_variable, norm("net/a", False)),
        "in its branch for training is slope, too, which inference does not read",
    ),
    "training alone": (auxiliary, "the outputs are computed from it in training alone"),
    "another number": (by_another_number, "nothing that is pinned to False takes it into training"),
    "another placeholder": (by_another_placeholder, "each run decides whether .* nothing pinned to False decides it"),
    "arithmetic": (by_arithmetic, "net/a/.* computes with phase, so that no branch is for training"),
}


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_shared_switches_are_not_kept(name, v2):
    """By the layer's name, with the reason."""
    build, reason = REFUSED[name]
    with graph(True, v2):
        y = build(images(), tf1.placeholder_with_default(False, [], name="phase"))
        with session() as running:
            with pytest.raises(tfbn.TrainingModeError, match=f"^net/a: .*{reason}") as caught:
                tfbn.export.inference_graph(running, y, keep_training=["net/a"])
    assert {finding.layer for finding in caught.value.report.refused} == {"net/a"}


def test_one_branch_for_several_that_are_kept():
    """Needs no refusal; nor does another layer in the scope that is not behind the outputs."""
    with graph():
        phase = tf1.placeholder(tf.bool, [], name="phase")
        x = images()
        y = two_modes(x, phase, another_layer, lambda x: norm("net/c", False)(norm("net/a", False)(x)))
        norm("net/d", phase)(x)
        with session() as running:
            exported = tfbn.export.inference_graph(running, y, keep_training=["net"])
    assert exported.report.left_training == tuple(f"cond/net/{name}/normalize/FusedBatchNormV3" for name in "ac")
    assert exported.report.layers == ("b",)
