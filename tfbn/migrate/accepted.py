"""Findings that a project has accepted: `# tfbn: ignore[rule]` on their line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tfbn.errors import Finding
from tfbn.migrate.report import Place
from tfbn.migrate.source.notebook import Notebook

_COMMENT = re.compile(r"#\s*tfbn:\s*ignore\[([\w\s,-]+)\]")


def without_accepted(findings: Iterable[Finding], raw: bytes, path: str) -> list[Finding]:
    """The findings that no comment on their line accepts.

    Args:
      findings: of one file, with places in `raw`.
      raw: the file's text, before or after the rewriting, whichever the findings refer to.
      path: the file's name, whose suffix tells a notebook.
    """
    findings = list(findings)
    if not findings or not re.search(rb"tfbn:\s*ignore\[", raw):
        return findings
    cells: dict[int | None, str] = {None: raw.decode("utf-8", "replace")}
    if path.endswith(".ipynb"):
        cells = {cell.number: cell.text for cell in Notebook(raw).cells}
    lines = {number: re.split("\r\n|\r|\n", text) for number, text in cells.items()}
    return [finding for finding in findings if finding.kind not in _accepted(lines, finding.where)]


def _accepted(lines: dict[int | None, list[str]], place: Place) -> set[str]:
    """The rules whose findings a line accepts."""
    here = lines.get(place.cell, [])[place.line - 1 : place.line]
    return {name.strip() for names in _COMMENT.findall("".join(here)) for name in names.split(",")}
