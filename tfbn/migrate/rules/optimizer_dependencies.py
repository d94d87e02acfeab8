"""Control dependencies around the constructor of an optimizer, which makes no ops that could wait for them."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.sites import last_part

NAME = "optimizer-dependencies"
BEFORE = AFTER = """\
import tensorflow.compat.v1 as tf

def step(loss):
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        optimizer = tf.train.GradientDescentOptimizer(0.1)
    return optimizer.minimize(loss)
"""
STEPS = ("minimize", "apply_gradients", "create_train_op")


def check(module: Module, changes: Changes) -> None:
    for node in module.nodes:
        if isinstance(node, cst.With) and any(_is_dependencies(module, item.item) for item in node.items):
            calls = [below for below in module.nodes if isinstance(below, cst.Call) and node in module.parents(below)]
            optimizers = [call for call in calls if _is_optimizer(module, call)]
            if optimizers and not any(last_part(call.func) in STEPS for call in calls):
                changes.find(
                    optimizers[0],
                    NAME,
                    "control dependencies around an optimizer's constructor: it makes no op that would wait for them",
                    "move the call of minimize or apply_gradients into the block",
                )


def _is_dependencies(module: Module, node: Any) -> bool:
    full = module.name(node.func) if isinstance(node, cst.Call) else ""
    return names.below_tensorflow(full) == "control_dependencies"


def _is_optimizer(module: Module, call: Any) -> bool:
    return re.fullmatch(r"train\.\w*Optimizer", names.below_tensorflow(module.name(call.func)) or "") is not None


RULE = Rule(
    name=NAME,
    summary="reports control dependencies around the constructor of an optimizer, where they have no effect",
    before=BEFORE,
    after=AFTER,
    check=check,
)
