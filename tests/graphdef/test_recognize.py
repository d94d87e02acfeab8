"""Layers in graphs of others: what belongs to which layer, and what is no batch norm."""

import pytest
import tensorflow as tf

import tfbn
from tests.graph.regimes import graph
from tests.training.test_list_layers import CONTRIB, KINDS, read
from tfbn.graphdef import recognize, short_names

tf1 = tf.compat.v1


def contrib():
    return recognize.recognize(read("contrib.meta.gz").graph_def).layers


def test_every_variable_is_the_layers():
    layers = contrib()
    assert list(layers["training/core_renorm"].variables) == [
        "beta",
        "moving_mean",
        "moving_variance",
        "moving_stddev",
        "renorm_mean",
        "renorm_stddev",
    ]
    # Under a doubled scope.
    assert [node.name for node in layers["training/debias"].variables["biased"]] == [
        "training/debias/training/debias/moving_mean/biased"
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scope", CONTRIB)
def test_initializers_and_restores_are_no_updates(scope, kind):
    """Each statistic of a layer in training has one update; of a layer in inference none."""
    layer = contrib()[f"{kind}/{scope}"]
    names = [update.statistic for update in layer.updates]
    expected = [name for name in layer.variables if name not in (*short_names.AFFINE, "local_step")]
    assert sorted(names) == ([] if kind == "inference" else sorted(expected))


def test_calls_that_share_variables_share_the_layer():
    layer = contrib()["twice"]
    assert [each.node.name for each in layer.normalizations] == ["twice/batchnorm/Rsqrt", "twice_1/batchnorm/Rsqrt"]
    assert len(layer.updates) == 4


@pytest.mark.parametrize("graph_def", ["contrib.meta.gz", "keras1.pb.gz", "keras2.pb.gz"])
def test_an_imported_step_is_audited(graph_def):
    """What make_graphs.py has wired is, and what it has forgotten is named; the original's reuse races."""
    with graph():
        if ".meta" in graph_def:
            tf1.train.import_meta_graph(read(graph_def))
        else:
            tf.import_graph_def(read(graph_def), name="")
        forgotten = tfbn.check_updates("forgotten", raise_on_error=False)
        found = tfbn.check_updates("wired", raise_on_error=False)
        moved = [layer.scope for layer in tfbn.list_layers() if layer.updates not in ("", "inline")]
        frozen = [scope for scope in moved if scope.endswith("/frozen")]
        held = [("not assigned", "warning", scope) for scope in frozen]
        expected = held + [("not reached", "error", scope) for scope in moved if scope not in frozen]
        assert sorted(finding[:3] for finding in forgotten) == sorted(expected)
        if ".meta" in graph_def:
            # The collections do not have those of trainable=False.
            assert sorted(finding[:3] for finding in found) == sorted(held)
            assert len(held) == 2
            everything = tfbn.check_updates("all_updates", raise_on_error=False, scope="twice")
            assert [finding.kind for finding in everything] == ["unordered"] * 2
        else:
            assert found == []
            assert "layer.updates" in forgotten[0].problem


def test_other_normalizations_are_no_layers():
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3])
        tf1.nn.fused_batch_norm(x, tf.ones([3]), tf.zeros([3]), is_training=True)
        tf.nn.batch_normalization(x, *tf.nn.moments(x, [1, 2], keepdims=True), None, None, 1e-3)
        tf.nn.l2_normalize(x, -1)
        assert recognize.recognize(opened.as_graph_def()).layers == {}


def test_network_between_two_layers_is_neither():
    """The batch statistics of a layer come from ops on the outputs of the one before."""
    with graph() as opened:
        x = tf1.placeholder(tf.float32, [None, 4, 4, 3])
        for scope in ("a", "b", "c"):
            x = tf.nn.dropout(tfbn.batch_norm(x / 2.0, scope=scope, fused=False), 0.5) + x
        layers = recognize.recognize(opened.as_graph_def()).layers
        for scope, layer in layers.items():
            names = [each.node.name for each in (*layer.normalizations, *layer.updates)]
            assert len(names) == 3
            assert all(name.startswith(f"{scope}/") for name in names)


@pytest.mark.parametrize(
    "name, scope",
    [
        ("net/bn", "net/bn"),
        ("tower_1/net/bn", "net/bn"),
        ("tower_1/net_1/bn_2", "net/bn"),
        ("net/bn/cond", "net/bn"),
        ("cond/net/bn", "net/bn"),
        ("bn_1", "bn_1"),
        ("bn_2", "bn"),
        ("net/other", None),
        ("other", None),
    ],
)
def test_an_op_belongs_to_the_scope_around_it(name, scope):
    layers = {each: recognize.Layer(each) for each in ("bn", "bn_1", "net/bn")}
    found = recognize._around(name.split("/"), layers)
    assert (found and found.scope) == scope


def test_modes_are_seen_without_default_attributes():
    """An export may leave out is_training=True of a fused op; importing it puts that back."""
    stripped = read("contrib.meta.gz").graph_def
    assert [n.name for n in stripped.node if n.op == "FusedBatchNormV3" and "is_training" not in n.attr]
    layers = recognize.recognize(stripped).layers
    for kind in KINDS:
        assert {layers[f"{kind}/{scope}"].modes for scope in CONTRIB} == {(kind,)}
