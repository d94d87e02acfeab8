"""`tfbn migrate` as it is typed."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from tests.cli.strict_json import parse_json
from tfbn import cli
from tfbn.migrate import driver, rules

SOURCE = "from tensorflow.contrib.layers import batch_norm\nf = lambda x: batch_norm(x, name='a')\n"
RESULT = SOURCE.replace("tensorflow.contrib.layers", "tfbn")
PLAIN = "from tensorflow.contrib.layers import batch_norm\nf = lambda x: batch_norm(x)\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """In the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def stdin(monkeypatch):
    """Puts bytes on standard input."""

    def put(raw):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    return put


def test_the_default_is_the_diff(file, capsys):
    """On standard output, fit for `patch`; findings and figures on standard error; nothing is written."""
    assert cli.main(["migrate", "a.py"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-from tensorflow.contrib.layers import batch_norm\n"
        "+from tfbn import batch_norm\n f = lambda x: batch_norm(x, name='a')\n"
    )
    assert err.startswith("a.py:2:34: name-argument: batch_norm has no argument `name`")
    assert "\n    write scope=;" in err
    assert err.endswith("\n1 files, 1 would change, 1 findings\n")
    assert file.read_text() == SOURCE


def test_write(file, capsys):
    """The file changes, the diff is not shown; the second time there is nothing to do."""
    assert cli.main(["migrate", "--write", "."]) == 0
    assert file.read_text() == RESULT
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("1 files, 1 changed, 1 findings\n")
    assert cli.main(["migrate", "--write", "."]) == 0
    assert capsys.readouterr().err.endswith("1 files, 0 changed, 1 findings\n")


def test_write_and_diff(file, capsys):
    """Both."""
    assert cli.main(["migrate", "--write", "--diff", "a.py"]) == 0
    assert "+from tfbn import batch_norm" in capsys.readouterr().out
    assert file.read_text() == RESULT


OPAQUE = "import tfbn\nf = lambda x: tfbn.batch_norm(x, **params)\n"


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (PLAIN, [], 1),
        (PLAIN.replace("tensorflow.contrib.layers", "tfbn"), [], 0),
        (RESULT, [], 1),
        (RESULT, ["--skip", "name-argument"], 0),
        (SOURCE, ["--skip", "name-argument,batch-norm"], 1),
        (RESULT, ["--fail-on", "never"], 0),
        (OPAQUE, [], 0),
        (OPAQUE, ["--fail-on", "warning"], 1),
        ("x = 1\n", [], 0),
        ("import tensorflow.contrib\nprint 1\n", [], 2),
    ],
)
def test_check(file, capsys, text, options, status):
    """Exit status 1 where something would change or needs a look; nothing is written, and no diff shown."""
    file.write_text(text)
    assert cli.main(["migrate", "--check", *options, "a.py"]) == status
    assert capsys.readouterr().out == ""
    assert file.read_text() == text


def test_warnings_are_counted(file, capsys):
    """Beside the findings that fail."""
    file.write_text(OPAQUE + "g = lambda x: tfbn.batch_norm(x, name='a')\n")
    assert cli.main(["migrate", "--check", "."]) == 1
    assert capsys.readouterr().err.endswith("1 files, 0 would change, 2 findings (1 of them warnings)\n")


def test_check_after_write(file):
    """What has been written is no longer to be done."""
    file.write_text(PLAIN)
    assert cli.main(["migrate", "--check", "--write", "a.py"]) == 0


def test_only(file, capsys):
    """One rule."""
    assert cli.main(["migrate", "--only", "name-argument", "a.py"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "1 files, 0 would change, 1 findings" in err


def test_compat_v1(file, capsys):
    """Its rule is run on request."""
    file.write_text("import tensorflow as tf\nx = tf.placeholder(tf.float32)\n")
    assert cli.main(["migrate", "a.py"]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["migrate", "--compat-v1", "--write", "a.py"]) == 0
    assert file.read_text().startswith("import tensorflow.compat.v1 as tf\n")


@pytest.mark.parametrize(
    "source",
    [
        f"import tensorflow as tf\n{PLAIN.replace('(x', '(tf.placeholder(tf.float32, [None, 3])')}",
        "from tensorflow import placeholder\n",
        "import tensorflow as tf\n\n\ndef f(x):\n    return tf.lgamma(x)\n",
    ],
)
def test_check_fails_for_tf1_names(file, capsys, source):
    """Whether there was a batch norm to rewrite or not; --compat-v1 is named, and mends it."""
    file.write_text(source)
    (file.parent / "main.py").write_text("import tensorflow.compat.v1 as tf\ntf.disable_v2_behavior()\n")
    assert cli.main(["migrate", "--write", "."]) == 0
    assert "a.py:" in capsys.readouterr().err
    assert cli.main(["migrate", "--check", "."]) == 1
    assert "    run tfbn migrate with --compat-v1, which imports tensorflow.compat.v1" in capsys.readouterr().err
    assert cli.main(["migrate", "--write", "--compat-v1", "."]) == 0
    assert cli.main(["migrate", "--check", "."]) == 0
    assert "tensorflow.compat.v1" in file.read_text()


def test_list_rules(capsys):
    """Names and summaries."""
    assert cli.main(["migrate", "--list-rules"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [rule.name for rule in rules.RULES]
    assert all(line.endswith(rule.summary) for line, rule in zip(lines, rules.RULES))


def test_json(file, capsys):
    """All that is known, and nothing else on standard output."""
    assert cli.main(["migrate", "--json", "a.py"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    answer = parse_json(out)
    figures = {"files": 1, "changed": 1, "passed_over": 0, "accepted": 0}
    assert answer["summary"] == {**figures, "errors": 1, "warnings": 0}
    (report,), (finding,) = answer["files"], answer["findings"]
    assert report == {
        "path": "a.py",
        "changed": True,
        "edits": [
            {
                "line": 1,
                "column": 6,
                "cell": None,
                "rule": "imports",
                "before": "tensorflow.contrib.layers",
                "after": "tfbn",
            }
        ],
        "problem": None,
    }
    assert (finding["kind"], finding["severity"], finding["where"]) == ("name-argument", "error", ["a.py:2:34"])
    assert finding["problem"]
    assert finding["remedy"]


class TestStandardInput:
    """`tfbn migrate -`."""

    def test_diff(self, stdin, capsys):
        """By default, as for files."""
        stdin(SOURCE.encode())
        assert cli.main(["migrate", "-"]) == 0
        assert "--- a/<stdin>" in capsys.readouterr().out

    @pytest.mark.parametrize("raw", [SOURCE.encode(), b"# coding: latin-1\r\nx = '\xe9'\r\n"])
    def test_write(self, stdin, capfdbinary, raw):
        """The new text on standard output, in the encoding of the old, and nothing else there."""
        stdin(raw)
        assert cli.main(["migrate", "--write", "-"]) == 0
        assert capfdbinary.readouterr().out == raw.replace(b"tensorflow.contrib.layers", b"tfbn")

    def test_python_2(self, stdin, capfdbinary):
        """Comes out as it went in."""
        stdin(b"import tensorflow.contrib\nprint 1\n")
        assert cli.main(["migrate", "--write", "-"]) == 2
        out, err = capfdbinary.readouterr()
        assert out == b"import tensorflow.contrib\nprint 1\n"
        assert err.startswith(b"<stdin>: line 2: does not parse")

    @pytest.mark.parametrize("option", ["--json", "--diff"])
    def test_write_excludes_options(self, stdin, capfdbinary, option):
        """Standard output is the new text, and nothing else fits there."""
        stdin(SOURCE.encode())
        assert cli.main(["migrate", "--write", option, "-"]) == 2
        assert b"expected neither --json nor --diff beside it" in capfdbinary.readouterr().err

    def test_goes_alone(self, capsys):
        """A path beside it is a mistake."""
        assert cli.main(["migrate", "-", "a.py"]) == 2
        assert capsys.readouterr().err == "tfbn migrate: - is standard input, and must be the only PATH\n"


def test_failures(file, capsys):
    """A line each, the others are migrated, exit status 2."""
    (file.parent / "b.py").write_text(PLAIN)
    (file.parent / "b.py").chmod(0o444)
    (file.parent / "c.py").write_bytes(PLAIN.encode() + b"\xff")
    assert cli.main(["migrate", "--write", ".", "gone.py"]) == 2
    err = capsys.readouterr().err
    assert "./b.py: read-only: it is left as it is\n" in err
    assert "./c.py: line 3: not utf-8: invalid start byte\n" in err
    assert "gone.py: No such file or directory\n" in err
    assert err.endswith("4 files, 1 changed, 1 findings, 3 could not be migrated\n")
    assert file.read_text() == RESULT
    assert (file.parent / "b.py").read_text() == PLAIN


def test_an_internal_error_in_one_file(file, monkeypatch, capsys):
    """Status 70 at the end; the others are done, and --debug prints the traceback."""
    (file.parent / "b.py").write_text(PLAIN)
    migrate = driver.migrate

    def break_b(path, *others):
        if path == "b.py":
            raise IndexError("out of luck")
        return migrate(path, *others)

    monkeypatch.setattr(driver, "migrate", break_b)
    assert cli.main(["migrate", "--write", "--debug", "a.py", "b.py"]) == 70
    err = capsys.readouterr().err
    assert "b.py: an internal error of tfbn at driver.py:" in err
    assert "Traceback (most recent call last)" in err
    assert (file.read_text(), (file.parent / "b.py").read_text()) == (RESULT, PLAIN)


def test_check_lists_files(file, capsys):
    """By their paths; --fail-on never makes it a report."""
    assert cli.main(["migrate", "--check", "."]) == 1
    assert "\n./a.py: would change\n" in capsys.readouterr().err
    assert cli.main(["migrate", "--check", "--fail-on", "never", "."]) == 0


def test_a_problem_of_the_whole_run(file, monkeypatch, capsys):
    """Is a line too, and the files are written all the same."""

    def check(project):
        raise IndexError("out of luck")

    broken = [r._replace(check_project=check) if r.name == "updates-not-wired" else r for r in rules.RULES]
    monkeypatch.setattr(rules, "RULES", tuple(broken))
    assert cli.main(["migrate", "--write", "a.py"]) == 70
    assert "the rule updates-not-wired across files: an internal error of tfbn at " in capsys.readouterr().err
    assert file.read_text() == RESULT
    assert cli.main(["migrate", "--json", "a.py"]) == 70
    (problem,) = parse_json(capsys.readouterr().out)["problems"]
    assert problem.endswith("please report it: IndexError: out of luck")


class TestDiff:
    """Fit for `git apply` and `patch -p1` in the current directory."""

    @pytest.mark.parametrize("path", [".", "./a.py", "{here}", "{here}/a.py", "../{name}", "../{name}/./a.py"])
    def test_paths(self, file, capsys, path):
        """From there, however the file was named; git refuses any with a dot in front."""
        here = file.parent
        assert cli.main(["migrate", path.format(here=here, name=here.name)]) == 0
        assert capsys.readouterr().out.startswith("--- a/a.py\n+++ b/a.py\n@@")

    def test_files_elsewhere(self, file, capsys, monkeypatch, tmp_path_factory):
        """By their whole path, for an application at the root."""
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        assert cli.main(["migrate", str(file)]) == 0
        assert capsys.readouterr().out.startswith(f"--- a{file}\n+++ b{file}\n@@")

    def test_names_with_control_characters(self, file, capfdbinary):
        """As git writes them; a name must not end its line."""
        file.rename(file.with_name('a\n\x1b"\\é.py'))
        assert cli.main(["migrate", "."]) == 0
        name = b"a\\012\\033\\042\\134\xc3\xa9.py"
        assert capfdbinary.readouterr().out.startswith(b'--- "a/' + name + b'"\n+++ "b/' + name + b'"\n@@')

    def test_bytes(self, file, capfdbinary):
        """Of the file's own encoding; a carriage return alone ends a line for Python, and none in a diff."""
        file.write_bytes(b"# coding: latin-1\n# \xe9\x0c\r# b\r\n" + PLAIN.encode())
        assert cli.main(["migrate", "a.py"]) == 0
        assert capfdbinary.readouterr().out == (
            b"--- a/a.py\n+++ b/a.py\n@@ -1,4 +1,4 @@\n # coding: latin-1\n # \xe9\x0c\r# b\r\n"
            b"-from tensorflow.contrib.layers import batch_norm\n+from tfbn import batch_norm\n"
            b" f = lambda x: batch_norm(x)\n"
        )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "no PATH is given"),
        (["--only", "bn", "x.py"], "no rule is called 'bn'"),
    ],
)
def test_wrong_arguments(capsys, arguments, text):
    """In a line."""
    assert cli.main(["migrate", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"tfbn migrate: {text}")


def test_no_final_newline(file, capsys):
    """The diff says so, as `diff` does."""
    file.write_text(PLAIN.replace("f = lambda x: batch_norm(x)\n", "").rstrip("\n"))
    assert cli.main(["migrate", "a.py"]) == 0
    assert capsys.readouterr().out.endswith(
        "@@ -1 +1 @@\n-from tensorflow.contrib.layers import batch_norm\n\\ No newline at end of file\n"
        "+from tfbn import batch_norm\n\\ No newline at end of file\n"
    )


def test_program_without_tensorflow(file):
    """In a process of its own, where importing TensorFlow fails."""
    source = "import sys; sys.modules.update(tensorflow=None, numpy=None); from tfbn.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", source, "migrate", "--write", str(file)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=cli.__file__.rpartition("tfbn")[0])
    assert (process.returncode, process.stdout) == (0, ""), process.stderr
    assert file.read_text() == RESULT
