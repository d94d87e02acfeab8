"""Names that TensorFlow 2 lacks and no rule rewrites."""

from __future__ import annotations

from tfbn.migrate import names
from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.prepared import is_caught, may_be_unbound
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules.dynamic import is_looked_up

NAME = "leftovers"
VALID = [
    "import tensorflow as tf\ny = tf.nn.relu, tf.compat.v1.train.Saver, tf.keras.layers.Dense, tf.contributions.x\n",
]
INVALID = [
    (
        """\
import tensorflow as tf

def accuracy(predictions, labels):
    return tf.contrib.metrics.streaming_accuracy(predictions, labels)
""",
        4,
    ),
]


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if use.known is None and use.certain and not is_looked_up(module, use.node) and not is_caught(module, use.node):
            problem, severity = names.what_is_wrong(use.name), "error"
            if may_be_unbound(module, use.node):
                problem, severity = f"{problem}, and the code for its absence is not followed", "warning"
            changes.find(use.node, NAME, problem, names.advice(use.name), severity=severity)


RULE = Rule(
    name=NAME,
    summary="reports names of contrib, slim and tf.layers that tfbn does not have, with what to use",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
