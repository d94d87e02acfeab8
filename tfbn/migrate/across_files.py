"""TensorFlow's names under a name that comes from another file: `from compat import tf`, a star import, `ops.tf`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate import names, v1_names
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.project import Project

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def names_from_other_files(project: Project, rule: str) -> dict[str, list[Finding]]:
    """Reports names that TensorFlow 2 lacks, and those that a rule would have rewritten under an import of the file."""
    graph = project.import_graph
    findings: dict[str, list[Finding]] = {}
    for path in graph.relevant():
        if path in project.reports and project.reports[path].problem:
            continue
        known = {finding.where for finding in project.reports[path].findings} if path in project.reports else set()
        for node, full in _lacking(graph, path):
            place = graph.place(path, node)
            if place in known:
                continue
            text = ast.unparse(node)
            message = f"`{text}` is {full}, which TensorFlow 2 lacks; `{text.partition('.')[0]}` is from another file"
            advice = "import tensorflow (or, with --compat-v1, tensorflow.compat.v1) here, and run tfbn migrate again"
            findings.setdefault(path, []).append(Finding(rule, "error", place, message, advice))
    return findings


def _lacking(graph: ImportGraph, path: str) -> Iterator[tuple[ast.expr, str]]:
    """The longest attribute chains that stand for such a name; each name once in a file, where it is used first."""
    seen = set()
    for node, local in _chains(graph.tree(path)):
        full, from_file = graph.resolve(path, node)
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not from_file or full in seen or (isinstance(root, ast.Name) and root.id in local):
            continue
        plain = full.partition("tensorflow.")[2] if full.startswith("tensorflow.") else ""
        if names.is_dead(full) or names.known(full) is not None or (plain and v1_names.v1_only(plain)):
            seen.add(full)
            yield node, full


def _chains(tree: ast.Module | None) -> Iterator[tuple[ast.expr, frozenset[str]]]:
    """Names and attribute chains that are read, each with the names that are local to the functions around it."""
    stack: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())] if tree else []
    while stack:
        node, local = stack.pop()
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            yield node, local
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute):
                inner = inner.value
            if not isinstance(inner, ast.Name):
                stack.append((inner, local))
            continue
        if isinstance(node, _SCOPES):
            local = local | _local_names(node)
        stack.extend((child, local) for child in reversed(list(ast.iter_child_nodes(node))))


def _local_names(function: ast.AST) -> frozenset[str]:
    bound, outer = set(), set()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global):
            outer |= set(node.names)
    return frozenset(bound - outer)
