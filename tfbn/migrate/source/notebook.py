"""Jupyter notebooks: reads the code cells as one module, and writes changed cells back into the file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tfbn.migrate import syntax
from tfbn.migrate.report import Place
from tfbn.migrate.source.json_spans import Span, elements, members

# Lines of IPython, not of Python: %magic, !shell, ?help, help?, and x = %magic.
_MAGIC = re.compile(r"\s*(?:[%!?]|[\w.]+\?{1,2}\s*$|[\w.,\s]+=\s*[%!])")
# The start of comments that stand for the ends of cells and for lines that are not Python.
MARKER = "#__tfbn"
# Cells whose first line is one of these are Python below it; other %%cells are shell, HTML and the like.
_AROUND_PYTHON = re.compile(r"%%(?:capture|memit|mprun|prun|time|timeit)\b")


class Cell(NamedTuple):
    """A code cell that holds Python."""

    number: int  # among all cells, from 1, as front ends show them
    span: Span  # of its source in the file, a JSON string or a list of them
    text: str
    masked: tuple[int, ...]  # its lines, from 0, that are not Python


class Notebook:
    """The code cells of a notebook. Raises ValueError for text that is not a notebook."""

    def __init__(self, raw: bytes) -> None:
        try:
            self.text = raw.decode("utf-8")
            self.cells = _cells(self.text)
        except UnicodeDecodeError as error:
            raise ValueError(f"not utf-8: {error.reason}") from error
        except (IndexError, RecursionError, ValueError) as error:
            raise ValueError(f"not a notebook that can be read: {error}") from error
        number = 0
        while any(f"{MARKER}{number}_"[1:] in cell.text for cell in self.cells):
            number += 1
        # No cell contains it, so everything marked with it is ours.
        self.marker = f"{MARKER}{number}_"
        self.hidden_line = re.compile(rf"(?m)^[^\S\n]*(?:pass)?{self.marker}line_(\d+)_(\d+)__$")

    @property
    def source(self) -> bytes:
        """All cells as one module, since a name that one imports is used in the next."""
        texts = [f"{self.hidden(cell)}\n{self.marker}cell_{cell.number}__\n" for cell in self.cells]
        return "".join(texts).encode("utf-8")

    def hidden(self, cell: Cell) -> str:
        """The cell's text with a statement, or a comment, in place of each line that is not Python."""
        lines = cell.text.split("\n")
        hidden = list(lines)
        for number in cell.masked:
            indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
            start = "" if _continues(lines, number, cell.masked) else f"{indent}pass"
            hidden[number] = f"{start}{self.marker}line_{cell.number}_{number}__"
        return "\n".join(hidden)

    def _restore(self, cell: Cell, text: str) -> str:
        """A cell's new text with its hidden lines restored."""
        lines = cell.text.split("\n")
        return self.hidden_line.sub(lambda match: lines[int(match[2])], text)

    def place(self, line: int, column: int) -> Place:
        """The cell and its line for a line of the module; a boundary belongs to the end of the cell above it."""
        for cell in self.cells:
            count = cell.text.count("\n") + 1
            if line <= count + 1:
                return Place(min(line, count), column, cell.number)
            line -= count + 1
        raise ValueError(f"no cell has line {line}")

    def split(self, source: bytes) -> list[str]:
        """The module's text by cells, with their hidden lines. Raises ValueError if a cell or line is lost."""
        # Text, number, text, number and so on; a cell ends with the line end that was put in front of its boundary.
        pieces = re.split(rf"(?m)^{self.marker}cell_(\d+)__\n", source.decode("utf-8"))
        texts = [own[:-1] if own.endswith("\n") else own for own in pieces[:-1:2]]
        numbers = [int(number) for number in pieces[1::2]]
        hidden = [(int(cell), int(line)) for text in texts for cell, line in self.hidden_line.findall(text)]
        expected = [(cell.number, line) for cell in self.cells for line in cell.masked]
        if pieces[-1] or numbers != [cell.number for cell in self.cells] or hidden != expected:
            raise ValueError("its cells would change, which is a bug of tfbn: please report it")
        return texts

    def with_cells(self, texts: Sequence[str]) -> bytes:
        """The notebook with new texts in its cells and the hidden lines restored."""
        result = self.text
        for cell, text in reversed(list(zip(self.cells, texts))):
            new = self._restore(cell, text)
            if new != cell.text:
                start, end = cell.span
                result = result[:start] + _dump(result, cell.span, new) + result[end:]
        return result.encode("utf-8")


def _cells(text: str) -> list[Cell]:
    content = _expect(json.loads(text), dict, "the file")
    if not _language(content).lower().startswith("python"):
        return []
    top = members(text, len(text) - len(text.lstrip()))
    if "cells" in content:
        lists = [(content["cells"], top["cells"])]
    else:  # nbformat 3
        sheets = _expect(content.get("worksheets"), list, "cells")
        spans = elements(text, top["worksheets"][0]) if sheets else []
        lists = [
            (_expect(sheet, dict, "a worksheet").get("cells"), members(text, span[0]).get("cells", span))
            for sheet, span in zip(sheets, spans)
        ]
    code_cells = []
    number = 0
    for cells, span in lists:
        _expect(cells, list, "cells")
        for cell, own_span in zip(cells, elements(text, span[0])):
            number += 1
            kind = _expect(cell, dict, f"cell {number}").get("cell_type")
            key = "source" if "source" in cell else "input"
            if _expect(kind, str, f"cell {number}: cell_type") == "code" and key in cell:
                source = _source(cell[key], f"cell {number}: {key}")
                masked = _masked(source)
                if masked is not None:
                    code_cells.append(Cell(number, members(text, own_span[0])[key], source, masked))
    return code_cells


def _language(content: dict[str, Any]) -> str:
    metadata = _expect(content.get("metadata", {}), dict, "metadata")
    kernel = _expect(metadata.get("kernelspec", {}), dict, "metadata.kernelspec")
    info = _expect(metadata.get("language_info", {}), dict, "metadata.language_info")
    return str(_expect(info.get("name", kernel.get("language", "python")), str, "the language in the metadata"))


def _source(value: Any, where: str) -> str:
    """The text of a cell, which is a string or a list of lines."""
    if isinstance(value, list):
        value = "".join(_expect(line, str, f"{where}: a line") for line in value)
    text = str(_expect(value, str, where))
    if "\0" in text:
        raise ValueError(f"{where}: a null byte: not Python source")
    if re.search("[\ud800-\udfff]", text):
        raise ValueError(f"{where}: half of a surrogate pair: not text")
    return text


def _expect(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        expected = {"dict": "an object", "list": "a list", "str": "a string"}[kind.__name__]
        raise ValueError(f"{where}: expected {expected}, got {json.dumps(value)[:40]}")
    return value


def _masked(source: str) -> tuple[int, ...] | None:
    """The lines that have to be hidden from the parser, from 0; None for a cell that is not Python at all."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not _AROUND_PYTHON.match(first):
        return None
    try:
        syntax.parse(source)
        return ()
    except (SyntaxError, ValueError):
        pass
    masked: list[int] = []
    for number, line in enumerate(lines):
        if _MAGIC.match(line) or _continues(lines, number, masked):
            masked.append(number)
    return tuple(masked)


def _continues(lines: Sequence[str], number: int, masked: Sequence[int]) -> bool:
    """Whether a line belongs to the shell command or magic on the line above."""
    return number - 1 in masked and lines[number - 1].endswith("\\")


def _dump(text: str, span: Span, new: str) -> str:
    """The new source as JSON in the style of the old: a string or a list, its line breaks, its escapes."""
    start, end = span
    ascii_only = re.search(r"\\u[0-9a-f]{4}", text[start:end]) is not None
    if text[start] == '"':
        return json.dumps(new, ensure_ascii=ascii_only)
    old = elements(text, start)
    if not old:
        return json.dumps(new.splitlines(keepends=True), ensure_ascii=ascii_only)
    kept = {json.loads(text[slice(*element)]): text[slice(*element)] for element in old}
    parts = [kept.get(line, json.dumps(line, ensure_ascii=ascii_only)) for line in new.splitlines(keepends=True)]
    head, tail = text[start + 1 : old[0][0]], text[old[-1][1] : end - 1]
    between = text[old[0][1] : old[1][0]] if len(old) > 1 else f",{head}" if head.strip() != head else ", "
    return f"[{head}{between.join(parts)}{tail}]"
