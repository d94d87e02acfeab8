"""Outputs and updates have the names that TensorFlow 1.15.5 gives them, and a fetch by name runs what it ran there.

The registry of tests/parity has the names of single calls. Here is what several calls and their surroundings make of
them; all names are 1.15.5's.
"""

from itertools import zip_longest

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1


def inputs(rank):
    return tf1.placeholder(tf.float32, [None, 4, 4, 3][: rank - 1] + [3])


def fed():
    return tf1.placeholder_with_default(True, [])


def in_a_branch(rank, **kwargs):
    outputs, x = [], inputs(rank)

    def branch():
        outputs.append(tfbn.batch_norm(x, **kwargs))
        return outputs[0]

    return [tf1.cond(fed(), branch, lambda: x), *outputs]


def in_a_loop(rank, **kwargs):
    outputs = []

    def body(i, x):
        outputs.append(tfbn.batch_norm(x, scope="bn", updates_collections=None, **kwargs))
        return i + 1, outputs[-1]

    x = inputs(rank)
    tf1.while_loop(lambda i, x: i < 3, body, [0, x], [tf.TensorShape([]), x.shape])
    return outputs


def nested_scopes():
    x = inputs(3)
    with tf1.name_scope("tower"):
        outputs = [tfbn.batch_norm(x, scope="n", reuse=reuse) for reuse in (None, True)]
    with tf1.variable_scope("net"):
        return [*outputs, *(tfbn.batch_norm(each) for each in (x, x, inputs(2)))]


def one_object(rank, trains, **kwargs):
    layer, x, flag = tfbn.BatchNormalization(name="n", **kwargs), inputs(rank), fed()
    return [layer(x, training=flag if training is None else training) for training in trains]


def one_scope_object():
    with tf1.variable_scope("held") as held:
        pass
    x = inputs(2)
    return [
        tfbn.batch_norm(x, scope=held),
        tfbn.batch_norm(x, scope=held, reuse=True, is_training=fed()),
        tfbn.batch_norm(x, scope=held, reuse=True, is_training=fed(), fused=False, updates_collections=None),
        tfbn.batch_norm(x, scope=held, reuse=True, fused=False),
    ]


def in_the_root_scope():
    root = tf1.get_variable_scope()
    return [tfbn.batch_norm(inputs(4), scope=root), tfbn.batch_norm(inputs(2), scope=root, reuse=True, fused=False)]


def dilated():
    shapes = [None, 4, 3], [None, 4, 4, 4, 3]
    arguments = {"rate": 2, "activation_fn": None, "biases_initializer": None}
    return [tfbn.layers.convolution(tf1.placeholder(tf.float32, shape), 4, 3, **arguments) for shape in shapes]


PROGRAMS = {
    "branch, inline": (
        lambda: in_a_branch(rank=2, updates_collections=None),
        ["cond/Merge", "cond/BatchNorm/Reshape_1"],
        [],
    ),
    "branch, collected": (lambda: in_a_branch(rank=4), ["cond/Merge", "cond/BatchNorm/FusedBatchNormV3"], []),
    "branch, composed": (
        lambda: in_a_branch(rank=4, fused=False),
        ["cond/Merge", "cond/BatchNorm/batchnorm_1/add_1"],
        [],
    ),
    "loop": (lambda: in_a_loop(4), ["while/bn/Identity"], []),
    "loop, composed": (lambda: in_a_loop(2, fused=False), ["while/bn/batchnorm/add_1"], []),
    "scopes": (
        nested_scopes,
        [
            *("tower/n/batchnorm/add_1", "tower/n_1/batchnorm/add_1", "net/BatchNorm/batchnorm_1/add_1"),
            *("net/BatchNorm_1/batchnorm/add_1", "net/BatchNorm_2/Reshape_1"),
        ],
        [
            f"{scope}/AssignMovingAvg{number}"
            for scope in ("tower/n", "tower/n_1", "net/BatchNorm", "net/BatchNorm_1", "net/BatchNorm_2")
            for number in ("", "_1")
        ],
    ),
    "object": (
        lambda: one_object(2, [True, False, True, None]),
        [f"n/batchnorm{number}/add_1" for number in ("", "_1", "_2", "_3")],
        [*(f"n/AssignMovingAvg{number}" for number in ("", "_1", "_2", "_3")), "n/cond_2/Merge", "n/cond_3/Merge"],
    ),
    "object, fused": (
        lambda: one_object(4, [None, None, True]),
        ["n/cond/Merge", "n/cond_2/Merge", "n/FusedBatchNormV3"],
        [f"n/AssignMovingAvg{number}" for number in ("", "_1", "_2", "_3", "_4", "_5")],
    ),
    "object, renorm": (
        lambda: one_object(4, [None, True, None], renorm=True),
        [f"n/batchnorm{number}/add_1" for number in ("", "_1", "_2")],
        [
            *("n/cond_6/Merge", "n/cond_7/Merge", "n/AssignMovingAvg_2", "n/AssignNewValue"),
            *("n/cond_14/Merge", "n/cond_15/Merge"),
        ],
    ),
    "scope object": (
        one_scope_object,
        ["held_1/Reshape_1", "held_2/Reshape_1", "held_3/batchnorm/add_1", "held/batchnorm/add_1"],
        [
            *("held_1/AssignMovingAvg", "held_1/AssignMovingAvg_1", "held_2/cond_1/Merge", "held_2/cond_1/Merge_1"),
            *("held/AssignMovingAvg", "held/AssignMovingAvg_1"),
        ],
    ),
    "root scope": (
        in_the_root_scope,
        ["FusedBatchNormV3", "batchnorm/add_1"],
        [f"AssignMovingAvg{number}" for number in ("", "_1", "_2", "_3")],
    ),
    "dilated": (dilated, ["Conv/BatchToSpaceND", "Conv_1/BatchToSpaceND"], []),
}


@pytest.mark.parametrize(("program", "outputs", "updates"), PROGRAMS.values(), ids=PROGRAMS)
def test_outputs_and_updates_of_programs(program, outputs, updates):
    with graph(resource=False):
        assert [output.op.name for output in program()] == outputs
        collected = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        assert [getattr(update, "op", update).name for update in collected] == updates


INLINE = {
    "rank 2": ([6, 3], {"is_training": True}, "bn/Reshape_1:0"),
    "rank 2, fed": ([6, 3], {}, "bn/Reshape_1:0"),
    "rank 4": ([4, 3, 2, 3], {"is_training": True}, "bn/Identity:0"),
    "rank 4, fed": ([4, 3, 2, 3], {}, "bn/cond_1/{}:0"),
    "rank 3": ([4, 3, 3], {"is_training": True}, "bn/batchnorm/add_1:0"),
    "composed, fed": ([4, 3, 2, 3], {"fused": False}, "bn/batchnorm/add_1:0"),
}


@pytest.mark.parametrize(("shape", "kwargs", "name"), INLINE.values(), ids=INLINE)
@pytest.mark.parametrize(("resource", "v2"), REGIMES, ids=NAMES)
def test_a_fetch_by_name_moves_the_statistics_that_outputs_move(resource, v2, shape, kwargs, name):
    batch = oracle.batch(shape)
    with graph(resource, v2):
        x, kwargs = tf1.placeholder(tf.float32, shape), {"is_training": fed(), **kwargs}
        y = tfbn.batch_norm(x, decay=0.5, scope="bn", updates_collections=None, **kwargs)
        assert y.name == name.format("Identity" if v2 else "Merge")
        with session() as opened:
            output = opened.run(y.name, {x: batch})
            found = values(opened)["bn/moving_mean"]
    mean, variance = oracle.moments(batch)
    np.testing.assert_allclose(output, oracle.normalize(batch, mean, variance), **oracle.OUTPUT["float32"])
    np.testing.assert_allclose(found, 0.5 * mean, **oracle.AVERAGE)


@pytest.mark.parametrize("v2", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("shape", "kwargs"),
    [([4, 3, 2, 3], {"updates_collections": "mine"}), ([6, 3], {}), ([2, 4, 3], {"batch_weights": [1.0, 2.0]})],
    ids=["another collection", "rank 2", "weights"],
)
def test_collected_reads_are_in_the_scope_of_the_assignment(shape, kwargs, v2):
    """1.15.5 collects the assignment itself, whose name is that of the op here."""
    with graph(resource=True, control_flow_v2=v2):
        tfbn.batch_norm(tf1.placeholder(tf.float32, shape), scope="bn", **kwargs)
        collected = tf1.get_collection(kwargs.get("updates_collections", tf1.GraphKeys.UPDATE_OPS))
        for update, scope in zip_longest(collected, ["bn/AssignMovingAvg", "bn/AssignMovingAvg_1"]):
            assert update.op.name.startswith(f"{scope}/ReadVariableOp")
            assert f"{scope}/AssignSubVariableOp" in [before.name for before in update.op.control_inputs]


@pytest.mark.parametrize("trains", [True, False])
@pytest.mark.parametrize(
    ("kwargs", "names"),
    [
        ({"fused": False}, ["bn/cond_2/Merge", "bn/cond_3/Merge"]),
        ({"updates_collections": "mine"}, ["bn/cond_1/Merge:0", "bn/cond_1/Merge_1:0"]),
    ],
    ids=["operations", "tensors"],
)
def test_a_run_of_updates_by_name(kwargs, names, trains):
    batch = oracle.batch([4, 3, 2, 3])
    with graph(resource=False):
        x, flag = tf1.placeholder(tf.float32, batch.shape), fed()
        tfbn.batch_norm(x, decay=0.5, scope="bn", is_training=flag, **kwargs)
        with session() as opened:
            opened.run(names, {x: batch, flag: trains})
            found = values(opened)["bn/moving_mean"]
    np.testing.assert_allclose(found, 0.5 * trains * oracle.moments(batch)[0], **oracle.AVERAGE)


def test_what_an_adjustment_and_a_subclass_make_keeps_its_names():
    class Scaled(tfbn.BatchNormalization):
        def call(self, x, training=False):
            return super().call(x, training=training) * 2.0

    def adjustment(shape):
        return tf.ones([1, 1, 1, 3], name="a"), tf.zeros([1, 1, 1, 3], name="b")

    with graph(resource=False) as opened:
        y = Scaled(renorm=True, name="n")(inputs(4), training=True)
        tfbn.batch_norm(inputs(4), adjustment=adjustment, scope="bn")
        assert y.name == "n/mul_3:0"
        assert [opened.get_operation_by_name(f"bn/{name}").type for name in "ab"] == ["Const", "Const"]


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [({}, "cond_2"), ({"renorm": True}, "cond_8"), ({"updates_collections": None}, "cond_2")],
    ids=["default", "renorm", "inline"],
)
def test_what_follows_counts_on(kwargs, name):
    """As in 1.15.5, a conditional of the activation_fn comes after all those of the layer."""
    with graph(resource=False):
        x, trains = tf1.placeholder(tf.float32, [None, 3, 3, 2]), tf1.placeholder(tf.bool, [])
        y = tfbn.batch_norm(
            x, is_training=trains, activation_fn=lambda y: tf1.cond(trains, lambda: y, lambda: -y), **kwargs
        )
    assert y.op.name == f"BatchNorm/{name}/Merge"
