"""Imports of modules that TensorFlow 2 does not have: they raise as soon as the file is run.

Imports are removed last, when it is known what the other rules leave: see imports.py. Across files this reports the
names that one file takes from another and the other loses: an import of contrib goes, and `slim` with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import PurePath

from tfbn.errors import Finding
from tfbn.migrate import imports, syntax
from tfbn.migrate.changes import Changes
from tfbn.migrate.import_graph import ImportGraph
from tfbn.migrate.module import Module
from tfbn.migrate.project import Project
from tfbn.migrate.report import FileReport, Place
from tfbn.migrate.rule import Rule
from tfbn.migrate.surroundings import foreign_names

NAME = "dead-imports"
VALID = [
    "import tensorflow as tf\nimport tensorflow.compat.v1 as tf1\n\nprint(tf.__version__)\n",
    "import tensorflow.keras.layers as layers\n",
]
INVALID: list[tuple[str, str | int]] = [
    (
        """\
import tensorflow as tf
import tensorflow.contrib.eager as tfe
import tensorflow.contrib.slim as slim

print(tf.__version__, tfe)
""",
        """\
import tensorflow as tf
import tensorflow.contrib.eager as tfe

print(tf.__version__, tfe)
""",
    ),
    ("import os\nimport tensorflow.contrib.slim as slim\nprint(os)\n", "import os\nprint(os)\n"),
    # An exported name stays, since other modules may import it.
    (
        "import tensorflow.contrib.slim as slim\n__all__ = ['f', 'slim']\n__all__ += ['g']\n",
        1,
    ),
]
# Names that TF1 files take from each other. If a file does not bind one of them, an earlier run has removed it.
USUAL_NAMES = frozenset({"slim", "tf"})
ADVICE = "import it here, from TensorFlow or, in the place of slim and tf.contrib.layers, tfbn.layers"


def check_file(module: Module, changes: Changes) -> None:
    changes.dead_imports = NAME


def names_imported_elsewhere(project: Project) -> dict[str, list[Finding]]:
    """The statements that take a name which this run or an earlier one removed: `from ops import slim`, `ops.slim`."""
    graph = project.import_graph
    removed = {path: names for path, report in project.reports.items() if (names := _removed(report))}
    for home in filter(graph.may_be_imported, project.summaries):
        if usual := _unbound(project, home):
            removed[home] = removed.get(home, frozenset()) | usual
    importing = filter(graph.may_import_files, graph.relevant())
    findings = {path: list(_find_uses(path, graph, removed)) for path in importing}
    return {path: in_file for path, in_file in findings.items() if in_file}


def _removed(report: FileReport) -> frozenset[str]:
    if report.path.endswith(".ipynb") or not any(edit.rule == imports.RULE for edit in report.edits):
        return frozenset()
    try:
        before, after = (_module_names(syntax.parse(source)) for source in (report.before, report.after))
    except (SyntaxError, ValueError):
        return frozenset()
    return before - after


def _unbound(project: Project, home: str) -> frozenset[str]:
    """The usual names that a file of TensorFlow code does not bind; none if it may bind names unseen."""
    if home.endswith(".ipynb") or PurePath(home).stem == "__init__":
        return frozenset()  # a name of a package may be one of its modules
    if not project.summaries[home].mentions_tensorflow or project.text(home).find(b"globals") >= 0:
        return frozenset()
    tree = project.import_graph.tree(home)
    if tree is None or any(isinstance(node, ast.alias) and node.name == "*" for node in ast.walk(tree)):
        return frozenset()
    return USUAL_NAMES - _bound_anywhere(tree)


def _bound_anywhere(tree: ast.Module) -> set[str]:
    """All names that a file binds, in any scope."""
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            bound.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
    return bound


def _module_names(tree: ast.Module) -> frozenset[str]:
    """The names that imports and assignments of the module itself bind."""
    names = set()
    for node in _module_statements(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


def _module_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _module_statements(
                [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)]
            )


def _find_uses(path: str, graph: ImportGraph, removed: dict[str, frozenset[str]]) -> Iterator[Finding]:
    """Reports where a file takes removed names, and star imports of files that lost a name it uses."""
    lost: dict[tuple[Place, str], set[str]] = {}
    for name in foreign_names(graph, path):
        if name.spelling and name.name in removed.get(name.home, ()):
            lost.setdefault((graph.place(path, name.node), name.home), set()).add(name.name)
    tree = graph.tree(path) or ast.Module([], [])
    stars = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    homes = [(node, home) for node in stars for home in graph.files(path, node.module or "", node.level)]
    if any(home in removed for _, home in homes):
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _bound_anywhere(tree)
        if len(stars) > 1:
            used -= USUAL_NAMES  # another star import may bind them
        for node, home in homes:
            if names := used & removed.get(home, frozenset()):
                lost[graph.place(path, node), home] = names
    for (place, home), names in lost.items():
        message = f"takes {', '.join(sorted(names))} from {home}, where nothing of that name is left"
        yield Finding(NAME, "error", place, message, ADVICE)


RULE = Rule(
    name=NAME,
    summary="removes imports of contrib and slim that nothing uses, and reports those that stay",
    valid=VALID,
    invalid=INVALID,
    check_file=check_file,
    check_project=names_imported_elsewhere,
)
