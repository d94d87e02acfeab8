"""Formatting of tables: the order of names, columns, shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfbn.lines import show_name

MAX_NAMES = 20  # that a message lists: a screen


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts block2 before block10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text)]


def format_table(rows: Iterable[Iterable[str]]) -> str:
    """Rows of cells, in columns; a cell is one line."""
    cells = [[show_name(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells)


def columns(names: Iterable[str], limit: int | None = MAX_NAMES) -> str:
    """Names in their natural order, one a line; of more than `limit` the first ones, and how many follow."""
    ordered = sorted(names, key=natural)
    more = len(ordered[limit:]) if limit is not None else 0
    return "\n".join([*(f"  {show_name(name)}" for name in ordered[:limit]), *([f"  and {more} more"] if more else [])])


def format_shape(shape: Iterable[int]) -> str:
    """A shape, such as 3x3x64."""
    return "x".join(map(str, shape)) or "scalar"
