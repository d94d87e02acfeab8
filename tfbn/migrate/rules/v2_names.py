"""Names that tf.compat.v1 lacks, where code reads them there, and the one too many that it gives to packages."""

from __future__ import annotations

import re

import libcst as cst

from tfbn.migrate import v1_names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, source_module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.compat_v1 import mentions
from tfbn.migrate.source.prefilter import tensorflow_names

NAME = "v2-names"
VALID = [
    "import tensorflow.compat.v1 as tf\nx = tf.log(1.0), tf.compat.v2.random.set_seed(1)\n",
    "import tensorflow as tf\ntf.random.set_seed(1)\n",
    "import tensorflow.compat.v1 as tf\ntry:\n    f = tf.random.set_seed\nexcept AttributeError:\n    f = 0\n",
]
INVALID = [
    ("import tensorflow.compat.v1 as tf\n\ndef seed():\n    tf.random.set_seed(1)\n", 4),
    ("from tensorflow.compat.v1.random import set_seed\n", 1),
]
V1 = "compat.v1."
_STARRED = re.compile(rb"\btensorflow\.compat\.v1\s+import\s*\*")
_PATH_KEPT = re.compile(rb"^__path__[^\n=]*=[^=]", re.MULTILINE)


def check_file(module: Module, changes: Changes) -> None:
    for name, node in mentions(module):
        part = v1_names.v2_only(name[len(V1) :]) if name.startswith(V1) else None
        if part and not is_caught(module, node):
            problem = f"tf.compat.v1 has no {part}: the program raises AttributeError there"
            advice = f"write tf.compat.v2.{part} where TensorFlow 2's is meant, else what TensorFlow 1 has in its place"
            changes.find(node, NAME, problem, advice)
    if module.surroundings.is_package and not _PATH_KEPT.search(module.data):
        _find_lost_path(module, changes)


def _find_lost_path(module: Module, changes: Changes) -> None:
    """The star import takes `__path__` of newer tf.compat.v1, by which a package finds its own modules."""
    for node in module.nodes:
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            home = source_module(node)
            if home == "tensorflow.compat.v1" or (home == "tensorflow" and changes.v1_imports):
                problem = (
                    "from tensorflow.compat.v1 import * replaces a package's __path__: its own modules are not found"
                )
                changes.find(node, NAME, problem, "write __path__ = __spec__.submodule_search_locations below it")


def worth_parsing(raw: bytes) -> bool:
    """Whether a name that tf.compat.v1 lacks is read below it."""
    if _STARRED.search(raw):
        return True
    return any(v1_names.v2_only(name[len(V1) :]) for name in tensorflow_names(raw) if name.startswith(V1))


RULE = Rule(
    name=NAME,
    summary="reports names that TensorFlow 2 has and tf.compat.v1 lacks, where they are read of tf.compat.v1",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
