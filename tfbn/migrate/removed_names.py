"""Names that one file of a run takes from another which loses them: an import of contrib goes, and `slim` with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from tfbn.migrate import syntax
from tfbn.migrate.imports import DEAD_IMPORTS, RULE
from tfbn.migrate.report import FileReport, Finding
from tfbn.migrate.source.prefilter import FileSummary
from tfbn.migrate.wiring import module_name, parsed

ADVICE = "import it here, from TensorFlow or, in the place of slim and tf.contrib.layers, tfbn.layers"


def names_imported_elsewhere(
    reports: Mapping[str, FileReport], summaries: Mapping[str, FileSummary]
) -> dict[str, list[Finding]]:
    """By path: the statements of other files that take such a name, by `from ops import slim`, `*` or `ops.slim`."""
    removed = {path: names for path, report in reports.items() if (names := _removed(report))}
    homes: dict[str, list[str]] = {}
    for path in summaries:
        homes.setdefault(module_name(path), []).append(path)
    found: dict[str, list[Finding]] = {}
    for path, seen in summaries.items():
        for stem in sorted(seen.imports & {module_name(home) for home in removed}):
            beside = [home for home in homes[stem] if PurePath(home).parent == PurePath(path).parent]
            for home in beside or homes[stem]:
                if home in removed and home != path:
                    found.setdefault(path, []).extend(_takers(path, reports, stem, home, removed[home]))
    return {path: findings for path, findings in found.items() if findings}


def _removed(report: FileReport) -> frozenset[str]:
    if report.path.endswith(".ipynb") or not any(edit.rule == RULE for edit in report.edits):
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


def _takers(
    path: str, reports: Mapping[str, FileReport], stem: str, home: str, names: frozenset[str]
) -> Iterator[Finding]:
    found = parsed(path, reports)
    if found is None:
        return
    tree, place = found
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
                place(node.lineno, node.col_offset + 1),
                DEAD_IMPORTS,
                f"takes {', '.join(sorted(taken))} from {home}, where nothing of that name is left",
                ADVICE,
            )


def _leaf(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
