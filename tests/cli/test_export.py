"""`tfbn export`: files in, files out, what it prints, and its exit statuses."""

import gzip
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.cli.strict_json import parse_json
from tests.export.exported import assert_close, run
from tfbn import batch_norm, cli

tf1 = tf.compat.v1
DATA = Path(__file__).parents[1] / "export" / "data"
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path, monkeypatch):
    """The original's MetaGraph and checkpoint, as a Saver leaves them."""
    (tmp_path / "model.meta").write_bytes(gzip.decompress(DATA.joinpath("contrib.meta.gz").read_bytes()))
    for suffix in ("index", "data-00000-of-00001"):
        (tmp_path / f"model.{suffix}").write_bytes(DATA.joinpath(f"contrib.{suffix}").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def recorded():
    with np.load(DATA / "contrib.npz") as arrays:
        return dict(arrays)


def tfbn(line):
    return cli.main(["export", *shlex.split(line)])


@pytest.mark.process
def test_a_graph_def(model, recorded, capsys):
    """Whole, beside nothing else; the report says what was done."""
    before = set(model.iterdir())
    assert tfbn("model.meta inference.pb --outputs inline_weights/outputs training/outputs --inputs images") == 0
    assert tfbn("model.meta by_commas.pb --outputs inline_weights/outputs,training/outputs --inputs images,") == 0
    by_commas = model / "by_commas.pb"
    assert by_commas.read_bytes() == (model / "inference.pb").read_bytes()
    by_commas.unlink()
    capsys.readouterr()
    assert tfbn("model.meta inference.pb --outputs inline_weights/outputs training/outputs --inputs images") == 0
    assert set(model.iterdir()) - before == {model / "inference.pb"}
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("inference.pb\ninputs: images:0\noutputs (2): inline_weights/outputs:0, training/outputs:0\n")
    assert "\npinned to False: is_training\n" in out
    assert "\nrewritten: training/first: built with is_training=True; its moving statistics" in out
    graph_def = tf1.GraphDef.FromString((model / "inference.pb").read_bytes())
    for name in ("inline_weights", "training"):
        found = run(graph_def, f"{name}/outputs:0", {"images:0": recorded["images"]})
        assert_close(found, recorded[name])


def test_saved_model_twice(model, recorded, capsys):
    """The second time the signature says what the outputs are."""
    assert tfbn("model.meta saved --outputs variable/outputs --is-training training --variables keep --json") == 0
    report = parse_json(capsys.readouterr().out)
    assert (report["source"], report["target"]) == ("model.meta", "saved")
    assert (report["pinned"], report["frozen"]) == (["training"], [])
    assert report["kept"][0] == "variable/kernel"
    assert tfbn("saved frozen.pb --json") == 0
    report = parse_json(capsys.readouterr().out)
    assert (report["inputs"], report["outputs"]) == (["images:0"], ["variable/outputs:0"])
    graph_def = tf1.GraphDef.FromString((model / "frozen.pb").read_bytes())
    assert_close(run(graph_def, "variable/outputs:0", {"images:0": recorded["images"]}), recorded["variable"])


def test_findings(tmp_path, monkeypatch, capsys):
    """Layers that nothing tells the statistics of: status 1, their names, and no file; unless they are to be left."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default() as graph:
        y = tf1.placeholder(tf.float32, [None, 2, 2, 3], name="images")
        for scope in ("first", "second"):
            with tf1.name_scope(scope):
                y, _, _ = tf1.nn.fused_batch_norm(y, tf.ones([3]), tf.zeros([3]), is_training=True, name="norm")
        tf.identity(y, name="y")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    line = "graph.pb refused.pb --outputs y"
    assert tfbn(line) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "graph.pb: not exported.\nfirst: training: first/norm normalizes by the batch: no update shows"
    )
    assert tfbn(f"{line} --json") == 1
    findings = parse_json(capsys.readouterr().out)["findings"]
    assert [place for finding in findings for place in finding["where"]] == ["first", "second"]
    assert not (tmp_path / "refused.pb").exists()
    assert tfbn(f"{line} --keep-training first,second") == 0
    assert "left in training mode, as asked (2)" in capsys.readouterr().out


@pytest.mark.process
def test_a_refusal_in_a_process_of_its_own(tmp_path):
    """It says so on standard error, where what C++ code writes is dropped."""
    with tf.Graph().as_default() as graph:
        images = tf1.placeholder(tf.float32, [None, 2, 2, 3])
        y, _, _ = tf1.nn.fused_batch_norm(images, tf.ones([3]), tf.zeros([3]), is_training=True, name="norm")
        tf.identity(y, name="y")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    command = [sys.executable, "-m", "tfbn", "export", "graph.pb", "refused.pb", "--outputs", "y"]
    environment = {"PYTHONPATH": str(CHECKOUT)}
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.startswith("graph.pb: not exported.\nnorm: training: norm normalizes by the batch")


def test_keep_training(model, capsys):
    """Of a graph whose layers a placeholder decides; scopes with commas between them, and what names none."""
    line = "model.meta kept.pb --outputs collected/outputs --keep-training"
    assert tfbn(f"{line} collected/first,collected/second/cond/FusedBatchNormV3 --json") == 0
    report = parse_json(capsys.readouterr().out)
    assert [name.split("/")[1] for name in report["left_training"]] == ["first", "second"]
    assert (report["layers"], report["pinned"]) == ([], ["is_training"])
    (model / "kept.pb").unlink()
    assert tfbn(f"{line} collected/first collected/third") == 2
    out, err = capsys.readouterr()
    assert (out, (model / "kept.pb").exists()) == ("", False)
    assert err.startswith(
        "tfbn export: expected `keep_training` to name batch norm layers that the outputs are computed"
    )
    assert "got 'collected/third', which names none. Is it collected/first or collected/second?" in err


@pytest.mark.parametrize(
    "line, text",
    [
        ("nothing.meta a.pb --outputs y", "tfbn export: nothing.meta: there is no such file or directory"),
        ("model.meta a.pb", "tfbn export: expected --outputs: model.meta has no signature that names them. These"),
        (
            "model.meta a.pb --outputs y=inline/outputs",
            "tfbn export: expected --outputs without keys, as a GraphDef has no signature, got y=inline/outputs.",
        ),
        (
            "model.meta a --outputs y=inline/outputs y=images",
            "tfbn export: expected --outputs as KEY=NAME with different keys",
        ),
        (
            "model.meta a --outputs y=inline/outputs images",
            "tfbn export: expected --outputs as KEY=NAME with different keys",
        ),
        ("model.meta a.pb --outputs y", "tfbn export: expected `outputs` to be in the graph, got 'y'"),
        ("model.index a.pb --outputs y", "tfbn export: model.index: expected a GraphDef, got something else"),
        ("model.meta a.pb --outputs inline/outputs --checkpoint no", "tfbn export: expected a checkpoint"),
        (
            "model.meta a.pb --outputs inline/outputs:3",
            "tfbn export: expected `outputs` to be in the graph, got 'inline/outputs:3': inline/outputs (Identity) has "
            "1 output, inline/outputs:0.",
        ),
        ("model.meta a --outputs inline/outputs:1", "tfbn export: expected `outputs` to be in the graph, got"),
        ("model.meta a.pb --outputs inline/outputs --inputs images:2", "tfbn export: expected `inputs` to be in the"),
        (
            "model.meta a.pb --outputs ^inline/outputs",
            "tfbn export: expected `outputs` to be in the graph, got '^inline",
        ),
        (
            "model.meta a.pb --outputs inline/outputs,inline/outputs:0",
            "tfbn export: expected `outputs` to name each tensor once, got inline/outputs:0 twice.",
        ),
        ("model.meta a.pb --outputs ,", "tfbn export: expected names, with spaces or commas between them, got ','."),
    ],
)
def test_errors(model, capsys, line, text):
    """Status 2 and a line, with one below for each candidate."""
    assert tfbn(line) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1 + err.count("\n  --outputs "))
    assert err.startswith(text)
    assert not {model / "a.pb", model / "a"} & set(model.iterdir())


@pytest.mark.process
def test_a_process_is_quiet(model):
    """Nothing of TensorFlow's chatter beside the report, in a process of its own."""
    command = [sys.executable, "-m", "tfbn", "export", "model.meta", "saved", "--outputs", "collected/outputs"]
    process = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": os.environ["PYTHONPATH"]})
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith("saved\ninputs: images:0\n")


def test_help_has_an_example_that_runs(model, capsys):
    """As it stands there, for a model of those names."""
    with pytest.raises(SystemExit, match="0"):
        tfbn("--help")
    out = capsys.readouterr().out
    line = next(line for line in out.split("\n") if line.startswith("  tfbn export"))
    for name in ("meta", "index", "data-00000-of-00001"):
        (model / f"model.{name}").rename(model / f"model.ckpt-1000.{name}")
    assert tfbn(line.split("export ")[1].replace("logits", "inline/outputs")) == 0


def test_unrecognized_is_a_warning(tmp_path, monkeypatch, capsys):
    """The export is written; --fail-on warning makes it fail all the same."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default() as graph:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        mean, variance = tf.nn.moments(x, [0])
        tf.multiply(x - mean, tf.math.rsqrt(variance + 1e-8), name="y")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert tfbn("graph.pb out.pb --outputs y --json") == 0
    printed = parse_json(capsys.readouterr().out)
    assert [(each["kind"], each["severity"], each["where"]) for each in printed["findings"]] == [
        ("unrecognized", "warning", ["Rsqrt"])
    ]
    assert tfbn("graph.pb out.pb --outputs y --fail-on warning") == 1
    assert "unrecognized: Rsqrt normalizes by the batch" in capsys.readouterr().out


def test_never_updated_is_a_warning(tmp_path, monkeypatch, capsys):
    """In JSON a finding, with the layer and the remedy; the text has both."""
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [None, 4], name="x")
        tf.identity(batch_norm(x, is_training=True, scope="forgotten"), name="y")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, "model")
    assert tfbn("model.meta out.pb --outputs y --json") == 0
    (finding,) = parse_json(capsys.readouterr().out)["findings"]
    assert (finding["kind"], finding["severity"], finding["where"]) == ("never updated", "warning", ["forgotten"])
    assert tfbn("model.meta out.pb --outputs y --fail-on warning") == 1
    assert "never updated: forgotten\n    its moving mean and variance still have" in capsys.readouterr().out


def test_a_graph_def_as_text(model, recorded):
    """It is read again as it was written."""
    assert tfbn("model.meta inference.pbtxt --outputs inline/outputs --inputs images") == 0
    assert (model / "inference.pbtxt").read_text().startswith("node {\n")
    assert tfbn("inference.pbtxt again.pb --outputs inline/outputs") == 0
    graph_def = tf1.GraphDef.FromString((model / "again.pb").read_bytes())
    assert_close(run(graph_def, "inline/outputs:0", {"images:0": recorded["images"]}), recorded["inline"])


def test_names_of_a_signature(model, capsys):
    """As they are given, in the SavedModel and in what is made of it."""
    assert tfbn("model.meta saved --outputs scores=inline/outputs,again=inline/outputs --inputs x=images") == 0
    with tf.Graph().as_default(), tf1.Session() as session:
        signature = tf1.saved_model.load(session, ["serve"], "saved").signature_def["serving_default"]
    assert {key: info.name for key, info in signature.outputs.items()} == dict.fromkeys(
        ("scores", "again"), "inline/outputs:0"
    )
    assert {key: info.name for key, info in signature.inputs.items()} == {"x": "images:0"}
    assert cli.main(["checkpoint", "list", "saved"]) == 2
    assert (
        "saved: expected a SavedModel with variables, got one without variables/variables.index. For a frozen"
        in capsys.readouterr().err
    )
    assert tfbn("saved/saved_model.pb frozen.pb") == 0  # which stands for its directory
    assert "frozen.pb\ngraph: saved\ninputs: images:0\noutputs: inline/outputs:0\n" in capsys.readouterr().out


@pytest.mark.parametrize("latest", ["model", "/elsewhere/model", None])
def test_a_folder_of_checkpoints(model, latest, capsys):
    """The latest one by its name, though the folder may have been moved; or the only one that has a graph."""
    if latest:
        (model / "checkpoint").write_text(f'model_checkpoint_path: "{latest}"\n')
        (model / "other.meta").write_bytes(b"")
    assert tfbn(". inference.pb --outputs inline/outputs --json") == 0
    assert parse_json(capsys.readouterr().out)["source"] == "model.meta"


def test_folder_without_a_model(model, capsys):
    """What it has instead is listed."""
    (model / "exports" / "1600000000").mkdir(parents=True)
    assert tfbn("exports a.pb --outputs y") == 2
    assert capsys.readouterr().err.endswith("or a folder with a checkpoint and its MetaGraph. It has neither.\n")
    (model / "exports" / "1600000000" / "saved_model.pb").touch()
    (model / "other.meta").touch()
    for folder, found in ((".", "model.meta, other.meta"), ("exports", "exports/1600000000")):
        assert tfbn(f"{folder} a.pb --outputs y") == 2
        assert capsys.readouterr().err.endswith(f"its MetaGraph. Give one of those in it: {found}.\n")


def test_no_layer_is_counted(model, capsys):
    """In the text and as a figure of the JSON object."""
    with tf.Graph().as_default() as graph:
        tf.exp(tf1.placeholder(tf.float32, [3], name="x"), name="y")
    (model / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    assert tfbn("graph.pb out.pb --outputs y") == 0
    assert "\n0 batch norm layers recognized\n" in capsys.readouterr().out
    assert tfbn("graph.pb out.pb --outputs y --json") == 0
    assert parse_json(capsys.readouterr().out)["summary"]["layers"] == 0
