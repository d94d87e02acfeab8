"""Control dependencies around the constructor of an optimizer, which makes no ops that could wait for them."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, last_part
from tfbn.migrate.rule import Rule
from tfbn.migrate.source.prefilter import has, mentions_tensorflow

NAME = "optimizer-dependencies"
VALID = [
    """\
import tensorflow.compat.v1 as tf

def step(loss):
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return tf.train.GradientDescentOptimizer(0.1).minimize(loss)
""",
    """\
import tensorflow.compat.v1 as tf
tf.disable_v2_behavior()
ops = tf.get_collection("update_ops")
with tf.name_scope("a"):
    optimizer = tf.train.AdamOptimizer(0.1)
with tf.control_dependencies(ops):
    step = optimizer.minimize(loss)
""",
]
INVALID = [
    (
        """\
import tensorflow.compat.v1 as tf

def step(loss):
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        optimizer = tf.train.GradientDescentOptimizer(0.1)
    return optimizer.minimize(loss)
""",
        5,
    ),
]
STEPS = ("minimize", "apply_gradients", "create_train_op")


def check_file(module: Module, changes: Changes) -> None:
    for node in module.nodes:
        if isinstance(node, cst.With) and any(_is_dependencies(module, item.item) for item in node.items):
            calls = [below for below in module.nodes if isinstance(below, cst.Call) and node in module.parents(below)]
            optimizers = [call for call in calls if _is_optimizer(module, call)]
            if optimizers and not any(last_part(call.func) in STEPS for call in calls):
                changes.find(
                    optimizers[0],
                    NAME,
                    "control dependencies around an optimizer's constructor: it creates no op that could wait for them",
                    "move the call of minimize or apply_gradients into the block",
                )


def _is_dependencies(module: Module, node: Any) -> bool:
    full = module.name(node.func) if isinstance(node, cst.Call) else ""
    return names.below_tensorflow(full) == "control_dependencies"


def _is_optimizer(module: Module, call: Any) -> bool:
    return re.fullmatch(r"train\.\w*Optimizer", names.below_tensorflow(module.name(call.func)) or "") is not None


def worth_parsing(raw: bytes) -> bool:
    """A training step may be in a file of its own, without any layers."""
    return mentions_tensorflow(raw) and has(raw, b"UPDATE_OPS", b"update_ops") and has(raw, b"control_dependencies")


RULE = Rule(
    name=NAME,
    summary="reports control dependencies around the constructor of an optimizer, where they have no effect",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    worth_parsing=worth_parsing,
)
