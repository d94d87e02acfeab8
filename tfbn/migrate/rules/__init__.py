"""The rules, in the order in which they are listed and run."""

from __future__ import annotations

from tfbn.migrate.rule import Rule
from tfbn.migrate.rules import (
    arg_scope,
    batch_norm,
    batch_normalization,
    collection_too_early,
    compat_v1,
    contrib_layers,
    dead_imports,
    dynamic,
    leftovers,
    name_argument,
    opaque_arguments,
    optimizer_dependencies,
    slim_losses,
    slim_train_op,
    tf1_names,
    tf_layers,
    train_op,
    uncertain,
    updates_not_wired,
)

RULES: tuple[Rule, ...] = (
    compat_v1.RULE,  # first: the others ask whether TensorFlow's name will stand for compat.v1
    batch_norm.RULE,
    batch_normalization.RULE,
    contrib_layers.RULE,
    tf_layers.RULE,
    arg_scope.RULE,
    train_op.RULE,
    slim_train_op.RULE,
    slim_losses.RULE,
    dead_imports.RULE,
    leftovers.RULE,
    tf1_names.RULE,
    uncertain.RULE,
    dynamic.RULE,
    opaque_arguments.RULE,
    name_argument.RULE,
    updates_not_wired.RULE,
    optimizer_dependencies.RULE,
    collection_too_early.RULE,
)
BY_NAME = {rule.name: rule for rule in RULES}
