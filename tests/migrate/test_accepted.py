"""Findings that a project accepts, and what it asks for in pyproject.toml."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os

import pytest

from tests.cli.strict_json import parse_json
from tests.migrate.source.test_notebook import notebook
from tfbn import cli
from tfbn.migrate import driver
from tfbn.migrate.settings import Settings, read_settings

NAMED = "import tfbn\ndef f(x): tfbn.batch_norm(x, name='a')"
STEP = "import tensorflow.compat.v1 as tf\ntf.placeholder(1)"


@pytest.mark.parametrize(
    ("source", "kinds", "accepted"),
    [
        (NAMED + "  # tfbn: ignore[name-argument]\n", [], 1),
        (NAMED + "  # ours  # tfbn:ignore[ other, name-argument ]\n", [], 1),
        (STEP + "  # tfbn: ignore[v2-behavior]\n", [], 1),
        # Another rule, another line, no rule.
        (NAMED + "  # tfbn: ignore[names]\n", ["name-argument"], 0),
        (NAMED + "\n# tfbn: ignore[name-argument]\n", ["name-argument"], 0),
        (NAMED + "  # tfbn: ignore\n", ["name-argument"], 0),
    ],
)
@pytest.mark.parametrize("is_notebook", [False, True])
def test_comments(source, kinds, accepted, is_notebook, tmp_path):
    """On the line of the finding, of a file or of all together; counted."""
    path = tmp_path / ("a.ipynb" if is_notebook else "a.py")
    path.write_text(json.dumps(notebook("y = 1\n", source)) if is_notebook else source)
    run = driver.run([str(tmp_path)], driver.chosen_rules(), jobs=1)
    assert [finding.kind for report in run.reports for finding in report.findings] == kinds
    assert run.accepted == accepted


TABLE = """
[tool.tfbn]
paths = ["src"]
exclude = ["old/", "*_pb2.py"]
select = ["batch-norm", "name-argument"]
ignore = ["name-argument"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the table, and a folder in it as the current one."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    for name in ("src/a.py", "src/old/b.py", "src/c_pb2.py", "d.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(NAMED + "\nfrom tensorflow.contrib.slim import batch_norm, conv2d\n")
    monkeypatch.chdir(tmp_path / "src")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "files", "passed_over", "rules"),
    [
        ([], ["a.py"], 2, set()),
        (["../d.py"], ["d.py"], 0, set()),
        (["old"], ["b.py"], 0, set()),
        (["--only", "name-argument"], ["a.py"], 2, {"name-argument"}),
        (["--skip", "batch-norm"], [], 2, set()),
    ],
)
def test_settings(options, files, passed_over, rules, project, capsys):
    """Of the project above; the command line counts for more."""
    cli.main(["migrate", "--json", *options])
    answer = parse_json(capsys.readouterr().out)
    assert [os.path.basename(file["path"]) for file in answer["files"]] == files
    assert (answer["summary"]["passed_over"], answer["summary"]["accepted"]) == (passed_over, 0)
    assert {finding["kind"] for finding in answer["findings"]} == rules


def test_what_is_said(project, capsys):
    """Files and findings that were passed over."""
    (project / "src" / "a.py").write_text(NAMED + "  # tfbn: ignore[name-argument]\n")
    cli.main(["migrate", "--only", "name-argument"])
    assert capsys.readouterr().err.endswith(
        "1 files, 0 would change, 0 findings\nskipped: 2 files, by .gitignore or exclude; 1 findings, by comments\n"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[tool.tfbn]\nexcludes = []\n", "has no key 'excludes': expected paths, exclude, select, ignore"),
        ("[tool.tfbn]\nexclude = ['a', '[z-a]']\n", "exclude of [tool.tfbn]: pattern 2: `[z-a]` matches nothing"),
        ("[tool.tfbn]\nexclude = 'a'\n", "exclude of [tool.tfbn]: expected a list of strings, got 'a'"),
        ("[tool.tfbn]\nignore = [1]\n", "ignore of [tool.tfbn]: expected a list of strings, got [1]"),
        ("[tool.tfbn]\nignore = [\n", "not TOML"),
        ("[tool.tfbn]\nselect = ['none']\n", "no rule is called 'none'"),
        ("[tool]\ntfbn = 'src'\n", "tool.tfbn: expected a table, got 'src'"),
        ("tool = 'tfbn'\n", "tool: expected a table, got 'tfbn'"),
        ("[tool.tfbn]\nignore = " + "[" * 100_000, "pyproject.toml: not TOML"),
        ("[tool.tfbn]\nignore = [" + "9" * 6000 + "]", "pyproject.toml: "),
        ("# tfbn \udcff\n", "pyproject.toml: not TOML, which is UTF-8"),
    ],
)
def test_a_table_that_is_wrong(text, problem, project, capsys):
    """Says where."""
    (project / "pyproject.toml").write_text(text, errors="surrogateescape")
    assert cli.main(["migrate", "."]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["[ tool . 'tfbn' ]\npaths = ['a']", "[tool]\ntfbn.paths = ['a']", "[tool]\ntfbn = {paths = ['a']}"],
)
def test_spellings_of_the_table(text, tmp_path):
    (tmp_path / "pyproject.toml").write_text(text)
    assert read_settings(str(tmp_path)).paths == ("a",)


@pytest.mark.parametrize(("text", "refused"), [(TABLE, True), ("[tool.poetry.dependencies]\ntfbn = '1'\n", False)])
def test_without_a_reader_of_toml(text, refused, tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="expected Python 3.11, or tomli") if refused else contextlib.nullcontext():
        assert read_settings(str(tmp_path)).paths == ()


def test_no_table(tmp_path, monkeypatch):
    """Of the nearest file, which need not be TOML where the table is not in it."""
    (tmp_path / "pyproject.toml").write_text(TABLE)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "pyproject.toml").write_text("[tool]\n[")
    monkeypatch.chdir(tmp_path / "a")
    assert read_settings() == Settings()
    assert read_settings("..").paths == ("src",)
