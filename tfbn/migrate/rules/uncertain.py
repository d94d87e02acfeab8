"""Names that may stand for batch norm, or for something else."""

from __future__ import annotations

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module, Use
from tfbn.migrate.prepared import has_fallback
from tfbn.migrate.rule import Rule, may_rewrite

NAME = "uncertain"
VALID = [
    "import my_layers\nslim = my_layers\n\ndef head(images):\n    return slim.batch_norm(images)\n",
    "import mine, tfbn\nfn = tfbn.batch_norm\nif y: fn = mine\nfn(1)\n",
]
INVALID = [
    (
        """\
import my_layers
import tensorflow.contrib.slim as slim

if my_layers.AVAILABLE:
    slim = my_layers

def head(images):
    return slim.batch_norm(images)
""",
        8,
    ),
    ("import mine\nfrom tensorflow.contrib import slim\nif x: slim = mine\nslim.batch_norm(1)\n", 4),
    ("from tensorflow.contrib import slim\nfor slim in slims: pass\nslim.batch_norm(1)\n", 3),
    ("from tensorflow.contrib import slim\ndef f():\n    global slim\n    slim = g()\nslim.batch_norm(1)\n", 5),
    # Certain, and not to be rewritten where it stands.
    ("from tensorflow.contrib import slim\nslim.batch_norm = mine\n", 2),
    ("from tensorflow.contrib import slim\ndel slim.batch_norm\n", 2),
    ("from tensorflow.contrib import slim\n(slim  # ours\n.batch_norm)(1)\n", 2),
]


def check_file(module: Module, changes: Changes) -> None:
    for use in module.uses:
        if id(use.node) in changes.kept or (not use.certain and _is_right(module, use, changes)):
            continue
        if not use.certain:
            reason = f"may be {use.name}, or something else that the name is bound to as well"
            remedy = "give the two things two names, and run tfbn migrate again"
        elif use.known and isinstance(use.node, cst.Attribute) and not may_rewrite(use, module, changes):
            reason = f"is {use.name}, and is assigned to, deleted or written with a comment inside"
            remedy = f"change it by hand; tfbn has it as {use.known.target or use.name}"
        else:
            continue
        changes.find(use.node, NAME, f"`{' '.join(module.text(use.node).split())}` {reason}", remedy)


def _is_right(module: Module, use: Use, changes: Changes) -> bool:
    """Whether a name is right with either binding: one is, or becomes, tfbn's, or is a fallback."""
    if has_fallback(module, use.node):
        return True
    if not isinstance(use.node, cst.Name) or use.known is None or use.known.target is None:
        return False
    return use.name.startswith("tfbn.") or use.known.rule in changes.enabled


RULE = Rule(
    name=NAME,
    summary="reports what may be a name of contrib or slim, depending on what runs, and leaves it as it is",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
)
