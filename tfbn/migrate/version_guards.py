"""Branches that TensorFlow 2 never runs: `if tf.__version__ < "2":`, `if hasattr(tf, "Session"):`.

A test is evaluated for the oldest and the newest TensorFlow supported. One that depends on anything else, or that is
not understood, guards nothing: the code behind it is reported.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import libcst as cst

from tfbn.migrate import names, v1_names
from tfbn.migrate.module import Module, last_part
from tfbn.migrate.rule import constant_string

VERSIONS = ("2.12.1", "2.21.0")
_VERSION_NAMES = ("__version__", "VERSION", "version.VERSION")
_PARSERS = ("LooseVersion", "StrictVersion", "Version", "parse", "parse_version")
_FUNCTIONS: dict[str, Any] = {
    "bool": bool,
    "float": float,
    "int": int,
    "len": len,
    "list": list,
    "map": map,
    "str": str,
    "tuple": tuple,
}
_ATTRIBUTES = ("major", "minor", "release", "split", "startswith", "version")
_NODES = (
    ast.Expression,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Subscript,
    ast.Slice,
    ast.Call,
    ast.ListComp,
    ast.GeneratorExp,
    ast.comprehension,
    ast.Name,
    ast.Attribute,
    ast.cmpop,
    ast.boolop,
    ast.unaryop,
    ast.expr_context,
)


class _Version(tuple):
    """The numbers of a version, compared one by one."""

    major = property(lambda self: self[0])
    minor = property(lambda self: self[1])
    release = version = property(tuple)

    def __new__(cls, text: str) -> _Version:
        return super().__new__(cls, map(int, re.findall(r"\d+", text)))


def is_skipped(module: Module, node: Any) -> bool:
    """Whether a test of TensorFlow's version or names keeps TensorFlow 2 from running a node."""
    child = node
    for above in module.parents(node):
        if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test:
            result = _evaluate(module, above.test)
            if result is not None and result is not (child is above.body):
                return True
        child = above
    return False


def _evaluate(module: Module, test: Any) -> bool | None:
    """The result of a test with every TensorFlow supported; None if it tests something else."""
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        result = _evaluate(module, test.expression)
        return None if result is None else not result
    if isinstance(test, cst.BooleanOperation):
        sides = {_evaluate(module, side) for side in (test.left, test.right)}
        decisive = isinstance(test.operator, cst.Or)
        return decisive if decisive in sides else None if None in sides else not decisive
    results = set()
    for version in VERSIONS:
        text = _substitute(module, test, version)
        if text == module.text(test):
            return None
        try:
            tree = ast.parse(f"({text})", mode="eval")
            results.add(bool(_value(tree)))
        except Exception:  # it tests something else, or something unknown here
            return None
    return results.pop() if len(results) == 1 else None


def _substitute(module: Module, node: Any, version: str, depth: int = 0) -> str:
    """The text of an expression with a version for TensorFlow's, and with the results of `hasattr`."""
    if isinstance(node, cst.Call) and last_part(node.func) == "hasattr" and len(node.args) == 2:
        has = _has(module.name(node.args[0].value), constant_string(node.args[1].value))
        return module.text(node) if has is None else str(has)
    if isinstance(node, cst.Attribute) and names.below_tensorflow(module.name(node)) in _VERSION_NAMES:
        return repr(version)
    if isinstance(node, cst.Name) and module.is_load(node) and depth < 3:
        value = module.assigned_value(node)
        if value is not None and value is not node:
            return f"({_substitute(module, value, version, depth + 1)})"
    text, (start, _) = module.text(node).encode("utf-8"), module.span(node)
    for child in reversed(_expressions(module, node)):
        first, last = module.span(child)
        new = _substitute(module, child, version, depth).encode("utf-8")
        text = text[: first - start] + new + text[last - start :]
    return text.decode("utf-8")


def _expressions(module: Module, node: Any) -> list[Any]:
    """The outermost expressions below a node, in the order of the text."""
    expressions: list[Any] = []
    for child in node.children:
        if isinstance(child, cst.BaseExpression):
            expressions.append(child)
        elif not isinstance(child, (cst.BaseParenthesizableWhitespace, cst.LeftParen, cst.RightParen)):
            expressions += _expressions(module, child)
    return sorted(expressions, key=module.span)


def _has(full: str, name: str | None) -> bool | None:
    """Whether a module of TensorFlow 2 has a name; None if that is unknown."""
    if name is None or names.below_tensorflow(full) is None:
        return None
    whole = f"{full}.{name}"
    if names.is_lacking(whole):
        return False
    is_v2 = whole == "tensorflow.compat" or v1_names.v2_only(whole.partition(".")[2]) is not None
    return True if is_v2 else None


def _value(tree: ast.Expression) -> Any:
    """The value of an expression of versions. Raises for anything that could do more than compare."""
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _leaf(node.func) in _PARSERS:
            node.func = ast.copy_location(ast.Name("_Version", ast.Load()), node.func)
    for node in ast.walk(tree):
        is_known = not isinstance(node, ast.Name) or node.id in {*_FUNCTIONS, *bound, "_Version"}
        is_read = not isinstance(node, ast.Attribute) or node.attr in _ATTRIBUTES
        if not (isinstance(node, _NODES) and is_known and is_read):
            raise ValueError("not an expression of versions")
    return eval(compile(tree, "<test>", "eval"), {"__builtins__": {}, "_Version": _Version, **_FUNCTIONS})


def _leaf(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
