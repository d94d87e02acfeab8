"""What links a file to others: the names that it takes from them, and they from it."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tfbn.migrate import names, v1_names
from tfbn.migrate.import_effects import ImportEffects
from tfbn.migrate.import_graph import FILE, ImportGraph, first_part


class Surroundings(NamedTuple):
    """Names of TensorFlow that a file takes from other files of the run, and they from it."""

    spelled: Mapping[str, str] = {}  # full names of TensorFlow, by `compat.tf` and `.compat.slim` as imports spell them
    starred: Mapping[str, str] = {}  # those of the names that star imports bind
    shared: frozenset[str] = frozenset()  # the names that other files take from this one
    used: frozenset[str] = frozenset()  # what they use by those names, if not every TensorFlow has it: `train.Saver`
    is_rewritten: bool = False  # it takes a name that TensorFlow 2 lacks
    is_package: bool = False  # the file is a package's `__init__`
    lines_without_ops: frozenset[int] = frozenset()  # of its imports of project files that build no ops
    written_before: frozenset[str] = frozenset()  # files that lose module names that this one takes
    written_after: frozenset[str] = frozenset()  # files that are TF1 code because of how this one uses their names


ALONE = Surroundings()


class ForeignUse(NamedTuple):
    """A name or attribute chain that reaches TensorFlow through a name of another file."""

    node: ast.expr
    full: str
    origin: str  # the file whose statement binds the name

    @property
    def below_tensorflow(self) -> str:
        """`train.Saver` for `tensorflow.train.Saver`; empty below tensorflow.compat.v1, and for another package."""
        below = self.full.partition("tensorflow.")[2] if self.full.startswith("tensorflow.") else ""
        return "" if below.startswith("compat.") else below

    @property
    def is_lacking(self) -> bool:
        """Whether TensorFlow 2 lacks it, or a rule rewrites it."""
        return names.known(self.full) is not None or names.is_lacking(self.full)


def find_surroundings(graph: ImportGraph) -> dict[str, Surroundings]:
    """The surroundings of each file that shares names of TensorFlow with another."""
    shared: dict[str, set[str]] = defaultdict(set)
    used: dict[str, set[str]] = defaultdict(set)
    spelled: dict[str, dict[str, str]] = defaultdict(dict)
    starred: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[str, set[str]] = defaultdict(set)
    after: dict[str, set[str]] = defaultdict(set)
    without_ops: dict[str, set[int]] = defaultdict(set)
    effects = ImportEffects(graph)
    rewritten = set()
    for path in filter(graph.may_import_files, graph.relevant()):
        if lines := set(effects.lines_without_ops(path)):
            without_ops[path] = lines
        for _, spelling, home, name in foreign_names(graph, path):
            bound = graph.bound(home, name)
            if names.below_tensorflow(bound.full) is None:
                continue
            shared[home].add(name)
            if names.is_dead(bound.full):
                before[path].add(home)
            if names.known(bound.full) is not None:
                continue  # a function that is rewritten in its file, where it keeps its name
            if spelling:
                spelled[path][spelling] = bound.full
            elif graph.bound(path, name) == bound:  # no later statement rebinds it
                starred[path][name] = bound.full
        for use in foreign_uses(graph, path):
            if use.is_lacking or v1_names.v2_only(use.below_tensorflow):
                used[use.origin].add(use.below_tensorflow)
                if not names.is_of_contrib(use.full):  # a file with those is TF1 code anyway
                    after[path].add(use.origin)
            if use.is_lacking:
                rewritten.add(path)
        if any(map(names.is_dead, spelled[path].values())):
            rewritten.add(path)
    return {
        path: Surroundings(
            spelled[path],
            starred[path],
            frozenset(shared[path]),
            frozenset(used[path] - {""}),
            path in rewritten,
            lines_without_ops=frozenset(without_ops[path]),
            written_before=frozenset(before[path]),
            written_after=frozenset(after[path] - before[path]),
        )
        for path in {*spelled, *starred, *shared, *used, *without_ops}
    }


def writing_order(paths: Iterable[str], surroundings: Mapping[str, Surroundings]) -> list[str]:
    """The files in an order that lets the next run understand the rest if this one is killed.

    A file that takes `slim` from another is written before the one that loses the name; a file whose TF1 code decides
    what another file's `tf` has to be, after it. In a cycle of files one comes too early.
    """
    earlier: dict[str, set[str]] = defaultdict(set)
    for path, links in surroundings.items():
        for home in links.written_before:
            earlier[home].add(path)
        earlier[path] |= links.written_after
    order: dict[str, None] = {}
    visited: set[str] = set()
    for path in paths:
        stack = [path]
        while stack:
            visited.add(stack[-1])
            following = min(earlier[stack[-1]] - visited, default=None)
            if following is not None:
                stack.append(following)
            else:
                order.setdefault(stack.pop())
    return list(order)


def foreign_uses(graph: ImportGraph, path: str) -> Iterator[ForeignUse]:
    """The uses of TensorFlow in a file by names that it takes from other files."""
    for node, local in graph.chains(path):
        bound = graph.resolve(path, node, local)
        if bound.origin != path and names.below_tensorflow(bound.full) is not None:
            yield ForeignUse(node, bound.full, bound.origin)


class ForeignName(NamedTuple):
    """A name that a file takes from another one."""

    node: ast.ImportFrom | ast.Attribute
    spelling: str  # as the file's imports and attributes spell it: `compat.tf`; empty for a star import
    home: str
    name: str


def foreign_names(graph: ImportGraph, path: str) -> Iterator[ForeignName]:
    """The names that a file takes from others; for a star import all that it binds."""
    for node in ast.walk(graph.tree(path) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom):
            for home in graph.files(path, node.module or "", node.level):
                if node.names[0].name == "*":
                    yield from (ForeignName(node, "", home, name) for name in graph.star(home))
                else:
                    module = "." * node.level + (f"{node.module}." if node.module else "")
                    yield from (ForeignName(node, module + alias.name, home, alias.name) for alias in node.names)
    for chain, local in graph.chains(path):
        root = graph.resolve(path, first_part(chain), local)
        while isinstance(chain, ast.Attribute) and root.full.startswith(FILE):
            value = graph.resolve(path, chain.value, local).full
            if value.startswith(FILE):
                spelling = f"{root.spelled}.{ast.unparse(chain).partition('.')[2]}"
                yield ForeignName(chain, spelling, value[len(FILE) :], chain.attr)
            chain = chain.value
