"""Libraries of a program's own ops, which load under the TensorFlow that they were built with."""

from __future__ import annotations

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.prepared import is_caught
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.compat_v1 import has_signs_of_tf1

NAME = "custom-ops"
VALID = [
    "import tensorflow as tf\nops = tf.load_op_library('ops.so')\n",
    "import ctypes\nops = ctypes.load_op_library('ops.so')\n",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf

sampling = tf.load_op_library("tf_sampling_so.so")
""",
        3,
    ),
]


def check_file(module: Module, changes: Changes) -> None:
    for node in module.nodes:
        is_call = isinstance(node, cst.Call) and names.below_tensorflow(module.name(node.func)) == "load_op_library"
        if is_call and not is_caught(module, node) and (changes.v1_imports or has_signs_of_tf1(module)):
            changes.find(
                node,
                NAME,
                "a library that was built for TensorFlow 1 does not load under TensorFlow 2: NotFoundError",
                "rebuild it with the flags of tf.sysconfig.get_compile_flags() and get_link_flags()",
                severity="warning",
            )


def worth_parsing(raw: bytes) -> bool:
    """Whether such a library is loaded."""
    return raw.find(b"load_op_library") >= 0


RULE = Rule(
    name=NAME,
    summary="reports libraries of a program's own ops, which have to be built for the TensorFlow that loads them",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
