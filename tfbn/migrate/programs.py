"""The order in which a program of the project runs: what comes first, v2 behaviour switched off or a use of graphs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple, Union

from tfbn.migrate.import_graph import ImportGraph, is_main_test

V1 = "tensorflow.compat.v1."
SWITCHES = ("disable_v2_behavior", "disable_eager_execution")
# What raises while TensorFlow 2 executes eagerly.
NEEDS_GRAPH = frozenset(
    f"{V1}{name}"
    for name in (
        "InteractiveSession Session placeholder placeholder_with_default sparse_placeholder "
        "train.MonitoredSession train.MonitoredTrainingSession train.Supervisor"
    ).split()
)
Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]


class Event(NamedTuple):
    """A call that switches v2 behaviour off, or one that needs that."""

    path: str
    node: ast.Call
    switches_off: bool


class ProgramOrder:
    """Follows a program through its imports and the calls of its functions, each once."""

    def __init__(self, graph: ImportGraph, path: str) -> None:
        self._graph, self._path = graph, path
        self._seen: set[int] = set()

    def events(self) -> Iterator[Event]:
        """The events in the order in which they happen."""
        yield from self._file(self._path)

    def _file(self, path: str) -> Iterator[Event]:
        tree = self._graph.tree(path)
        if tree is not None and id(tree) not in self._seen:
            self._seen.add(id(tree))
            yield from self._body(path, tree.body)

    def _body(self, path: str, body: list[ast.stmt]) -> Iterator[Event]:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if isinstance(node, ast.If) and is_main_test(node.test):
                yield from self._body(path, node.body if path == self._path else node.orelse)
                continue
            for other in self._graph.imports(path, node):
                yield from self._file(other)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    yield from self._body(path, [child])
                elif isinstance(child, ast.ExceptHandler):
                    yield from self._body(path, child.body)
                else:
                    yield from self._expression(path, child)

    def _expression(self, path: str, expression: ast.AST) -> Iterator[Event]:
        for node in ast.walk(expression):
            if not isinstance(node, ast.Call):
                continue
            full = self._graph.resolve(path, node.func).full
            if leaf(node.func) in SWITCHES:
                yield Event(path, node, switches_off=True)
            elif needs_graph(full, node):
                yield Event(path, node, switches_off=False)
            called: list[ast.expr] = [node.func, *node.args, *(keyword.value for keyword in node.keywords)]
            if full.endswith(".app.run") and not node.args:
                called.append(ast.Name("main", ast.Load()))
            for function in called:
                yield from self._call(path, function)

    def _call(self, path: str, function: ast.expr) -> Iterator[Event]:
        home, definition = definition_of(self._graph, path, function)
        if definition is None or id(definition) in self._seen:
            return
        self._seen.add(id(definition))
        if isinstance(definition, ast.ClassDef):
            for node in definition.body:
                if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                    yield from self._body(home, node.body)
        else:
            yield from self._body(home, definition.body)


def definition_of(graph: ImportGraph, path: str, node: ast.expr) -> tuple[str, Definition | None]:
    """The function or class of the project that an expression names, and the file that has it."""
    name, homes = leaf(node), [path]
    for _ in range(len(graph.project.summaries)):
        if not homes:
            break
        for home in homes:
            for inner in getattr(graph.tree(home), "body", ()):
                is_definition = isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                if is_definition and inner.name == name and (home != path or isinstance(node, ast.Name)):
                    return home, inner
        name, homes = _imported(graph, homes[0], name, node if homes[0] == path else None)
    return path, None


def _imported(graph: ImportGraph, path: str, name: str, node: ast.expr | None) -> tuple[str, list[str]]:
    """What a name is called where it is imported from, and the files that may be meant."""
    if isinstance(node, ast.Attribute):
        module = graph.resolve_file(path, node.value)
        return name, [module] if module else []
    stars: list[str] = []
    for inner in ast.walk(graph.tree(path) or ast.Module([], [])):
        if isinstance(inner, ast.ImportFrom):
            for alias in inner.names:
                home = graph.files(path, inner.module or "", inner.level)
                if alias.name == "*":
                    stars += home
                elif (alias.asname or alias.name) == name:
                    return alias.name, home
    return name, stars


def leaf(node: ast.expr) -> str:
    """The last part of an attribute chain, or the name; empty for another expression."""
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def needs_graph(full: str, call: ast.Call | None = None) -> bool:
    """Whether a name of TensorFlow raises in eager mode; a session of a graph of the program's own does not."""
    graph = call is not None and any(keyword.arg == "graph" for keyword in call.keywords)
    return full in NEEDS_GRAPH and not graph
