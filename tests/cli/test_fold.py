"""`tfbn fold` as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

import tfbn
from tests.cli.strict_json import parse_json
from tests.fold import graphs
from tests.fold.graphs import tf1
from tests.fold.test_graph import TOLERANCE, network, shared_with_another
from tfbn import cli


@pytest.fixture
def frozen(tmp_path):
    """A graph of a convolution and a batch norm in a file."""
    path = tmp_path / "frozen.pb"
    path.write_bytes(network("Conv2D", "FusedBatchNormV3").SerializeToString())
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def read(path):
    return tf1.GraphDef.FromString(path.read_bytes())


def test_folds(frozen, tmp_path, capsys):
    """The file runs without batch norm; the report tells what was done; status 0."""
    target = tmp_path / "folded.pb"
    assert cli.main(["fold", str(frozen), str(target), "--outputs", "outputs"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["Folded: 1. Left as they are: 0.", "  FusedBatchNormV3 into Conv2D (Conv2D)"]
    assert out[2].startswith("Outputs agree to ")
    assert out[3] == f"Wrote {target}: 6 nodes in place of 10."
    feed = {"images": graphs.batch_of()}
    (expected,), (found,) = (graphs.run(read(path), ["outputs"], feed) for path in (frozen, target))
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()
    assert "FusedBatchNormV3" not in graphs.types(read(target))
    assert names(tmp_path) == {"frozen.pb", "folded.pb"}


def test_several_outputs(frozen, tmp_path):
    """With spaces or commas between their names."""
    for outputs in (["outputs,Conv2D"], ["outputs", "Conv2D"]):
        assert cli.main(["fold", str(frozen), str(tmp_path / "folded.pb"), "--outputs", *outputs]) == 1
        assert "FusedBatchNormV3" in graphs.types(read(tmp_path / "folded.pb"))  # since the layer itself is an output


def test_json(frozen, tmp_path, capsys):
    """The same, for programs."""
    target = tmp_path / "folded.pb"
    assert cli.main(["fold", str(frozen), str(target), "--outputs", "outputs", "--json"]) == 0
    found = parse_json(capsys.readouterr().out)
    assert 0 < found["summary"].pop("difference") < TOLERANCE
    figures = {"batch_norms": 1, "folded": 1, "lowered": 0, "nodes": 6, "nodes_before": 10, "output": "outputs:0"}
    figures.update(errors=0, warnings=0)
    assert found == {
        "version": 1,
        "command": "fold",
        "target": str(target),
        "folded": [{"batch_norm": "FusedBatchNormV3", "layer": "Conv2D", "type": "Conv2D"}],
        "lowered": [],
        "findings": [],
        "summary": figures,
    }


def test_unfolded_is_a_finding(tmp_path, capsys):
    """Status 1, with the reason; the file is written."""
    path, target = tmp_path / "frozen.pb", tmp_path / "folded.pb"
    path.write_bytes(shared_with_another().SerializeToString())
    assert cli.main(["fold", str(path), str(target)]) == 1
    out = capsys.readouterr().out
    assert "FusedBatchNormV3 stays: the output of Conv2D in front of it is used by other as well." in out
    assert "Make a multiplication and an addition of it, with lower=True or --lower, or accept it" in out
    assert cli.main(["fold", str(path), str(target), "--json", "--fail-on", "never"]) == 0
    (finding,) = parse_json(capsys.readouterr().out)["findings"]
    assert (finding["kind"], finding["severity"], finding["where"]) == ("not folded", "error", ["FusedBatchNormV3"])
    assert read(target) == read(path)
    assert cli.main(["fold", str(path), str(target), "--lower", "--json"]) == 0
    out = parse_json(capsys.readouterr().out)
    assert (out["lowered"], out["summary"]["lowered"], out["findings"]) == (["FusedBatchNormV3"], 1, [])
    assert "FusedBatchNormV3" not in graphs.types(read(target))


def test_batch_statistics_are_a_finding(tmp_path, capsys):
    """Status 1 where nothing was folded that could look like one; never that all was."""

    def make():
        mean, variance = tf.nn.moments(graphs.images(), [0, 1, 2])
        tf.multiply(graphs.images() - mean, tf.math.rsqrt(variance + 1e-3), name="outputs")

    path, target = tmp_path / "frozen.pb", tmp_path / "folded.pb"
    path.write_bytes(graphs.built(make).SerializeToString())
    assert cli.main(["fold", str(path), str(target), "--outputs", "outputs"]) == 1
    assert capsys.readouterr().out.splitlines()[:3] == [
        "Folded: 0. Left as they are: 1.",
        "  Rsqrt stays: it normalizes by the batch: make an inference graph first, with tfbn.export.",
        "The folded graph computes it as before, which --fail-on never accepts.",
    ]


def test_a_graph_without_batch_norms(tmp_path, capsys):
    """Status 0, and the report says that there is none."""
    path = tmp_path / "frozen.pb"
    path.write_bytes(graphs.built(lambda: tf.nn.relu(graphs.images(), name="outputs")).SerializeToString())
    assert cli.main(["fold", str(path), str(tmp_path / "folded.pb")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "0 batch norm layers found."
    assert cli.main(["fold", str(path), str(tmp_path / "folded.pb"), "--json"]) == 0
    assert parse_json(capsys.readouterr().out)["summary"]["batch_norms"] == 0


def test_lookalike_is_a_warning(tmp_path, capsys):
    """It fails the command where warnings do."""

    def make():
        x = graphs.images()
        tf.multiply(x, tf.math.rsqrt(tf.reduce_mean(x * x, [0, 1, 2]) + 1e-3), name="outputs")

    path = tmp_path / "frozen.pb"
    path.write_bytes(graphs.built(make).SerializeToString())
    command = ["fold", str(path), str(tmp_path / "folded.pb"), "--outputs", "outputs"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "0 batch norm layers found.",
        "  Rsqrt was not recognized, and may be one: it scales by the root of an average over the batch (Mean), but no "
        "batch norm was recognized around it.",
    ]
    assert cli.main([*command, "--fail-on", "warning", "--json"]) == 1
    (finding,) = parse_json(capsys.readouterr().out)["findings"]
    assert (finding["kind"], finding["severity"], finding["where"]) == ("unrecognized", "warning", ["Rsqrt"])


def test_text_and_inputs(tmp_path, capsys):
    """.pbtxt in and out, verified on an archive of arrays."""
    path, target, inputs = (tmp_path / name for name in ("frozen.pbtxt", "folded.pbtxt", "inputs.npz"))
    path.write_text(text_format.MessageToString(network("MatMul", "centred")))
    np.savez(inputs, images=graphs.batch_of())
    assert cli.main(["fold", str(path), str(target), "--inputs", str(inputs), "--outputs", "outputs"]) == 0
    assert "BiasAdd" in graphs.types(text_format.Parse(target.read_text(), tf1.GraphDef()))
    np.savez(inputs, other=graphs.batch_of())
    assert cli.main(["fold", str(path), str(target), "--inputs", str(inputs)]) == 2
    assert "inputs: expected arrays that the graph runs on" in capsys.readouterr().err


@pytest.mark.parametrize(
    "outputs, text",
    [
        ("outputs:3", "got 'outputs:3': outputs (Relu) has 1 output, outputs:0."),
        ("output", "got 'output', which it does not have. Is it outputs?"),
        ("^outputs", "got '^outputs', which is a control input, not a tensor. Pass 'outputs'."),
        ("outputs,outputs:0", "expected each tensor or op once, got outputs:0 twice."),
    ],
)
def test_unknown_outputs(frozen, tmp_path, capsys, outputs, text):
    """Status 2, and no file."""
    assert cli.main(["fold", str(frozen), str(tmp_path / "folded.pb"), "--outputs", outputs]) == 2
    out, err = capsys.readouterr()
    assert (out, names(tmp_path)) == ("", {"frozen.pb"})
    assert err.startswith("tfbn fold: outputs: expected ")
    assert text in err


def test_inputs_of_another_shape(tmp_path, capsys):
    """Are refused where nothing is folded, too, so that nothing runs."""
    path, target, inputs = (tmp_path / name for name in ("frozen.pb", "folded.pb", "inputs.npz"))
    path.write_bytes(shared_with_another().SerializeToString())
    np.savez(inputs, images=graphs.batch_of()[..., :3])
    assert cli.main(["fold", str(path), str(target), "--inputs", str(inputs)]) == 2
    assert "images:0 in the shape (None, 7, 6, 4), got [2, 7, 6, 3]" in capsys.readouterr().err
    assert not target.exists()


def test_different_outputs_write_nothing(frozen, tmp_path, capsys):
    """Status 2, the difference on standard error, no file."""
    assert cli.main(["fold", str(frozen), str(tmp_path / "folded.pb"), "--tolerance", "1e-12"]) == 2
    out, err = capsys.readouterr()
    assert (out, names(tmp_path)) == ("", {"frozen.pb"})
    assert err.startswith("tfbn fold: tolerance: expected outputs that agree to 1e-12 of the largest, got a difference")


@pytest.mark.parametrize(
    "content, text",
    [
        (b"no graph", "expected a GraphDef, got something else"),
        (b"", "expected a GraphDef, got one without nodes. A SavedModel is frozen by `tfbn export`."),
        (None, "No such file or directory"),
        ("folder", "expected the file of a frozen GraphDef, got a folder"),
    ],
)
def test_files_without_a_graph(tmp_path, capsys, content, text):
    """Are named."""
    path = tmp_path / "frozen.pb"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert cli.main(["fold", str(path), str(tmp_path / "folded.pb")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tfbn fold: {path}: ")
    assert text in err


def test_inputs_not_an_archive(frozen, tmp_path, capsys):
    """A single array has no names."""
    np.save(tmp_path / "inputs.npy", graphs.batch_of())
    assert cli.main(["fold", str(frozen), str(tmp_path / "folded.pb"), "--inputs", str(tmp_path / "inputs.npy")]) == 2
    assert "inputs.npy: expected arrays by name, as numpy.savez writes them" in capsys.readouterr().err


def test_help(capsys):
    """With an example and the exit statuses."""
    with pytest.raises(SystemExit, match="0"):
        cli.main(["fold", "--help"])
    out = capsys.readouterr().out
    assert "example:\n  tfbn fold frozen.pb folded.pb --outputs logits\n" in out


@pytest.mark.process
def test_as_a_program(frozen, tmp_path):
    """Nothing of TensorFlow's chatter on either stream."""
    command = [sys.executable, "-m", "tfbn", "fold", str(frozen), str(tmp_path / "folded.pb")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(tfbn.__file__).parents[1])
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 4


def test_without_a_comparison(frozen, tmp_path, capsys):
    """For a graph that would write a file if it were run; the report says that nothing was compared."""
    graph_def = read(frozen)
    with tf.Graph().as_default() as graph:
        tf.raw_ops.WriteFile(filename=str(tmp_path / "touched"), contents="written", name="write")
    graph_def.node.extend(graph.as_graph_def().node)
    next(node for node in graph_def.node if node.name == "outputs").input.append("^write")
    frozen.write_bytes(graph_def.SerializeToString())
    arguments = ["fold", str(frozen), str(tmp_path / "folded.pb"), "--outputs", "outputs"]
    assert cli.main(arguments) == 2
    assert "write (WriteFile)" in capsys.readouterr().err
    assert cli.main([*arguments, "--no-verify"]) == 0
    assert "Outputs were not compared." in capsys.readouterr().out
    assert names(tmp_path) == {"frozen.pb", "folded.pb"}
