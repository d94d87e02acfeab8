"""The command `tfbn`: help, exit statuses, and errors that are lines and not tracebacks."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import tfbn
from tfbn import cli


@pytest.fixture
def command(monkeypatch):
    """Puts a subcommand `probe` in place that does what the test says."""

    def make(run):
        module = types.SimpleNamespace(
            SUMMARY="what it does", add_arguments=lambda parser: parser.add_argument("path", nargs="?"), run=run
        )
        monkeypatch.setattr(cli, "COMMANDS", ["probe"])
        monkeypatch.setitem(sys.modules, "tfbn.cli.probe", module)

    return make


def test_help_lists_the_commands(command, capsys):
    """With the line on each, and the exit statuses."""
    command(lambda options: 0)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert "what it does" in out
    assert "exit status: 0 fine, 1 findings, 2 could not" in out


def test_no_command_is_an_error(capsys):
    """It shows the help."""
    assert cli.main([]) == 2
    assert "usage: tfbn" in capsys.readouterr().out


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_status_is_the_commands(command, status):
    """`run` decides."""
    command(lambda options: status)
    assert cli.main(["probe"]) == status


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("`path` holds no graph"), "tfbn probe: `path` holds no graph\n"),
        (FileNotFoundError(2, "No such file or directory", "a.pb"), "tfbn probe: a.pb: No such file or directory\n"),
        (ImportError("needs TensorFlow"), "tfbn probe: needs TensorFlow\n"),
    ],
)
def test_what_a_user_can_mend_is_one_line(command, capsys, error, text):
    """On standard error, with status 2."""

    def run(options):
        raise error

    command(run)
    assert cli.main(["probe"]) == 2
    assert capsys.readouterr() == ("", text)


def test_bugs_are_not_hidden(command):
    """An error of ours keeps its traceback."""

    def run(options):
        raise KeyError("beta")

    command(run)
    with pytest.raises(KeyError, match="beta"):
        cli.main(["probe"])


def test_an_interruption_is_quiet(command, capsys):
    """Ctrl-C ends with the status that shells expect."""

    def run(options):
        raise KeyboardInterrupt

    command(run)
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr() == ("", "")


def test_options_are_written_out(tmp_path, capsys):
    """What is close to `--write` does not write."""
    (tmp_path / "model.py").write_text("from tensorflow.contrib.layers import batch_norm\n")
    with pytest.raises(SystemExit, match="2"):
        cli.main(["migrate", "--writ", str(tmp_path)])
    assert "unrecognized arguments: --writ" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        cli.main(["checkpoint", "list", "--jso", str(tmp_path)])


def test_unknown_arguments_are_named(command, capsys):
    """argparse's own status is the same 2."""
    command(lambda options: 0)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["probe", "--frob"])
    assert "--frob" in capsys.readouterr().err


@pytest.mark.process
def test_as_a_module():
    """`python -m tfbn --version` runs without TensorFlow."""
    source = "import sys; sys.modules['tensorflow'] = None; import runpy; runpy.run_module('tfbn', run_name='__main__')"
    process = subprocess.run([sys.executable, "-c", source, "--version"], capture_output=True, text=True)
    assert (process.returncode, process.stdout) == (0, f"tfbn {tfbn.__version__}\n"), process.stderr


@pytest.mark.process
def test_tensorflow_loads_in_silence():
    """Nothing of its chatter reaches the screen; our own words do."""
    source = """
import sys
from tfbn.cli.quiet import tensorflow
tensorflow().zeros([1])
print('done', file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (process.stdout, process.stderr) == ("", "done\n")


def test_a_failing_import_tells_all():
    """What was held back is shown when something goes wrong."""
    source = """
import os
from tfbn.cli.quiet import chatter_held_back
with chatter_held_back():
    os.write(2, b'the reason')
    raise ValueError('the error')
"""
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert "the reason" in process.stderr
    assert "the error" in process.stderr
