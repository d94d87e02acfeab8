"""list_layers: what is in a graph, built here, imported, or made by others."""

import gzip
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import NAMES, REGIMES, graph, session
from tests.graph.test_atomic import PATHS
from tests.parity import make_reference
from tfbn.training import list_layers

tf1 = tf.compat.v1
DATA = Path(__file__).parents[1] / "graphdef" / "data"
every_regime = pytest.mark.parametrize("resource, v2", REGIMES, ids=NAMES)
KINDS = ("training", "inference", "dynamic")
# scope: (updates, estimator), as data/make_graphs.py has built them.
CONTRIB = {
    "core": ("update_ops", "unbiased"),
    "core_nonfused": ("update_ops", "biased"),
    "core_renorm": ("update_ops", "biased"),
    "function_fused": ("mine", "unbiased"),
    "legacy": ("mine", "biased"),
    "debias": ("update_ops", "unbiased"),
    "debias_nonfused": ("update_ops", "biased"),
    "inline": ("inline", "unbiased"),
    "frozen": ("nowhere", "unbiased"),
}
PATHS_AND_MORE = {
    **PATHS,
    "virtual": {"virtual_batch_size": 4},
    "virtual nonfused": {"virtual_batch_size": 2, "fused": False},
    "mask": {"mask": [True] * 6 + [False] * 2},
    "masked zero debias": {"mask": [True] * 8, "zero_debias_moving_mean": True},
    "frozen": {"trainable": False},
}


def read(name):
    message = tf1.MetaGraphDef() if ".meta" in name else tf1.GraphDef()
    message.ParseFromString(gzip.decompress((DATA / name).read_bytes()))
    return message


def by_scope(layers):
    return {layer.scope: layer for layer in layers}


def inputs(rank=4):
    return tf1.placeholder(tf.float32, [8, 2, 2, 5][: rank - 1] + [5])


def training(kind):
    return {"training": True, "inference": False}.get(kind, kind == "dynamic" and tf1.placeholder(tf.bool, []))


class TestBuiltHere:
    @every_regime
    def test_says_what_was_asked_for(self, resource, v2):
        with graph(resource, v2):
            tfbn.batch_norm(inputs(), scope="o/first", is_training=tf1.placeholder(tf.bool, []), scale=True)
            tfbn.batch_norm(inputs(3), scope="second", updates_collections=None, center=False)
            tfbn.batch_norm(tf.cast(inputs(2), tf.float16), scope="third", updates_collections=["a", "b"])
            tfbn.batch_normalization(inputs(), name="fourth", training=True, renorm=True)
            tfbn.batch_norm(inputs(), scope="fifth", is_training=False)
            tfbn.batch_norm(inputs(2), scope="sixth", updates_collections=[])
            found = tfbn.list_layers()
            names = ("scope", "path", "estimator", "dtype", "param_dtype", "mode", "updates")
            rows = [tuple(getattr(layer, name) for name in names) for layer in found]
            assert rows == [
                ("o/first", "core-fused", "unbiased", "float32", "float32", "dynamic", "update_ops"),
                ("second", "legacy", "biased", "float32", "float32", "training", "inline"),
                ("third", "function-fused", "unbiased", "float16", "float32", "training", "a, b"),
                ("fourth", "core", "biased", "float32", "float32", "training", "update_ops"),
                ("fifth", "core-fused", "", "float32", "float32", "inference", ""),
                ("sixth", "function-fused", "unbiased", "float32", "float32", "training", "nowhere"),
            ]
            by_name = {variable.op.name: variable for variable in tf1.global_variables()}
            for layer in found:
                for name in list_layers.SHOWN:
                    assert getattr(layer, name) is by_name.get(f"{layer.scope}/{name}")
                assert layer.arrays == {}

    @every_regime
    def test_the_values_are_those_of_the_session(self, resource, v2):
        with graph(resource, v2):
            tfbn.batch_norm(inputs(), scope="bn")
            with session() as opened:
                opened.run([v.assign([float(i)] * 5) for i, v in enumerate(tf1.global_variables(), 1)])
                before = len(opened.graph.get_operations())
                (layer,) = tfbn.list_layers(session=opened)
                assert len(opened.graph.get_operations()) == before
        assert {name: value.tolist() for name, value in layer.arrays.items()} == {
            "beta": [1.0] * 5,
            "moving_mean": [2.0] * 5,
            "moving_variance": [3.0] * 5,
        }

    def test_calls_that_share_variables_are_one_layer(self):
        with graph():
            for reuse, is_training in ((None, True), (True, False), (True, True)):
                tfbn.batch_norm(inputs(), scope="bn", reuse=reuse, is_training=is_training)
            (layer,) = tfbn.list_layers()
        assert (layer.mode, layer.updates) == ("training, inference", "update_ops")

    @pytest.mark.parametrize("resource", [False, True])
    def test_partitioned_parameters(self, resource):
        with graph(resource):
            with tf1.variable_scope("s", partitioner=tf1.fixed_size_partitioner(2)):
                tfbn.batch_norm(inputs(), scope="bn")
            with session() as opened:
                (layer,) = tfbn.list_layers(session=opened)
                assert [part.op.name for part in layer.beta] == ["s/bn/beta/part_0", "s/bn/beta/part_1"]
                assert layer.arrays["beta"].shape == (5,)
            imported = tf1.train.export_meta_graph()
        with graph():
            tf1.train.import_meta_graph(imported)
            (layer,) = tfbn.list_layers()
            assert [part.op.name for part in layer.beta] == ["s/bn/beta/part_0", "s/bn/beta/part_1"]

    def test_in_a_body_and_under_wrap_function(self):
        with graph(control_flow_v2=True):
            x = inputs()
            tf1.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, tfbn.batch_norm(z, scope="bn")), [0, x])
            (layer,) = tfbn.list_layers()
            assert (layer.scope, layer.mode, layer.updates) == ("bn", "training", "inline")
        wrapped = tf1.wrap_function(lambda x: tfbn.batch_norm(x, scope="bn"), [tf.TensorSpec([None, 5])])
        assert [layer.scope for layer in tfbn.list_layers(wrapped.graph)] == ["bn"]

    def test_prints_as_a_table(self):
        with graph():
            tfbn.batch_norm(inputs(), scope="a/long/scope", updates_collections=None)
            tfbn.batch_norm(inputs(), scope="b", is_training=False, center=False)
            lines = str(tfbn.list_layers()).split("\n")
        assert lines == [
            "scope         path            mode       updates  estimator  dtype    param_dtype  variables",
            "a/long/scope  function-fused  training   inline   unbiased   float32  float32      "
            "beta, moving_mean, moving_variance",
            "b             core-fused      inference  -        -          float32  float32      "
            "moving_mean, moving_variance",
        ]

    def test_a_graph_without_layers(self):
        with graph():
            inputs()
            assert tfbn.list_layers() == []
            assert str(tfbn.list_layers()).startswith("scope")


class TestImported:
    @every_regime
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("path", PATHS_AND_MORE)
    def test_imported_tfbn_layers_are_recognized(self, path, kind, resource, v2):
        """The ops say of themselves what the record of the call says."""
        with graph(resource, v2):
            for rank in (2, 4):
                arguments = PATHS_AND_MORE[path]
                tfbn.batch_norm(inputs(rank), scope=f"bn{rank}", is_training=training(kind), scale=True, **arguments)
            built = tfbn.list_layers()
            exported = tf1.train.export_meta_graph()
        with graph(resource, v2):
            tf1.train.import_meta_graph(exported)
            found = tfbn.list_layers()
            ours = ("scope", "mode", "updates", "estimator", "dtype", "param_dtype")
            assert [[getattr(layer, name) for name in ours] for layer in found] == [
                [getattr(layer, name) for name in ours] for layer in built
            ]
            assert [layer.path for layer in found] == ["", ""]
            assert [layer.moving_mean.op.name for layer in found] == ["bn2/moving_mean", "bn4/moving_mean"]
            assert all(layer.moving_mean in tf1.global_variables() for layer in found)

    def test_contrib(self):
        """A MetaGraph that TensorFlow 1.15.5 exported: every path, and every kind of is_training."""
        with graph():
            tf1.train.import_meta_graph(read("contrib.meta.gz"))
            found = by_scope(tfbn.list_layers())
            with session() as opened:
                arrays = by_scope(tfbn.list_layers(session=opened))["twice"].arrays
        assert {name: value.tolist() for name, value in arrays.items()} == {
            "beta": [0.0] * 3,
            "moving_mean": [0.0] * 3,
            "moving_variance": [1.0] * 3,
        }
        assert set(found) == {"twice", *(f"{kind}/{scope}" for kind in KINDS for scope in CONTRIB)}
        for scope, (updates, estimator) in CONTRIB.items():
            for kind in KINDS:
                layer = found[f"{kind}/{scope}"]
                moved = ("", "") if kind == "inference" else (updates, estimator)
                assert (layer.mode, layer.updates, layer.estimator) == (kind, *moved), layer
                assert layer.moving_variance.op.name == f"{kind}/{scope}/moving_variance"

    @pytest.mark.parametrize("keras", ["keras1", "keras2"])
    def test_keras(self, keras):
        """A GraphDef of Keras layers in graph mode: of TensorFlow 1.15.5, and of 2.12 with control flow v2."""
        with graph():
            tf.import_graph_def(read(f"{keras}.pb.gz"), name="")
            found = by_scope(tfbn.list_layers())
        expected = {f"{kind}_{form}" for kind in KINDS for form in ("fused", "nonfused")}
        assert set(found) == expected
        for scope, layer in found.items():
            kind, form = scope.split("_")
            estimator = {"fused": "unbiased", "nonfused": "biased"}[form]
            moved = ("", "") if kind == "inference" else ("nowhere", estimator)
            assert (layer.mode, layer.updates, layer.estimator) == (kind, *moved), layer
            assert layer.gamma.op.name == f"{scope}/gamma"

    @pytest.mark.parametrize("resource", [False, True])
    def test_under_another_name_and_without_collections(self, resource):
        """Values are read by the ops that are there."""
        with graph(resource):
            tfbn.batch_norm(inputs(), scope="bn")
            initializer = tf1.global_variables_initializer().name
            exported = tf1.get_default_graph().as_graph_def()
        with graph() as opened:
            tf.import_graph_def(exported, name="imported")
            with tf1.Session() as running:
                running.run(f"imported/{initializer}")
                (layer,) = tfbn.list_layers(session=running)
        assert layer.scope == "imported/bn"
        assert layer.moving_mean.graph is opened
        np.testing.assert_array_equal(layer.arrays["moving_variance"], np.ones(5))

    def test_a_frozen_graph(self):
        with graph(False) as opened:
            output = tfbn.batch_norm(inputs(), scope="bn", is_training=False)
            with session() as running:
                frozen = tf1.graph_util.convert_variables_to_constants(running, opened.as_graph_def(), [output.op.name])
        with graph():
            tf.import_graph_def(frozen, name="")
            with tf1.Session() as running:
                (layer,) = tfbn.list_layers(session=running)
        assert (layer.scope, layer.mode) == ("bn", "inference")
        np.testing.assert_array_equal(layer.arrays["moving_variance"], np.ones(5))


def test_recording_leaves_no_trace_in_an_export(caplog):
    """No collection of ours in the MetaGraph, and none that cannot be serialized."""
    with graph() as opened, warnings.catch_warnings():
        warnings.simplefilter("error")
        tfbn.batch_norm(inputs(), scope="bn")
        tfbn.list_layers()
        tfbn.check_updates(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
        caplog.clear()
        exported = tf1.train.export_meta_graph()
        assert not caplog.records
        assert sorted(exported.collection_def) == sorted(opened.get_all_collection_keys())
        assert not [key for key in exported.collection_def if "tfbn" in key]


def edges(message):
    """Of a graph; control inputs, and a MetaGraph's collections, come in any order."""
    nodes = getattr(message, "graph_def", message).node
    return {(node.name, node.op): sorted(node.input) for node in nodes}


@pytest.mark.process
def test_the_original_still_makes_the_same_graphs(original_python, tmp_path):
    """data/make_graphs.py under TensorFlow 1.15.5, where this machine can have one."""
    if original_python is None:
        return
    command = [original_python, "-W", "ignore", DATA / "make_graphs.py", tmp_path]
    subprocess.run(command, env=make_reference.environment(), check=True, timeout=300)
    for name in ("contrib.meta.gz", "keras1.pb.gz"):
        message = read(name)
        made = type(message).FromString(gzip.decompress((tmp_path / name).read_bytes()))
        assert edges(made) == edges(message), name
