"""One source text through all the rules: what changes and what is found."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from pathlib import PurePath

from tfbn.errors import Finding
from tfbn.migrate import syntax
from tfbn.migrate.report import Edit, FileReport
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.text import decode
from tfbn.migrate.surroundings import ALONE, Surroundings


def migrate(path: str, raw: bytes, rules: Collection[str], surroundings: Surroundings = ALONE) -> FileReport:
    """Applies the named rules to the text of a Python file; text that cannot be read is reported as a problem."""
    try:
        source = decode(raw)
        surroundings = surroundings._replace(is_package=PurePath(path).stem == "__init__")
        after, edits, findings, trains = rewrite(source.data, rules, surroundings)
        check_result(source.data.decode("utf-8"), after.decode("utf-8"))
        return FileReport(path, raw, source.encode(after), edits, findings, None, trains)
    except ValueError as error:
        return FileReport(path, raw, raw, problem=str(error))


def migrate_notebook(path: str, raw: bytes, rules: Collection[str], surroundings: Surroundings = ALONE) -> FileReport:
    """Migrates the code cells of a notebook; one that cannot be read is reported as a problem."""
    try:
        notebook = Notebook(raw)
        source = notebook.source
        try:
            after, edits, findings, trains = rewrite(source, rules, surroundings)
        except ValueError as error:
            line = re.match(r"line (\d+): ", str(error))
            if not line:
                raise
            # Python may place an error on the line below the last.
            place = notebook.place(min(int(line[1]), source.count(b"\n")), 1)
            raise ValueError(f"cell {place.cell}, line {place.line}: {str(error)[line.end() :]}") from error
        texts = notebook.split(after)
        for cell, text in zip(notebook.cells, texts):
            try:
                check_result(notebook.hidden(cell), text, in_notebook=True)
            except ValueError as error:
                raise ValueError(f"cell {cell.number}, {error}") from error
    except ValueError as error:
        return FileReport(path, raw, raw, problem=str(error))

    edits = tuple(edit._replace(place=notebook.place(edit.place.line, edit.place.column)) for edit in edits)
    places = [notebook.place(finding.where.line, finding.where.column) for finding in findings]
    findings = tuple(finding._replace(where=place) for finding, place in zip(findings, places))
    return FileReport(path, raw, notebook.with_cells(texts), edits, findings, None, trains)


def rewrite(
    data: bytes, rules: Collection[str], surroundings: Surroundings
) -> tuple[bytes, tuple[Edit, ...], tuple[Finding, ...], bool]:
    """New text, edits, findings, and whether the text builds layers whose updates have to be run.

    Raises ValueError for text that does not parse. The caller checks that the new text compiles.
    """
    import libcst

    from tfbn.migrate import imports
    from tfbn.migrate.changes import Changes
    from tfbn.migrate.import_order import sort_imports
    from tfbn.migrate.module import Module
    from tfbn.migrate.placement import conflicting_binding
    from tfbn.migrate.rules import RULES

    source = data.decode("utf-8")
    try:
        syntax.check_nesting(syntax.parse(source))
        module = Module(data, surroundings)
    except SyntaxError as error:
        raise ValueError(_not_python(source, error, "parse")) from error
    except libcst.ParserSyntaxError as error:
        message = f"line {error.raw_line}: libcst, which this needs, does not parse it: {error.message}"
        raise ValueError(message) from error
    changes = Changes(module, rules)
    for rule in RULES:
        if rule.name in rules and rule.check_file:
            rule.check_file(module, changes)
    for name in changes.modules:
        node = conflicting_binding(module, name)
        if node is not None:
            raise ValueError(f"line {module.line(node)}: the name `{name}` is in use here: rename it and run again")
    imports.update_imports(module, changes)
    if changes.changes:
        for replacement in reversed(sort_imports(data, changes.apply()[0])):
            changes.revise(*replacement, imports.RULE)
    after, edits = changes.apply()
    findings = tuple(sorted(changes.findings, key=lambda finding: (finding.where, finding.kind)))
    return after, edits, findings, changes.trains_batch_norm


def check_result(before: str, after: str, *, in_notebook: bool = False) -> None:
    """Raises ValueError, with the reason, for new text that this Python does not compile."""
    try:
        syntax.check_compiles(after, in_notebook=in_notebook)
    except SyntaxError as error:
        try:
            syntax.check_compiles(before, in_notebook=in_notebook)
        except SyntaxError as own_error:
            raise ValueError(_not_python(before, own_error, "compile")) from own_error
        raise ValueError("the result does not compile, which is a bug of tfbn: please report it") from error


def _not_python(source: str, error: SyntaxError, verb: str) -> str:
    """An error message: where the text is not valid for this Python, and what to do."""
    line = error.lineno or 1
    lines = re.split("\r\n|\r|\n", source)
    shown = lines[line - 1].strip()[:80] if 0 < line <= len(lines) else ""
    running = ".".join(map(str, sys.version_info[:2]))
    return (
        f"line {line}: does not {verb}: {error.msg}: `{shown}`; if it is Python 2, run 2to3 over it first; "
        f"if it is for a newer Python than {running}, run tfbn migrate with that one"
    )
