"""The rule `updates-not-wired` over all files of a run: the layers and the step are often not in the same file."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import PurePath

from tfbn.migrate import syntax
from tfbn.migrate.report import FileReport, Finding, Place
from tfbn.migrate.rules.updates_not_wired import ADVICE, MESSAGE, RULE
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.paths import open_file
from tfbn.migrate.source.prefilter import FileSummary

STEPS = ("minimize", "apply_gradients")


def not_wired(reports: Mapping[str, FileReport], summaries: Mapping[str, FileSummary]) -> dict[str, list[Finding]]:
    """By path: the steps of programs, each a file and what it imports, that build layers and run no updates."""
    by_stem: dict[str, list[str]] = {}
    for path in summaries:
        by_stem.setdefault(module_name(path), []).append(path)
    found = {}
    for path, seen in summaries.items():
        if seen.steps:
            program = _reached(path, summaries, by_stem)
            builds = any(other in reports and reports[other].trains_batch_norm for other in program)
            if builds and not any(summaries[other].wires for other in program):
                found[path] = _steps(path, reports)
    return {path: findings for path, findings in found.items() if findings}


def module_name(path: str) -> str:
    name = PurePath(path)
    return name.parent.name if name.stem == "__init__" else name.stem


def _reached(path: str, summaries: Mapping[str, FileSummary], by_stem: Mapping[str, list[str]]) -> set[str]:
    """The file and all that it imports, by the last parts of their names; of several, those beside it."""
    reached, waiting = {path}, [path]
    while waiting:
        current = waiting.pop()
        for name in summaries[current].imports:
            places = by_stem.get(name, [])
            beside = [place for place in places if PurePath(place).parent == PurePath(current).parent]
            new = set(beside or places) - reached
            reached |= new
            waiting.extend(new)
    return reached


def parsed(path: str, reports: Mapping[str, FileReport]) -> tuple[ast.Module, Callable[[int, int], Place]] | None:
    """The syntax tree of a file of the run as it was, and where its lines and columns are; None if it has none."""
    try:
        if path in reports:
            raw = reports[path].before
        else:
            with open_file(path) as file:
                raw = file.read()
        if path.endswith(".ipynb"):
            notebook = Notebook(raw)
            return syntax.parse(notebook.source.decode("utf-8")), notebook.place
        return syntax.parse(raw), Place
    except (OSError, SyntaxError, ValueError):
        return None


def _steps(path: str, reports: Mapping[str, FileReport]) -> list[Finding]:
    found = parsed(path, reports)
    if found is None:
        return []
    tree, place = found
    places = [
        place(node.lineno, node.col_offset + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in STEPS
    ]
    return [Finding(place, RULE.name, MESSAGE, ADVICE) for place in sorted(places)]
