"""Names, dtypes, collections, regularizers, partitioners and reuse of the layer's variables."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
KEYS = tf1.GraphKeys


def layer(shape=(4, 3, 2, 5), dtype=tf.float32, **kwargs):
    return tfbn.batch_norm(tf1.placeholder(dtype, shape), **kwargs)


def names(collection=KEYS.GLOBAL_VARIABLES):
    return [v.op.name for v in tf1.get_collection(collection)]


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, ["gamma", "beta", "moving_mean", "moving_variance"]),
        ({"updates_collections": None}, ["beta", "gamma", "moving_mean", "moving_variance"]),
        ({"batch_weights": np.ones(4)}, ["beta", "gamma", "moving_mean", "moving_variance"]),
        ({"center": False}, ["gamma", "moving_mean", "moving_variance"]),
        ({"center": False, "scale": False}, ["moving_mean", "moving_variance"]),
        (
            {"renorm": True},
            ["gamma", "beta", "moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev"],
        ),
    ],
)
@pytest.mark.parametrize("resource", [False, True])
def test_names_in_order_of_creation(kwargs, expected, resource):
    with graph(resource):
        layer(**{"scale": True, **kwargs})
        assert names() == [f"BatchNorm/{name}" for name in expected]
        assert names(KEYS.MODEL_VARIABLES) == names()
        assert names(KEYS.TRAINABLE_VARIABLES) == [n for n in names() if n.rpartition("/")[2] in ("beta", "gamma")]


def test_default_scopes_are_unique_and_nest():
    with graph():
        layer()
        layer()
        with tf1.variable_scope("outer") as outer:
            layer()
        layer(scope="a/b")
        with tf1.variable_scope(outer):
            layer(scope="named")
        scopes = [name.rpartition("/")[0] for name in names() if name.endswith("beta")]
    assert scopes == ["BatchNorm", "BatchNorm_1", "outer/BatchNorm", "a/b", "outer/named"]


def test_a_variable_scope_object_is_entered_as_it_is():
    with graph():
        with tf1.variable_scope("outer/inner") as captured:
            pass
        with tf1.variable_scope("elsewhere"):
            layer(scope=captured)
        assert names()[0] == "outer/inner/beta"


@pytest.mark.parametrize("kwargs", [{}, {"updates_collections": None}, {"batch_weights": np.ones(4)}])
def test_zero_debias_doubles_the_scope(kwargs):
    with graph(), tf1.variable_scope("o"):
        layer(zero_debias_moving_mean=True, scope="i", **kwargs)
        pair = ["o/i/o/i/moving_mean/biased", "o/i/o/i/moving_mean/local_step"]
        assert names()[-2:] == pair
        assert (names(KEYS.MODEL_VARIABLES)[-2:] == pair) == ("batch_weights" in kwargs)


def test_initializers():
    values_of = {"beta": 0.5, "gamma": 2.0, "moving_mean": -3.0, "moving_variance": 9.0}
    with graph():
        layer(
            scale=True,
            renorm=True,
            scope="bn",
            param_initializers={name: tf1.constant_initializer(v) for name, v in values_of.items()},
        )
        with session() as opened:
            found = values(opened)
    expected = {**values_of, "moving_stddev": 3.0, "renorm_mean": -3.0, "renorm_stddev": 3.0}
    assert found.keys() == {f"bn/{name}" for name in expected}
    for name, value in expected.items():
        np.testing.assert_array_equal(found[f"bn/{name}"], np.full(5, value, np.float32))


@pytest.mark.parametrize("kwargs", [{}, {"updates_collections": None}])
def test_variables_collections(kwargs):
    """In order of creation, or with the statistics first on the core path, which fills them afterwards."""
    order = ("beta", "moving_mean", "moving_variance") if kwargs else ("moving_mean", "moving_variance", "beta")
    with graph():
        layer(variables_collections=["all"], scope="a", **kwargs)
        layer(variables_collections={"beta": ["betas", "affine"], "moving_mean": ["means"]}, scope="b", **kwargs)
        with pytest.warns(tfbn.CompatibilityWarning, match="a list of its letters"):
            layer(variables_collections="xy", scope="c", **kwargs)
        assert names("all") == [f"a/{name}" for name in order]
        assert names("betas") == names("affine") == ["b/beta"]
        assert names("means") == ["b/moving_mean"]
        assert names("x") == names("y") == [f"c/{name}" for name in order]


def test_statistics_in_trainable_variables():
    with graph():
        layer(variables_collections=[KEYS.TRAINABLE_VARIABLES], updates_collections=None, scope="a")
        assert names(KEYS.TRAINABLE_VARIABLES) == ["a/beta", "a/moving_mean", "a/moving_variance"]


def test_reuse_shares_variables_and_adds_updates():
    with graph():
        x = tf1.placeholder(tf.float32, [4, 5])
        regularizers = {"beta": lambda v: tf.reduce_sum(v + 2)}
        tfbn.batch_norm(x, scope="a", param_regularizers=regularizers)
        tfbn.batch_norm(x, scope="a", reuse=True, param_regularizers=regularizers)
        with tf1.variable_scope("", reuse=tf1.AUTO_REUSE):
            tfbn.batch_norm(x, scope="a")
            tfbn.batch_norm(x, scope="b")
        assert len(names()) == 6
        assert len(tf1.get_collection(KEYS.UPDATE_OPS)) == 8
        assert len(tf1.get_collection(KEYS.REGULARIZATION_LOSSES)) == 1


def test_zero_debias_reuse_counts_each_call():
    with graph():
        x = tf1.placeholder(tf.float32, [4, 5])
        for reuse in (None, True):
            tfbn.batch_norm(x, scope="a", reuse=reuse, zero_debias_moving_mean=True)
        with session() as opened:
            opened.run(tf1.get_collection(KEYS.UPDATE_OPS), {x: np.ones([4, 5])})
            assert values(opened)["a/a/moving_mean/local_step"] == 2


@pytest.mark.parametrize(
    ("kwargs", "losses"),
    [({}, 5), ({"updates_collections": None}, 4), ({"fused": False, "updates_collections": "u"}, 4)],
)
def test_a_regularizer_of_the_scope_and_one_of_the_call(kwargs, losses):
    """The scope's penalizes the statistics too; the core path adds the call's, the fused function replaces by it."""
    ignored = kwargs.get("fused") is False
    with graph(), tf1.variable_scope("o", regularizer=lambda v: tf.reduce_sum(v) + 1.0):
        given = {} if ignored else {"param_regularizers": {"beta": lambda v: tf.reduce_sum(v) + 10.0}}
        layer(scale=True, **given, **kwargs)
        found = tf1.get_collection(KEYS.REGULARIZATION_LOSSES)
        with session() as opened:
            total = sorted(opened.run(found))
    ones = [1.0, 6.0, 6.0]  # moving_mean and beta are zeros, gamma and moving_variance five ones
    expected = {5: [1.0, *ones, 10.0], 4: [1.0, *ones] if ignored else [*ones, 10.0]}[losses]
    np.testing.assert_array_equal(total, expected)


def test_the_root_scope():
    with graph():
        regularizers = {"beta": lambda v: tf.reduce_sum(v + 2)}
        for reuse in (None, True):
            with tf1.variable_scope(tf1.get_variable_scope(), reuse=reuse):
                layer(scope=tf1.get_variable_scope(), param_regularizers=regularizers)
        assert names() == ["beta", "moving_mean", "moving_variance"]
        assert len(tf1.get_collection(KEYS.REGULARIZATION_LOSSES)) == 1


def test_a_renaming_getter_does_not_double_the_losses():
    def renaming(getter, name, *args, **kwargs):
        return getter(name.replace("bn", "renamed"), *args, **kwargs)

    with graph():
        for reuse in (None, True):
            with tf1.variable_scope("o", custom_getter=renaming, reuse=reuse):
                layer(scope="bn", param_regularizers={"beta": lambda v: tf.reduce_sum(v + 2)})
        assert names() == [f"o/renamed/{n}" for n in ("beta", "moving_mean", "moving_variance")]
        assert len(tf1.get_collection(KEYS.REGULARIZATION_LOSSES)) == 1


def test_a_regularizer_may_return_none():
    with graph():
        layer(param_regularizers={"beta": lambda v: None})
        assert tf1.get_collection(KEYS.REGULARIZATION_LOSSES) == []


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize(
    "kwargs", [{}, {"fused": False}, {"updates_collections": None}, {"zero_debias_moving_mean": True}]
)
def test_a_partitioner_splits_beta_and_gamma_only(kwargs, resource):
    x = np.random.RandomState(0).standard_normal([4, 3, 2, 5]) + 2
    with graph(resource), tf1.variable_scope("o", partitioner=tf1.fixed_size_partitioner(2)) as scope:
        placeholder = tf1.placeholder(tf.float32, [4, 3, 2, 5])
        regularizers = {"gamma": tf.reduce_sum}
        y = tfbn.batch_norm(
            placeholder,
            scale=True,
            scope="bn",
            param_regularizers=regularizers,
            variables_collections=["all"],
            **kwargs,
        )
        found = [name for name in names() if "/part_" in name]
        assert sorted(found) == [f"o/bn/{v}/part_{i}" for v in ("beta", "gamma") for i in (0, 1)]
        assert "o/bn/moving_mean" in names()
        assert sorted(names("all")) == sorted([*found, "o/bn/moving_mean", "o/bn/moving_variance"])
        assert len(tf1.get_collection(KEYS.REGULARIZATION_LOSSES)) == 2
        assert scope.partitioner is not None
        with session() as opened:
            np.testing.assert_allclose(
                opened.run(y, {placeholder: x}).mean((0, 1, 2)), np.zeros(5), **oracle.OUTPUT["float32"]
            )


def test_custom_getter_sees_every_variable():
    seen = []

    def custom_getter(getter, name, *args, **kwargs):
        seen.append(name)
        return getter(name, *args, **kwargs)

    with graph(), tf1.variable_scope("o", custom_getter=custom_getter):
        layer(scope="bn", zero_debias_moving_mean=True)
    assert set(seen) == {f"o/bn/{n}" for n in ("beta", "moving_mean", "moving_variance")} | {
        f"o/bn/o/bn/moving_mean/{n}" for n in ("biased", "local_step")
    }


@pytest.mark.parametrize(
    ("dtype", "kwargs", "expected"),
    [
        (tf.float16, {}, tf.float32),
        (tf.bfloat16, {"fused": False}, tf.float32),
        (tf.float64, {}, tf.float64),
        (tf.float64, {"updates_collections": None}, tf.float64),
        (tf.float16, {"updates_collections": None}, tf.float32),
        (tf.float16, {"param_dtype": tf.float16}, tf.float16),
        (tf.float16, {"batch_weights": np.ones(4), "param_dtype": tf.float32}, tf.float32),
        (tf.float32, {"param_dtype": "float64"}, tf.float64),
    ],
)
def test_dtypes(dtype, kwargs, expected):
    with graph():
        y = layer(dtype=dtype, scale=True, **kwargs)
        assert y.dtype == dtype
        assert {v.dtype.base_dtype for v in tf1.global_variables()} == {expected}
        with session() as opened:
            opened.run([y, tf1.get_collection(KEYS.UPDATE_OPS)], {"Placeholder:0": np.ones([4, 3, 2, 5])})


def test_outputs_collections_hold_activations():
    with graph(), tf1.variable_scope("o"):
        y = layer(activation_fn=tf.nn.relu, outputs_collections="ends", scope="bn")
        assert y.op.type == "Relu"
        assert tf1.get_collection("ends") == [y]
        assert y.aliases == ["o/bn"]
        z = layer(outputs_collections=["ends", "more"], scope="cn")
        assert tf1.get_collection("more") == [z]


@pytest.mark.parametrize("arguments", [{"renorm": True}, {"batch_weights": np.ones(6)}, {"fused": False}])
def test_trained_statistics_have_gradients(arguments):
    """On the original's composed paths; the fused kernel has none."""
    with graph():
        inputs = tf.constant(oracle.batch([6, 3, 2, 5]), tf.float32)
        collections = {name: [tf1.GraphKeys.TRAINABLE_VARIABLES] for name in ("moving_mean", "moving_variance")}
        kwargs = {"variables_collections": collections, "scope": "bn", **arguments}
        y = tfbn.batch_norm(inputs, is_training=False, **kwargs)
        statistics = [v for v in tf1.trainable_variables() if "moving" in v.op.name]
        assert len(statistics) == 2
        by_mean, by_variance = tf.gradients(tf.reduce_sum(y * tf.cast(inputs, tf.float32)), statistics)
        with session() as opened:
            found = opened.run([by_mean, by_variance])
    x = oracle.batch([6, 3, 2, 5])
    # At a mean of 0 and a variance of 1: dy/dmean = -1 / sqrt(1 + epsilon), dy/dvariance = -x / 2 (1 + epsilon)**-1.5.
    np.testing.assert_allclose(found[0], -x.sum((0, 1, 2)) * 1.001**-0.5, rtol=1e-5)
    np.testing.assert_allclose(found[1], -(x * x).sum((0, 1, 2)) / 2 * 1.001**-1.5, rtol=1e-5)


class TestPlainFunctions:
    """Each trace of one would make new variables, and the trained ones would be lost."""

    X = tf.ones([4, 3])
    LAYERS = {
        "batch_norm": lambda x: tfbn.batch_norm(x, is_training=True, scope="bn"),
        "batch_normalization": lambda x: tfbn.batch_normalization(x, training=True, name="bn"),
    }

    @pytest.mark.parametrize("layer", LAYERS)
    @pytest.mark.parametrize(
        "place",
        {
            "right in it": lambda build: build,
            "nested": lambda build: tf.function(build, autograph=False),
            "in a branch": lambda build: lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: build(x), lambda: x),
        }.items(),
        ids=lambda item: item[0],
    )
    def test_refused_under_eager_execution(self, layer, place):
        run = tf.function(place[1](self.LAYERS[layer]), autograph=False)
        with pytest.raises(RuntimeError, match="scope='bn'.*each trace.*TF1Module or"):
            run(self.X)

    def test_kept_elsewhere_under_eager_execution(self):
        """By a wrapped function, a TF1Module, a Dataset, a graph, a custom getter."""
        kept = {}

        def build(x):
            return tfbn.batch_norm(x, is_training=True, scope="kept", reuse=tf1.AUTO_REUSE)

        specs = [tf.TensorSpec([None, 3])]
        nested = lambda x: tf.function(build, autograph=False)(x)  # noqa: E731

        def own(getter, name, shape=None, dtype=None, initializer=None, **arguments):
            if name not in kept:
                with tf.init_scope():
                    kept[name] = tf.Variable(initializer(shape, dtype))
            return kept[name]

        def by_getter(x):
            with tf1.variable_scope("own", custom_getter=own):
                return build(x)

        for run in (
            *(tf1.wrap_function(function, specs) for function in (build, nested)),
            *(tfbn.TF1Module(function) for function in (build, nested)),
            lambda x: next(iter(tf.data.Dataset.from_tensors(x).map(build))),
            tf.function(by_getter, autograph=False),
        ):
            np.testing.assert_allclose(run(self.X), np.zeros([4, 3]), atol=1e-6)
        assert sorted(kept) == ["own/kept/beta", "own/kept/moving_mean", "own/kept/moving_variance"]
        with graph():
            outputs = nested(self.X.numpy())
            with session() as opened:
                np.testing.assert_allclose(opened.run(outputs), np.zeros([4, 3]), atol=1e-6)
