"""Names that may stand for batch norm, or for something else."""

from __future__ import annotations

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module
from tfbn.migrate.rule import Rule, may_rewrite

NAME = "uncertain"
BEFORE = AFTER = """\
import my_layers
import tensorflow.contrib.slim as slim

if my_layers.AVAILABLE:
    slim = my_layers

def head(images):
    return slim.batch_norm(images)
"""


def check(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if not use.certain:
            reason = f"may be {use.name}, or something else that the name is bound to as well"
            remedy = "give the two things two names, and run tfbn migrate again"
        elif use.known and isinstance(use.node, cst.Attribute) and not may_rewrite(use, module, changes):
            reason = f"is {use.name}, and is assigned to, deleted or written with a comment inside"
            remedy = f"change it by hand; tfbn has it as {use.known.target or use.name}"
        else:
            continue
        changes.find(use.node, NAME, f"`{' '.join(module.text(use.node).split())}` {reason}", remedy)


RULE = Rule(
    name=NAME,
    summary="reports what may be a name of contrib or slim, depending on what runs, and leaves it as it is",
    before=BEFORE,
    after=AFTER,
    check=check,
)
