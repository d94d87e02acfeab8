"""Imports of what TensorFlow 2 does not have: they raise as soon as the file is run."""

from __future__ import annotations

from tfbn.migrate.changes import Changes
from tfbn.migrate.imports import DEAD_IMPORTS
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule

BEFORE = """\
import tensorflow as tf
import tensorflow.contrib.eager as tfe
import tensorflow.contrib.slim as slim

print(tf.__version__, tfe)
"""
AFTER = """\
import tensorflow as tf
import tensorflow.contrib.eager as tfe

print(tf.__version__, tfe)
"""


def check(module: Module, changes: Changes) -> None:
    """The work is done last, when it is known what the other rules leave: see imports.py."""


RULE = Rule(
    name=DEAD_IMPORTS,
    summary="removes imports of contrib and slim that nothing uses, and reports those that stay",
    before=BEFORE,
    after=AFTER,
    check=check,
)
