"""The command `tfbn`: help, exit statuses, and errors that are lines and not tracebacks."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tfbn
from tests.cli.strict_json import parse_json
from tfbn import cli
from tfbn.errors import Finding
from tfbn.report import EXIT_STATUSES, add_options
from tfbn.requirements import REQUIREMENTS


@pytest.fixture
def command(monkeypatch):
    """Puts a subcommand `probe` in place that does what the test says."""

    def make(run):
        module = types.SimpleNamespace(SUMMARY="what it does", add_arguments=add_options, run=run)
        monkeypatch.setattr(cli, "COMMANDS", ["probe"])
        monkeypatch.setitem(sys.modules, "tfbn.cli.probe", module)

    return make


def test_help_lists_the_commands(command, capsys):
    """With the line on each, and the exit statuses."""
    command(lambda options, report: None)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--help"])
    out = capsys.readouterr().out
    assert "what it does" in out
    assert EXIT_STATUSES in out


def test_no_command_is_an_error(capsys):
    """It shows the help."""
    assert cli.main([]) == 2
    assert "usage: tfbn" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("severities", "fail_on", "status"),
    [
        ([], [], 0),
        (["warning"], [], 0),
        (["error"], [], 1),
        (["warning"], ["--fail-on", "warning"], 1),
        ([], ["--fail-on", "warning"], 0),
        (["warning", "error"], ["--fail-on", "error"], 1),
        (["warning", "error"], ["--fail-on", "never"], 0),
    ],
)
def test_fail_on(command, severities, fail_on, status):
    """The findings decide the status, from a severity on that the user may choose."""
    findings = [Finding("rule", severity, "net/bn", "wrong", "mend it") for severity in severities]
    command(lambda options, report: report.findings.extend(findings))
    assert cli.main(["probe", *fail_on]) == status


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("`path` holds no graph"), "tfbn probe: `path` holds no graph\n"),
        (FileNotFoundError(2, "No such file or directory", "a.pb"), "tfbn probe: a.pb: No such file or directory\n"),
        (ImportError("needs TensorFlow"), "tfbn probe: needs TensorFlow\n"),
        (MemoryError("no 9 GiB"), "tfbn probe: not enough memory while running tfbn probe: no 9 GiB\n"),
        (ValueError("a" * 9000 + "b" * 9000), f"tfbn probe: {'a' * 2000} ... {'b' * 2000}\n"),
    ],
)
def test_user_errors_are_one_line(command, capsys, error, text):
    """On standard error, with status 2."""

    def run(options, report):
        raise error

    command(run)
    assert cli.main(["probe"]) == 2
    assert capsys.readouterr() == ("", text)


@pytest.mark.parametrize("error", [KeyError("beta"), TypeError("no\nnumber"), AssertionError(), RecursionError("deep")])
def test_internal_errors(command, capsys, error):
    """Status 70 and a line that says what was done to which file; the traceback under --debug; JSON under --json."""

    def run(options, report):
        report.activity = "reading a.pb"
        report.summary["layers"] = 3
        raise error

    command(run)
    assert cli.main(["probe"]) == 70
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"tfbn probe: internal error while reading a.pb: {type(error).__name__}: ")
    assert cli.main(["probe", "--debug"]) == 70
    assert capsys.readouterr().err.startswith("Traceback (most recent call last)")
    assert cli.main(["probe", "--json"]) == 70
    answer = parse_json(capsys.readouterr().out)
    assert answer["error"].startswith("internal error while reading a.pb")
    assert answer["summary"]["layers"] == 3


def test_a_closed_pipe_is_no_error(command, monkeypatch):
    """Status 0, whatever is left to print."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command(lambda options, report: report.say("x" * 100_000))
    with open(write_end, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert cli.main(["probe"]) == 0


@pytest.mark.parametrize("full", ["stdout", "stderr"])
@pytest.mark.parametrize("arguments", [["probe"], ["probe", "--json"]], ids=["text", "JSON"])
def test_a_full_disk_is_no_finding(command, monkeypatch, capsys, full, arguments):
    """Where what is printed goes, that is: status 2, and a line where one can be read."""

    def run(options, report):
        report.say("x" * 100_000)
        if full == "stderr":
            raise ValueError("x: expected something else")

    command(run)
    with open("/dev/full", "w") as stream:
        monkeypatch.setattr(sys, full, stream)
        assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    if full == "stdout":
        assert err == "tfbn probe: standard output: No space left on device\n"
    else:
        assert ("expected something else" in out) == ("--json" in arguments)


# What a shell does with the streams of a process, with the exit status then, and what standard error has.
STREAMS = [
    ("--version >/dev/full", 2, "tfbn: standard output: No space left on device"),
    ("--help >/dev/full", 2, "tfbn: standard output: No space left on device"),
    ("audit --json >/dev/full", 2, "tfbn: standard output: No space left on device"),
    ("migrate --list-rules >&-", 2, "tfbn migrate: standard output: Bad file descriptor"),
    ("migrate --list-rules >&- 2>&-", 2, ""),
    ("migrate --list-rules 2>&-", 0, ""),
    ("migrate - <&-", 2, "tfbn migrate: standard input: Bad file descriptor"),
    ("migrate --write - <{} >/dev/full", 2, "tfbn migrate: standard output: No space left on device"),
    ("migrate {} >&- <&-", 2, "tfbn migrate: standard output: Bad file descriptor"),
    ("checkpoint list nothing 2>&-", 2, ""),
    ("audit 2>&-", 2, ""),
    ("audit 2>/dev/full", 2, ""),
]


@pytest.mark.process
@pytest.mark.cases(4)
@pytest.mark.parametrize("line, status, text", STREAMS)
def test_streams_that_are_closed_or_full(line, status, text, tmp_path):
    """The status tells, and a line where one can be read; never a traceback, nor a message in another file."""
    (tmp_path / "old.py").write_text("from tensorflow.contrib.layers import batch_norm\n")
    before = os.listdir(tmp_path)
    shell = f"{shlex.quote(sys.executable)} -m tfbn {line.format(tmp_path / 'old.py')}"
    result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert result.returncode == status, result.stderr
    assert not re.search("Traceback|Exception ignored", result.stderr)
    assert result.stderr.splitlines()[-1:] == ([text] if text else [])
    assert os.listdir(tmp_path) == before


@pytest.mark.process
@pytest.mark.parametrize("line", ["--help", "--version", "migrate --list-rules"])
def test_a_reader_that_is_gone(line):
    shell = f"{{ {shlex.quote(sys.executable)} -m tfbn {line}; echo $? >&2; }} | true"
    result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True)
    assert result.stderr == "0\n"


def test_json_is_strict(command, capsys):
    """Numbers that JSON lacks are strings; findings of one cause are one with several places."""
    numbers = {"nan": np.nan, "most": np.float32(np.inf), "least": [-np.inf, 1.5], "count": np.int64(3)}
    findings = [Finding("rule", "error", place, "wrong", "mend it") for place in ("a", "b")]
    findings += [Finding("rule", "warning", "c", "odd", "look at it")]

    def run(options, report):
        report.fields.update(numbers=numbers, path=Path("a.pb"))
        report.findings += findings

    command(run)
    assert cli.main(["probe", "--json"]) == 1
    assert parse_json(capsys.readouterr().out) == {
        "version": 1,
        "command": "probe",
        "numbers": {"nan": "NaN", "most": "Infinity", "least": ["-Infinity", 1.5], "count": 3},
        "path": "a.pb",
        "findings": [
            {"kind": "rule", "severity": "error", "where": ["a", "b"], "problem": "wrong", "remedy": "mend it"},
            {"kind": "rule", "severity": "warning", "where": ["c"], "problem": "odd", "remedy": "look at it"},
        ],
        "summary": {"errors": 2, "warnings": 1},
    }


def test_remedy_keeps_indentation(command, capsys):
    """It is copied from the terminal; what all its lines have in front goes."""
    remedy = "  Do so:\n      with updates:\n          step()"
    command(
        lambda options, report: (
            report.findings.append(Finding("rule", "error", "a", "wrong", remedy)) or report.say_findings()
        )
    )
    assert cli.main(["probe"]) == 1
    assert capsys.readouterr().out == "a: rule: wrong\n    Do so:\n        with updates:\n            step()\n"


def test_errors_are_json(command, capsys):
    """Of input, and of arguments, whose usage stays on standard error."""

    def run(options, report):
        raise FileNotFoundError(2, "No such file or directory", "a.pb")

    command(run)
    assert cli.main(["probe", "--json"]) == 2
    assert parse_json(capsys.readouterr().out)["error"] == "a.pb: No such file or directory"
    with pytest.raises(SystemExit, match="2"):
        cli.main(["probe", "--json", "--frob"])
    out, err = capsys.readouterr()
    assert parse_json(out)["error"] == "unrecognized arguments: --frob"
    assert "usage: tfbn" in err


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("tfbn.checkpoint.list_layers", "checkpoint list {0}"),
        ("tfbn.checkpoint.diagnose", "checkpoint diagnose {0}"),
        ("tfbn.checkpoint.diff", "checkpoint diff {0} {0}"),
        ("tfbn.checkpoint.convert.open_plan", "checkpoint convert {0} b --to BatchNorm"),
        ("tfbn.graphdef.load.load", "export {0} b.pb --outputs y"),
        ("tfbn.graphdef.load.read_message", "audit {0} --step train"),
        ("tfbn.graphdef.load.read_message", "fold {0} b.pb"),
        ("tfbn.migrate.driver.run", "migrate {0}"),
    ],
)
@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("not readable"), 2), (KeyError("beta"), 70), (KeyboardInterrupt(), 130)]
)
def test_statuses_of_every_command(monkeypatch, tmp_path, capsys, target, line, error, status):
    """Input that cannot be read, an internal error, which names the file, and an interruption."""

    def fail(*arguments, **options):
        raise error

    path = str(tmp_path / "a")
    module, _, name = target.rpartition(".")
    monkeypatch.setattr(sys.modules.get(module) or import_module(module), name, fail)
    assert cli.main([*line.format(path).split(), "--json"]) == status
    out, err = capsys.readouterr()
    assert err.count("\n") == (status != 130)
    if status == 130:
        assert out == ""
    else:
        assert parse_json(out)["error"] in err
    assert (status == 70) == (path in err)


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["audit"], ["doctor"], ["export"], ["fold"], ["migrate"], ["checkpoint"]),
        *(["checkpoint", action] for action in ("list", "diagnose", "convert", "diff")),
    ],
)
def test_help_has_exit_statuses(capsys, arguments):
    """The same table everywhere."""
    with pytest.raises(SystemExit, match="0"):
        cli.main([*arguments, "--help"])
    assert EXIT_STATUSES in capsys.readouterr().out


LINES = {
    "tensorflow": [
        "checkpoint list a",
        "checkpoint diagnose a",
        "checkpoint diff a b",
        "checkpoint convert a b --to Keras",
    ]
    + ["export a.meta b.pb --outputs y", "fold a.pb b.pb", "audit a.meta"],
    "libcst": ["migrate a.py"],
}


@pytest.mark.parametrize(("module", "line"), [(module, line) for module in LINES for line in LINES[module]])
def test_missing_package_has_a_remedy(monkeypatch, capsys, module, line):
    """By every command, as text and as JSON."""
    monkeypatch.setitem(sys.modules, module, None)
    requirement = REQUIREMENTS[module]
    expected = f"needs {requirement.title}, and this Python has none. {requirement.remedy}"
    assert cli.main(line.split()) == 2
    assert capsys.readouterr() == ("", f"tfbn {line.split()[0]}: {expected}\n")
    assert cli.main([*line.split(), "--json"]) == 2
    assert parse_json(capsys.readouterr().out)["error"] == expected


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({"__version__": "2.11.1"}, "expected TensorFlow 2.12 or newer, got 2.11.1."),
        ({"__path__": ["/old/tensorflow"]}, "got folders without its code in /old/tensorflow."),
    ],
)
def test_another_tensorflow_is_refused(monkeypatch, capsys, attributes, text):
    """One that is too old, and the remains of one that was uninstalled."""
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(**attributes))
    assert cli.main(["fold", "a.pb", "b.pb"]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.process
@pytest.mark.parametrize("line", ["--help", "checkpoint convert --help", "migrate --list-rules"])
def test_starts_without_numpy(line):
    """Only what the command needs is loaded: the rest would take longer than all of it."""
    heavy = {"tensorflow", "numpy", "importlib.metadata", "keras", "tqdm", "rich"}
    source = f"""
import sys
from tfbn import cli
try:
    cli.main({line.split()})
except SystemExit:
    pass
print(sorted({heavy} & set(sys.modules)))
"""
    process = subprocess.run([sys.executable, "-S", "-c", source], capture_output=True, text=True, env=environment())
    assert process.stdout.splitlines()[-1] == "[]", process.stderr


def environment():
    """Modules as this process finds them; -S leaves out what other packages load at every start."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_an_interruption_is_quiet(command, capsys):
    """Ctrl-C ends with the status that shells expect."""

    def run(options, report):
        raise KeyboardInterrupt

    command(run)
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr() == ("", "")


def test_shell_completion(monkeypatch):
    """argcomplete gets the parser where a shell asks, and is not loaded otherwise."""
    parsers = []
    monkeypatch.setitem(sys.modules, "argcomplete", types.SimpleNamespace(autocomplete=parsers.append))
    assert cli.main([]) == 2
    assert parsers == []
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    assert cli.main([]) == 2
    assert [parser.prog for parser in parsers] == ["tfbn"]


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
    command(lambda options, report: None)
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


@pytest.mark.parametrize(
    ("end", "texts"),
    [("raise ValueError('the error')", ["the log", "the error"]), ("os.abort()", ["Fatal Python error: Abort"])],
)
def test_a_failing_import_tells_all(end, texts):
    """What was held back is shown when something goes wrong; where the process itself ends, Python says so."""
    source = f"""
import os
from tfbn.cli.quiet import native_stderr_suppressed
with native_stderr_suppressed():
    os.write(2, b'the log')
    {end}
"""
    process = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=environment())
    assert [text for text in texts if text not in process.stderr] == []
