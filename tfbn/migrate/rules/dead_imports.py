"""Imports of what TensorFlow 2 does not have: they raise as soon as the file is run.

In the file itself the work is done last, when it is known what the other rules leave: see imports.py. Across files this
reports the names that one file takes from another which loses them: an import of contrib goes, and `slim` with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tfbn.errors import Finding
from tfbn.migrate import imports, syntax
from tfbn.migrate.project import Project, module_name
from tfbn.migrate.report import FileReport
from tfbn.migrate.rule import Rule

NAME = imports.DEAD_IMPORTS
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
ADVICE = "import it here, from TensorFlow or, in the place of slim and tf.contrib.layers, tfbn.layers"


def names_imported_elsewhere(project: Project) -> dict[str, list[Finding]]:
    """The statements of other files that take such a name, by `from ops import slim`, `*` or `ops.slim`."""
    removed = {path: names for path, report in project.reports.items() if (names := _removed(report))}
    homes = {module_name(home) for home in removed}
    findings: dict[str, list[Finding]] = {}
    for path, summary in project.summaries.items():
        for stem in sorted(summary.imports & homes):
            for home in project.imported(path, stem):
                if home in removed and home != path:
                    findings.setdefault(path, []).extend(_takers(path, project, stem, home, removed[home]))
    return {path: in_file for path, in_file in findings.items() if in_file}


def _removed(report: FileReport) -> frozenset[str]:
    if report.path.endswith(".ipynb") or not any(edit.rule == imports.RULE for edit in report.edits):
        return frozenset()
    try:
        before, after = (_bound(syntax.parse(source)) for source in (report.before, report.after))
    except (SyntaxError, ValueError):
        return frozenset()
    return before - after


def _bound(tree: ast.Module) -> frozenset[str]:
    """The names that imports and assignments of the module itself bind."""
    found = set()
    for node in _of_module(tree.body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


def _of_module(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from _of_module([inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.stmt)])


def _takers(path: str, project: Project, stem: str, home: str, names: frozenset[str]) -> Iterator[Finding]:
    parsed = project.parse(path)
    if parsed is None:
        return
    tree, place = parsed
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own = _bound(tree)
    for node in ast.walk(tree):
        if not isinstance(node, (ast.ImportFrom, ast.Attribute)):
            continue
        if isinstance(node, ast.Attribute):
            taken = names & {node.attr} if _leaf(node.value) == stem else frozenset()
        else:
            imported = {alias.name for alias in node.names if (node.module or "").rpartition(".")[2] == stem}
            taken = names & (used - own if "*" in imported else imported)
        if taken:
            yield Finding(
                NAME,
                "error",
                place(node.lineno, node.col_offset + 1),
                f"takes {', '.join(sorted(taken))} from {home}, where nothing of that name is left",
                ADVICE,
            )


def _leaf(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


RULE = Rule(
    name=NAME,
    summary="removes imports of contrib and slim that nothing uses, and reports those that stay",
    valid=VALID,
    invalid=INVALID,
    check_project=names_imported_elsewhere,
)
