"""The name by which new text refers to TensorFlow."""

from __future__ import annotations

from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Binding, Module
from tfbn.migrate.placement import conflicting_binding


def name_of_v1(module: Module, changes: Changes, node: Any) -> str | None:
    """An expression for tensorflow.compat.v1 at a node: `tf`, or `tf.compat.v1`; None if no name is free.

    The import that it needs is kept or added.
    """
    for binding in module.bindings():
        if binding.alias is not None and _is_visible(module, binding, node):
            is_v1 = binding.name == "tensorflow.compat.v1"
            if is_v1 or binding.name == "tensorflow":
                changes.needed.add(binding.local)
                return binding.local if is_v1 or changes.v1_imports else f"{binding.local}.compat.v1"
    if conflicting_binding(module, "tf") is None:
        changes.use("tf", "import tensorflow.compat.v1 as tf")
        return "tf"
    return None


def _is_visible(module: Module, binding: Binding, node: Any) -> bool:
    scope = module.scope(_first_name(node))
    return scope is not None and module.resolve_in(scope, binding.local) == frozenset([binding.name])


def _first_name(node: Any) -> Any:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node
