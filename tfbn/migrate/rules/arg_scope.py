"""`arg_scope` and its companions."""

from __future__ import annotations

from functools import partial

from tfbn.migrate.rule import Rule, rename

BEFORE = """\
from tensorflow.contrib.framework import arg_scope
from tensorflow.contrib.layers import batch_norm

def head(images):
    with arg_scope([batch_norm], decay=0.9, updates_collections=None):
        return batch_norm(images)
"""

AFTER = """\
from tfbn import arg_scope
from tfbn import batch_norm

def head(images):
    with arg_scope([batch_norm], decay=0.9, updates_collections=None):
        return batch_norm(images)
"""

NAME = "arg-scope"
RULE = Rule(
    name=NAME,
    summary="renames arg_scope, add_arg_scope, has_arg_scope, arg_scoped_arguments and arg_scope_func_key to tfbn",
    before=BEFORE,
    after=AFTER,
    check=partial(rename, rule=NAME),
)
