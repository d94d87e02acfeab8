"""Names that newer TensorFlow has neither as tf nor as tf.compat.v1, or has with Keras 2 only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import libcst as cst

from tfbn.migrate import names, v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, source_module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.compat_v1 import mentions
from tfbn.migrate.source.prefilter import tensorflow_names

NAME = "gone-names"
VALID = [
    "import tensorflow.compat.v1 as tf\ny = tf.nn.dynamic_rnn, tf.distributions.Normal, tf.saved_model.simple_save\n",
    "from tensorflow.python.ops import array_ops\ny = array_ops\n",
    "import tensorflow.compat.v1 as tf\ntry:\n    y = tf.estimator\nexcept AttributeError:\n    y = 1\n",
    "import tensorflow_estimator as tf\ny = tf.estimator\n",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf
from tensorflow.examples.tutorials.mnist import input_data

def rows():
    return input_data.read_data_sets("data").train.images
""",
        2,
    ),
    ("import tensorflow as tf\nx = tf.compat.v1.nn.rnn_cell.GRUCell(8)\ny = tf.compat.v1.nn.rnn_cell\n", 2),
    ("import os, tensorflow.python.training.tracking.base\n", 1),
    ("from tensorflow.keras import backend as K\nx = 1\nK.set_session(x)\n", 3),
    ("from tensorflow.compat.v1.keras.layers import Dense\n", 1),
]
COMPAT_KERAS = re.compile(r"tensorflow\.compat\.v[12]\.keras\b")
UNDERSCORED = re.compile(r"python\.(?:\w+\.)*_[a-zA-Z]\w*$")
PRIVATE = ("compiler", "core", "python")
WITH_KERAS_2 = ("nn.rnn_cell",)  # exists, but reading any name in it raises


def check_file(module: Module, changes: Changes) -> None:
    reported = set()
    for name, node in _names(module):
        if UNDERSCORED.match(name) and not v1_names.gone(name) and name not in reported and not is_caught(module, node):
            reported.add(name)
            problem = (
                f"tensorflow.{name} is private even to its module: whether newer TensorFlow has it is not known here"
            )
            changes.find(node, NAME, problem, names.advice(f"tensorflow.{name}"), severity="warning")
        part = None if changes.covers(node) else v1_names.gone(name)
        if part and part not in reported and not names.is_dead(f"tensorflow.{name}") and not is_caught(module, node):
            reported.add(part)
            problem = f"newer TensorFlow, such as 2.21, has no tensorflow.{part}"
            if part.startswith("keras."):
                problem += ", which Keras 3 has lost"
            if part in WITH_KERAS_2:
                problem += " without Keras 2"
            changes.find(node, NAME, problem, names.advice(f"tensorflow.{name}"))
    for root, node in _private_attributes(module):
        if root not in reported:
            reported.add(root)
            problem = f"newer TensorFlow, such as 2.21, does not show tensorflow.{root} as an attribute"
            advice = f"import what is used of it: from tensorflow.{root}... import ..., or what is public in its place"
            changes.find(node, NAME, problem, advice)
    for statement, home in _imports_of_keras(module):
        problem = f"newer TensorFlow, such as 2.21, has no module {home} to import from"
        changes.find(statement, NAME, problem, "import it from tensorflow.keras, which has Keras 3 there as well")


def _private_attributes(module: Module) -> Iterator[tuple[str, Any]]:
    """`tf.python.ops` and the like: modules that can be imported, but are not attributes of `tensorflow`."""
    for name, node in mentions(module):
        root = name.partition(".")[0]
        if root in PRIVATE and isinstance(node, cst.Attribute) and not is_caught(module, node):
            if f".{root}" in module.text(node):
                yield root, node


def _imports_of_keras(module: Module) -> Iterator[tuple[Any, str]]:
    """The imports below `tensorflow.compat.v1.keras`, which newer TensorFlow has only as an attribute."""
    for node in module.nodes:
        homes = []
        if isinstance(node, cst.ImportFrom):
            homes = [source_module(node)]
        elif isinstance(node, cst.Import):
            homes = [alias.evaluated_name for alias in node.names]
        for home in homes:
            if COMPAT_KERAS.match(home) and not is_caught(module, node):
                yield node, home


def _names(module: Module) -> Iterator[tuple[str, Any]]:
    """The names of TensorFlow that the module imports and reads, in the order of the text."""
    uses = [(f"tensorflow.{name}", node) for name, node in mentions(module)]
    uses += [(binding.name, binding.alias) for binding in module.bindings() if binding.alias is not None]
    for full, node in sorted(uses, key=lambda mention: module.span(mention[1])):
        yield names.below_tensorflow(full) or "", node


def worth_parsing(raw: bytes) -> bool:
    """Whether one of the names is imported, or read below an import."""
    read = tensorflow_names(raw)
    is_of_compat_keras = any(name.startswith(("compat.v1.keras", "compat.v2.keras")) for name in read)
    is_private = any(name.startswith(PRIVATE) for name in read)  # most of these exist; see check_file
    return (
        is_of_compat_keras
        or is_private
        or any(v1_names.gone(names.below_tensorflow(f"tensorflow.{name}") or "") for name in read)
    )


RULE = Rule(
    name=NAME,
    summary="reports names that newer TensorFlow has lost, such as tf.estimator, or has with Keras 2 only",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
