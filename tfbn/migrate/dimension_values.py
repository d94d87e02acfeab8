"""`x.shape[1].value` and the like, which only shapes of TensorFlow 1 have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SHAPES = ("get_shape", "merge_with", "shape", "with_rank", "with_rank_at_least", "with_rank_at_most")
_CONTAINERS = ("enumerate", "list", "reversed", "sorted", "tuple", "zip")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def dimension_values(tree: ast.Module, *, in_functions: bool = True) -> Iterator[ast.Attribute]:
    """The expressions that read the `.value` of a dimension, except in scopes that also handle plain numbers.

    Module-level ones come first, and are the only ones unless `in_functions`: they run on import.
    """
    scopes: list[ast.AST] = [tree]
    while scopes:
        nodes, inner_scopes = _own_nodes(scopes.pop())
        scopes += inner_scopes if in_functions else []
        if not any(_checks_kind(node) for node in nodes):
            yield from _values_in(nodes)


def _own_nodes(scope: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """A scope's nodes in source order, and its functions and classes; no `try` bodies that catch AttributeError."""
    nodes: list[ast.AST] = []
    inner: list[ast.AST] = []
    stack = list(reversed(list(ast.iter_child_nodes(scope))))
    while stack:
        node = stack.pop()
        if isinstance(node, _SCOPES):
            inner.append(node)
            continue
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Try) and any(handler.type and _catches(handler.type) for handler in node.handlers):
            children = [child for child in children if child not in node.body]
        nodes.append(node)
        stack.extend(reversed(children))
    return nodes, inner


def _catches(expected: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "AttributeError" for node in ast.walk(expected))


def _checks_kind(node: ast.AST) -> bool:
    """Whether a node is `hasattr(dimension, "value")` or `isinstance(dimension, tf.Dimension)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2):
        return False
    kind = ast.unparse(node.args[1])
    return (node.func.id, kind) == ("hasattr", "'value'") or (node.func.id == "isinstance" and "Dimension" in kind)


def _values_in(nodes: list[ast.AST]) -> Iterator[ast.Attribute]:
    shapes: set[str] = set()
    dimensions: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Assign):
            _bind(node.targets[0], node.value, shapes, dimensions)
        elif isinstance(node, (ast.For, ast.comprehension)) and _is_shape(node.iter, shapes):
            dimensions |= _names(node.target)
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr == "value" and isinstance(node.ctx, ast.Load):
            is_dimension = isinstance(node.value, ast.Name) and node.value.id in dimensions
            if is_dimension or _is_dimension(node.value, shapes):
                yield node


def _bind(target: ast.expr, value: ast.expr, shapes: set[str], dimensions: set[str]) -> None:
    if isinstance(target, ast.Name) and _is_shape(value, shapes):
        shapes.add(target.id)
    elif (isinstance(target, ast.Name) and _is_dimension(value, shapes)) or _is_shape(value, shapes):
        dimensions |= _names(target)


def _is_shape(node: ast.expr, shapes: set[str]) -> bool:
    """`x.shape`, `x.get_shape()`, a name for one, and a part or a list of one."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in _CONTAINERS:
            return any(_is_shape(argument, shapes) for argument in node.args)
        return isinstance(node.func, ast.Attribute) and node.func.attr in _SHAPES and node.func.attr != "shape"
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Slice) and _is_shape(node.value, shapes)
    if isinstance(node, ast.Attribute):
        return node.attr == "shape"
    return isinstance(node, ast.Name) and node.id in shapes


def _is_dimension(node: ast.expr, shapes: set[str]) -> bool:
    return isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice) and _is_shape(node.value, shapes)


def _names(target: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(target) if isinstance(node, ast.Name)}
