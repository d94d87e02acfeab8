"""What programs of TensorFlow run of Python and its libraries, outside of what catches its absence.

Read by `ast`, in the files that programs import as well, most of which need no libcst.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.project import Project

_PREPARED = re.compile(r"\b(?:version_info|hexversion|PY2|PY3|python_version|python_version_tuple|__version__)\b")
_MISSING = re.compile(r"\b(?:AttributeError|Exception|ImportError|ModuleNotFoundError|NameError)\b")


def files_of_programs(project: Project) -> list[str]:
    """The files that mention TensorFlow, those that import one of them, and all that these import."""
    graph = project.import_graph
    reached = {path for path in graph.relevant() if _is_of_tensorflow(project, path)}
    waiting = list(reached)
    while waiting:
        new = graph.imported_files(waiting.pop()) - reached
        reached |= new
        waiting.extend(new)
    return sorted(reached)


def _is_of_tensorflow(project: Project, path: str) -> bool:
    if project.summaries[path].mentions_tensorflow or project.text(path).find(b"keras") >= 0:
        return True
    return bool(project.import_graph.imported_files(path))


def unguarded(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a file, in no certain order, but those behind a test of the version or in a `try` for an absence."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Try):
            caught = [ast.unparse(handler.type) if handler.type else "Exception" for handler in node.handlers]
            if _MISSING.search(" ".join(caught)):
                stack += [*node.orelse, *node.finalbody]
                continue
        if isinstance(node, (ast.If, ast.IfExp)) and _PREPARED.search(ast.unparse(node.test)):
            continue
        yield node
        stack.extend(ast.iter_child_nodes(node))


class Imports:
    """What the names of a file's imports stand for, for the names that nothing else binds."""

    def __init__(self, graph: ImportGraph, path: str, tree: ast.AST) -> None:
        self.bound: dict[str, str] = {}
        self.mentions: list[tuple[str, ast.stmt]] = []  # what is imported, in full, and the statement
        self.others = set(_bound_otherwise(tree))
        for node in unguarded(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if not graph.files(path, alias.name):
                        self.bound[alias.asname or alias.name.partition(".")[0]] = (
                            alias.name if alias.asname else alias.name.partition(".")[0]
                        )
                        self.mentions.append((alias.name, node))
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                if not graph.files(path, node.module):
                    for alias in node.names:
                        self.bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                        self.mentions.append((f"{node.module}.{alias.name}", node))

    def full(self, node: ast.AST) -> str:
        """The full name of an attribute chain that begins with an import; empty for another expression."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.others or node.id not in self.bound:
            return ""
        return ".".join([self.bound[node.id], *reversed(parts)])


def _bound_otherwise(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
