"""Graphs that TensorFlow 1.15.5 wrote, against what its own session inferred: data/make_graphs.py."""

import gzip
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.export.data.make_graphs import NETWORKS
from tests.export.exported import assert_close, leftovers, run

tf1 = tf.compat.v1
DATA = Path(__file__).parent / "data"
CHECKPOINT = DATA / "contrib"


@pytest.fixture(scope="module")
def meta_graph():
    return tf1.MetaGraphDef.FromString(gzip.decompress(DATA.joinpath("contrib.meta.gz").read_bytes()))


@pytest.fixture(scope="module")
def recorded():
    with np.load(DATA / "contrib.npz") as arrays:
        return dict(arrays)


def test_it_is_what_it_is_said_to_be(meta_graph):
    """Ref variables, fused ops of the third version, and conds of control flow v1, some of them training already."""
    ops = {node.op for node in meta_graph.graph_def.node}
    assert {"VariableV2", "FusedBatchNormV3", "FusedBatchNormGradV3", "Switch", "Merge", "AssignSub"} <= ops
    assert not ops & {"VarHandleOp", "If"}
    assert meta_graph.meta_info_def.tensorflow_version == "1.15.5"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_numbers_are_the_originals(meta_graph, recorded, name):
    """With its own checkpoint; nothing of training is left."""
    before = meta_graph.SerializeToString(deterministic=True)
    exported = tfbn.export.inference_graph(meta_graph, f"{name}/outputs", checkpoint=CHECKPOINT)
    assert meta_graph.SerializeToString(deterministic=True) == before
    assert leftovers(exported.graph_def, ["images"]) == []
    kind = NETWORKS[name][1]
    pinned = {"placeholder": ("is_training",), "variable": ("training",), "training": ()}[kind]
    assert exported.report.pinned == pinned
    layers = [f"{name}/first", f"{name}/second"]
    assert [each.layer for each in exported.report.rewritten] == (layers if kind == "training" else [])
    assert exported.inputs == ("images:0",)
    found = run(exported.graph_def, f"{name}/outputs:0", {"images:0": recorded["images"]})
    assert_close(found, recorded[name])


@pytest.mark.process
def test_inline_only_behavior_is_reported(meta_graph):
    """The report names the updates that outputs waited for, in branches too."""
    exported = tfbn.export.inference_graph(meta_graph, "inline/outputs", checkpoint=CHECKPOINT)
    assert [name.split("/")[1] for name in exported.report.updates] == ["first"] * 2 + ["second"] * 2
    exported = tfbn.export.inference_graph(meta_graph, "collected/outputs", checkpoint=CHECKPOINT)
    assert exported.report.updates == ()


def test_several_networks_at_once(meta_graph, recorded):
    """Those of two ways to say whether they train, and one that only does."""
    names = ["inline", "variable", "training"]
    exported = tfbn.export.inference_graph(meta_graph, [f"{name}/outputs" for name in names], checkpoint=CHECKPOINT)
    assert set(exported.report.pinned) == {"is_training", "training"}
    found = run(exported.graph_def, [f"{name}/outputs:0" for name in names], {"images:0": recorded["images"]})
    for name, outputs in zip(names, found):
        assert_close(outputs, recorded[name])


@pytest.mark.process
def test_in_a_session_of_today(meta_graph, recorded):
    """Imported and restored, as a TF1 program would, the session's values are what is frozen."""
    with tf.Graph().as_default(), tf1.Session() as session:
        copy = tf1.MetaGraphDef.FromString(meta_graph.SerializeToString())
        for node in copy.graph_def.node:
            node.attr.pop("_output_shapes", None)
        saver = tf1.train.import_meta_graph(copy)
        saver.restore(session, str(CHECKPOINT))
        exported = tfbn.export.inference_graph(session, "inline_weights/outputs")
    assert leftovers(exported.graph_def, ["images"]) == []
    found = run(exported.graph_def, "inline_weights/outputs:0", {"images:0": recorded["images"]})
    assert_close(found, recorded["inline_weights"])


@pytest.mark.parametrize("name", ["collected", "inline_weights", "inline_nonfused", "renorm", "nchw", "variable"])
def test_single_layers_keep_normalizing_by_the_batch(meta_graph, recorded, name):
    """As the original's own branches for training do, while the layers behind them infer."""
    both, *one = (
        tfbn.export.inference_graph(meta_graph, f"{name}/outputs", checkpoint=CHECKPOINT, keep_training=scope)
        for scope in (name, f"{name}/first", f"{name}/second")
    )
    assert {each.split("/")[1] for each in both.report.left_training} == {"first", "second"}
    assert both.report.layers == ()
    assert [each.report.layers for each in one] == [(f"{name}/second",), (f"{name}/first",)]
    feeds = {"images:0": recorded["images"]}
    phase = NETWORKS[name][1]
    expected = in_the_originals_branches(
        meta_graph, name, {**feeds, f"{PHASES[phase]}:0": True, "weights:0": np.ones(6)}
    )
    fed = {**feeds, **{tensor: np.ones(6) for tensor in both.inputs if tensor == "weights:0"}}
    assert_close(run(both.graph_def, f"{name}/outputs:0", fed), expected)
    for each in one:
        found = run(each.graph_def, f"{name}/outputs:0", {key: fed[key] for key in each.inputs})
        assert np.abs(found - expected).max() > 0.01 * np.abs(expected).max()


PHASES = {"placeholder": "is_training", "variable": "training"}


def in_the_originals_branches(meta_graph, name, feeds):
    """What the graph of 1.15.5 gives in training, with the values of its checkpoint in place of its variables."""
    reader = tf.train.load_checkpoint(str(CHECKPOINT))
    values = {f"{variable}:0": reader.get_tensor(variable) for variable in reader.get_variable_to_shape_map()}
    graph_def = tf1.graph_util.extract_sub_graph(meta_graph.graph_def, [f"{name}/outputs"])
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        with tf1.Session() as session:
            there = {node.name for node in graph_def.node}
            for tensor, value in values.items():
                if tensor[:-2] in there:
                    session.run(tf1.assign(graph.get_tensor_by_name(tensor), value))
            feeds = {key: value for key, value in feeds.items() if key[:-2] in there}
            return session.run(f"{name}/outputs:0", feeds)
