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
from tfbn.migrate.report import FileReport, failed, unforeseen
from tfbn.migrate.rule import Rule
from tfbn.migrate.source.ignored import Patterns
from tfbn.migrate.source.notebook import Notebook
from tfbn.migrate.source.paths import NO_PATTERNS, open_file, python_files
from tfbn.migrate.source.prefilter import FileSummary, scan
from tfbn.migrate.surroundings import ALONE, Surroundings, find_surroundings, writing_order
from tfbn.progress import Progress

# Longer sources are tables or generated code; parsing takes some 2 kB of memory per byte.
MAX_SOURCE_BYTES = 2_000_000
ENDED = "the process that read it was ended from outside, for want of memory perhaps: it is left as it is"
# Below so many files to parse another process costs more than it saves.
WORTH_A_PROCESS = 8


class Run(NamedTuple):
    """The results of a run, for files with edits, findings or problems."""

    files: int  # looked at
    parsed: int
    reports: list[FileReport]
    problems: list[str]  # internal errors of the run as a whole, not of a file: something was not looked for
    passed_over: int = 0  # files that .gitignore or the settings exclude
    accepted: int = 0  # findings that comments accept
    notes: Sequence[str] = ()  # on how files were looked for
    order: Sequence[str] = ()  # the paths as they are to be written


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
    waiting, notes = [], []
    files = passed_over = 0
    with Progress("Reading", unit="files", show=progress) as bar:
        for found in python_files(paths, exclude):
            bar.update()
            if found.note is not None:
                notes.append(found.note)
                continue
            if found.is_ignored:
                passed_over += 1
                continue
            files += 1
            summary = found.problem or _look(found.path, worth_parsing)
            if isinstance(summary, str):
                summary = FileReport(found.path, b"", b"", problem=summary)
            if isinstance(summary, FileReport):
                reports[found.path] = summary
                continue
            summaries[found.path] = summary
            if summary.matches:
                waiting.append(found.path)
    surroundings, problems = _look_around(summaries)
    waiting += [path for path in sorted(surroundings.keys() - set(waiting)) if surroundings[path].is_rewritten]
    with Progress("Migrating", len(waiting), "files", show=progress) as bar:
        for report in _reports([(path, surroundings.get(path, ALONE)) for path in waiting], rules, jobs):
            bar.update()
            reports[report.path] = report
    problems += _add_findings(reports, summaries, rules)
    said = [report for report in reports.values() if report.edits or report.findings or report.problem]
    accepted = sum(report.accepted for report in reports.values())
    said.sort(key=lambda report: report.path)
    order = writing_order((report.path for report in said), surroundings)
    return Run(files, len(waiting), said, problems, passed_over, accepted, notes, order)


def migrate_bytes(path: str, raw: bytes, rules: Collection[str], surroundings: Surroundings = ALONE) -> FileReport:
    """One file's bytes, of a notebook if its name ends like one's. Whatever goes wrong is the report's problem."""
    try:
        return (migrate_notebook if path.endswith(".ipynb") else migrate)(path, raw, rules, surroundings)
    except RecursionError:
        return FileReport(path, raw, raw, problem=syntax.TOO_DEEP)
    except Exception as error:  # a bug met in one file is no reason to leave the others as they are
        return failed(path, raw, error)


def migrate_alone(path: str, raw: bytes, rules: Collection[str]) -> FileReport:
    """A file that stands for a whole program, such as standard input."""
    reports = {path: migrate_bytes(path, raw, rules)}
    if not reports[path].problem:
        problems = _add_findings(reports, {path: scan(raw)}, rules)
        if problems:
            return FileReport(path, raw, raw, problem="; ".join(problems), traceback="")
    return reports[path]


def _look_around(summaries: dict[str, FileSummary]) -> tuple[dict[str, Surroundings], list[str]]:
    """The surroundings of each file, and the internal error because of which all are migrated without."""
    try:
        return find_surroundings(Project({}, summaries).import_graph), []
    except Exception as error:
        return {}, [f"names from other files: {unforeseen(error)}"]


def _add_findings(
    reports: dict[str, FileReport], summaries: dict[str, FileSummary], rules: Collection[str]
) -> list[str]:
    """Adds what only all files together show; returns what went wrong in that."""
    for path, report in reports.items():
        reports[path] = _with_findings(report, report.findings, report.before)
    project = Project(dict(reports), summaries)
    problems = []
    for rule in _rules_of(rules):
        if rule.check_project is None:
            continue
        try:
            findings_by_path = rule.check_project(project)
        except Exception as error:  # the files themselves are migrated all the same
            problems.append(f"the rule {rule.name} across files: {unforeseen(error)}")
            continue
        for path, findings in findings_by_path.items():
            report = reports.get(path, FileReport(path, b"", b""))
            more = _with_findings(report, findings, project.text(path))
            together = sorted([*report.findings, *more.findings], key=lambda finding: (finding.where, finding.kind))
            reports[path] = more._replace(findings=tuple(together))
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
    """Puts the new text in the file's place, with its permissions; returns why not, where it cannot."""
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
        size, what = len(raw), "bytes"
        if path.endswith(".ipynb") and (summary.matches or raw.find(b"tensorflow") >= 0):
            try:
                source = Notebook(raw[:]).source
            except ValueError as error:
                return str(error) if summary.matches else summary
            size, what = len(source), "bytes of code"
            # JSON hides some of it: the line end in front of a name is a letter there.
            in_code = scan(source, worth_parsing)
            summary = in_code._replace(matches=summary.matches or in_code.matches)
        if summary.matches and size > MAX_SOURCE_BYTES:
            return (
                f"{size:,} {what}, more than the {MAX_SOURCE_BYTES:,} that are parsed: split it, or migrate it by hand"
            )
        return summary
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except Exception as error:  # one odd file is no reason to leave the others as they are
        return failed(path, b"", error)


def _contents(file: BinaryIO) -> bytes:
    """The bytes of a file; a large one's stay on the disk until something reads them."""
    if os.fstat(file.fileno()).st_size <= MAX_SOURCE_BYTES:
        return file.read()
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # type: ignore[return-value]  # what bytes can do here


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
    """The report of each file, in their order."""
    work = partial(_migrate_file, rules=rules)
    count = min(jobs or os.cpu_count() or 1, len(files) // WORTH_A_PROCESS)
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
    """In a process of one file at a time, so that it is known at which file a process ends; the next one goes on."""
    waiting = deque(files)
    while waiting:
        with _processes(1) as pool:
            try:
                pool.submit(int).result()
            except BrokenProcessPool:  # none can be started here, whatever the file
                yield from map(work, waiting)
                return
            ended = False
            while waiting and not ended:
                file = waiting.popleft()
                try:
                    report = pool.submit(work, file).result()
                except BrokenProcessPool:
                    ended = True
                    report = FileReport(file[0], b"", b"", problem=ENDED)
                yield report


def _processes(count: int) -> ProcessPoolExecutor:
    # Not by fork: the caller may have threads, and the progress bar is one.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
