"""Uses of flags that TensorFlow accepted before 1.5, and that absl's flags, which it has had since, refuse."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, last_part
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule, constant_string, keyword_arguments
from tfbn.migrate.source.prefilter import has, mentions_tensorflow

NAME = "flags"
VALID = [
    "import tensorflow.compat.v1 as tf\ntf.flags.DEFINE_integer('size', 64, '')\n"
    "tf.app.flags.DEFINE_float('rate', 1, '')\ntf.flags.DEFINE_string('data', None, '')\n"
    "tf.flags.DEFINE_integer('n', '3', '')\n",
    "import argparse\nargparse.DEFINE_integer('n', 0.5, '')\n",
]
INVALID = [
    (
        """\
import numpy as np
import tensorflow.compat.v1 as tf

flags = tf.app.flags
flags.DEFINE_integer("train_size", np.inf, "The size of training images")
""",
        5,
    ),
    ("import tensorflow.compat.v1 as tf\nFLAGS = tf.flags.FLAGS\nFLAGS._parse_flags()\n", 3),
    ("import tensorflow.compat.v1 as tf\nFLAGS = tf.app.flags.FLAGS\nprint(FLAGS.__flags)\n", 3),
    ("import tensorflow.compat.v1 as tf\nFLAGS = tf.app.flags.FLAGS\nprint(FLAGS.__dict__['__flags'])\n", 3),
    ("import tensorflow.compat.v1 as tf\ntf.flags.DEFINE_integer('steps', 1e6, 'steps')\n", 2),
    ("from tensorflow.compat.v1 import flags\nflags.DEFINE_integer('n', default=float('inf'), help='')\n", 2),
    ("import tensorflow.compat.v1 as tf\ntf.flags.DEFINE_boolean('crop', 'no way', '')\n", 2),
    ("import tensorflow.compat.v1 as tf\ntf.flags.DEFINE_string('gpu', 0, '')\n", 2),
]
_FLAG = re.compile(r"(?:app\.)?flags\.DEFINE_(bool|boolean|float|integer|string)")
_INFINITE = re.compile(r"""\w+\.(?:inf|Inf|infty)|float\(["'][-+]?inf["']\)""")
BOOLEANS = ("0", "1", "f", "false", "t", "true")


PARSE = "leave it out: tf.app.run parses the flags; or call FLAGS(sys.argv)"
VALUES = "write flag_values_dict(), which returns the values by their names"


def check_file(module: Module, changes: Changes) -> None:
    for node in module.nodes:
        inner = _inner(node)
        if inner == "_parse_flags" and not is_caught(module, node):
            changes.find(node, NAME, "the flags have no _parse_flags: they are absl's since TensorFlow 1.5", PARSE)
        elif inner == "__flags" and isinstance(node, cst.Subscript):
            changes.find(node, NAME, "the flags have no `__flags` in them: they are absl's now", VALUES)
        elif inner == "__flags":
            problem = "`__flags` holds objects of absl, not values: TensorFlow's flags are absl's since 1.5"
            changes.find(node, NAME, problem, VALUES, severity="warning")
        if isinstance(node, cst.Call):
            flag = _FLAG.fullmatch(names.below_tensorflow(module.name(node.func)) or "")
            default = _default(node) if flag else None
            if flag and default is not None and _is_refused(flag[1], module.text(default)):
                changes.find(
                    node,
                    NAME,
                    f"DEFINE_{flag[1]} with the default `{module.text(default)}` raises IllegalFlagValueError",
                    "give it a default of the flag's type, or define a flag of the default's type",
                )


def _inner(node: Any) -> str | None:
    """`__flags` of `FLAGS.__flags` and of `FLAGS.__dict__["__flags"]`."""
    if isinstance(node, cst.Attribute):
        return str(node.attr.value)
    if isinstance(node, cst.Subscript) and last_part(node.value) == "__dict__":
        index = node.slice[0].slice
        return constant_string(index.value) if isinstance(index, cst.Index) else None
    return None


def _default(call: cst.Call) -> Any:
    positional = [argument for argument in call.args if argument.keyword is None]
    keywords = keyword_arguments(call)
    argument = (
        keywords.get("default") or keywords.get("default_value") or (positional[1] if len(positional) > 1 else None)
    )
    return argument and argument.value


def _is_refused(kind: str, text: str) -> bool:
    """Whether a default is a literal that absl's flag refuses."""
    if _INFINITE.fullmatch(text):
        return kind != "float"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are not the codemod's concern
            value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return False
    if value is None or kind == "string":
        return not (value is None or isinstance(value, str))
    if kind.startswith("bool"):
        return (
            value.lower() not in BOOLEANS if isinstance(value, str) else isinstance(value, float) or value not in (0, 1)
        )
    if isinstance(value, str):
        return not _is_number(value, kind)
    return isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float))


def _is_number(text: str, kind: str) -> bool:
    try:
        return (int(text, 0) if kind == "integer" else float(text)) is not None
    except ValueError:
        return False


def worth_parsing(raw: bytes) -> bool:
    """Whether flags are defined, or their internals used."""
    return has(raw, b"DEFINE_", b"__flags", b"_parse_flags") and mentions_tensorflow(raw)


RULE = Rule(
    name=NAME,
    summary="reports flags with defaults that raise, such as np.inf for an integer, and inner parts that absl lacks",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
