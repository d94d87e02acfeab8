"""Many files, and writing them: what goes wrong with one stays with that one."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migrate.sources import SOURCES
from tfbn.migrate import driver

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


def test_files_without_a_match_are_not_parsed(tmp_path):
    """They may hold anything."""
    (tmp_path / "a.py").write_text("import tensorflow as tf\nprint 'Python 2'\n")
    (tmp_path / "b.py").write_text(SOURCE)
    found = driver.run([str(tmp_path)], RULES)
    assert (found.files, found.parsed, len(found.reports)) == (2, 1, 1)


def test_each_failure_is_a_line_and_the_others_go_on(tmp_path, monkeypatch):
    """Python 2, broken encodings, enormous files, links in a circle, files that cannot be read."""
    monkeypatch.setattr(driver, "LARGEST", 5000)
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


def test_a_folder_in_the_place_of_a_file(tmp_path, monkeypatch):
    """What cannot be opened is told."""
    monkeypatch.setattr(driver, "python_files", lambda paths: [driver.Found(path) for path in paths])
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
        """Somebody has said that it is not to change."""
        Path(report.path).chmod(0o440)
        assert driver.write(report) == "read-only: it is left as it is"
        assert Path(report.path).read_text() == SOURCE

    def test_changed_meanwhile(self, report):
        """The newer text stays."""
        Path(report.path).write_text(SOURCE + "more\n")
        assert driver.write(report) == (
            "somebody has changed it meanwhile: it is left as it is, run tfbn migrate again"
        )
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
        with pytest.raises(ValueError, match="no rule is called 'bn': there are compat-v1, batch-norm"):
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
    assert process.stdout == "['files', 'migrate', 'progress']\n", process.stderr
