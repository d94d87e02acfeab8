"""Many files: which to parse, on how many processes, and what is written back."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import stat
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import BinaryIO, NamedTuple

from tfbn.errors import Finding
from tfbn.files import UnsyncedError, replacing
from tfbn.migrate import rules as rules_package
from tfbn.migrate import syntax
from tfbn.migrate.accepted import without_accepted
from tfbn.migrate.migrate import migrate, migrate_notebook
from tfbn.migrate.project import Project
from tfbn.migrate.report import FileReport, failed, unexpected_error
from tfbn.migrate.rule import Rule
from tfbn.migrate.source.ignored import Patterns
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.paths import NO_PATTERNS, open_file, python_files
from tfbn.migrate.source.prefilter import FileSummary, scan
from tfbn.migrate.surroundings import ALONE, Surroundings, find_surroundings, writing_order
from tfbn.progress import Progress

# Longer sources are tables or generated code; parsing takes some 2 kB of memory per byte.
MAX_SOURCE_BYTES = 2_000_000
ENDED = "the process that read it was killed, perhaps for lack of memory: the file is left as it is"
# With fewer files to parse per process, starting one costs more than it saves.
MIN_FILES_PER_PROCESS = 8


class Run(NamedTuple):
    """The results of a run, for files with edits, findings or problems."""

    files: int  # examined
    parsed: int
    reports: list[FileReport]
    problems: list[str]  # internal errors of the run, not of a file: some checks were skipped
    passed_over: int = 0  # files that .gitignore or the settings exclude
    accepted: int = 0  # findings that comments accept
    notes: Sequence[str] = ()  # on the search for files
    order: Sequence[str] = ()  # the paths in the order to write them


def chosen_rules(only: Sequence[str] = (), skip: Sequence[str] = (), *, compat: bool = False) -> frozenset[str]:
    """The names of the rules to run. Raises ValueError for a name that no rule has."""
    known = [rule.name for rule in rules_package.RULES]
    unknown = [name for name in (*only, *skip) if name not in known]
    if unknown:
        raise ValueError(f"no rule is called {unknown[0]!r}: there are {', '.join(known)}")
    names = set(only) or {rule.name for rule in rules_package.RULES if not rule.chosen}
    on_request = {rule.name for rule in rules_package.RULES if rule.chosen and compat}
    return frozenset((names | on_request) - set(skip))


def run(
    paths: Iterable[str],
    rules: Collection[str],
    *,
    exclude: Patterns = NO_PATTERNS,
    jobs: int | None = None,
    progress: bool | None = None,
) -> Run:
    """Migrates files in memory; nothing is written."""
    reports: dict[str, FileReport] = {}
    summaries: dict[str, FileSummary] = {}
    worth_parsing = [rule.worth_parsing for rule in _rules_of(rules) if rule.worth_parsing]
    to_parse, notes = [], []
    files = passed_over = 0
    with Progress("Reading", unit="files", show=progress) as bar:
        for candidate in python_files(paths, exclude):
            bar.update()
            if candidate.note is not None:
                notes.append(candidate.note)
                continue
            if candidate.is_ignored:
                passed_over += 1
                continue
            files += 1
            summary = candidate.problem or _look(candidate.path, worth_parsing)
            if isinstance(summary, str):
                summary = FileReport(candidate.path, b"", b"", problem=summary)
            if isinstance(summary, FileReport):
                reports[candidate.path] = summary
                continue
            summaries[candidate.path] = summary
            if summary.matches:
                to_parse.append(candidate.path)
    surroundings, problems = _look_around(summaries)
    to_parse += [path for path in sorted(surroundings.keys() - set(to_parse)) if surroundings[path].is_rewritten]
    with Progress("Migrating", len(to_parse), "files", show=progress) as bar:
        for report in _reports([(path, surroundings.get(path, ALONE)) for path in to_parse], rules, jobs):
            bar.update()
            reports[report.path] = report
    problems += _add_findings(reports, summaries, rules)
    notable = [report for report in reports.values() if report.edits or report.findings or report.problem]
    accepted = sum(report.accepted for report in reports.values())
    notable.sort(key=lambda report: report.path)
    order = writing_order((report.path for report in notable), surroundings)
    return Run(files, len(to_parse), notable, problems, passed_over, accepted, notes, order)


def migrate_bytes(path: str, raw: bytes, rules: Collection[str], surroundings: Surroundings = ALONE) -> FileReport:
    """Migrates one file's bytes, as a notebook if its name says so. Any failure becomes the report's problem."""
    try:
        return (migrate_notebook if path.endswith(".ipynb") else migrate)(path, raw, rules, surroundings)
    except RecursionError:
        return FileReport(path, raw, raw, problem=syntax.TOO_DEEP)
    except Exception as error:  # a bug met in one file must not stop the others
        return failed(path, raw, error)


def migrate_alone(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """Migrates a file that is a whole program by itself, such as standard input."""
    reports = {path: migrate_bytes(path, raw, rules)}
    if not reports[path].problem:
        problems = _add_findings(reports, {path: scan(raw)}, rules)
        if problems:
            return FileReport(path, raw, raw, problem="; ".join(problems), traceback="")
    return reports[path]


def _look_around(summaries: dict[str, FileSummary]) -> tuple[dict[str, Surroundings], list[str]]:
    """The surroundings of each file; after an internal error none, and the error."""
    try:
        return find_surroundings(Project({}, summaries).import_graph), []
    except Exception as error:
        return {}, [f"names from other files: {unexpected_error(error)}"]


def _add_findings(
    reports: dict[str, FileReport], summaries: dict[str, FileSummary], rules: Collection[str]
) -> list[str]:
    """Adds the findings that need all files; returns internal errors."""
    for path, report in reports.items():
        reports[path] = _with_findings(report, report.findings, report.before)
    project = Project(dict(reports), summaries)
    problems = []
    for rule in _rules_of(rules):
        if rule.check_project is None:
            continue
        try:
            findings_by_path = rule.check_project(project)
        except Exception as error:  # the files are migrated regardless
            problems.append(f"the rule {rule.name} across files: {unexpected_error(error)}")
            continue
        for path, findings in findings_by_path.items():
            report = reports.get(path, FileReport(path, b"", b""))
            updated = _with_findings(report, findings, project.text(path))
            combined = sorted([*report.findings, *updated.findings], key=lambda finding: (finding.where, finding.kind))
            reports[path] = updated._replace(findings=tuple(combined))
    for path, report in reports.items():
        named = (finding._replace(where=finding.where._replace(path=path)) for finding in report.findings)
        reports[path] = report._replace(findings=tuple(named))
    return problems


def _with_findings(report: FileReport, findings: Sequence[Finding], text: bytes) -> FileReport:
    """The report with the findings that no comment in `text` accepts; their places are in that text."""
    kept = without_accepted(findings, text, report.path)
    return report._replace(findings=tuple(kept), accepted=report.accepted + len(findings) - len(kept))


def _rules_of(names: Collection[str]) -> list[Rule]:
    return [rule for rule in rules_package.RULES if rule.name in names]


def write(report: FileReport) -> str | None:
    """Replaces the file by the new text, with its permissions; returns the reason if it cannot."""
    try:
        if not stat.S_IMODE(os.stat(report.path).st_mode) & 0o222:
            return "read-only: it is left as it is"
        with replacing(report.path) as partial_file:
            partial_file.write_bytes(report.after)
            if _read(report.path) != report.before:
                raise ValueError("it changed while tfbn migrate ran: it stays as it is, run tfbn migrate again")
    except UnsyncedError as error:
        return error.strerror
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return None


def _read(path: str) -> bytes:
    with open_file(path) as file:
        return file.read()


def _look(path: str, worth_parsing: Sequence[Callable[[bytes], bool]]) -> FileSummary | FileReport | str:
    """A summary of a file's bytes, or why they cannot be read."""
    try:
        with open_file(path) as file:
            raw = _contents(file)
        summary = scan(raw, worth_parsing)
        size, unit = len(raw), "bytes"
        if path.endswith(".ipynb") and (summary.matches or raw.find(b"tensorflow") >= 0):
            try:
                source = Notebook(raw[:]).source
            except ValueError as error:
                return str(error) if summary.matches else summary
            size, unit = len(source), "bytes of code"
            # JSON escapes hide some matches: a line end before a name is a letter there.
            in_code = scan(source, worth_parsing)
            summary = in_code._replace(matches=summary.matches or in_code.matches)
        if summary.matches and size > MAX_SOURCE_BYTES:
            return (
                f"{size:,} {unit}, more than the {MAX_SOURCE_BYTES:,} that are parsed: split it, or migrate it by hand"
            )
        return summary
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except Exception as error:  # one odd file must not stop the others
        return failed(path, b"", error)


def _contents(file: BinaryIO) -> bytes:
    """The bytes of a file; a large file is memory-mapped."""
    if os.fstat(file.fileno()).st_size <= MAX_SOURCE_BYTES:
        return file.read()
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[return-value]  # used like bytes here


def _migrate_file(file: tuple[str, Surroundings], rules: Collection[str]) -> FileReport:
    path, surroundings = file
    try:
        return migrate_bytes(path, _read(path), rules, surroundings)
    except OSError as error:
        return FileReport(path, b"", b"", problem=f"cannot be read: {error.strerror or error}")
    except MemoryError as error:
        return failed(path, b"", error)


def _reports(
    files: Sequence[tuple[str, Surroundings]], rules: Collection[str], jobs: int | None
) -> Iterator[FileReport]:
    """The reports of the files, in order."""
    work = partial(_migrate_file, rules=rules)
    count = min(jobs or os.cpu_count() or 1, len(files) // MIN_FILES_PER_PROCESS)
    done = 0
    if count > 1:
        with suppress(BrokenProcessPool), _processes(count) as pool:
            for report in pool.map(work, files, chunksize=4):
                yield report
                done += 1
        yield from _one_by_one(work, files[done:])
    else:
        yield from map(work, files)


def _one_by_one(
    work: Callable[[tuple[str, Surroundings]], FileReport], files: Sequence[tuple[str, Surroundings]]
) -> Iterator[FileReport]:
    """Gives a worker one file at a time, to know which file kills it; a new worker goes on with the next."""
    waiting = deque(files)
    while waiting:
        with _processes(1) as pool:
            try:
                pool.submit(int).result()
            except BrokenProcessPool:  # no worker starts here, whatever the file
                yield from map(work, waiting)
                return
            killed = False
            while waiting and not killed:
                file = waiting.popleft()
                try:
                    report = pool.submit(work, file).result()
                except BrokenProcessPool:
                    killed = True
                    report = FileReport(file[0], b"", b"", problem=ENDED)
                yield report


def _processes(count: int) -> ProcessPoolExecutor:
    # Not by fork: the caller may have threads, and the progress bar is one.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
