"""Many files: which to parse, on how many processes, and what is written back."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from tfbn.files import replacing
from tfbn.migrate import removed_names, v2_behavior
from tfbn.migrate.imports import DEAD_IMPORTS
from tfbn.migrate.migrate import migrate
from tfbn.migrate.notebook import Notebook, migrate_notebook
from tfbn.migrate.paths import Found, python_files
from tfbn.migrate.prefilter import Glance, glance
from tfbn.migrate.report import FileReport
from tfbn.migrate.rules import BY_NAME, RULES, compat_v1, updates_not_wired
from tfbn.migrate.wiring import not_wired
from tfbn.progress import Progress

# Larger files are tables or generated code; parsing takes some 2 kB of memory per byte of source.
LARGEST = 2_000_000
# Below so many files to parse another process costs more than it saves.
WORTH_A_PROCESS = 8


class Run(NamedTuple):
    """What a run found, file by file, of the files where there is anything to say."""

    files: int  # looked at
    parsed: int
    reports: list[FileReport]


def chosen_rules(only: Sequence[str] = (), skip: Sequence[str] = (), *, compat: bool = False) -> frozenset[str]:
    """The names of the rules to run. Raises ValueError for a name that no rule has."""
    unknown = [name for name in (*only, *skip) if name not in BY_NAME]
    if unknown:
        raise ValueError(f"no rule is called {unknown[0]!r}: there are {', '.join(BY_NAME)}")
    names = set(only) or {rule.name for rule in RULES if not rule.chosen}
    return frozenset((names | ({compat_v1.NAME} if compat else set())) - set(skip))


def run(paths: Iterable[str], rules: Collection[str], *, jobs: int | None = None, progress: bool | None = None) -> Run:
    """Migrates files in memory; nothing is written."""
    reports: dict[str, FileReport] = {}
    glances: dict[str, Glance] = {}
    waiting = []
    files = 0
    with Progress("Reading", unit="files", show=progress) as bar:
        for found in python_files(paths):
            files += 1
            bar.update()
            seen = found.problem or _look(found, compat_v1.NAME in rules)
            if isinstance(seen, str):
                reports[found.path] = FileReport(found.path, b"", b"", problem=seen)
                continue
            glances[found.path] = seen
            if seen.matches:
                waiting.append(found.path)
    with Progress("Migrating", len(waiting), "files", show=progress) as bar:
        for report in _reports(waiting, rules, jobs):
            bar.update()
            reports[report.path] = report
    _add_findings(reports, glances, rules)
    said = [report for report in reports.values() if report.edits or report.findings or report.problem]
    return Run(files, len(waiting), sorted(said, key=lambda report: report.path))


def migrate_bytes(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """One file's bytes, of a notebook if its name ends like one's."""
    return (migrate_notebook if path.endswith(".ipynb") else migrate)(path, raw, rules)


def migrate_alone(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """A file that stands for a whole program, such as standard input."""
    reports = {path: migrate_bytes(path, raw, rules)}
    if not reports[path].problem:
        _add_findings(reports, {path: glance(raw)}, rules)
    return reports[path]


def _add_findings(reports: dict[str, FileReport], glances: dict[str, Glance], rules: Collection[str]) -> None:
    """Adds what only all files together tell."""
    found = []
    if updates_not_wired.NAME in rules:
        found.append(not_wired(reports, glances))
    if DEAD_IMPORTS in rules:
        found.append(removed_names.taken(reports, glances))
    if compat_v1.NAME in rules:
        found.append(v2_behavior.left_on(reports, glances))
    for of_rule in found:
        for path, findings in of_rule.items():
            report = reports.get(path, FileReport(path, b"", b""))
            reports[path] = report._replace(findings=tuple(sorted([*report.findings, *findings])))


def write(report: FileReport) -> str | None:
    """Puts the new text in the file's place, with its permissions; returns why not, where it cannot."""
    try:
        if not stat.S_IMODE(os.stat(report.path).st_mode) & 0o222:
            return "read-only: it is left as it is"
        with replacing(report.path) as partial_file:
            partial_file.write_bytes(report.after)
            if _read(report.path) != report.before:
                raise ValueError("somebody has changed it meanwhile: it is left as it is, run tfbn migrate again")
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _look(found: Found, compat: bool) -> Glance | str:
    """What a file's bytes tell, or why they cannot be read."""
    try:
        with open(found.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > LARGEST:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    seen = glance(mapped, compat_v1=compat)  # type: ignore[arg-type]  # re searches it without a copy
                if seen.matches:
                    return f"{size:,} bytes, more than the {LARGEST:,} that are parsed: split it, or migrate it by hand"
                return seen
            raw = file.read()
            seen = glance(raw, compat_v1=compat)
            if seen.matches and found.path.endswith(".ipynb"):
                with suppress(ValueError):  # which is reported when it is migrated
                    seen = glance(Notebook(raw).source, compat_v1=compat)._replace(matches=True)
            return seen
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _migrate_file(path: str, rules: Collection[str]) -> FileReport:
    try:
        return migrate_bytes(path, _read(path), rules)
    except OSError as error:
        return FileReport(path, b"", b"", problem=f"cannot be read: {error.strerror or error}")


def _reports(paths: Sequence[str], rules: Collection[str], jobs: int | None) -> Iterator[FileReport]:
    work = partial(_migrate_file, rules=rules)
    count = min(jobs or os.cpu_count() or 1, len(paths) // WORTH_A_PROCESS)
    if count < 2:
        yield from map(work, paths)
        return
    # Not by fork: the caller may have threads, and the bar of tqdm is one.
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(work, paths, chunksize=4)
        except BrokenProcessPool as error:
            raise OSError("a process has been ended from outside, for want of memory perhaps: try --jobs 1") from error
