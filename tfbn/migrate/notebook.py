"""Jupyter notebooks: their code cells as one module, and back into the file, of which only changed cells change."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tfbn.migrate import syntax
from tfbn.migrate.json_spans import Span, elements, members
from tfbn.migrate.migrate import rewrite
from tfbn.migrate.report import FileReport, Place

_BOUNDARY = "#__tfbn_cell_{}__"
_MASK = "#__tfbn_masked_{}_{}__"
_MASKED = re.compile(r"(?m)^[ \t]*(?:pass)?#__tfbn_masked_(\d+)_(\d+)__$")
# Lines of IPython, not of Python: %magic, !shell, ?help, help?, and x = %magic.
_MAGIC = re.compile(r"\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|[\w.,\s]+=\s*[%!])")
# Cells whose first line is one of these are Python below it; other %%cells are shell, HTML and the like.
_AROUND_PYTHON = re.compile(r"%%(?:capture|memit|mprun|prun|time|timeit)\b")


class Cell(NamedTuple):
    """A code cell that holds Python."""

    number: int  # among all cells, from 1, as front ends show them
    span: Span  # of its source in the file, a JSON string or a list of them
    text: str
    masked: tuple[int, ...]  # its lines, from 0, that are no Python


class Notebook:
    """The code cells of a notebook. Raises ValueError for text that is no notebook."""

    def __init__(self, raw: bytes) -> None:
        try:
            self.text = raw.decode("utf-8")
            self.cells = _cells(self.text)
        except UnicodeDecodeError as error:
            raise ValueError(f"not utf-8: {error.reason}") from error
        except (KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"not a notebook that can be read: {error}") from error

    @property
    def source(self) -> bytes:
        """All cells as one module, since a name that one imports is used in the next."""
        return "".join(f"{_hidden(cell)}\n{_BOUNDARY.format(cell.number)}\n" for cell in self.cells).encode("utf-8")

    def place(self, line: int, column: int) -> Place:
        """The cell and its line for a line of the module."""
        for cell in self.cells:
            count = cell.text.count("\n") + 1
            if line <= count:
                return Place(line, column, cell.number)
            line -= count + 1
        raise ValueError(f"no cell has line {line}")

    def with_source(self, source: bytes) -> bytes:
        """The notebook with the module's new text in its cells."""
        lines = {cell.number: cell.text.split("\n") for cell in self.cells}
        text = _MASKED.sub(lambda match: lines[int(match[1])][int(match[2])], source.decode("utf-8"))
        # Text, number, text, number and so on; a cell ends with the line end that was put in front of its boundary.
        pieces = re.split(r"(?m)^#__tfbn_cell_(\d+)__\n", text)
        texts = {int(number): own[:-1] if own.endswith("\n") else own for own, number in zip(pieces[::2], pieces[1::2])}
        result = self.text
        for cell in reversed(self.cells):
            if texts[cell.number] != cell.text:
                start, end = cell.span
                result = result[:start] + _dump(result, cell.span, texts[cell.number]) + result[end:]
        return result.encode("utf-8")


def migrate_notebook(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """Migrates the code cells of a notebook; what it cannot read it reports as a problem."""
    try:
        notebook = Notebook(raw)
        source = notebook.source
        try:
            after, edits, findings, trains = rewrite(source, rules)
        except ValueError as error:
            line = re.match(r"line (\d+): ", str(error))
            if not line:
                raise
            place = notebook.place(int(line[1]), 1)
            raise ValueError(f"cell {place.cell}, line {place.line}: {str(error)[line.end() :]}") from error
    except ValueError as error:
        return FileReport(path, raw, raw, problem=str(error))

    edits = tuple(edit._replace(place=notebook.place(edit.place.line, edit.place.column)) for edit in edits)
    findings = tuple(found._replace(place=notebook.place(found.place.line, found.place.column)) for found in findings)
    new = notebook.with_source(after) if edits else raw
    return FileReport(path, raw, new, edits, findings, None, trains)


def _cells(text: str) -> list[Cell]:
    top = members(text, re.match(r"\s*", text).end())  # type: ignore[union-attr]  # it always matches
    metadata = json.loads(text[slice(*top["metadata"])]) if "metadata" in top else {}
    kernel = metadata.get("kernelspec", {}).get("language", "python")
    if not metadata.get("language_info", {}).get("name", kernel).lower().startswith("python"):
        return []
    if "cells" in top:
        spans = elements(text, top["cells"][0])
    else:  # nbformat 3
        spans = [
            cell
            for sheet in elements(text, top["worksheets"][0])
            for cell in elements(text, members(text, sheet[0])["cells"][0])
        ]
    found = []
    for number, span in enumerate(spans, 1):
        parts = members(text, span[0])
        key = "source" if "source" in parts else "input"
        if json.loads(text[slice(*parts["cell_type"])]) == "code" and key in parts:
            value = json.loads(text[slice(*parts[key])])
            source = value if isinstance(value, str) else "".join(value)
            masked = _masked(source)
            if masked is not None:
                found.append(Cell(number, parts[key], source, masked))
    return found


def _masked(source: str) -> tuple[int, ...] | None:
    """The lines that have to be hidden from the parser, from 0; None for a cell that is no Python at all."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not _AROUND_PYTHON.match(first):
        return None
    try:
        syntax.parse(source)
        return ()
    except (SyntaxError, ValueError):
        pass
    found: list[int] = []
    for number, line in enumerate(lines):
        if _MAGIC.match(line) or _continues(lines, number, found):
            found.append(number)
    return tuple(found)


def _continues(lines: Sequence[str], number: int, masked: Sequence[int]) -> bool:
    """Whether a line belongs to the shell command or magic on the line above."""
    return number - 1 in masked and lines[number - 1].endswith("\\")


def _hidden(cell: Cell) -> str:
    """The cell's text with a statement, or a comment, in the place of each line that is no Python."""
    lines = cell.text.split("\n")
    hidden = list(lines)
    for number in cell.masked:
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        start = "" if _continues(lines, number, cell.masked) else f"{indent}pass"
        hidden[number] = start + _MASK.format(cell.number, number)
    return "\n".join(hidden)


def _dump(text: str, span: Span, new: str) -> str:
    """The new source in JSON, in the manner of the old: a string or a list, its line breaks, its escapes."""
    start, end = span
    ascii_only = re.search(r"\\u[0-9a-f]{4}", text[start:end]) is not None
    if text[start] == '"':
        return json.dumps(new, ensure_ascii=ascii_only)
    old = elements(text, start)
    kept = {json.loads(text[slice(*element)]): text[slice(*element)] for element in old}
    parts = [kept.get(line, json.dumps(line, ensure_ascii=ascii_only)) for line in new.splitlines(keepends=True)]
    head, tail = text[start + 1 : old[0][0]], text[old[-1][1] : end - 1]
    between = text[old[0][1] : old[1][0]] if len(old) > 1 else f",{head}" if head.strip() != head else ", "
    return f"[{head}{between.join(parts)}{tail}]"
