"""The order in which a program runs: whether it switches v2 behaviour off before it first needs a graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Union

from tfbn.migrate.import_graph import NOTHING, Bound, ImportGraph, is_main_test
from tfbn.migrate.v1_names import LAYERS, NEEDS_GRAPH

V1 = "tensorflow.compat.v1."
SWITCHES = ("disable_v2_behavior", "disable_eager_execution")
Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef]


class Event(NamedTuple):
    """A call that switches v2 behaviour off, or one that needs it off."""

    path: str
    node: ast.Call
    switches_off: bool


class ProgramOrder:
    """Follows a program through its imports and the calls of its functions, each once.

    Args:
      graph: what imports what.
      path: the file of the program.
      function: the function of that file that an entry point calls; None if the file itself is run.
    """

    def __init__(self, graph: ImportGraph, path: str, function: Definition | None = None) -> None:
        self._graph, self._path, self._function = graph, path, function
        self._seen: set[int] = set()
        self._has_graph = False  # inside of `with graph.as_default():`

    def events(self) -> Iterator[Event]:
        """The events in the order in which they happen."""
        yield from self._file(self._path)
        if self._function is not None:
            yield from self._definition(self._path, self._function)

    def _file(self, path: str) -> Iterator[Event]:
        tree = self._graph.tree(path)
        if tree is not None and id(tree) not in self._seen:
            self._seen.add(id(tree))
            yield from self._body(path, tree.body, NOTHING)

    def _body(self, path: str, body: list[ast.stmt], local: Mapping[str, Bound]) -> Iterator[Event]:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if isinstance(node, ast.If) and is_main_test(node.test):
                is_run = path == self._path and self._function is None
                yield from self._body(path, node.body if is_run else node.orelse, local)
                continue
            for other in self._graph.imports(path, node):
                yield from self._file(other)
            had_graph = self._has_graph
            if isinstance(node, ast.With):
                self._has_graph |= any("as_default" in ast.unparse(item.context_expr) for item in node.items)
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    yield from self._body(path, [child], local)
                elif isinstance(child, ast.ExceptHandler):
                    yield from self._body(path, child.body, local)
                else:
                    yield from self._expression(path, child, local)
            self._has_graph = had_graph

    def _expression(self, path: str, expression: ast.AST, local: Mapping[str, Bound]) -> Iterator[Event]:
        for node in walk_executed(expression):
            if not isinstance(node, ast.Call):
                continue
            called_names = self._graph.called(path, node, local)
            if leaf(node.func) in SWITCHES:
                yield Event(path, node, switches_off=True)
            elif any(needs_graph(full, node) for full in called_names):
                yield Event(path, node, switches_off=False)
            elif not self._has_graph and not LAYERS.isdisjoint(called_names):
                yield Event(path, node, switches_off=False)
            elif any(full.startswith("tfbn.") or full.endswith(".wrap_function") for full in called_names):
                continue  # its arguments may run in a graph
            called: list[ast.expr] = [node.func, *node.args, *(keyword.value for keyword in node.keywords)]
            if not node.args and any(full.endswith(".app.run") for full in called_names):
                called.append(ast.Name("main", ast.Load()))
            for function in called:
                home, definition = definition_of(self._graph, path, function, local)
                if definition is not None:
                    yield from self._definition(home, definition)

    def _definition(self, path: str, definition: Definition) -> Iterator[Event]:
        if id(definition) in self._seen or any("function" in ast.unparse(node) for node in definition.decorator_list):
            return  # tf.function builds a graph itself
        self._seen.add(id(definition))
        bodies: list[ast.AST] = [definition]
        if isinstance(definition, ast.ClassDef):
            bodies = [node for node in definition.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
        for function in bodies:
            yield from self._body(path, getattr(function, "body", []), self._graph.local_names(path, function))


def definition_of(
    graph: ImportGraph, path: str, node: ast.expr, local: Mapping[str, Bound] = NOTHING
) -> tuple[str, Definition | None]:
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
        name, homes = _imported(graph, homes[0], name, node if homes[0] == path else None, local)
    return path, None


def _imported(
    graph: ImportGraph, path: str, name: str, node: ast.expr | None, local: Mapping[str, Bound]
) -> tuple[str, list[str]]:
    """A name's original spelling where it is imported from, and the files that may define it."""
    if isinstance(node, ast.Attribute):
        module = graph.resolve_file(path, node.value, local)
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
    """Whether a name raises in eager mode; a session with an explicit graph does not."""
    is_called_for = full.startswith(V1) and full[len(V1) :] in NEEDS_GRAPH
    return is_called_for and not (call is not None and has_own_graph(call))


def walk_executed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run with a statement: not the body of a lambda that is only stored, as by an assignment."""
    yield node
    for child in ast.iter_child_nodes(node.args if isinstance(node, ast.Lambda) else node):
        yield from walk_executed(child)
        if isinstance(child, ast.Lambda) and isinstance(node, (ast.Call, ast.keyword)):
            yield from walk_executed(child.body)


def has_own_graph(call: ast.Call) -> bool:
    """Whether a call names the graph that it is for."""
    return any(keyword.arg == "graph" for keyword in call.keywords)
