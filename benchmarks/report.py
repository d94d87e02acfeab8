"""Tables of figures and limits: as text, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MARK = "<-- over the limit"


@dataclass(frozen=True)
class Row:
    """A figure and what it may be at most; `value` is None where it could not be measured, which `note` explains."""

    name: str
    value: float | None
    limit: float | None = None
    aim: float | None = None
    details: Mapping[str, float | str | None] = field(default_factory=dict)
    note: str = ""

    @property
    def exceeded(self) -> bool:
        return self.value is not None and self.limit is not None and self.value > self.limit


@dataclass(frozen=True)
class Table:
    """Rows of one unit: "ratio", "tensors" or "nodes"."""

    name: str
    title: str
    unit: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()


def text(table: Table) -> str:
    """The table for a terminal."""
    details = list(dict.fromkeys(key for row in table.rows for key in row.details))
    aims = any(row.aim is not None for row in table.rows)
    header = ["", table.unit, "limit", *(["aim"] if aims else []), *details, ""]
    lines = [header]
    for row in table.rows:
        cells = [row.name, _number(row.value), _number(row.limit, "g"), *([_number(row.aim, "g")] if aims else [])]
        cells += [_number(row.details.get(key)) for key in details]
        lines.append([*cells, "  ".join(filter(None, [MARK if row.exceeded else "", row.note]))])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header) - 1)]
    shown = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:])), line[-1]]
        ).rstrip()
        for line in lines
    ]
    return "\n".join([f"{table.name}: {table.title}", "", *shown, *(f"  ({note})" for note in table.notes)])


def _number(value: float | str | None, form: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, str) or form:
        return format(value, form)
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def as_json(tables: Iterable[Table], machine: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "machine": dict(machine),
        "tables": [
            {
                "name": table.name,
                "title": table.title,
                "unit": table.unit,
                "notes": list(table.notes),
                "rows": [
                    {
                        "name": row.name,
                        "value": row.value,
                        "limit": row.limit,
                        "aim": row.aim,
                        "exceeded": row.exceeded,
                        "details": dict(row.details),
                        "note": row.note,
                    }
                    for row in table.rows
                ],
            }
            for table in tables
        ],
    }


def plot(tables: Iterable[Table], path: str | Path) -> None:
    """A bar for each ratio, with its limit; needs matplotlib."""
    from matplotlib.figure import Figure

    chosen = [(t, [r for r in t.rows if r.value is not None]) for t in tables if t.unit == "ratio"]
    chosen = [(table, rows) for table, rows in chosen if rows]
    heights = [len(rows) + 2 for _, rows in chosen] or [3]
    figure = Figure(figsize=(8, 1 + 0.24 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axis, (table, rows) in zip(axes, chosen):
        places = range(len(rows))
        axis.barh(places, [row.value for row in rows], color=["C3" if row.exceeded else "C0" for row in rows])
        for place, row in zip(places, rows):
            if row.limit is not None:
                axis.plot([row.limit] * 2, [place - 0.45, place + 0.45], color="black", linewidth=1.5)
            axis.annotate(f"{row.value:.2f}", (row.value, place), (3, 0), textcoords="offset points", va="center")
        axis.set_yticks(places, [row.name for row in rows])
        axis.set_ylim(len(rows) - 0.5, -0.5)
        axis.axvline(1, color="grey", linewidth=0.8, linestyle=":")
        axis.margins(x=0.12)
        axis.set_title(f"{table.name} (ratio; black: the limit)", fontsize="medium", loc="left")
    figure.savefig(path, format="png", dpi=120)
