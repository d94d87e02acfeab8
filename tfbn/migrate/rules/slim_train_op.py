"""`slim.learning.create_train_op`, whose gradient arguments tfbn's does not have."""

from __future__ import annotations

from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, call_of, keyword_arguments

NAME = "slim-train-op"
VALID = [
    "from my_learning import learning\nlearning.create_train_op(loss, optimizer, clip_gradient_norm=1.0)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow.contrib.slim as slim

def step(loss, optimizer, variables):
    return slim.learning.create_train_op(loss, optimizer, variables_to_train=variables)
""",
        """\
import tfbn

def step(loss, optimizer, variables):
    return tfbn.create_train_op(loss, optimizer, variables_to_train=variables)
""",
    ),
    ("from tensorflow.contrib import slim\nslim.learning.create_train_op(a, b, clip_gradient_norm=1.0)\n", 2),
]
# The number of leading arguments that both have in common; the sixth differs.
COMMON = 5
SLIM_ONLY = ("clip_gradient_norm", "gradient_multipliers")
ADVICE = (
    "write tfbn.create_train_op(..., transform_grads_fn=fn), where fn takes the list of (gradient, variable) and "
    "returns it changed: multiply first, then clip each by tf.clip_by_norm"
)


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if use.known and use.known.rule == NAME and use.certain:
            call = call_of(module, use.node)
            reason = "it is not called here" if call is None else _reason(call)
            if reason:
                changes.find(use.node, NAME, f"slim.learning.create_train_op stays: {reason}", ADVICE)
            elif module.is_load(use.node):
                changes.replace(use.node, "tfbn.create_train_op", NAME)
                changes.use("tfbn", "import tfbn")


def _reason(call: Any) -> str | None:
    """Why the call cannot go to tfbn as it is."""
    if any(argument.star for argument in call.args):
        return "its arguments cannot be read here, and clip_gradient_norm or gradient_multipliers may be among them"
    if sum(argument.keyword is None for argument in call.args) > COMMON:
        return f"its arguments after the {COMMON}th are passed by position"
    keywords = keyword_arguments(call)
    for name in SLIM_ONLY:
        if name in keywords and not _is_default(keywords[name].value):
            return f"tfbn.create_train_op has no {name}"
        if name in keywords:
            return f"tfbn.create_train_op has no {name}; this one is the default: leave it out"
    return None


def _is_default(node: Any) -> bool:
    return isinstance(node, (cst.Integer, cst.Name)) and node.value in ("0", "None")


RULE = Rule(
    name=NAME,
    summary="renames create_train_op of slim.learning to tfbn.create_train_op, unless it clips or multiplies gradients",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
