"""Whether a program is prepared for a name that TensorFlow 2 lacks: by a `try`, a test of the version, a fallback."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate import names
from tfbn.migrate.module import Module
from tfbn.migrate.version_guards import is_skipped

_MISSING = re.compile(r"\b(?:AttributeError|ImportError|ModuleNotFoundError)\b")


def is_caught(module: Module, node: Any) -> bool:
    """Whether a name may be missing at a node: in a `try` that catches it, in dead code, or behind a test."""
    if is_skipped(module, node):
        return True
    body = node
    for above in module.parents(node):
        if isinstance(above, cst.Try) and above.body is body:
            caught = " ".join(module.text(handler.type) for handler in above.handlers if handler.type is not None)
            if _MISSING.search(caught):
                return True
        if isinstance(above, cst.ExceptHandler) and above.type is not None and _MISSING.search(module.text(above.type)):
            if _has_all_names(module, module.parent(above).body):
                return True
        body = above
    return False


def _has_all_names(module: Module, body: Any) -> bool:
    """Whether the body of a `try` reads names of TensorFlow and newer TensorFlow has all, so that no handler runs."""
    full_names = {
        module.name(node) for node in module.nodes if isinstance(node, cst.Attribute) and _is_in(module, node, body)
    }
    read = [name for name in full_names if names.below_tensorflow(name)]
    return bool(read) and not any(map(names.is_lacking, read))


def _is_in(module: Module, node: Any, body: Any) -> bool:
    return any(above is body for above in module.parents(node))


def may_be_unbound(module: Module, node: Any) -> bool:
    """Whether all bindings of an expression's first name may fail: `slim` is None then, or unbound."""
    statements = [statement for statement, _ in module.bindings_of(node)]
    return bool(statements) and all(is_caught(module, statement) for statement in statements)


def has_fallback(module: Module, node: Any) -> bool:
    """Whether an expression's first name is bound to something else where TensorFlow 2 lacks what it stands for."""
    others = [targets for statement, targets in module.bindings_of(node) if not is_caught(module, statement)]
    is_alive = not any(map(names.is_dead, frozenset().union(*others)))
    return bool(others) and is_alive and any(is_caught(module, statement) for statement, _ in module.bindings_of(node))
