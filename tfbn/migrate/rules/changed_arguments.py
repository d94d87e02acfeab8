"""Arguments that TensorFlow 2's functions refuse or take for something else, where the import is not compat.v1."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.compat_v1 import has_signs_of_tf1, lost_arguments
from tfbn.migrate.tensorflow_names import LOST_ARGUMENTS

NAME = "changed-arguments"
VALID = [
    "import tensorflow.compat.v1 as tf\nx = tf.reduce_sum(tf.nn.dropout(x, 0.5), keep_dims=True)\n",
    "import tensorflow as tf\nx = tf.reduce_sum(tf.nn.dropout(x, 0.5), keepdims=True), tf.argmax(x, 1)\n",
    "import tensorflow as tf\ntry:\n    f(tf.argmax(x, dimension=1))\nexcept (AttributeError, TypeError):\n    pass\n",
]
INVALID = [
    (
        """\
import tensorflow as tf

def accuracy(logits, labels):
    hits = tf.equal(tf.argmax(logits, dimension=1), labels)
    return tf.reduce_mean(tf.cast(hits, tf.float32))
""",
        4,
    ),
    ("import tensorflow as tf\nx = tf.compat.v1.log(x)\ny = tf.nn.dropout(x, keep)\n", 3),
    ("from tensorflow import compat, nn\nx = compat.v1.log(x)\ny = nn.dropout (x, keep)\n", 3),
]
# What to write for an argument that has another name now.
SUCCESSORS = {
    "batch_dim": "batch_axis",
    "block_size": "block_shape",
    "box_ind": "box_indices",
    "dim": "axis",
    "dimension": "axis",
    "dilation_rate": "dilations",
    "filter": "filters",
    "fn1": "true_fn",
    "fn2": "false_fn",
    "keep_dims": "keepdims",
    "keep_prob": "rate=1 - keep_prob",
    "preferred_dtype": "dtype_hint",
    "rate": "dilations",
    "reduction_axes": "axis",
    "reduction_indices": "axis",
    "seq_dim": "seq_axis",
    "squeeze_dims": "axis",
    "targets": "labels",
    "value": "input",
}
# Positional arguments that mean something else in TensorFlow 2: the index, and what it means before and after.
TAKEN_FOR_ANOTHER = {"nn.dropout": (1, "keep_prob", "rate")}


def check_file(module: Module, changes: Changes) -> None:
    if changes.v1_imports:
        return  # they are right under tf.compat.v1
    for name, argument in lost_arguments(module):
        keyword = argument.keyword.value
        successor = SUCCESSORS.get(keyword)
        advice = f"write {successor}" if successor else "leave it out, or see what TensorFlow 2 takes in its place"
        problem = f"tf.{name} of TensorFlow 2 has no argument {keyword}: the call raises TypeError"
        advice += "; where the code is TF1, run tfbn migrate with --compat-v1"
        changes.find(argument, NAME, problem, advice)
    if has_signs_of_tf1(module):
        _report_positions(module, changes)


def _report_positions(module: Module, changes: Changes) -> None:
    for node in module.nodes:
        if not isinstance(node, cst.Call):
            continue
        name = module.name(node.func).partition("tensorflow.")[2]
        if name in TAKEN_FOR_ANOTHER:
            index, before, after = TAKEN_FOR_ANOTHER[name]
            argument = _positional(node, index)
            if argument is not None:
                problem = f"argument {index + 1} of tf.{name} is {before} in TensorFlow 1, and {after} in TensorFlow 2"
                advice = f"if it is meant as {before}, write {SUCCESSORS[before]}; else name it {after}"
                changes.find(argument, NAME, problem, advice, severity="warning")


def _positional(call: Any, index: int) -> Any:
    positional = [argument for argument in call.args if argument.keyword is None and not argument.star]
    return positional[index] if index < len(positional) else None


def _lost_argument_pattern() -> re.Pattern[bytes]:
    """A pattern for a call of a listed function with a listed argument; calls may be nested once."""
    leaves = "|".join(sorted({name.rpartition(".")[2] for name in LOST_ARGUMENTS}))
    keywords = "|".join(sorted({keyword for lost in LOST_ARGUMENTS.values() for keyword in lost.split()}))
    inner = r"(?:[^()]|\([^()]*\))*?"
    return re.compile(rf"\.(?:{leaves})\s*\({inner}\b(?:{keywords})\s*=[^=]".encode("ascii"))


_MAY_LOSE = _lost_argument_pattern()
_MAY_TAKE = re.compile("|".join(rf"\b{name.rpartition('.')[2]}\b" for name in TAKEN_FOR_ANOTHER).encode("ascii"))


def worth_parsing(raw: bytes) -> bool:
    """Whether a call may have a lost argument, or, in a file with tf.compat.v1, a changed one.

    Other rules look for other signs of TF1.
    """
    if b"tensorflow" not in raw:
        return False
    return bool(_MAY_LOSE.search(raw)) or (b"compat" in raw and bool(_MAY_TAKE.search(raw)))


RULE = Rule(
    name=NAME,
    summary="reports arguments that TensorFlow 2 no longer takes, or takes for another, unless the import is compat.v1",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
