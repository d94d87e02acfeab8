"""`slim.losses` and `tf.contrib.losses`: predictions come first there, labels come first in `tf.compat.v1.losses`."""

from __future__ import annotations

from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, call_of, keyword_arguments
from tfbn.migrate.tensorflow_home import name_of_v1

NAME = "slim-losses"
VALID = [
    "import tensorflow as tf\ny = tf.compat.v1.losses.log_loss(labels, predictions)\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf
import tensorflow.contrib.slim as slim

def loss(logits, labels):
    slim.losses.sparse_softmax_cross_entropy(logits, labels, weights=2.0)
    return slim.losses.get_total_loss()
""",
        """\
import tensorflow as tf

def loss(logits, labels):
    tf.compat.v1.losses.sparse_softmax_cross_entropy(logits=logits, labels=labels, weights=2.0)
    return tf.compat.v1.losses.get_total_loss()
""",
    ),
    ("from tensorflow.contrib import slim\nslim.losses.log_loss(*both)\n", 2),
    # An import of TensorFlow is added where there is none.
    (
        "from tensorflow.contrib import slim\nslim.learning.create_train_op(slim.losses.get_total_loss(), optimizer)\n",
        "import tensorflow.compat.v1 as tf\nimport tfbn\ntfbn.create_train_op(tf.losses.get_total_loss(), optimizer)\n",
    ),
]
_PREDICTIONS = ("predictions", "labels", "weights", "scope")
# The arguments of 1.15.5 in their order; None where both have the same order.
ARGUMENTS: dict[str, tuple[str, ...] | None] = {
    "absolute_difference": _PREDICTIONS,
    "add_loss": None,
    "compute_weighted_loss": None,
    "cosine_distance": ("predictions", "labels", "axis", "weights", "scope", "dim"),
    "get_losses": None,
    "get_regularization_losses": None,
    "get_total_loss": None,
    "hinge_loss": ("logits", "labels", "scope"),
    "log_loss": ("predictions", "labels", "weights", "epsilon", "scope"),
    "mean_squared_error": _PREDICTIONS,
    "sigmoid_cross_entropy": ("logits", "multi_class_labels", "weights", "label_smoothing", "scope"),
    "softmax_cross_entropy": ("logits", "onehot_labels", "weights", "label_smoothing", "scope"),
    "sparse_softmax_cross_entropy": ("logits", "labels", "weights", "scope"),
}
# Elementwise losses, for which contrib took weights of lower rank, one for each sample; with the index of `weights`.
_ELEMENTWISE = {
    **dict.fromkeys(("absolute_difference", "log_loss", "mean_squared_error", "sigmoid_cross_entropy"), 2),
    "cosine_distance": 3,
    "compute_weighted_loss": 1,
}
# contrib's hinge_loss returned the elementwise loss, and added it to no collection.
EXTRA = {"hinge_loss": ', reduction="none", loss_collection=None'}


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if use.known and use.known.rule == NAME and use.certain and module.is_load(use.node):
            arguments = ARGUMENTS[use.known.leaf]
            call = call_of(module, use.node)
            reason = None if arguments is None else _reason(call, arguments)
            home = None if reason else name_of_v1(module, changes, use.node)
            if reason or home is None:
                changes.find(
                    use.node,
                    NAME,
                    f"{use.known.leaf} of contrib.losses stays: {reason or 'no name for TensorFlow is free here'}",
                    f"call tf.compat.v1.losses.{use.known.leaf} with every argument named: labels come first there",
                )
                continue
            changes.replace(use.node, f"{home}.losses.{use.known.leaf}", NAME)
            for argument, name in zip(call.args if arguments and call else (), arguments or ()):
                if argument.keyword is None:
                    start, _ = module.span(argument)  # with its parentheses
                    changes.replace_span(start, start, f"{name}=", NAME)
            _report_weights(changes, use.known.leaf, call)
            if use.known.leaf in EXTRA and call is not None:
                _, end = module.span(call.args[-1])
                changes.replace_span(end, end, EXTRA[use.known.leaf], NAME)


def _reason(call: Any, arguments: tuple[str, ...]) -> str | None:
    """Why the call cannot be rewritten argument by argument."""
    if call is None:
        return "it is not called here, and the order of the arguments differs"
    if any(argument.star for argument in call.args):
        return "its arguments cannot be read here"
    if not call.args or len(call.args) > len(arguments):
        return f"it takes {len(arguments)} arguments"
    unknown = [name for name in keyword_arguments(call) if name not in arguments]
    return f"it has no argument {unknown[0]}" if unknown else None


def _report_weights(changes: Changes, leaf: str, call: Any) -> None:
    """Warns where the weights may be those of samples."""
    if leaf not in _ELEMENTWISE or call is None:
        return
    weights = keyword_arguments(call).get("weights")
    positional = [argument for argument in call.args if argument.keyword is None]
    if weights is None and len(positional) > _ELEMENTWISE[leaf]:
        weights = positional[_ELEMENTWISE[leaf]]
    if weights is not None and not isinstance(weights.value, (cst.Integer, cst.Float)):
        changes.find(
            weights.value,
            NAME,
            f"{leaf} of contrib.losses took one weight for each sample, which that of TensorFlow refuses",
            "where the weights have fewer dimensions than the losses, add those of size 1: for a batch of vectors "
            "weights[:, tf.newaxis], with the same result",
        )


RULE = Rule(
    name=NAME,
    summary="turns slim.losses into tf.compat.v1.losses and names the arguments, since their order is another",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
