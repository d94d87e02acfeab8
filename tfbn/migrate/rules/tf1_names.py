"""Names that TensorFlow 2 lacks, without `--compat-v1`."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule
from tfbn.migrate.rules import compat_v1

NAME = "tf1-names"
BEFORE = AFTER = """\
import tensorflow as tf

def inputs():
    return tf.placeholder(tf.float32, [None, 8]), tf.placeholder_with_default(False, [])
"""
MAX_NAMES = 3  # in a message


def check(module: Module, changes: Changes) -> None:
    if compat_v1.NAME in changes.enabled:
        return  # that one changes the import, or says why it stays
    found = compat_v1.v1_mentions(module)
    if found:
        names = list(dict.fromkeys(f"tf.{name}" for name, _ in found))
        others = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        changes.find(
            found[0][1],
            NAME,
            f"TensorFlow 2 has no {', '.join(names[:MAX_NAMES])}{others}: the program raises at the first that it uses",
            "run tfbn migrate with --compat-v1, which imports tensorflow.compat.v1, or tf_upgrade_v2 of TensorFlow",
        )


RULE = Rule(
    name=NAME,
    summary="reports names that TensorFlow 2 lacks and tf.compat.v1 has, unless --compat-v1 imports that",
    before=BEFORE,
    after=AFTER,
    check=check,
)
