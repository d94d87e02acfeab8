"""Running the codemod on text, and comparing what goes in with what comes out."""

from __future__ import annotations

import ast
import difflib
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from tfbn.errors import Finding
from tfbn.migrate import driver
from tfbn.migrate.report import Edit, FileReport


def run(
    source: str, *, only: Sequence[str] = (), skip: Sequence[str] = (), compat: bool = False, path: str = "model.py"
) -> FileReport:
    """The report on a source that stands alone; it must be fit to be migrated."""
    report = driver.migrate_alone(path, source.encode("utf-8"), driver.chosen_rules(only, skip, compat=compat))
    assert report.problem is None, report.problem
    return report


def migrated(source: str, **options) -> str:
    """What comes out; running again must not change it further, and every change must be reported."""
    report = run(source, **options)
    after = report.after.decode("utf-8")
    assert run(after, **options).edits == ()
    check_reported(source, after, report.edits)
    return after


def findings(source: str, **options) -> list[tuple[str, int]]:
    """Rule and line of each finding."""
    return [(finding.kind, finding.where.line) for finding in run(source, **options).findings]


def write(root: Path, files: Mapping[str, str]) -> None:
    """Puts the files of a project below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def project(root: Path, files: Mapping[str, str], rules: Collection[str]) -> dict[str, str]:
    """What becomes of the files of a project."""
    write(root, files)
    reports = driver.run([str(root)], rules, jobs=1).reports
    after = {report.path: report.after.decode() for report in reports if report.changed}
    return {name: after.get(str(root / name), text) for name, text in files.items()}


def reported(root: Path, files: Mapping[str, str], rules: Collection[str]) -> list[tuple[str, Finding]]:
    """The findings of a run over these files, each with its path below `root`."""
    write(root, files)
    found = driver.run([str(root)], rules, jobs=1).reports
    return [(report.path[len(str(root)) + 1 :], finding) for report in found for finding in report.findings]


def check_reported(before: str, after: str, edits: Sequence[Edit]) -> None:
    """Raises AssertionError unless the edits account for every difference: of the text, and of the syntax trees."""
    starts = _line_starts(before)
    spans, text, position = [], "", 0
    for edit in edits:
        start = starts[edit.place.line - 1] + edit.place.column - 1
        assert before[start : start + len(edit.before)] == edit.before, edit
        text += before[position:start] + edit.after
        position = start + len(edit.before)
        spans.append((start, position))
    assert text + before[position:] == after, "the edits do not make the new text"
    places = [(bisect_right(starts, start), bisect_right(starts, end)) for start, end in spans]
    for first, last in differing(ast.parse(before), ast.parse(after)):
        assert any(first <= end and start <= last for start, end in places), f"lines {first} to {last} are not reported"


def differing(a: ast.AST, b: ast.AST) -> Iterator[tuple[int, int]]:
    """The lines of the smallest nodes of `a` that `b` has otherwise, or that something new stands above or below."""
    if ast.dump(a) == ast.dump(b):
        return
    if type(a) is not type(b):
        yield a.lineno, a.end_lineno
        return
    inner = list(_of_fields(a, b))
    if inner or isinstance(a, ast.Module):
        yield from inner
    else:
        yield a.lineno, a.end_lineno


def _of_fields(a: ast.AST, b: ast.AST) -> Iterator[tuple[int, int]]:
    for name in a._fields:
        one, other = getattr(a, name, None), getattr(b, name, None)
        if isinstance(one, list) and isinstance(other, list):
            yield from _of_lists(a, one, other)
        elif isinstance(one, ast.AST) and isinstance(other, ast.AST):
            yield from differing(one, other) if hasattr(one, "lineno") else _of_fields(one, other)


def _of_lists(parent: ast.AST, one: list, other: list) -> Iterator[tuple[int, int]]:
    if not all(hasattr(node, "lineno") for node in [*one, *other]):
        return
    dumps = [[ast.dump(node) for node in nodes] for nodes in (one, other)]
    for kind, i, j, k, m in difflib.SequenceMatcher(None, *dumps, autojunk=False).get_opcodes():
        if kind == "replace" and j - i == m - k:
            for node, new in zip(one[i:j], other[k:m]):
                yield from differing(node, new)
        elif kind in ("replace", "delete"):
            yield one[i].lineno, one[j - 1].end_lineno
        elif kind == "insert" and one:
            line = one[i - 1].end_lineno if i else one[0].lineno
            yield line, one[i].lineno if i < len(one) else line + 1
        elif kind == "insert":
            yield getattr(parent, "lineno", 1), getattr(parent, "end_lineno", 1)


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in re.finditer("\r\n|\r|\n", text))]
