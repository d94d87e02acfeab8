"""One source text through all the rules: what changes and what is found."""

from __future__ import annotations

import ast
from collections.abc import Collection

from tfbn.migrate import syntax
from tfbn.migrate.report import Edit, FileReport, Finding
from tfbn.migrate.text import decode


def migrate(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """Migrates the text of a Python file by the rules of these names; what it cannot read it reports as a problem."""
    try:
        source = decode(raw)
        after, edits, findings, trains = rewrite(source.data, rules)
        return FileReport(path, raw, source.encode(after), edits, findings, None, trains)
    except ValueError as error:
        return FileReport(path, raw, raw, problem=str(error))


def rewrite(data: bytes, rules: Collection[str]) -> tuple[bytes, tuple[Edit, ...], tuple[Finding, ...], bool]:
    """New text, edits, findings, and whether the text builds layers whose updates have to be run.

    Raises ValueError for text that does not parse.
    """
    import libcst

    from tfbn.migrate import imports
    from tfbn.migrate.changes import Changes
    from tfbn.migrate.module import Module
    from tfbn.migrate.placement import taken
    from tfbn.migrate.rules import RULES

    tree = _tree(data)
    try:
        module = Module(data)
    except libcst.ParserSyntaxError as error:
        raise ValueError(_syntax_error(data, error.raw_line, error.message)) from error
    except RecursionError as error:
        raise ValueError(syntax.TOO_DEEP) from error
    changes = Changes(module, rules)
    for rule in RULES:
        if rule.name in rules:
            rule.check(module, changes)
    for name in changes.modules:
        node = taken(module, name)
        if node is not None:
            raise ValueError(f"line {module.line(node)}: the name `{name}` is in use here: rename it and run again")
    imports.settle(module, changes)
    after, edits = changes.apply()
    if edits and tree is not None and not syntax.parses(after):
        raise ValueError("what would come out does not parse, which is a bug of tfbn: please report it")
    findings = tuple(sorted(changes.findings))
    return after, edits, findings, changes.trains_batch_norm


def _tree(data: bytes) -> ast.Module | None:
    """What Python's parser makes of a text that libcst will survive; None for what only libcst may parse.

    It takes the syntax of other versions of Python as well as of this one.
    """
    try:
        tree = syntax.parse(data)
    except SyntaxError:
        return None
    syntax.check_nesting(tree)
    return tree


def _syntax_error(data: bytes, line: int, message: str) -> str:
    """Where the text stops to be Python, in the words of this Python if it says so too."""
    remedy = "if it is Python 2, run 2to3 over it first"
    try:
        syntax.parse(data)
        remedy = "libcst, which this needs, does not know how"
    except SyntaxError as error:
        line, message = error.lineno or line, error.msg
    lines = data.decode("utf-8").splitlines()
    shown = lines[line - 1].strip()[:80] if 0 < line <= len(lines) else ""
    return f"line {line}: does not parse: {message}: `{shown}`; {remedy}"
