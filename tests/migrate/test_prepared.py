"""Programs that are prepared for names that TensorFlow 2 lacks."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tests.migrate.helpers import findings, run
from tfbn.migrate.version_guards import VERSIONS

PLAIN = "import tensorflow as tf\n"
SETUP = PLAIN + "MAJOR = tf.__version__.split('.')[0]\nIS_TF2 = int(MAJOR) >= 2\n"


@pytest.mark.parametrize(
    "test",
    [
        "tf.__version__ >= '2'",
        "'2.0' <= tf.__version__",
        "tf.__version__.startswith('2')",
        "tf.__version__[0] == '2'",
        "int(tf.__version__.split('.')[0]) > 1",
        "tf.version.VERSION > '1.15'",
        "LooseVersion(tf.__version__) >= LooseVersion('1.15.5')",
        "version.parse(tf.__version__) >= version.parse('2.0.0rc1')",
        "packaging.version.Version(tf.__version__).major == 2",
        "tuple(map(int, tf.__version__.split('.')[:2])) >= (2, 0)",
        "[int(part) for part in tf.__version__.split('.')[:1]] == [2]",
        "not hasattr(tf, 'Session')",
        "not hasattr(tf, 'contrib')",
        "not hasattr(tf.nn, 'rnn_cell')",
        "hasattr(tf, 'compat')",
        "IS_TF2",
        "tf.__version__ > '2' or f()",
    ],
)
def test_branches_of_tensorflow_1(test):
    """Are not looked at; the branch that runs under TensorFlow 2 is."""
    for guarded, is_reported in [
        (f"if {test}:\n    tf.zeros([1])\nelse:\n    tf.log(1.0)", False),
        (f"if {test}:\n    tf.log(1.0)\nelse:\n    tf.zeros([1])", True),
        (f"if not ({test}):\n    tf.log(1.0)", False),
        (f"if not ({test}):\n    tf.zeros([1])\nelif g():\n    tf.log(1.0)", True),
        (f"log = tf.math.log if {test} else tf.log", False),
        (f"log = tf.log if {test} else tf.math.log", True),
        (f"if not ({test}):\n    y = tf.contrib.rnn.LSTMCell(3), tf.argmax(x, dimension=1)", False),
    ]:
        assert bool(findings(f"{SETUP}{guarded}\n")) == is_reported, guarded


@pytest.mark.parametrize(
    "test",
    [
        "tf.__version__ < '2.15'",
        "tf.__version__ < minimum",
        "other.__version__ < '2'",
        "hasattr(tf, 'no_such_name')",
        "hasattr(other, 'Session')",
        "tf.__version__ < '2' or f()",
        "f(tf.__version__ < '2')",
    ],
)
def test_other_tests_guard_nothing(test):
    """What depends on more, or is not understood."""
    assert findings(f"{SETUP}if {test}:\n    tf.log(1.0)\n") == [("tf1-names", 5)]


def test_versions_are_those_supported():
    """What runs here is one of them, or lies between."""
    oldest, here, newest = (
        [int(part) for part in text.split(".")[:2]] for text in (VERSIONS[0], tf.__version__, VERSIONS[1])
    )
    assert oldest <= here <= newest


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "try:\n    from tensorflow.contrib.rnn import LSTMCell\nexcept ImportError:\n    LSTMCell = f\nLSTMCell(3)",
            [],
        ),
        ("try:\n    r = tf.contrib.rnn\nexcept AttributeError:\n    import mine as r\nr.LSTMCell(3)", []),
        ("if tf.__version__ < '2':\n    r = tf.contrib.rnn\nelse:\n    r = f()\nr.LSTMCell(3)", []),
        ("try:\n    cell = tf.contrib.rnn.LSTMCell\nexcept AttributeError:\n    cell = f\ncell(3)", []),
        # None, or nothing at all.
        ("try:\n    r = tf.contrib.rnn\nexcept AttributeError:\n    r = None\nif r: r.LSTMCell(3)", ["warning"] * 2),
        ("try:\n    import tensorflow.contrib.rnn as r\nexcept ImportError:\n    pass\nr.LSTMCell(3)", ["warning"]),
        # What is there without a `try`, and a fallback that is no better.
        ("r = tf.contrib.rnn\nr.LSTMCell(3)", ["error"] * 2),
        ("try:\n    r = tf.contrib.rnn\nexcept AttributeError:\n    r = tf.contrib.seq2seq\nr.f", ["error"] * 2),
        ("try:\n    r = tf.contrib.rnn\nexcept ValueError:\n    r = f()\nr.LSTMCell(3)", ["error"] * 2),
    ],
)
def test_contrib_with_a_fallback(source, found):
    """The import does not raise; where nothing takes its place, what uses the name cannot be told."""
    assert [finding.severity for finding in run(f"{PLAIN}{source}\n").findings] == found


@pytest.mark.parametrize(("body", "severity"), [("pass", "warning"), ("tf.log(1.0)", "error")])
def test_exceptions_to_compare_with(body, severity):
    """Are evaluated where something has been raised, and not before."""
    (finding,) = run(f"{PLAIN}try:\n    {body}\nexcept tf.OpError:\n    pass\n").findings
    assert (finding.kind, finding.severity) == ("tf1-names", severity)
