"""Names of the package `keras`, imported by itself, that Keras 3 has lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import libcst as cst

from tfbn.migrate import names, v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.keras_names import KERAS_GONE, KERAS_IN_TENSORFLOW
from tfbn.migrate.module import Module, imported_name, source_module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule

NAME = "keras-names"
VALID = [
    "from keras.layers import Dense\nfrom keras.utils import to_categorical\nx = Dense(3), to_categorical([1])\n",
    "try:\n    from keras.utils import np_utils\nexcept ImportError:\n    np_utils = None\n",
    "from my_keras.utils import np_utils\nx = np_utils\n",
    "import tf_keras as keras\nx = keras.utils.np_utils\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
from keras.layers.normalization import BatchNormalization

def layer():
    return BatchNormalization()
""",
        1,
    ),
    ("import keras.backend.tensorflow_backend as KTF\nKTF.set_session(1)\n", 1),
    ("import keras\n\ndef f(x):\n    return keras.backend.sum(x)\n", 4),
    ("from keras import backend as K\ny = K.placeholder([3])\n", 2),
    ("from keras.engine.topology import *\n", 1),
    ("from keras.utils import np_utils\n", 1),
]


MAX_NAMES = 3  # in a message


def check_file(module: Module, changes: Changes) -> None:
    reported: set[str] = set()
    moved: dict[str, Any] = {}  # what tf.keras still has
    for full, node in _mentions(module):
        root, _, below = full.partition(".")
        part = v1_names.part_in(below, KERAS_GONE) if root == "keras" else None
        if part and part not in reported and not is_caught(module, node):
            reported.add(part)
            if part in KERAS_IN_TENSORFLOW:
                moved[part] = node
            else:
                changes.find(node, NAME, f"Keras 3 has no keras.{part}", _advice(full))
    if moved:
        listed = ", ".join(f"keras.{part}" for part in list(moved)[:MAX_NAMES])
        others = f" and {len(moved) - MAX_NAMES} more" if len(moved) > MAX_NAMES else ""
        home = next(iter(moved)).partition(".")[0]
        advice = f"import them from tensorflow.keras, which still has them: from tensorflow.keras import {home}"
        changes.find(next(iter(moved.values())), NAME, f"Keras 3 has no {listed}{others}", advice)


def _advice(full: str) -> str:
    advice = names.advice(f"tensorflow.{full}")
    return advice.replace("set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported", "import tf_keras as keras")


def _mentions(module: Module) -> Iterator[tuple[str, Any]]:
    """The names below `keras` that the module imports and reads, in the order of the text."""
    for node in module.nodes:
        if isinstance(node, cst.Import):
            yield from ((alias.evaluated_name, alias) for alias in node.names)
        elif isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            yield source_module(node), node
        elif isinstance(node, cst.ImportFrom):
            yield from ((imported_name(node, alias), alias) for alias in node.names)
        elif isinstance(node, cst.Attribute) and module.is_load(node):
            parent = module.parent(node)
            if not (isinstance(parent, cst.Attribute) and parent.value is node):
                yield module.name(node), node


_IMPORTED = re.compile(rb"^[ \t]*(?:import|from)[ \t]+keras\b", re.MULTILINE)


def worth_parsing(raw: bytes) -> bool:
    """Whether Keras is imported by itself; most such files use one of the many names."""
    return raw.find(b"keras") >= 0 and bool(_IMPORTED.search(raw))


RULE = Rule(
    name=NAME,
    summary="reports names of the package keras that Keras 3 has lost, such as keras.utils.np_utils",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
