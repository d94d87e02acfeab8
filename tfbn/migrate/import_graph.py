"""The imports between a project's files, and the TensorFlow names that their names stand for after the run.

Rebuilt in each run from the files as they will be written, so that a finding lasts as long as its cause.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import NamedTuple

from tfbn.migrate import module_values, names, syntax, v1_names
from tfbn.migrate.module_values import V1_MODULE, Read, Resolver
from tfbn.migrate.project_files import ProjectFiles
from tfbn.migrate.report import Place
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.prefilter import uses_modules_as_values

OTHER = ""  # a name bound to something other than TensorFlow
FILE = "file:"  # prefix of the path of a file that a name stands for


class Bound(NamedTuple):
    """What a name stands for."""

    full: str  # a full name of TensorFlow, or a file; OTHER for the rest
    origin: str  # the file whose statement binds it; others may import it from there
    spelled: str = ""  # by its import: `compat.tf` for `from compat import tf`, `.compat` for `from . import compat`


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
NOTHING: Mapping[str, Bound] = {}


class ImportGraph:
    """Resolves imports between the files of a run; those that do not parse have no names."""

    def __init__(self, project: ProjectFiles) -> None:
        self.project = project
        self._by_leaf: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for path in project.summaries:
            parts = module_parts(path)
            if parts:
                self._by_leaf.setdefault(parts[-1], []).append((parts, path))
        self._trees: dict[str, ast.Module | None] = {}
        self._bound: dict[str, dict[str, Bound]] = {}
        self._ever_bound: dict[tuple[str, str], set[str]] = {}  # what each statement of the module binds a name to
        self._imported_files: dict[tuple[str, bool], set[str]] = {}
        self._values: dict[str, list[Read]] = {}
        self._chains: dict[str, list[tuple[ast.expr, Mapping[str, Bound]]]] = {}
        self._imported_leaves = frozenset().union(*(summary.imports for summary in project.summaries.values()))

    def relevant(self) -> list[str]:
        """The files that mention TensorFlow, and those that import one of them, directly or not."""
        reached = {path for path, summary in self.project.summaries.items() if summary.mentions_tensorflow}
        reached |= self.project.reports.keys() & self.project.summaries.keys()
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

    def may_import_files(self, path: str) -> bool:
        """Whether a file may import another one; known without parsing, and false for most."""
        return not self._by_leaf.keys().isdisjoint(self.project.summaries[path].imports)

    def may_be_imported(self, path: str) -> bool:
        """Whether another file may import this one."""
        return bool(self._imported_leaves.intersection(module_parts(path)[-1:]))

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
        """The file that an import refers to, as a list; empty for a module outside the project.

        If several match an absolute import, the one in the nearest folder counts, since sys.path is not known here.
        """
        wanted = tuple(module.split(".")) if module else ()
        folder = _folder(path)
        if level:
            exact = folder[: len(folder) - (level - 1)] + wanted
            return [other for parts, other in self._by_leaf.get(exact[-1], []) if parts == exact] if exact else []
        fits = [(parts, other) for parts, other in self._by_leaf.get(wanted[-1], []) if parts[-len(wanted) :] == wanted]
        if not fits:
            return []
        return [max(fits, key=lambda fit: (_common(fit[0], folder), -len(fit[0])))[1]]

    def _namespace(self, path: str, module: str) -> list[str]:
        """The `__init__` that the outermost package of a module would have, for a package without one."""
        inner = self.files(path, module)
        parts = module_parts(inner[0]) if inner else ()
        return [str(PurePath(*parts[: len(parts) - module.count(".")], "__init__.py"))] if inner else []

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
        """The nodes of a file; unless `as_program`, without what runs only under `__main__`."""
        stack: list[ast.AST] = [self.tree(path) or ast.Module([], [])]
        while stack:
            node = stack.pop()
            yield node
            if not as_program and isinstance(node, ast.If) and is_main_test(node.test):
                stack.extend(reversed(node.orelse))
            else:
                stack.extend(reversed(list(ast.iter_child_nodes(node))))

    def program(self, path: str) -> set[str]:
        """The file and all that it imports, directly or not; `__main__` blocks count only in the file itself."""
        reached, waiting = {path}, [path]
        while waiting:
            current = waiting.pop()
            new = self.imported_files(current, as_program=current == path) - reached
            waiting.extend(new)
            reached |= new
        return reached

    def imported_files(self, path: str, *, as_program: bool = True) -> set[str]:
        """The files that a file imports itself."""
        if not self.may_import_files(path):
            return set()
        key = path, as_program
        if key not in self._imported_files:
            self._imported_files[key] = {
                other for node in self.nodes(path, as_program=as_program) for other in self.imports(path, node)
            }
        return self._imported_files[key]

    def place(self, path: str, node: ast.stmt | ast.expr) -> Place:
        """Where a node stands in the file as it will be."""
        if path.endswith(".ipynb"):
            return Notebook(self.project.text(path)).place(node.lineno, node.col_offset + 1)
        return Place(node.lineno, node.col_offset + 1)

    def names(self, path: str) -> dict[str, str]:
        """What the module's own names stand for at its end: full names of TensorFlow, OTHER for the rest.

        In circular imports a module shows what it has bound so far, as it does at run time.
        """
        return {name: bound.full for name, bound in self._module(path).items()}

    def _module(self, path: str) -> dict[str, Bound]:
        if path not in self._bound:
            self._bound[path] = {}
            tree = self.tree(path)
            for node in _statements(tree.body if tree else []):
                for name, bound in self._bindings(path, node):
                    self._bound[path][name] = bound
                    self._ever_bound.setdefault((path, name), set()).add(bound.full)
            for function in ast.walk(tree) if tree else ():
                if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    for name, bound in self._global_names(path, function).items():
                        self._bound[path].setdefault(name, bound)
        return self._bound[path]

    def bound(self, path: str, name: str) -> Bound:
        """What one of the module's own names stands for."""
        return self._module(path).get(name, Bound(OTHER, path))

    def resolve(self, path: str, node: ast.expr, local: Mapping[str, Bound] = NOTHING) -> Bound:
        """What an expression of a file stands for, where the functions around it bind the names `local`."""
        if isinstance(node, ast.Name):
            return local.get(node.id) or self.bound(path, node.id)
        if not isinstance(node, ast.Attribute):
            return _bound(module_values.imported_by_call(node), path, "")
        value = self.resolve(path, node.value, local)
        if value.full.startswith(FILE):
            return self._attribute(value.full[len(FILE) :], node.attr)
        return value._replace(full=f"{value.full}.{node.attr}" if value.full else OTHER)

    def may_be(self, path: str, node: ast.expr, local: Mapping[str, Bound] = NOTHING) -> tuple[str, ...]:
        """The full names that an expression may stand for, including those read from modules used as values."""
        by_value = (read.full for read in self.read_by_value(path) if read.node is node)
        return tuple(full for full in (self.resolve(path, node, local).full, *by_value) if full)

    def called(self, path: str, call: ast.Call, local: Mapping[str, Bound] = NOTHING) -> tuple[str, ...]:
        """The full names that a call may call, directly or from code in a string."""
        return self.may_be(path, call.func, local) + self.may_be(path, call, local)

    def read_by_value(self, path: str) -> list[Read]:
        """The names of TensorFlow that a file may read through values."""
        if path not in self._values:
            tree = self.tree(path)
            self._values[path] = []
            if tree is not None and uses_modules_as_values(self.project.text(path)):
                local = dict(self._local_names_around(path, tree))

                def possible(node: ast.expr) -> set[str]:
                    is_local = isinstance(node, ast.Name) and node.id in local.get(id(node), NOTHING)
                    return set() if is_local else self._ever_bound.get((path, getattr(node, "id", "")), set())

                resolver = Resolver(
                    lambda node: self.resolve(path, node, local.get(id(node), NOTHING)).full,
                    lambda node, name: (local.get(id(node), NOTHING).get(name) or self.bound(path, name)).full,
                    possible,
                )
                self._values[path] = module_values.follow(tree, resolver).names
        return self._values[path]

    def _local_names_around(self, path: str, tree: ast.AST) -> Iterator[tuple[int, Mapping[str, Bound]]]:
        """The id of each expression of a file, and what the functions around it bind."""
        stack: list[tuple[ast.AST, Mapping[str, Bound]]] = [(tree, NOTHING)]
        while stack:
            node, local = stack.pop()
            if isinstance(node, ast.expr):
                yield id(node), local
            inner = {**local, **self.local_names(path, node)} if isinstance(node, _FUNCTIONS) else local
            for child in ast.iter_child_nodes(node):
                stack.append((child, inner if module_values.is_inside(child, node) else local))

    def resolve_file(self, path: str, node: ast.expr, local: Mapping[str, Bound] = NOTHING) -> str | None:
        """The file that an expression stands for."""
        full = self.resolve(path, node, local).full
        return full[len(FILE) :] if full.startswith(FILE) else None

    def _attribute(self, home: str, name: str) -> Bound:
        """A name of another file; for a package also one of its modules, which some import binds there."""
        inner = self.files(home, name, 1) if PurePath(home).stem == "__init__" else []
        if inner and name not in self._module(home):
            return Bound(f"{FILE}{inner[0]}", home)
        return self.bound(home, name) if name in self._module(home) else self._starred(home, name)

    def _starred(self, home: str, name: str) -> Bound:
        """A name that nothing binds by itself: one of TensorFlow, where a star import brings all of these."""
        for node in _statements(getattr(self.tree(home), "body", [])):
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and not node.level:
                if names.below_tensorflow(f"{node.module}.{name}") is not None:
                    return Bound(f"{node.module}.{name}", home)
        return Bound(OTHER, home)

    def local_names(self, path: str, function: ast.AST) -> dict[str, Bound]:
        """What the local names of a function, and of functions inside it, stand for."""
        bound, outer = self._assigned_names(path, function)
        return {name: stands_for for name, stands_for in bound.items() if name not in outer}

    def _global_names(self, path: str, function: ast.AST) -> dict[str, Bound]:
        """What the names that a function declares global stand for."""
        if not any(isinstance(node, ast.Global) for node in ast.walk(function)):
            return {}
        bound, outer = self._assigned_names(path, function)
        return {name: bound[name] for name in outer if name in bound}

    def _assigned_names(self, path: str, function: ast.AST) -> tuple[dict[str, Bound], set[str]]:
        """The names that a function binds, and the names that it declares global."""
        bound: dict[str, Bound] = {}
        outer: set[str] = set()
        aliases = []
        for node in ast.walk(function):
            if isinstance(node, ast.arg):
                bound[node.arg] = Bound(OTHER, path)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound[node.id] = Bound(OTHER, path)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                bound.update(self._bindings(path, node))
            elif isinstance(node, ast.Global):
                outer.update(node.names)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                aliases.append((node.targets[0].id, node.value))
        for name, value in aliases:
            stands_for = self.resolve(path, value, bound)
            if stands_for.full:
                bound[name] = stands_for
        return bound, outer

    def chains(self, path: str) -> list[tuple[ast.expr, Mapping[str, Bound]]]:
        """Names and whole attribute chains that a file reads, with what the functions around them bind."""
        if path not in self._chains:
            self._chains[path] = list(self._find_chains(path))
        return self._chains[path]

    def _find_chains(self, path: str) -> Iterator[tuple[ast.expr, Mapping[str, Bound]]]:
        tree = self.tree(path)
        stack: list[tuple[ast.AST, Mapping[str, Bound]]] = [(tree, NOTHING)] if tree else []
        while stack:
            node, local = stack.pop()
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                yield node, local
                root = first_part(node)
                if not isinstance(root, ast.Name):
                    stack.append((root, local))
                continue
            if isinstance(node, _FUNCTIONS):
                local = {**local, **self.local_names(path, node)}
            stack.extend((child, local) for child in reversed(list(ast.iter_child_nodes(node))))

    def _bindings(self, path: str, node: ast.stmt) -> Iterator[tuple[str, Bound]]:
        """The names that a statement binds, and what each stands for."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                full = alias.name if alias.asname else alias.name.partition(".")[0]
                home = self.files(path, full) or self._namespace(path, alias.name)
                yield alias.asname or full, _bound(f"{FILE}{home[0]}" if home else full, path, full)
        elif isinstance(node, ast.ImportFrom):
            home = self.files(path, node.module or "", node.level)
            for alias in node.names:
                if alias.name == "*":
                    yield from ((name, self.bound(home[0], name)) for name in (self.star(home[0]) if home else ()))
                    if node.module == V1_MODULE:  # only the names that some rule looks for
                        needing = (name for name in v1_names.NEEDS_GRAPH if "." not in name)
                        yield from ((name, Bound(f"{V1_MODULE}.{name}", path)) for name in sorted(needing))
                    continue
                spelled = f"{'.' * node.level}{node.module or ''}.{alias.name}"
                spelled = spelled if node.module else spelled[1:]
                inner = self.files(path, f"{node.module or ''}.{alias.name}".lstrip("."), node.level)
                if home and alias.name in self._module(home[0]):
                    bound = self.bound(home[0], alias.name)._replace(spelled=spelled)
                elif inner:
                    bound = Bound(f"{FILE}{inner[0]}", path, spelled)
                elif home:
                    bound = self._starred(home[0], alias.name)._replace(spelled=spelled)
                else:
                    bound = _bound(OTHER if node.level else spelled, path, spelled)
                yield alias.asname or alias.name, bound
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, Bound(OTHER, path)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, self.resolve(path, node.value)

    def star(self, path: str) -> list[str]:
        """The names that `from module import *` takes."""
        bound = self._module(path)
        listed = _dunder_all(self.tree(path))
        return [name for name in bound if (name in listed if listed is not None else not name.startswith("_"))]


def _bound(full: str, path: str, spelled: str) -> Bound:
    known = full.startswith((FILE, "tfbn")) or names.below_tensorflow(full) is not None
    return Bound(full if known else OTHER, path, spelled)


def first_part(node: ast.expr) -> ast.expr:
    """The name, or another expression, that an attribute chain begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node


def is_main_test(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`, either way around."""
    if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)):
        return False
    return {ast.unparse(side) for side in (test.left, *test.comparators)} == {"__name__", "'__main__'"}


def module_parts(path: str) -> tuple[str, ...]:
    """The folders from the root, and the stem, by which a file is imported."""
    stem = PurePath(path).stem
    return _folder(path) if stem == "__init__" else (*_folder(path), stem)


def _folder(path: str) -> tuple[str, ...]:
    return PurePath(os.path.abspath(path)).parent.parts


def _common(parts: tuple[str, ...], folder: tuple[str, ...]) -> int:
    return next((n for n, (a, b) in enumerate(zip(parts, folder)) if a != b), min(len(parts), len(folder)))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The module-level statements, including those in branches; the body of a `try` comes after its handlers.

    The last binding counts, and a body's bindings matter more than the fallbacks of its handlers.
    """
    for node in body:
        yield node
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                yield from _statements(handler.body)
            yield from _statements([*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, (ast.If, ast.With, ast.For, ast.While)):
            yield from _statements([*getattr(node, "orelse", []), *node.body])


def _dunder_all(tree: ast.Module | None) -> set[str] | None:
    """The names in `__all__`; None if there is none or it is not a literal."""
    for node in tree.body if tree else []:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                return set(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                return None
    return None
