"""Many files, and writing them: what goes wrong with one stays with that one."""

from __future__ import annotations

import multiprocessing
import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.migrate.sources import SOURCES
from tfbn.migrate import driver
from tfbn.migrate import rules as rules_package
from tfbn.migrate.report import FileReport
from tfbn.migrate.source.paths import Candidate

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCE = "from tensorflow.contrib.layers import batch_norm\nbatch_norm(x)\n"
RESULT = SOURCE.replace("tensorflow.contrib.layers", "tfbn")
RULES = driver.chosen_rules()


@pytest.mark.process
def test_processes_change_nothing(tmp_path):
    """Two processes give the reports that one gives, in the same order."""
    for number in range(3):
        for name, source in SOURCES.items():
            (tmp_path / f"{name} {number}.py").write_text(source)
    alone, together = (driver.run([str(tmp_path)], RULES, jobs=jobs) for jobs in (1, 2))
    assert alone == together
    assert alone.files == 3 * len(SOURCES)
    assert len(alone.reports) == 3 * (len(SOURCES) - 1)


@pytest.mark.parametrize(
    "files, jobs, processes",
    [(1, 8, 0), (2 * driver.MIN_FILES_PER_PROCESS - 1, 8, 0), (3 * driver.MIN_FILES_PER_PROCESS, 8, 3), (500, 2, 2)],
)
def test_as_many_processes_as_have_work(tmp_path, monkeypatch, files, jobs, processes):
    """None where another one costs more than it saves, and no more than asked for."""
    started = []

    class Pool(ThreadPoolExecutor):
        def map(self, work, files, chunksize):
            return super().map(work, files)

    monkeypatch.setattr(driver, "_processes", lambda count: started.append(count) or Pool(count))
    for number in range(files):
        (tmp_path / f"{number}.py").write_text(SOURCE)
    assert len(driver.run([str(tmp_path)], RULES, jobs=jobs).reports) == files
    assert started == [processes] * (processes > 0)


def test_files_without_a_match_are_not_parsed(tmp_path):
    """They may hold anything."""
    (tmp_path / "a.py").write_text("import tensorflow as tf\n(\n")
    (tmp_path / "b.py").write_text(SOURCE)
    found = driver.run([str(tmp_path)], RULES)
    assert (found.files, found.parsed, len(found.reports)) == (2, 1, 1)


def test_failures_do_not_stop_other_files(tmp_path, monkeypatch):
    """Python 2, broken encodings, enormous files, links in a circle, files that cannot be read."""
    monkeypatch.setattr(driver, "MAX_SOURCE_BYTES", 5000)
    (tmp_path / "good.py").write_text(SOURCE)
    (tmp_path / "loop.py").symlink_to(tmp_path / "loop.py")
    (tmp_path / "encoding.py").write_bytes(SOURCE.encode() + b"x = '\xff'\n")
    (tmp_path / "huge.py").write_text(SOURCE + "x = 1\n" * 1000)
    (tmp_path / "huge but dull.py").write_text("x = 1\n" * 1000)
    (tmp_path / "python2.py").write_text(SOURCE + "print 'x'\n")
    found = driver.run([str(tmp_path)], RULES)
    problems = {os.path.basename(report.path): report.problem for report in found.reports}
    assert problems.pop("good.py") is None
    assert problems.pop("python2.py").startswith("line 3: does not parse: Missing parentheses in call to 'print'")
    assert problems == {
        "loop.py": "a symbolic link that leads back to itself",
        "encoding.py": "line 3: not utf-8: invalid start byte",
        "huge.py": "6,063 bytes, more than the 5,000 that are parsed: split it, or migrate it by hand",
    }


ODD = {
    "rot13.py": (b"# coding: rot13\n" + SOURCE.encode(), "its coding cookie names rot13, which is not a text encoding"),
    "null.py": (SOURCE.encode() + b"\0", "line 3: a null byte: not Python source"),
    "return.py": (SOURCE.encode() + b"return\n", "line 3: does not compile: 'return' outside function: `return`"),
    "deep.py": (SOURCE.encode() + b"-" * 2000 + b"1\n", "line 3: its expressions are nested too deeply to be followed"),
    "kernel.ipynb": (
        b'{"cells": ["tf_slim."], "metadata": {"kernelspec": null}}',
        "not a notebook that can be read: metadata.kernelspec: expected an object, got null",
    ),
    "deep.ipynb": (
        b'{"cells": ["tf_slim.", ' + b"[" * 10**5,
        "not a notebook that can be read: maximum recursion depth",
    ),
}


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.process)])
def test_odd_files_do_not_stop_the_others(tmp_path, jobs):
    """Each is a line; the good ones are migrated as if they were alone."""
    for number in range(2 * driver.MIN_FILES_PER_PROCESS):
        (tmp_path / f"good{number}.py").write_text(SOURCE)
    for name, (raw, _) in ODD.items():
        (tmp_path / name).write_bytes(raw)
    os.mkfifo(tmp_path / "pipe.py")
    found = driver.run([str(tmp_path)], RULES, jobs=jobs)
    assert found.problems == []
    reports = {os.path.basename(report.path): report for report in found.reports}
    assert reports.pop("pipe.py").problem == "not a regular file but a named pipe"
    for name, (_, problem) in ODD.items():
        report = reports.pop(name)
        assert report.problem.startswith(problem)
        assert not report.changed
    assert len(reports) == 2 * driver.MIN_FILES_PER_PROCESS
    assert {(report.after, report.problem) for report in reports.values()} == {(RESULT.encode(), None)}


def test_large_files_are_searched_by_every_pattern(tmp_path, monkeypatch):
    """Where they lie on the disk."""
    monkeypatch.setattr(driver, "MAX_SOURCE_BYTES", 100)
    (tmp_path / "a.py").write_text(
        "import tensorflow.compat.v1 as tf\ntf.GraphKeys.UPDATE_OPS\nopt.minimize(x)\n" + "x = 1\n" * 20
    )
    assert driver.run([str(tmp_path)], RULES).reports == []


class Unlucky(frozenset):
    """Names of rules; a process that migrates cannot ask it for one of them."""

    def __contains__(self, name):
        if name == "leftovers" and multiprocessing.parent_process() is not None:
            raise KeyError("no such luck")
        return super().__contains__(name)


class TestInternalErrors:
    """A bug that one file brings out."""

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        """Of its files one makes a rule raise."""
        for name in ("a.py", "b.py", "c.py"):
            (tmp_path / name).write_text(SOURCE + f"print('{name}')\n")

        def check(module, changes):
            if b"b.py" in module.data:
                raise KeyError("no such luck")

        rules = [rule._replace(check_file=check) if rule.name == "leftovers" else rule for rule in rules_package.RULES]
        monkeypatch.setattr(rules_package, "RULES", tuple(rules))
        return tmp_path

    def test_the_others_go_on(self, folder):
        """The file is named, with the place of the bug, and stays as it is."""
        good, bad, also_good = driver.run([str(folder)], RULES, jobs=1).reports
        assert (good.changed, bad.changed, also_good.changed) == (True, False, True)
        assert (good.problem, also_good.problem) == (None, None)
        assert re.fullmatch(
            r"an internal error of tfbn at migrate\.py:\d+, please report it: KeyError: 'no such luck'", bad.problem
        )

    @pytest.mark.process
    def test_in_processes(self, tmp_path):
        """As in this one."""
        for number in range(2 * driver.MIN_FILES_PER_PROCESS):
            (tmp_path / f"{number}.py").write_text(SOURCE)
        reports = driver.run([str(tmp_path)], Unlucky(["batch-norm"]), jobs=2).reports
        assert len(reports) == 2 * driver.MIN_FILES_PER_PROCESS
        assert all(report.problem.endswith("please report it: KeyError: 'no such luck'") for report in reports)

    @pytest.mark.parametrize(
        ("error", "problem"),
        [(RecursionError, "its expressions are nested too deeply"), (MemoryError, "there is not enough memory for it")],
    )
    def test_limits_of_the_machine(self, monkeypatch, error, problem):
        """Are no bugs."""

        def migrate(*arguments):
            raise error

        monkeypatch.setattr(driver, "migrate", migrate)
        assert driver.migrate_bytes("a.py", SOURCE.encode(), RULES).problem.startswith(problem)

    def test_in_what_looks_across_files(self, folder, monkeypatch):
        """The files are migrated all the same, and the run says what it has not looked for."""

        def check(project):
            raise IndexError("out of luck")

        rules = [r._replace(check_project=check) if r.name == "updates-not-wired" else r for r in rules_package.RULES]
        monkeypatch.setattr(rules_package, "RULES", tuple(rules))
        found = driver.run([str(folder)], RULES, jobs=1)
        assert [report.changed for report in found.reports] == [True, False, True]
        (problem,) = found.problems
        assert problem.startswith("the rule updates-not-wired across files: an internal error of tfbn at driver.py:")
        assert problem.endswith("please report it: IndexError: out of luck")
        alone = driver.migrate_alone("<stdin>", SOURCE.encode(), RULES)
        assert alone.problem == problem
        assert not alone.changed


def end_process(file, rules):
    """What a process does that the system ends at two of the files."""
    path, _ = file
    if path in ("3.py", "7.py"):
        os._exit(1)
    return FileReport(path, b"", path.encode())


@pytest.mark.process
class TestProcessesThatEnd:
    """From outside, or by a crash."""

    PATHS = [f"{number}.py" for number in range(2 * driver.MIN_FILES_PER_PROCESS)]
    FILES = [(path, driver.ALONE) for path in PATHS]

    def test_unreadable_file_does_not_stop_the_run(self, monkeypatch):
        """In one process after another."""
        monkeypatch.setattr(driver, "_migrate_file", end_process)
        reports = list(driver._reports(self.FILES, RULES, 2))
        assert [report.path for report in reports] == self.PATHS
        ended = {report.path for report in reports if report.problem == driver.ENDED}
        assert ended == {"3.py", "7.py"}
        assert {report.path for report in reports if report.after == report.path.encode()} == {*self.PATHS} - ended

    def test_where_none_can_be_started(self, monkeypatch):
        """The work is done here."""

        def processes(count):
            spawn = multiprocessing.get_context("spawn")
            return ProcessPoolExecutor(count, spawn, initializer=os._exit, initargs=(1,))

        monkeypatch.setattr(driver, "_processes", processes)
        reports = list(driver._reports(self.FILES, RULES, 2))
        assert [report.path for report in reports] == self.PATHS
        assert {report.problem for report in reports} == {"cannot be read: No such file or directory"}


def test_a_folder_in_the_place_of_a_file(tmp_path, monkeypatch):
    """What cannot be opened is told."""
    monkeypatch.setattr(driver, "python_files", lambda paths, exclude: [Candidate(path) for path in paths])
    (report,) = driver.run([str(tmp_path)], RULES).reports
    assert report.problem == "cannot be read: Is a directory"


class TestWrite:
    """Putting the result in the file's place."""

    @pytest.fixture
    def report(self, tmp_path):
        """Of a file with permissions of its own."""
        path = tmp_path / "a.py"
        path.write_text(SOURCE)
        path.chmod(0o750)
        (report,) = driver.run([str(path)], RULES).reports
        return report

    def test_replaces(self, report):
        """Whole, with the permissions, and leaves nothing beside it."""
        assert driver.write(report) is None
        path = Path(report.path)
        assert path.read_text() == RESULT
        assert stat.S_IMODE(path.stat().st_mode) == 0o750
        assert os.listdir(path.parent) == ["a.py"]

    def test_through_a_link(self, report):
        """The link stays one."""
        path = Path(report.path)
        link = path.with_name("link.py")
        link.symlink_to(path)
        assert driver.write(report._replace(path=str(link))) is None
        assert link.is_symlink()
        assert path.read_text() == RESULT

    def test_read_only(self, report):
        """Its permissions say that it must not change."""
        Path(report.path).chmod(0o440)
        assert driver.write(report) == "read-only: it is left as it is"
        assert Path(report.path).read_text() == SOURCE

    def test_changed_meanwhile(self, report):
        """The newer text stays."""
        Path(report.path).write_text(SOURCE + "more\n")
        assert driver.write(report) == ("it changed while tfbn migrate ran: it stays as it is, run tfbn migrate again")
        assert Path(report.path).read_text() == SOURCE + "more\n"
        assert os.listdir(os.path.dirname(report.path)) == ["a.py"]

    def test_gone_meanwhile(self, report):
        """Nothing is written then."""
        os.remove(report.path)
        assert driver.write(report) == "cannot be written: No such file or directory"
        assert os.listdir(os.path.dirname(report.path)) == []


class TestChosenRules:
    """Which rules run."""

    def test_all_but_those_on_request(self):
        """By default."""
        assert "compat-v1" not in driver.chosen_rules()
        assert {"batch-norm", "leftovers"} <= driver.chosen_rules()
        assert driver.chosen_rules(compat=True) - driver.chosen_rules() == {"compat-v1"}

    def test_only_and_skip(self):
        """Together too."""
        assert driver.chosen_rules(["batch-norm", "train-op"], ["train-op"]) == {"batch-norm"}
        assert driver.chosen_rules(["batch-norm"], compat=True) == {"batch-norm", "compat-v1"}

    @pytest.mark.parametrize("options", [{"only": ["bn"]}, {"skip": ["bn"]}])
    def test_unknown(self, options):
        """With what there is."""
        with pytest.raises(ValueError, match="no rule is called 'bn': there are compat-v1, subclass, arg-scope"):
            driver.chosen_rules(**options)


def test_neither_tensorflow_nor_numpy_is_imported():
    """The codemod runs where there is neither."""
    source = """
import sys
sys.modules.update(tensorflow=None, numpy=None, keras=None)
from tfbn.migrate import driver
assert driver.migrate_bytes("a.py", b"import tf_slim as s\\ns.batch_norm(x)\\n", driver.chosen_rules()).edits
loaded = {name.partition(".")[2].partition(".")[0] for name in sys.modules if name.startswith("tfbn.")}
print(sorted(loaded))
"""
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=CHECKOUT)
    assert process.stdout == "['errors', 'files', 'lines', 'migrate', 'progress']\n", process.stderr
