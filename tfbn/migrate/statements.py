"""Removing and replacing statements in the text: whole lines, parts of lines, the last ones of a block."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from tfbn.migrate.changes import Changes
from tfbn.migrate.module import Module


class Removal:
    """Collects statements to remove, since a block that loses all of them needs a `pass`."""

    def __init__(self, module: Module, changes: Changes, rule: str) -> None:
        self.module, self.changes, self.rule = module, changes, rule
        self.statements: list[Any] = []

    def add(self, statement: Any) -> None:
        self.statements.append(statement)

    def finish(self, wants_anchor: bool) -> Any:
        """Records the changes; returns a removed line of imports that an added import may replace, or None.

        The caller records the change of that line.
        """
        gone = {id(statement) for statement in self.statements}
        lines = {id(self.module.parent(statement)): self.module.parent(statement) for statement in self.statements}
        whole = {key: line for key, line in lines.items() if all(id(small) in gone for small in line.body)}
        anchor = self._anchor(list(whole.values())) if wants_anchor else None
        spans: list[list[int]] = []
        for key, line in sorted(lines.items(), key=lambda item: self.module.span(item[1])):
            if key not in whole:
                self._remove_parts(line, gone)
            elif line is not anchor and (span := self._line_span(line, whole)):
                if spans and spans[-1][1] == span[0]:
                    spans[-1][1] = span[1]
                else:
                    spans.append(list(span))
        opening = {self._start_if_first(line) for line in whole.values()}
        for first, last in spans:
            if first in opening:
                last = self._below_blank_lines(last)
            self.changes.replace_span(self._with_blank_lines(first, last), last, "", self.rule)
        return anchor

    def _start_if_first(self, line: Any) -> int | None:
        """The start of a statement's line if it is the first of an indented block."""
        block = self.module.parent(line)
        is_first = isinstance(block, cst.IndentedBlock) and block.body[0] is line
        return self.module.lines.start_of_line(self.module.span(line.body[0])[0]) if is_first else None

    def _below_blank_lines(self, offset: int) -> int:
        """The start of the next line that is not blank."""
        data, lines = self.module.data, self.module.lines
        while offset < len(data) and not data[offset : lines.end_of_line(offset)].strip():
            offset = lines.end_of_line(offset)
        return offset

    def _with_blank_lines(self, first: int, last: int) -> int:
        """Where to begin the removal of whole lines, so that no more blank lines are left than were on either side."""
        data = self.module.data
        below = data[last : self.module.lines.end_of_line(last)]
        while not below.strip() and first > 0:
            above = self.module.lines.start_of_line(first - 1)
            if data[above:first].strip():
                break
            first = above
        return first

    def _anchor(self, lines: list[Any]) -> Any:
        """The first module-level line of imports to remove, unless text above it changes."""
        for line in lines:
            if isinstance(self.module.parent(line), cst.Module) and not isinstance(line.body[0], cst.Assign):
                start = self.module.span(line.body[0])[0]
                earlier = any(c.start < start and c.rule != self.rule for c in self.changes.changes)
                return None if earlier else line
        return None

    def _line_span(self, line: Any, whole: dict[int, Any]) -> tuple[int, int] | None:
        """The lines to remove for a statement; None if a `pass` replaces it because its block would be empty."""
        module = self.module
        block = module.parent(line)
        start, end = module.span(line.body[0])[0], module.span(line.body[-1])[1]
        siblings: Any = getattr(block, "body", ())
        is_block = isinstance(block, cst.IndentedBlock)
        if isinstance(line, cst.SimpleStatementSuite) or (
            is_block and all(id(other) in whole for other in siblings) and siblings[-1] is line
        ):
            self.changes.replace_span(start, end, "pass", self.rule)
            return None
        return module.lines.start_of_line(start), module.lines.end_of_line(end)

    def _remove_parts(self, line: Any, gone: set[int]) -> None:
        """Removes some statements of a line such as `import os; import slim`, with their semicolons."""
        last = max(index for index, small in enumerate(line.body) if id(small) not in gone)
        for small, following in zip(line.body[:last], line.body[1:]):
            if id(small) in gone:
                self.changes.replace_span(self.module.span(small)[0], self.module.span(following)[0], "", self.rule)
        if last < len(line.body) - 1:
            start, end = self.module.span(line.body[last])[1], self.module.span(line.body[-1])[1]
            self.changes.replace_span(start, end, "", self.rule)


def replace_statement(module: Module, changes: Changes, statement: Any, texts: list[str], rule: str) -> None:
    """Replaces a statement by several, on lines of their own if it has one; comments move above."""
    line = module.parent(statement)
    start, end = module.span(statement)
    alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
    if not alone:
        changes.replace_span(start, end, "; ".join(texts), rule)
        return
    indent = module.data[module.lines.start_of_line(start) : start].decode("utf-8")
    comments = re.findall(r"#[^\r\n]*", module.text(statement))
    newline = module.lines.newline.decode("ascii")
    changes.replace_span(start, end, (newline + indent).join([*comments, *texts]), rule)
