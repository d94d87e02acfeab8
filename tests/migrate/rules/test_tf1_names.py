"""Names that TensorFlow 2 lacks, without --compat-v1."""

from __future__ import annotations

import io
import unittest

import pytest

from tests.migrate.helpers import findings, run

PLAIN = "import tensorflow as tf\n"
# Source, the line of the first name, and what is said of it.
REPORTED = [
    (PLAIN + "x = tf.placeholder(tf.float32)\n", 2, "tf.placeholder"),
    (PLAIN + "x = tf.train.Saver().save\n", 2, "tf.train.Saver"),
    (PLAIN + "def f(x):\n    return tf.lgamma(x) + tf.matrix_solve(x, x)\n", 3, "tf.lgamma, tf.matrix_solve"),
    (PLAIN + "cell = tf.nn.rnn_cell.LSTMCell\n", 2, "tf.nn.rnn_cell"),
    ("import tensorflow\nx = tensorflow.Session()\n", 2, "tf.Session"),
    ("def f():\n    import tensorflow as t\n    return t.Session()\n", 3, "tf.Session"),
    ("from tensorflow import placeholder\n", 1, "tf.placeholder"),
    ("from tensorflow import (\n    gfile as g, constant)\ng.Exists('/')\n", 2, "tf.gfile"),
    ("from tensorflow import train\nx = train.Saver()\n", 2, "tf.train.Saver"),
    ("from tensorflow.train import Saver, Checkpoint\n", 1, "tf.train.Saver"),
    ("import tensorflow.train as t\nx = t.Saver, t.Checkpoint\n", 2, "tf.train.Saver"),
    (PLAIN + "t = tf.train\nx = t.Saver()\n", 3, "tf.train.Saver"),
    # What is left of a half of it that was brought over by hand.
    (PLAIN + "x = tf.compat.v1.Session, tf.placeholder\n", 2, "tf.placeholder"),
    # With a batch norm beside it, which is rewritten.
    (PLAIN + "x = tf.contrib.layers.batch_norm(tf.get_variable('x', [2, 2]))\n", 2, "tf.get_variable"),
]


def messages(source, **options):
    """What the rule says of a source."""
    return [finding.problem for finding in run(source, **options).findings if finding.kind == "tf1-names"]


@pytest.mark.parametrize(("source", "line", "names"), REPORTED)
def test_reported_once_a_file(source, line, names):
    """At the first of them, however it is imported, and with the option."""
    assert [place for rule, place in findings(source) if rule == "tf1-names"] == [line]
    assert messages(source) == [f"TensorFlow 2 has no {names}: the program raises at the first one it uses"]
    (advice,) = [finding.remedy for finding in run(source).findings if finding.kind == "tf1-names"]
    assert advice.startswith("run tfbn migrate with --compat-v1")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["Session"] * 5, "tf.Session:"),
        (["Session", "placeholder", "log"], "tf.Session, tf.placeholder, tf.log:"),
        (["Session", "placeholder", "log", "div", "mod"], "tf.Session, tf.placeholder, tf.log and 2 more:"),
    ],
)
def test_a_few_are_named(names, text):
    """Each once."""
    (message,) = messages(PLAIN + "".join(f"tf.{name}\n" for name in names))
    assert message.startswith(f"TensorFlow 2 has no {text}")


def test_names_that_other_rules_are_about():
    """contrib and tf.layers have their own."""
    source = PLAIN + "x = tf.layers.InputSpec(x), tf.contrib.rnn.LSTMCell\n"
    assert [rule for rule, _ in findings(source)] == ["leftovers", "leftovers"]


def test_with_the_option():
    """There is nothing left to say, and nothing where it has been followed."""
    source = PLAIN + "def f():\n    return tf.log(1.0)\n"
    assert messages(source, compat=True) == []
    after = run(source, compat=True).after.decode()
    assert findings(after) == []


SESSION = "with self.test_session() as session:"


@pytest.mark.parametrize("opened", [SESSION, SESSION.replace("self", "tf.Graph().as_default(), self")])
def test_a_session_of_a_test(opened):
    """It is reported where it fails, and the advice is a form that passes."""
    body = f"def test_a(self):\n        {opened}\n            self.assertEqual(session.run(tf.zeros([])), 0)\n"
    source = f"import tensorflow as tf\nclass ATest(tf.test.TestCase):\n    {body}"
    program = {"__name__": "a_test"}
    exec(source, program)
    result = unittest.TextTestRunner(io.StringIO()).run(program["ATest"]("test_a"))
    assert result.wasSuccessful() == (opened != SESSION)
    assert findings(source) == [("tf1-names", 4)] * (opened == SESSION)
