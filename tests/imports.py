"""The architecture's rules about imports, read from the source: who may import whom, and what of TensorFlow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The units of the package (its folders and the modules beside them), lowest first. A unit imports lower ones only.
LEVELS = [
    {"lines"},
    {
        "errors",
        "files",
        "paths",
        "progress",
        "requirements",
        "table_file",
        "tables",
        "terminal",
        "version",
        "_tensorflow",
    },
    {"bundle_index"},
    {"graphdef"},
    {"ops", "tf1_checkpoint", "checkpoint"},
    {"core"},
    {"arguments"},
    {"functional"},
    {"graph", "module", "tf1_module"},
    {"layers", "training", "keras", "export", "recalibrate", "fold", "migrate"},
    {"doctor", "report", "tensorboard"},
    {"cli"},
    {"__main__"},
]
LEVEL = {unit: level for level, units in enumerate(LEVELS) for unit in units}

# Narrower than its level: the codemod runs without TensorFlow, folding reads graphs and builds no layers, and there is
# one composition of the arithmetic.
MAY_IMPORT = {"migrate": {"errors", "files", "progress"}, "fold": {"errors", "graphdef", "paths", "progress"}}
MAY_BE_IMPORTED_BY = {"ops": {"core", "arguments"}}

# Attributes that start with an underscore and are public all the same.
NAMED_TUPLE = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}

# What is not TensorFlow's public interface, below `tensorflow`.
PRIVATE = {"python", "core", "compiler", "dtensor", "tools", "tsl", "__internal__"}


@dataclass
class Module:
    """One source file: its dotted name below tfbn ("" for tfbn itself) and its syntax tree."""

    name: str
    tree: ast.Module
    is_package: bool

    @property
    def unit(self) -> str:
        return self.name.partition(".")[0]


@dataclass
class Import:
    """A name that a statement imports, and where it stands."""

    name: str
    line: int
    in_function: bool
    for_types: bool


@dataclass
class Package:
    """Modules by their names below tfbn."""

    modules: dict[str, Module] = field(default_factory=dict)

    @classmethod
    def of_sources(cls, sources: dict[str, str]) -> Package:
        """`sources` maps paths below tfbn, such as `ops/layout.py`, to their text."""
        package = cls()
        for path, source in sources.items():
            parts = path[: -len(".py")].split("/")
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            package.modules[name] = Module(name, ast.parse(source, path), is_package)
        return package

    @classmethod
    def of_folder(cls, folder: Path) -> Package:
        return cls.of_sources(
            {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.glob("**/*.py")}
        )

    def resolve(self, imported: str) -> str | None:
        """The module of ours that `tfbn.a.b.name` loads: the longest part of it that is one."""
        if imported.partition(".")[0] != "tfbn":
            return None
        name = imported.partition(".")[2]
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name


def imports_of(module: Module) -> list[Import]:
    """Every import of the module, relative ones made absolute, with `from a import b` as `a.b`."""
    found: list[Import] = []

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, in_function, for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ["tfbn", *module.name.split(".")] if module.name else ["tfbn"]
                package = package[: len(package) + module.is_package - node.level]
                base = ".".join([*package, *filter(None, [base])])
            found.extend(Import(f"{base}.{alias.name}", node.lineno, in_function, for_types) for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.body:
                visit(child, in_function, True)
            for child in node.orelse:
                visit(child, in_function, for_types)
        else:
            in_function = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                visit(child, in_function, for_types)

    visit(module.tree, False, False)
    return found


def layering_violations(package: Package) -> Iterator[str]:
    """Imports that go up or sideways, or past the unit that is to be asked; those for type checkers count too."""
    for module in package.modules.values():
        if module.unit and module.unit not in LEVEL:
            yield f"{module.name}: the unit {module.unit!r} has no level"
            continue
        for imported in imports_of(module):
            target = package.resolve(imported.name)
            if target is None or not module.unit:  # not ours; or tfbn/__init__.py, which names what is public
                continue
            place = f"{module.name}:{imported.line}: "
            unit = target.partition(".")[0]
            if not unit:
                yield place + "imports tfbn itself, and not the module that defines what it needs"
            elif unit == module.unit:
                continue
            elif unit not in LEVEL or LEVEL[unit] >= LEVEL[module.unit]:
                yield place + f"imports {target}, which is not below {module.unit}"
            elif unit not in MAY_IMPORT.get(module.unit, {unit}):
                yield place + f"imports {target}, and {module.unit} stands apart"
            elif module.unit not in MAY_BE_IMPORTED_BY.get(unit, {module.unit}):
                yield place + f"imports {target}, which is for {sorted(MAY_BE_IMPORTED_BY[unit])} only"


def unused_permissions(package: Package) -> Iterator[str]:
    """Entries of the tables above that no import needs."""
    needed = {
        (module.unit, (package.resolve(imported.name) or "").partition(".")[0])
        for module in package.modules.values()
        for imported in imports_of(module)
    }
    for importer, units in MAY_IMPORT.items():
        yield from (f"{importer} may import {unit}" for unit in sorted(units) if (importer, unit) not in needed)
    for unit, importers in MAY_BE_IMPORTED_BY.items():
        yield from (f"{name} may import {unit}" for name in sorted(importers) if (name, unit) not in needed)


def cycles(package: Package) -> Iterator[str]:
    """Modules that import each other, be it inside functions; imports for type checkers load nothing."""
    graph: dict[str, set[str]] = {}
    for module in package.modules.values():
        loaded = {package.resolve(i.name) for i in imports_of(module) if not i.for_types}
        graph[module.name] = {name for name in loaded if name} - {module.name}
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> Iterator[str]:
        if name in path:
            yield " -> ".join([*path[path.index(name) :], name])
        elif name not in done:
            for target in sorted(graph.get(name, ())):
                yield from visit(target, [*path, name])
            done.add(name)

    for name in sorted(graph):
        yield from visit(name, [])


def attribute_path(node: ast.AST) -> list[str]:
    """["tf", "compat", "v1"] for the expression `tf.compat.v1`; empty for what is not a plain chain of names."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        path = attribute_path(node.value)
        return [*path, node.attr] if path else []
    return []


def tensorflow_names(module: Module) -> dict[str, str]:
    """What the module calls things of TensorFlow: {"tf": "tensorflow", "v1": "tensorflow.compat.v1"}."""
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "tensorflow":
                    names[alias.asname or "tensorflow"] = alias.name if alias.asname else "tensorflow"
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("tensorflow"):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            path = attribute_path(node.value)
            if path and path[0] in names:
                names[node.targets[0].id] = ".".join([names[path[0]], *path[1:]])
    return names


def other_packages(module: Module) -> set[str]:
    """What `import` binds to packages that are neither TensorFlow nor ours, such as sys."""
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.partition(".")[0] not in {"tensorflow", "tfbn"}
    }


def is_underscored(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in NAMED_TUPLE


def own_underscored_names(package: Package) -> set[str]:
    """Every underscored name that some module of ours defines.

    Functions, classes, variables and fields count, and so do attributes set on self or on a function or class of ours.
    """
    names: set[str] = set()
    for module in package.modules.values():
        definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        owners = {"self", *(node.name for node in ast.walk(module.tree) if isinstance(node, definitions))}
        for node in ast.walk(module.tree):
            if isinstance(node, definitions):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if "".join(attribute_path(node.value)) in owners:
                    names.add(node.attr)
        names.update(module.name.split("."))
    return {name for name in names if is_underscored(name)}


def private_violations(package: Package) -> Iterator[str]:
    """Uses of what TensorFlow does not publish, outside `_tensorflow.py`.

    The type of an expression cannot be read from the source, so an underscored attribute is taken for TensorFlow's
    unless some module of ours defines one of that name, or it is reached through self, cls or another package.
    """
    own = own_underscored_names(package)
    for module in package.modules.values():
        if module.name == "_tensorflow":
            continue
        names = tensorflow_names(module)
        harmless = [["self"], ["cls"], *([name] for name in other_packages(module))]
        for imported in imports_of(module):
            parts = imported.name.split(".")
            if parts[0] == "tensorflow" and (PRIVATE & set(parts) or any(map(is_underscored, parts))):
                yield f"{module.name}:{imported.line}: imports {imported.name}"
        for node in ast.walk(module.tree):
            place = f"{module.name}:{getattr(node, 'lineno', 0)}: "
            if isinstance(node, ast.Attribute):
                path = attribute_path(node)
                if path and path[0] in names and node.attr in PRIVATE:
                    yield place + f"uses {ast.unparse(node)}"
                elif is_underscored(node.attr) and node.attr not in own and path[:-1] not in harmless:
                    yield place + f"uses {ast.unparse(node)}"
            elif isinstance(node, ast.Call):
                # getattr(x, "_name") and import_module("tensorflow.python...") are the same in disguise.
                function = attribute_path(node.func)[-1:]
                strings = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                by_name = function in (["getattr"], ["setattr"], ["hasattr"], ["delattr"])
                for string in strings:
                    if string.startswith("tensorflow.") and PRIVATE & set(string.split(".")):
                        yield place + f"names {string}"
                    elif by_name and (string in PRIVATE or is_underscored(string) and string not in own):
                        yield place + f"names {string}"


def keras_violations(package: Package) -> Iterator[str]:
    """Keras loaded together with a module of ours: imported, or touched on TensorFlow, outside functions."""
    for module in package.modules.values():
        names = tensorflow_names(module)
        for imported in imports_of(module):
            parts = imported.name.split(".")
            is_keras = parts[0] in {"keras", "tf_keras"} or (parts[0] == "tensorflow" and "keras" in parts)
            if is_keras and not imported.in_function and not imported.for_types:
                yield f"{module.name}:{imported.line}: imports {imported.name}"
        for node in outside_functions(module.tree):
            path = attribute_path(node)
            if path and path[0] in names and path[-1] == "keras":
                yield f"{module.name}:{node.lineno}: uses {ast.unparse(node)}"


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: all but the bodies of functions, and but annotations."""
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns"}:
            continue
        if name == "body" and isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from outside_functions(node)
