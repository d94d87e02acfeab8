"""Arguments that TensorFlow 2 lacks or takes for another."""

from __future__ import annotations

import functools
import inspect

import pytest
import tensorflow as tf

from tests.migrate.helpers import findings, run
from tfbn.migrate.rules import changed_arguments
from tfbn.migrate.tensorflow_names import LOST_ARGUMENTS

PLAIN = "import tensorflow as tf\n"


def test_table():
    """TensorFlow 2 refuses every argument of it by name."""
    for name, lost in LOST_ARGUMENTS.items():
        for keyword in lost.split():
            with pytest.raises(TypeError, match=f"{keyword}'|takes no arguments|missing|takes no keyword"):
                functools.reduce(getattr, name.split("."), tf)(**{keyword: None})
            assert changed_arguments.worth_parsing(f"import tensorflow\ntf.{name}(f(x), {keyword}=g(y))".encode())


@pytest.mark.parametrize(
    ("name", "keyword"),
    [("reduce_sum", "keep_dims"), ("argmax", "dimension"), ("nn.dropout", "keep_prob"), ("nn.conv2d", "filter")],
)
def test_arguments_by_name(name, keyword):
    """An error under TensorFlow 2's import; right as it stands under compat.v1's, which --compat-v1 makes of it."""
    source = f"{PLAIN}y = tf.{name}({keyword}=f(x), other=1)\n"
    (finding,) = run(source).findings
    assert (finding.kind, finding.severity, finding.where.line) == ("changed-arguments", "error", 2)
    assert finding.problem.startswith(f"tf.{name} of TensorFlow 2 has no argument {keyword}:")
    assert findings(source.replace("tensorflow as", "tensorflow.compat.v1 as")) == []
    assert findings(source, compat=True) == []


@pytest.mark.parametrize("successor", sorted(set(changed_arguments.SUCCESSORS.items())))
def test_successors(successor):
    """A function that has lost the one has the other."""
    old, new = successor
    having = [name for name, lost in LOST_ARGUMENTS.items() if old in lost.split()]
    functions = [functools.reduce(getattr, name.split("."), tf) for name in having]
    assert any(new.partition("=")[0] in inspect.signature(function).parameters for function in functions)


@pytest.mark.parametrize(
    ("before", "call", "kinds"),
    [
        ("tf.compat.v1.log(x)", "tf.nn.dropout(x, keep)", [("changed-arguments", "warning")]),
        ("tf.contrib.layers.batch_norm(x)", "tf.nn.dropout(x, keep)", [("changed-arguments", "warning")]),
        ("tf.compat.v1.log(x)", "tf.nn.dropout(x, rate=1 - keep)", []),
        ("tf.compat.v1.log(x)", "tf.compat.v1.nn.dropout(x, keep)", []),
        ("tf.math.log(x)", "tf.nn.dropout(x, 0.5)", []),
        ("tf.math.log(x)", "other.nn.dropout(x, keep_prob=0.5)", []),
        ("tf.math.log(x)", "tf.nn.dropout(x, **{'keep_prob': 0.5})", []),
    ],
)
def test_dropout_by_position(before, call, kinds):
    """What is kept in TF1 is dropped in TF2; said where something else in the file is TF1's."""
    found = run(f"{PLAIN}y = {before}\nz = {call}\n", skip=["v2-behavior"]).findings
    assert [(finding.kind, finding.severity) for finding in found] == kinds
