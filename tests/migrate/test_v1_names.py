"""The names that tell TF1 code from TF2 code, against the installed TensorFlow."""

from __future__ import annotations

import functools
import importlib
import inspect

import pytest
import tensorflow as tf

import tfbn
from tests.keras.generations import WITH_KERAS_3
from tests.migrate import tensorflow_names
from tests.migrate.tensorflow_names import Installation, Interface, Tables
from tfbn.migrate import v1_names
from tfbn.migrate.tensorflow_names import GONE, GONE_MODULES, LOST_ARGUMENTS, V1_MODULES, V1_ONLY, V2_ONLY

# TensorFlow 2.12 had it; later ones have it in neither version.
GONE_FROM_V1 = {
    "estimator.experimental.KMeans",
    "estimator.experimental.dnn_logit_fn_builder",
    "estimator.experimental.linear_logit_fn_builder",
    "estimator.inputs",
    "estimator.tpu",
    "tpu.experimental.AdagradParameters",
    "tpu.experimental.AdamParameters",
    "tpu.experimental.FtrlParameters",
    "tpu.experimental.StochasticGradientDescentParameters",
}
# tf.losses and tf.metrics are Keras': with Keras 2 they have these, as tf.compat.v1 has, with Keras 3 they have not.
OF_KERAS_2 = {"losses.mean_squared_error", "metrics.mean_absolute_error", "metrics.mean_squared_error"}
# A lazy loader's own name in TensorFlow 2.12, which is there once something has asked for the cells behind it.
OF_LOADERS = {"legacy_rnn"}
# Where TensorFlow 2 differs from one to the next.
CHANGING = ("estimator.", "initializers.", "losses.", "metrics.", "sparse.", "types.")


@pytest.fixture(scope="module")
def here():
    """What is installed."""
    return tensorflow_names.installed()


def has(module, name):
    """Whether a name such as `train.Saver` is there."""
    try:
        functools.reduce(getattr, name.split("."), module)
    except AttributeError:
        return False
    return True


def test_names_of_v1(here):
    """All that compat.v1 has and TensorFlow 2 has not are in the table, and no others."""
    v1 = here.v1
    only_here = tensorflow_names.combined(here, [here]).v1_only
    assert {name for name in only_here if v1_names.v1_only(name) is None} <= OF_KERAS_2 | OF_LOADERS
    assert V1_ONLY - v1.names <= GONE_FROM_V1
    assert [name for name in sorted(V1_ONLY) if has(tf, name)] == []
    assert [name for name in sorted(v1_names.IN_PROGRAMS) if name not in v1.names] == []


def test_names_of_v2(here):
    """The other way round."""
    v1, v2, *_ = here
    only_here = tensorflow_names.combined(here, [here]).v2_only - {"metrics.experimental"}  # between the ends alone
    assert {name for name in only_here if v1_names.v2_only(name) is None} == set()
    assert [name for name in sorted(V2_ONLY - v2.names) if not name.startswith(CHANGING)] == []
    assert V2_ONLY & v1.names == set()


# These raise later, in a session's run, or not at all: a placeholder's default is no error, and is to be fed.
RAISE_LATER = {"InteractiveSession", "Session", "placeholder_with_default"}

ARGUMENTS = {
    "data.make_initializable_iterator": tf.data.Dataset.range(3),
    "train.slice_input_producer": [[1.0]],
    "train.string_input_producer": ["a"],
}


@pytest.mark.parametrize("name", sorted(v1_names.NEEDS_GRAPH - RAISE_LATER))
def test_what_needs_a_graph(name):
    """Raises in eager mode, as it is called or, with an optimizer, as that is given a loss."""
    function = functools.reduce(getattr, name.split("."), tf.compat.v1)
    parameters = inspect.signature(function).parameters.values()
    required = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    arguments = [ARGUMENTS.get(name, tf.ones([1]))] * required
    if name.endswith("Optimizer"):
        function, arguments = tf.compat.v1.train.Optimizer.compute_gradients, [object.__new__(function), 1]
    with tf.init_scope(), pytest.raises((RuntimeError, ValueError), match="(?i)eager"):
        function(*arguments)


def test_layers_need_a_graph():
    """Each raises in eager mode, whatever it is given first; what makes no variables is in the list for that, too."""
    for name in sorted(v1_names.LAYERS):
        function = functools.reduce(getattr, name.split(".")[1:], tfbn)
        parameters = inspect.signature(function).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
        with tf.init_scope(), pytest.raises(RuntimeError, match="expected a graph as default"):
            function(tf.ones([2, 4, 4, 3]), *[2] * (len(required) - 1))


def test_modules_of_v1():
    """Each can be imported from."""
    for name in V1_MODULES:
        importlib.import_module(f"tensorflow.compat.v1.{name}")


def test_the_table_is_as_it_was_made():
    """`python -m tests.migrate.tensorflow_names` writes it; by hand it would come back."""
    lost = {name: arguments.split() for name, arguments in LOST_ARGUMENTS.items()}
    assert tensorflow_names.TABLE.read_text() == tensorflow_names.text(
        Tables(V1_ONLY, V2_ONLY, V1_MODULES, GONE, GONE_MODULES, lost)
    )


def test_several_tensorflows_together():
    """A name is of one version where no TensorFlow has it in the other; what it stands for is not named again."""
    nothing = Interface(set(), set())
    first = Installation(
        Interface({"a", "m", "m.x", "old", "old.y"}, {"m", "old"}), nothing, {"p.q", "p.r"}, {}, {"keras.n"}
    )
    old = (
        Interface({"a", "b", "b.c", "d", "e", "e.f", "g"}, {"b", "e"}),
        Interface({"d", "h", "k"}, set()),
        {"s.t"},
        {"a": ["x", "y"]},
        {"keras.o", "keras.p.q"},
        {"p.r.lost": True, "p.r.taken": False, "p.r.kept": True, "p.q.lost": True},
    )
    new = (
        Interface({"a", "b", "e", "e.f", "m"}, {"e"}),
        Interface({"e", "g", "k.l"}, set()),
        {"p.r", "p.r.u"},
        {"a": ["y", "z"], "e": ["x"]},
        {"keras.o", "keras.p"},
        {"p.r.kept": False},
    )
    tables = tensorflow_names.combined(first, [Installation(*old), Installation(*new)])
    gone = {"b", "d", "h", "k", "m", "old", "keras.n", "keras.p.q", "p.r.lost"}
    assert tables == Tables({"a", "b", "e.f", "m"}, {"h", "k"}, {"e"}, gone, {"p.q", "s"}, {"a": ["y"]})


def test_gone_names(here):
    """Each raises with the newest TensorFlow and without Keras 2, at the name itself or at every name in it."""
    present = {name for name in GONE if has(tf.compat.v1, name) or has(tf, name)}
    assert present == {"layers", "nn.rnn_cell"} if WITH_KERAS_3 else present > {"layers", "nn.rnn_cell", "estimator"}
    for name, leaf in [("nn.rnn_cell", "GRUCell"), ("layers", "dense")]:
        assert has(tf.compat.v1, f"{name}.{leaf}") == (not WITH_KERAS_3)
    is_newest = [int(part) for part in tf.__version__.split(".")[:2]] >= [2, 21]
    private = [name.rpartition(".") for name in GONE if name.startswith("python.")]
    if WITH_KERAS_3:
        modules = {module: importlib.import_module(f"tensorflow.{module}") for module, *_ in private}
        left = [f"{module}.{leaf}" for module, _, leaf in private if hasattr(modules[module], leaf)]
        assert left == [] if is_newest else len(left) < 10  # those that went on the way to it
    assert len(private) > 100
    listed = here.files.union(*map(tensorflow_names._above, here.files))
    assert not (is_newest and GONE_MODULES & listed)
    assert WITH_KERAS_3 or GONE_MODULES & listed


@pytest.mark.parametrize(
    ("name", "v1", "v2"),
    [
        ("train.Saver", "train.Saver", None),
        ("train.Saver.restore", "train.Saver", None),
        ("train.Checkpoint", None, None),
        ("train", None, None),
        ("placeholder", "placeholder", None),
        ("nn.rnn_cell.LSTMCell", "nn.rnn_cell", None),
        ("train.experimental.LossScale", "train.experimental.LossScale", None),
        ("lgamma", "lgamma", None),
        ("losses.MeanSquaredError", None, "losses.MeanSquaredError"),
        ("losses.Reduction.NONE", None, None),
        ("losses.log_loss", "losses.log_loss", None),
        ("losses.mean_squared_error", None, None),
        ("random.set_seed", None, "random.set_seed"),
        ("optimizers.Adam", None, "optimizers"),
        ("nn.relu", None, None),
        ("keras.layers.Dense", None, None),
    ],
)
def test_lookup(name, v1, v2):
    """By as many parts as it takes."""
    assert (v1_names.v1_only(name), v1_names.v2_only(name)) == (v1, v2)


@pytest.mark.parametrize(
    ("name", "is_there"), [("train", True), ("nn.rnn_cell", True), ("keras", False), ("contrib.slim", False)]
)
def test_modules(name, is_there):
    """Those of the interface, and those that TensorFlow 2 has no more."""
    assert v1_names.is_v1_module(name) is is_there
