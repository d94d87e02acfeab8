"""Which imports of a project's own files build nothing, so that v2 behaviour may be switched off below them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from tfbn.migrate import names
from tfbn.migrate.import_graph import ImportGraph, is_main_test
from tfbn.migrate.standard_library import builds_no_ops


class ImportEffects:
    """Finds what runs when a file is imported; whatever it does not know may build ops."""

    def __init__(self, graph: ImportGraph) -> None:
        self._graph = graph
        self._without_ops: dict[str, bool] = {}

    def lines_without_ops(self, path: str) -> Iterator[int]:
        """The lines on which a file imports project files that build no ops and provide no TensorFlow name."""
        tree = self._graph.tree(path)
        for node in tree.body if tree is not None else ():
            files = set(self._graph.imports(path, node))
            if files and all(map(self._builds_no_ops, files)) and not self._binds_tensorflow(path, node):
                yield node.lineno

    def _binds_tensorflow(self, path: str, node: ast.AST) -> bool:
        for alias in getattr(node, "names", ()):
            local = alias.asname or alias.name.partition(".")[0]
            if local == "*" or names.below_tensorflow(self._graph.bound(path, local).full) is not None:
                return True
        return False

    def _builds_no_ops(self, path: str) -> bool:
        for other in self._graph.program(path):
            if other not in self._without_ops:
                self._without_ops[other] = self._runs_nothing(other)
            if not self._without_ops[other]:
                return False
        return True

    def _runs_nothing(self, path: str) -> bool:
        """Whether a file's own statements call only harmless functions and import nothing unknown."""
        tree = self._graph.tree(path)
        if tree is None:
            return False
        packages: dict[str, str] = {}
        for node in _run_at_import(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                is_own = any(self._graph.imports(path, node))
                for local, package in _imported_packages(node):
                    if not is_own and not builds_no_ops(package):
                        return False
                    packages[local] = "" if is_own else package
            elif isinstance(node, ast.Call) and not _is_harmless(node.func, packages):
                return False
        return True


def _imported_packages(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The names that an import binds, with their packages; a relative import has an empty one."""
    for alias in node.names:
        module = alias.name
        if isinstance(node, ast.ImportFrom):
            module = "" if node.level else node.module or ""
        yield alias.asname or alias.name.partition(".")[0], module.partition(".")[0]


def _run_at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes of a file that run when it is imported, in their order."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            children = [*node.decorator_list, node.args]
        elif isinstance(node, ast.Lambda):
            children = [node.args]
        elif isinstance(node, ast.If) and is_main_test(node.test):
            children = list(node.orelse)
        stack.extend(reversed(children))


def _is_harmless(function: ast.expr, packages: dict[str, str]) -> bool:
    root, attributes = function, []
    while isinstance(root, ast.Attribute):
        attributes.append(root.attr)
        root = root.value
    if attributes and attributes[0].startswith("DEFINE_"):
        return True  # a flag, whatever the flags module is called
    if not isinstance(root, ast.Name):
        return bool(attributes)  # a method of a constant, or of another call's result
    package = packages.get(root.id)
    if package in ("tensorflow", "tfbn"):
        return "logging" in attributes or "flags" in attributes
    return bool(package) or (package is None and not attributes and hasattr(builtins, root.id))
