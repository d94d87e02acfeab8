"""`tfbn audit`: what the three audits say of a MetaGraph in a file, and which op may be the step."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import tensorflow as tf

import tfbn
from tests.cli.strict_json import parse_json
from tests.graph.regimes import graph
from tests.training.networks import adam, images, loss_of, network
from tfbn import cli
from tfbn.cli import audit

tf1 = tf.compat.v1
ORIGINAL = Path(__file__).parents[1] / "export" / "data" / "contrib.meta.gz"


@pytest.fixture
def command(capsys):
    """Runs `tfbn audit` in this process; status, and what it prints."""

    def run(*arguments):
        status = cli.main(["audit", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def write(tmp_path):
    """Writes the MetaGraph of a network that is trained as `build` says, with a Saver."""

    def make(build, resource=True, save=tf1.global_variables):
        with graph(resource):
            build(loss_of(network(images())))
            saver = tf1.train.Saver(save())
            path = str(tmp_path / "model.meta")
            saver.export_meta_graph(path)
        return path

    return make


def wired(loss):
    tfbn.create_train_op(loss, adam())


def forgotten(loss):
    adam().minimize(loss, tf1.train.get_or_create_global_step(), name="step")


def alternating(loss):
    for name, sign in (("d_step", 1.0), ("g_step", -1.0)):
        adam().minimize(sign * loss, name=name)


def averaged(loss):
    with tf.control_dependencies([adam().minimize(loss, tf1.train.get_or_create_global_step())]):
        tf.group(tf1.train.ExponentialMovingAverage(0.9).apply(tf1.trainable_variables()), name="step_and_average")


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize(
    "build, expected",
    [
        (wired, ["train_op/control_dependency"]),
        (forgotten, ["step"]),
        (alternating, ["d_step", "g_step"]),
        (averaged, ["step_and_average"]),
    ],
)
def test_candidates(build, expected, resource, write, command):
    """What runs an optimizer and nothing waits for; and the layers and the Saver are audited all the same."""
    path = write(build, resource)
    status, out, err = command(path)
    assert status == 2
    assert [line.split()[0] for line in out.splitlines()] == ["scope", "net/a", "net/b"]
    assert err.splitlines()[1:] == [f"  --step {name}" for name in expected]
    answer = parse_json(command(path, "--json")[1])
    assert answer["candidates"] == expected
    assert [layer["scope"] for layer in answer["layers"]] == ["net/a", "net/b"]


def test_a_wired_step(write, command):
    assert command(write(wired), "--step", "train_op/control_dependency")[::2] == (0, "")


def test_findings(write, command):
    """Of the step and of the Saver; the places are the layers', and warnings fail on request."""
    path = write(forgotten, save=tf1.trainable_variables)
    status, out, _ = command(path, "--step", "step")
    assert status == 1
    assert "net/a: not saved: the Saver leaves out net/a/moving_mean, net/a/moving_variance." in out
    assert "net/b: not reached: " in out
    assert out.splitlines()[-1] == "2 layers, 4 errors, 0 warnings"
    answer = parse_json(command(path, "--step", "step", "--scope", "net/a", "--json", "--fail-on", "never")[1])
    assert {(finding["kind"], *finding["where"]) for finding in answer["findings"]} == {
        ("not saved", "net/a"),
        ("not saved", "net/b"),
        ("not reached", "net/a"),
    }
    assert answer["summary"] == {"layers": 2, "errors": 3, "warnings": 0}


def test_checkpoint(write, command, tmp_path):
    """What the Saver will not find there."""
    path = write(wired)
    prefix = tf.train.Checkpoint(a=tfbn.BatchNorm(3)).write(str(tmp_path / "other"))
    status, out, _ = command(path, "--step", "train_op/control_dependency", "--checkpoint", prefix)
    assert status == 1
    assert f"net/a/beta: not in the checkpoint: a Saver asks for it, and it is not in {prefix}" in out


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_checkpoint_without_a_saver(resource, command, tmp_path):
    """As a Saver of all variables would restore it; a partitioned one is one in the checkpoint."""
    with graph(resource), tf1.Session() as session:
        tfbn.batch_norm(tf1.placeholder(tf.float32, [None, 3]), scope="bn")
        tf1.get_variable("w", [4], partitioner=tf1.fixed_size_partitioner(2))
        tf1.train.export_meta_graph(str(tmp_path / "model.meta"))
        session.run(tf1.global_variables_initializer())
        path = tf1.train.Saver().save(session, str(tmp_path / "same"))
        renamed = {f"old/{v.op.name}": v for v in tf1.global_variables("bn/")}
        other = tf1.train.Saver(renamed).save(session, str(tmp_path / "other"))
    assert command(tmp_path / "model.meta", "--checkpoint", path)[0] == 0
    status, out, _ = command(tmp_path / "model.meta", "--checkpoint", other)
    assert status == 1
    assert f"bn/beta: not in the checkpoint: a Saver asks for it, and it is not in {other}; old/bn/beta is." in out
    assert "\nw: not in the checkpoint: " in out


def test_nothing_to_check(command, tmp_path):
    """Graphs without layers, without a Saver and without a step: each is said."""
    with tf.Graph().as_default():
        tf1.placeholder(tf.float32, [], name="x")
        tf1.train.export_meta_graph(str(tmp_path / "empty.meta"))
    status, out, err = command(tmp_path / "empty.meta")
    assert (status, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "0 layers",
        "This MetaGraph has no Saver",
        "No op of this graph runs an optimizer",
        "0 layers, 0 errors, 0 warnings",
    ]


def test_of_the_original(command, tmp_path):
    """A MetaGraph that TensorFlow 1.15.5 wrote, with its notes of shapes that later versions refuse."""
    path = tmp_path / "contrib.meta"
    path.write_bytes(gzip.decompress(ORIGINAL.read_bytes()))
    for step, scope, status, counts in (
        ("GradientDescent", "weights", 0, "0 errors, 0 warnings"),  # its program runs the updates
        ("weights/outputs", "weights", 1, "2 errors, 0 warnings"),  # these alone do not
        ("inline/outputs", "inline", 0, "0 errors, 0 warnings"),
        ("GradientDescent", "training_frozen/first", 0, "0 errors, 1 warnings"),
    ):
        answer = command(path, "--step", step, "--scope", scope)
        assert (answer[0], answer[1].splitlines()[-1]) == (status, f"26 layers, {counts}")
    assert command(path, "--step", "GradientDescent", "--scope", "training_frozen", "--fail-on", "warning")[0] == 1


def test_help_examples_parse():
    for line in audit._EXAMPLE.splitlines()[1:3]:
        assert cli._parser().parse_args(line.split()[1:]).command == "audit"
