"""`tfbn checkpoint`: each action on the screen and as JSON, with its exit status."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest
import tensorflow as tf

import tfbn
from tests.checkpoint import models
from tests.checkpoint.models import reference
from tests.cli.strict_json import parse_json
from tfbn import cli
from tfbn.cli import checkpoint

tf1 = tf.compat.v1
ACTIONS = ("list", "diagnose", "convert", "diff")


@pytest.fixture
def command(capsys):
    """Runs `tfbn checkpoint` in this process; status, and what it prints."""

    def run(*arguments):
        status = cli.main(["checkpoint", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize("action", ACTIONS)
def test_help(action, capsys):
    """An example that begins with the command itself, and the exit statuses."""
    with pytest.raises(SystemExit, match="0"):
        cli.main(["checkpoint", action, "--help"])
    out = capsys.readouterr().out
    assert f"tfbn checkpoint {action} model.ckpt-100" in out
    assert "--json" in out


def test_help_examples_parse():
    """Each option that they use is there."""
    for text in checkpoint._EXAMPLES.values():
        for line in text.replace("\\\n", " ").splitlines()[1:]:
            program, *arguments = shlex.split(line)
            assert program == "tfbn"
            assert cli._parser().parse_args(arguments).command == "checkpoint"


def test_no_action(capsys):
    """argparse says that one is needed."""
    with pytest.raises(SystemExit, match="2"):
        cli.main(["checkpoint"])
    assert "the following arguments are required: ACTION" in capsys.readouterr().err


def test_list(command):
    """A table; and records."""
    status, out, err = command("list", reference("zero_debias"))
    assert (status, err) == (0, "")
    assert "first/BatchNorm" in out
    assert "doubled" in out
    status, out, _ = command("list", reference("zero_debias"), "--json")
    first, second = parse_json(out)["layers"]
    assert status == 0
    assert first["variables"]["biased"] == "first/BatchNorm/first/BatchNorm/moving_mean/biased"
    assert second["shape"] == [2]


def test_list_of_nothing(command, tmp_path):
    path = tf.train.Checkpoint(x=tf.Variable(1.0)).write(str(tmp_path / "model"))
    status, out, err = command("list", path)
    assert (status, err) == (0, "")
    assert out.startswith(f"No batch norm layers are recognized in {path}. ")
    assert "--rename PATTERN=REPLACEMENT" in out


def test_statistics_of_unknown_names(command, tmp_path):
    """`list` and `diagnose` say what they do not understand, and judge it after a renaming."""
    names = {"n/beta": 0.5, "n/mu": 0.0, "n/sigma2": 1.0}
    path = tf.train.Checkpoint(**{name: tf.Variable([value] * 3) for name, value in names.items()})
    prefix = path.write(str(tmp_path / "model"))
    rename = ["--rename", "mu$=moving_mean", "--rename", "sigma2$=moving_variance"]
    assert command("list", prefix)[1].startswith("No batch norm layers")
    assert parse_json(command("list", prefix, *rename, "--json")[1])["layers"][0]["scope"] == "n"
    status, _, err = command("diagnose", prefix)
    assert status == 2
    assert "none is recognized. It has\n  n/beta\n  n/mu\n  n/sigma2\nA layer is recognized by its statistics: " in err
    status, out, _ = command("diagnose", prefix, *rename)
    assert status == 1
    assert "never updated" in out


def test_layers_with_other_names(command, tmp_path):
    """A conversion copies them, and says that a program of tfbn's would not find them."""
    names = {"n/beta": 0.5, "n/pop_mean": 2.0, "n/pop_var": 3.0}
    path = tf.train.Checkpoint(**{name: tf.Variable([value] * 3) for name, value in names.items()})
    prefix = path.write(str(tmp_path / "model"))
    arguments = ["convert", prefix, tmp_path / "out", "--to", "contrib"]
    for mode, status in (["--dry-run"], 0), (["--dry-run", "--fail-on", "warning"], 1), ([], 0):
        answer = command(*arguments, *mode)
        assert answer[0] == status
        assert "n: other names: moving_mean is n/pop_mean, moving_variance is n/pop_var, under which they" in answer[1]


def test_diagnose(command, tmp_path):
    """Warnings fail on request, errors always; --decay and --plot."""
    assert command("diagnose", reference("contrib"))[:2] == (0, "No problem in 2 batch norm layers.\n")
    picture = tmp_path / "picture.png"
    status, out, _ = command("diagnose", reference("contrib"), "--decay", "0.99", "--plot", picture)
    assert status == 0
    assert "after 20 steps with decay 0.99, only 18% of the statistics come from data" in out
    assert picture.read_bytes()[:4] == b"\x89PNG"
    status, out, _ = command("diagnose", reference("contrib"), "--decay", "0.99", "--json", "--fail-on", "warning")
    assert status == 1
    answer = parse_json(out)
    assert [finding["where"] for finding in answer["findings"]] == [["first/BatchNorm", "second/BatchNorm"]]
    assert answer["summary"] == {"layers": 2, "errors": 0, "warnings": 2}
    fresh = tf.train.Checkpoint(norm=tfbn.BatchNorm(2)).write(str(tmp_path / "fresh"))
    assert command("diagnose", fresh)[0] == 1
    assert command("diagnose", fresh, "--fail-on", "never")[0] == 0


def test_convert(command, tmp_path):
    """A summary and what was written; with --verbose the whole plan before it."""
    out = tmp_path / "out"
    arguments = ["convert", reference("contrib"), out, "--to", "BatchNorm", "--rename", "/BatchNorm/=/norm/"]
    status, printed, err = command(*arguments, "--dry-run")
    assert (status, err, os.listdir(tmp_path)) == (0, "", [])
    with tfbn.checkpoint.open(reference("contrib")) as reader:
        size = sum(array.nbytes for array in reader.values()) + 8  # with save_counter
    assert printed.splitlines() == [
        f"{reference('contrib')} -> {out} (BatchNorm)",
        "  23  copied as they are",
        "   1  that the source does not have",
        f"Nothing is written, as --dry-run asks. It would be 24 variables, {size} bytes.",
    ]
    verbose = command(*arguments, "--dry-run", "--verbose")[1]
    assert "first/norm/gamma/.ATTRIBUTES/VARIABLE_VALUE" in verbose
    assert verbose.splitlines()[-1] == printed.splitlines()[-1]
    status, plan, _ = command(*arguments, "--json")
    assert status == 0
    assert {"target", "shape", "dtype", "from", "change"} == set(parse_json(plan)["steps"][0])
    assert parse_json(plan)["written"] == str(out)
    assert command("diff", reference("contrib"), out)[0] == 1
    for mode in ([], ["--dry-run"], ["--verbose"]):  # checked before anything is printed
        status, printed, err = command(*arguments, *mode)
        assert (status, printed) == (2, "")
        assert err.startswith("tfbn checkpoint: target: expected a path that does not exist")
    arguments += ["--force", "--moving-average", "--zero-debias", "drop", "--fill-affine"]
    status, printed, _ = command(*arguments)
    assert status == 0
    assert "left out, as the arguments say" in printed
    assert printed.splitlines()[-1].startswith(f"Wrote {out}: ")


def test_a_refused_plan(command, tmp_path):
    """1 for a dry run, 2 for a conversion that could not; the list is shown once."""
    like = models.saved(models.TF1Builder(), str(tmp_path), "like")
    arguments = ["convert", reference("contrib"), tmp_path / "out", "--like", like]
    status, out, _ = command(*arguments, "--dry-run")
    assert status == 1
    assert "lost, because the target has no place for them:\n  first/" in out
    assert "Nothing is written, and without --dry-run this plan is refused. Rename what is called" in out
    findings = parse_json(command(*arguments, "--dry-run", "--json")[1])["findings"]
    assert "global_step" in next(finding["where"] for finding in findings if finding["kind"] == "lost")
    status, out, err = command(*arguments)
    assert status == 2
    assert out == ""
    assert "lost, because the target has no place for them:\n" in err
    assert "Allow by name what may be so" in err
    assert not (tmp_path / "out.index").exists()
    assert command(*arguments, "--allow", "global_step", "--allow", ".*(Momentum|ExponentialMovingAverage)")[0] == 0


def test_diff(command, tmp_path):
    """0 where nothing differs, 1 where something does."""
    assert command("diff", reference("contrib"), reference("contrib"))[:2] == (0, "No differences.\n")
    status, out, _ = command("diff", reference("contrib"), reference("no_scale"))
    assert status == 1
    assert "first/BatchNorm/gamma: only in the first: 4\n" in out
    assert out.count("Match names that differ with --rename") == 1  # below all that differs
    status, out, _ = command("diff", reference("contrib"), reference("no_scale"), "--json")
    assert status == 1
    answer = parse_json(out)
    assert answer["differences"][0]["kind"] in ("only in the first", "values")
    assert len(answer["differences"]) == answer["summary"]["errors"]
    norm = tfbn.BatchNorm(2)
    before = tf.train.Checkpoint(norm=norm).write(str(tmp_path / "before"))
    norm.beta.assign([0.0, float("inf")])
    after = tf.train.Checkpoint(norm=norm).write(str(tmp_path / "after"))
    (difference,) = parse_json(command("diff", before, after, "--json")[1])["differences"]
    assert difference["largest"] == "Infinity"
    rename = ["--rename", "^first/=one/", "--rename", "^second/=two/"]
    target = str(tmp_path / "renamed")
    assert command("convert", reference("contrib"), target, "--to", "TF1Module", *rename)[0] == 0
    assert command("diff", reference("contrib"), target, *rename)[:2] == (0, "No differences.\n")
    assert command("diff", reference("contrib"), target)[0] == 1


class TestDiffOfAGraph:
    """What a MetaGraph will not find in a checkpoint, with or without a Saver."""

    @pytest.fixture
    def write(self, tmp_path):
        """Writes the MetaGraph and a checkpoint of a layer."""

        def write(scope, dtype=tf.float32, saver=True):
            with tf.Graph().as_default(), tf1.Session() as session:
                tfbn.batch_norm(tf1.placeholder(dtype, [None, 3]), scope=scope, param_dtype=dtype)
                session.run(tf1.global_variables_initializer())
                prefix = str(tmp_path / scope)
                if not saver:
                    tf1.train.export_meta_graph(f"{prefix}.meta")
                tf1.train.Saver().save(session, prefix, write_meta_graph=saver)
            return prefix

        return write

    @pytest.mark.parametrize("saver", [True, False], ids=["saver", "no saver"])
    def test_names(self, saver, write, command):
        path, other = write("new", saver=saver), write("old")
        expected = f"{path} has each variable that {path}.meta asks for; values were not compared.\n"
        assert command("diff", f"{path}.meta", path)[:2] == (0, expected)
        status, out, _ = command("diff", f"{path}.meta", other)
        assert status == 1
        assert f"new/beta: not in the checkpoint: a Saver asks for it, and it is not in {other}; old/beta is." in out
        answer = parse_json(command("diff", f"{path}.meta", other, "--json")[1])
        names = [f"new/{name}" for name in ("beta", "moving_mean", "moving_variance")]
        assert [each["path"] for each in answer["differences"]] == names
        assert command("diff", f"{path}.meta", other, "--rename", "^new/=old/")[0] == 0

    def test_dtypes(self, write, command):
        wide, narrow = write("wide", tf.float64), write("narrow")
        status, out, _ = command("diff", f"{wide}.meta", narrow, "--rename", "wide=narrow")
        assert status == 1
        assert f"narrow/beta: not in the checkpoint: it has the dtype float64, and in {narrow} float32." in out

    def test_no_graph(self, command, tmp_path):
        (tmp_path / "empty.meta").write_bytes(b"")
        status, _, err = command("diff", tmp_path / "empty.meta", reference("contrib"))
        assert status == 2
        assert "empty.meta: expected a MetaGraph (.meta), got one without ops." in err


@pytest.mark.parametrize("text", ["no equals sign", "=replacement"])
def test_rename_needs_both(text, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["checkpoint", "convert", "a", "b", "--rename", text])
    assert "expected PATTERN=REPLACEMENT" in capsys.readouterr().err


def test_what_could_not(command, tmp_path):
    """A line for what is not there, and for what is no checkpoint."""
    (tmp_path / "text").write_text("no checkpoint\n" * 50)
    for path, words in (
        (tmp_path / "nothing", "there is no such file"),
        (tmp_path / "text", "expected a whole checkpo"),
    ):
        status, out, err = command("list", path)
        assert (status, out) == (2, "")
        assert err.startswith(f"tfbn checkpoint: {path}: ")
        assert words in err


@pytest.mark.process
def test_no_chatter():
    """As a program: nothing of TensorFlow's on the screen, and the status of `run`."""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.run(
        [sys.executable, "-m", "tfbn", "checkpoint", "diagnose", reference("contrib"), "--decay", "0.99"],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert process.returncode == 0
    assert process.stdout.startswith("first/BatchNorm: slow decay: ")
    assert process.stderr == ""
