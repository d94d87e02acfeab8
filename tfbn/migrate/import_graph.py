"""What the files of a project import from each other, and what of TensorFlow their names stand for after the run.

Built anew in each run from the files as they will be, so that a finding lasts as long as its cause.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from tfbn.migrate import names, syntax
from tfbn.migrate.report import Place
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.prefilter import mentions_tensorflow

if TYPE_CHECKING:
    from tfbn.migrate.project import Project

OTHER = ""  # a name that is bound, to something that is not of TensorFlow


class ImportGraph:
    """Resolves imports between the files of a run; those that do not parse have no names."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._by_leaf: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for path in project.summaries:
            parts = module_parts(path)
            if parts:
                self._by_leaf.setdefault(parts[-1], []).append((parts, path))
        self._trees: dict[str, ast.Module | None] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._foreign: dict[str, set[str]] = {}

    def relevant(self) -> list[str]:
        """The files that mention TensorFlow, and those that import one of them, directly or not."""
        reached = {path for path in self.project.summaries if mentions_tensorflow(self.project.text(path))}
        importers: dict[str, set[str]] = {}
        for path, summary in self.project.summaries.items():
            for leaf in summary.imports:
                importers.setdefault(leaf, set()).add(path)
        waiting = list(reached)
        while waiting:
            parts = module_parts(waiting.pop())
            # `from . import x` and `import package` run the package's __init__ as well.
            new = set().union(*(importers.get(part, set()) for part in parts[-1:])) - reached
            reached |= new
            waiting.extend(new)
        return sorted(reached)

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree of a file as it will be."""
        if path not in self._trees:
            raw = self.project.text(path)
            try:
                source: bytes | str = Notebook(raw).source.decode("utf-8") if path.endswith(".ipynb") else raw
                self._trees[path] = syntax.parse(source)
            except (SyntaxError, ValueError):
                self._trees[path] = None
        return self._trees[path]

    def files(self, path: str, module: str, level: int = 0) -> list[str]:
        """The file that an import means, as a list; empty for a module from outside the project.

        Of several that fit an absolute import the one in the nearest folder is meant: which folder is on the path of
        modules is not known here.
        """
        wanted = tuple(module.split(".")) if module else ()
        folder = PurePath(path).parent.parts
        if level:
            exact = folder[: len(folder) - (level - 1)] + wanted
            return [other for parts, other in self._by_leaf.get(exact[-1], []) if parts == exact] if exact else []
        fits = [(parts, other) for parts, other in self._by_leaf.get(wanted[-1], []) if parts[-len(wanted) :] == wanted]
        if not fits:
            return []
        return [max(fits, key=lambda fit: (_common(fit[0], folder), -len(fit[0])))[1]]

    def imports(self, path: str, node: ast.AST) -> Iterator[str]:
        """The files that run at an import statement, each package's `__init__` among them."""
        if isinstance(node, ast.Import):
            modules = [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            modules = [(base, node.level)] if base or node.level else []
            modules += [(f"{base}.{alias.name}".lstrip("."), node.level) for alias in node.names]
        else:
            return
        for module, level in modules:
            parts = module.split(".")
            for count in range(1 if module else 0, len(parts) + 1 if module else 1):
                yield from self.files(path, ".".join(parts[:count]), level)

    def nodes(self, path: str, *, as_program: bool) -> Iterator[ast.AST]:
        """The nodes of a file; without what only runs where the file itself is the program, if it is not."""
        stack: list[ast.AST] = [self.tree(path) or ast.Module([], [])]
        while stack:
            node = stack.pop()
            yield node
            if not as_program and isinstance(node, ast.If) and is_main_test(node.test):
                stack.extend(reversed(node.orelse))
            else:
                stack.extend(reversed(list(ast.iter_child_nodes(node))))

    def program(self, path: str) -> set[str]:
        """The file and all that it imports, directly or not; what runs in `__main__` alone counts in itself only."""
        reached, waiting = {path}, [path]
        while waiting:
            current = waiting.pop()
            new: set[str] = set()
            for node in self.nodes(current, as_program=current == path):
                new.update(self.imports(current, node))
            waiting.extend(new - reached)
            reached |= new
        return reached

    def place(self, path: str, node: ast.stmt | ast.expr) -> Place:
        """Where a node stands in the file as it will be."""
        if path.endswith(".ipynb"):
            return Notebook(self.project.text(path)).place(node.lineno, node.col_offset + 1)
        return Place(node.lineno, node.col_offset + 1)

    def names(self, path: str) -> dict[str, str]:
        """What the module's own names stand for at its end: full names of TensorFlow, OTHER for the rest.

        In a circle of imports a module shows what it has bound so far, as it does when it runs.
        """
        if path not in self._names:
            self._names[path], self._foreign[path] = {}, set()
            tree = self.tree(path)
            for node in _statements(tree.body if tree else []):
                self._bind(path, node)
        return self._names[path]

    def names_from_files(self, path: str) -> set[str]:
        """The names among them that come from another file of the project."""
        self.names(path)
        return self._foreign[path]

    def resolve(self, path: str, node: ast.expr) -> tuple[str, bool]:
        """The full name of an expression of the module itself, and whether it comes from another file."""
        if isinstance(node, ast.Name):
            return self.names(path).get(node.id, OTHER), node.id in self.names_from_files(path)
        if not isinstance(node, ast.Attribute):
            return OTHER, False
        value, foreign = self.resolve(path, node.value)
        if value.startswith("file:"):
            return self.names(value[5:]).get(node.attr, OTHER), True
        return (f"{value}.{node.attr}", foreign) if value else (OTHER, False)

    def resolve_file(self, path: str, node: ast.expr) -> str | None:
        """The file that an expression of a module stands for."""
        if isinstance(node, ast.Name):
            full = self.names(path).get(node.id, OTHER)
        elif isinstance(node, ast.Attribute):
            home = self.resolve_file(path, node.value)
            full = self.names(home).get(node.attr, OTHER) if home else OTHER
        else:
            full = OTHER
        return full[5:] if full.startswith("file:") else None

    def _bind(self, path: str, node: ast.stmt) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                full = alias.name if alias.asname else alias.name.partition(".")[0]
                home = self.files(path, full)
                self._set(path, alias.asname or full, f"file:{home[0]}" if home else full, from_file=bool(home))
        elif isinstance(node, ast.ImportFrom):
            home = self.files(path, node.module or "", node.level)
            for alias in node.names:
                if alias.name == "*":
                    for name in self._star(home[0]) if home else ():
                        self._set(path, name, self.names(home[0])[name], from_file=True)
                    continue
                inner = self.files(path, f"{node.module or ''}.{alias.name}".lstrip("."), node.level)
                full = f"{node.module}.{alias.name}" if node.module and not node.level else OTHER
                if home and alias.name in self.names(home[0]):
                    full = self.names(home[0])[alias.name]
                elif inner:
                    full = f"file:{inner[0]}"
                self._set(path, alias.asname or alias.name, full, from_file=bool(home or inner))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            self._set(path, node.name, OTHER)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            full, from_file = self.resolve(path, node.value)
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    self._set(path, target.id, full, from_file=from_file)

    def _set(self, path: str, name: str, full: str, *, from_file: bool = False) -> None:
        known = full.startswith("file:") or names.below_tensorflow(full) is not None
        self._names[path][name] = full if known else OTHER
        (self._foreign[path].add if from_file else self._foreign[path].discard)(name)

    def _star(self, path: str) -> list[str]:
        """The names that `from module import *` takes."""
        bound = self.names(path)
        listed = _all_of(self.tree(path))
        return [name for name in bound if (name in listed if listed is not None else not name.startswith("_"))]


def is_main_test(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`, either way around."""
    if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)):
        return False
    return {ast.unparse(side) for side in (test.left, *test.comparators)} == {"__name__", "'__main__'"}


def module_parts(path: str) -> tuple[str, ...]:
    """The folders and the stem that a file is imported by."""
    name = PurePath(path)
    return name.parent.parts if name.stem == "__init__" else (*name.parent.parts, name.stem)


def _common(parts: tuple[str, ...], folder: tuple[str, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(parts, folder)) if a != b), min(len(parts), len(folder)))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run in the module itself, those in branches too; of a `try` the body comes last.

    What a body binds counts for more than what its handlers bind in case it fails.
    """
    for node in body:
        yield node
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                yield from _statements(handler.body)
            yield from _statements([*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, (ast.If, ast.With, ast.For, ast.While)):
            yield from _statements([*getattr(node, "orelse", []), *node.body])


def _all_of(tree: ast.Module | None) -> set[str] | None:
    """The names in `__all__`; None without one that the source spells out."""
    for node in tree.body if tree else []:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                return set(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None
