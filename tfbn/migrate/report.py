"""The report of a run: its edits, the findings it leaves to the user, and the files it could not read or write."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any, NamedTuple

from tfbn.errors import Finding

PACKAGE = str(Path(__file__).parent)


class Place(NamedTuple):
    """Where in a file; `cell` is the number of a notebook's cell, from 1, whose lines count by themselves."""

    line: int  # from 1
    column: int  # from 1, in characters
    cell: int | None = None
    path: str = ""  # of the file, which its report adds

    def __str__(self) -> str:
        path, cell = f"{self.path}:" if self.path else "", f"cell {self.cell}:" if self.cell else ""
        return f"{path}{cell}{self.line}:{self.column}"


class Edit(NamedTuple):
    """One stretch of text that changes; everything outside the edits stays as it is, byte for byte."""

    place: Place
    rule: str
    before: str
    after: str


class FileReport(NamedTuple):
    """The results for one file."""

    path: str
    before: bytes
    after: bytes
    edits: tuple[Edit, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: str | None = None  # why it could not be migrated; nothing is changed then
    trains_batch_norm: bool = False  # it builds layers that need their update ops run
    traceback: str | None = None  # of an internal error, where that is the problem
    accepted: int = 0  # findings that a comment on their line accepts

    @property
    def changed(self) -> bool:
        return self.after != self.before

    def as_json(self) -> dict[str, Any]:
        def record(edit: Edit) -> dict[str, Any]:
            fields = edit._asdict()
            place = fields.pop("place")._asdict()
            del place["path"]
            return {**place, **fields}

        return {
            "path": self.path,
            "changed": self.changed,
            "edits": [record(edit) for edit in self.edits],
            "problem": self.problem,
        }


def failed(path: str, raw: bytes, error: Exception) -> FileReport:
    """The report of a file on which an unexpected exception was raised."""
    trace = (
        None
        if isinstance(error, MemoryError)
        else "".join(traceback.format_exception(None, error, error.__traceback__))
    )
    return FileReport(path, raw, raw, problem=unexpected_error(error), traceback=trace)


def unexpected_error(error: Exception) -> str:
    """The message for an unexpected exception: which, and where in the codemod it was raised."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(PACKAGE)]
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"an internal error of tfbn{place}, please report it: {type(error).__name__}: {error}"
