"""A placeholder is_training in control flow v1: what the bool gives, at the price of the one kernel that runs."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session, values

tf1 = tf.compat.v1
SHAPE = (6, 4, 2, 3)
RENORM = {"renorm": True, "renorm_clipping": {"rmin": 1 / 3, "rmax": 3.0, "dmax": 5.0}}
WEIGHTS = np.linspace(0.5, 1.5, SHAPE[0])
MASK = np.random.RandomState(0).random_sample(SHAPE[:3]) > 0.4
PATHS = {
    "default": {},
    "dynamic": {},
    "inline": {"updates_collections": None},
    "NCHW": {"data_format": "NCHW"},
    "renorm": RENORM,
    "NCHW renorm": {"data_format": "NCHW", **RENORM},
    "adjustment": {"adjustment": lambda _: (tf.constant([1.1, 0.9, 1.3]), tf.constant([0.1, -0.2, 0.3]))},
    "weights": {"batch_weights": WEIGHTS},
    "mask": {"mask": MASK},
    "virtual batches": {"virtual_batch_size": 3},
    "composed": {"fused": False},
}
STARTS = {"moving_mean": 0.4, "moving_variance": 1.7, "gamma": 0.8, "beta": -0.3}
STARTS = {name: tf1.constant_initializer(value) for name, value in STARTS.items()}


def in_branch(layer, x):
    return tf1.cond(tf1.placeholder_with_default(True, []), lambda: layer(x), lambda: x)


def in_loop(layer, x):
    return tf1.while_loop(lambda i, _: i < 1, lambda i, x: (i + 1, layer(x)), [0, x])[1]


PLACES = {"graph": lambda layer, x: layer(x), "branch": in_branch, "loop": in_loop}


def step(path, place, training, known, resource):
    """The outputs, their gradients, those of a penalty on these, and the variables; and the ops up to the gradients."""
    x = oracle.batch(SHAPE, seed=3).astype(np.float32)
    x = np.moveaxis(x, -1, 1) if "NCHW" in path else x
    direction = np.random.RandomState(5).standard_normal(x.shape).astype(np.float32)
    with graph(resource) as opened_graph:
        inputs = tf1.placeholder(tf.float32, [None, *x.shape[1:]] if path == "dynamic" else x.shape)
        flag = training if known else tf1.placeholder(tf.bool, [])
        feeds = {inputs: x} if known else {inputs: x, flag: training}

        def layer(inputs):
            arguments = {"scale": True, "scope": "bn", "param_initializers": STARTS, **PATHS[path]}
            return tfbn.batch_norm(inputs, 0.5, is_training=flag, **arguments)

        outputs = PLACES[place](layer, inputs)
        sources = [inputs, *(v for v in tf1.trainable_variables() if v.op.name in ("bn/gamma", "bn/beta"))]
        found = [outputs, *tf1.gradients(tf.tanh(outputs) * direction, sources)]
        ops = [(op.type, op.outputs[0].shape.rank) for op in opened_graph.get_operations() if op.outputs]
        if place != "loop":  # of which TensorFlow takes no second derivatives
            penalty = tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in found[1:]])
            found += tf1.gradients(penalty, sources[:2])
        with session() as opened:
            updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS) if training else []
            found = opened.run([*found, *updates], feeds)
            return [*found[: len(found) - len(updates)], *values(opened).values()], ops


CASES = [(path, "graph") for path in PATHS]
CASES += [(path, place) for path in ("default", "renorm") for place in ("branch", "loop")]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("path", "place"), CASES)
def test_placeholder_gives_what_the_bool_gives(path, place, training):
    """And no AddN over the inputs, which would double a kernel's gradient with another branch's zeros."""
    resource = place != "graph" or path in ("default", "mask")
    found, ops = step(path, place, training, False, resource)
    expected, _ = step(path, place, training, True, resource)
    for value, wanted in zip(found, expected):
        np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    assert len(found) == len(expected)
    if place == "graph":
        assert ("AddN", 4) not in ops


def test_imported_with_the_gradients_of_both_branches():
    """Of outputs and of statistics, which the branch that infers takes from nothing."""
    x = oracle.batch(SHAPE, seed=3)
    direction = np.random.RandomState(5).standard_normal(SHAPE)
    with graph(False) as built:
        inputs, flag = tf1.placeholder(tf.float32, SHAPE), tf1.placeholder(tf.bool, [])
        arguments = {"scale": True, "scope": "bn", "param_initializers": STARTS, "fused": False}
        outputs = tfbn.batch_norm(inputs, is_training=flag, **arguments)
        message = tf1.train.export_meta_graph()
        mean = next(op.outputs[0] for op in built.get_operations() if op.name.endswith("/Merge_1"))
        names = [tensor.name for tensor in (inputs, flag, outputs, mean)]
    with graph(False) as imported:
        tf1.train.import_meta_graph(message)
        inputs, flag, outputs, mean = (imported.get_tensor_by_name(name) for name in names)
        gamma = next(v for v in tf1.trainable_variables() if v.op.name == "bn/gamma")
        wanted = [*tf1.gradients(outputs * direction, [inputs, gamma]), *tf1.gradients(mean, [inputs])]
        with session() as opened:
            trained, inferred = (opened.run(wanted, {inputs: x, flag: training}) for training in (True, False))
    samples = x[..., 0].size
    inverse = 1 / np.sqrt(x.var((0, 1, 2)) + 1e-3)
    xhat = (x - x.mean((0, 1, 2))) * inverse
    scaled = (direction * xhat).sum((0, 1, 2))
    by_inputs = 0.8 * inverse * (direction - (direction.sum((0, 1, 2)) + xhat * scaled) / samples)
    frozen = 1 / np.sqrt(1.7 + 1e-3)
    expected = [by_inputs, scaled, np.full(SHAPE, 1 / samples)]
    expected += [0.8 * frozen * direction, (direction * (x - 0.4) * frozen).sum((0, 1, 2)), np.zeros(SHAPE)]
    for value, number in zip([*trained, *inferred], expected):
        np.testing.assert_allclose(value, number, rtol=0, atol=2e-5 * np.abs(number).max())


def test_both_branches_share_their_switches():
    """Of inputs, beta and gamma, whose gradients then need no zeros: a third of the ops of a graph that trains."""
    with graph(False) as opened:
        inputs, flag = tf1.placeholder(tf.float32, [None, 8, 8, 4]), tf1.placeholder(tf.bool, [])
        outputs = tfbn.batch_norm(inputs, is_training=flag, scale=True)
        tf1.gradients(outputs, [inputs, *tf1.trainable_variables()])
        types = [op.type for op in opened.get_operations()]
    assert types.count("AddN") == 0
    assert len(types) <= 73  # the original: 109


def test_gradient_in_control_flow_v2_runs_one_kernel():
    """Not that of renorm's statistics as well, whose gradient is zero."""
    with graph(control_flow_v2=True) as opened:
        inputs, flag = tf1.placeholder(tf.float32, SHAPE), tf1.placeholder(tf.bool, [])
        outputs = tfbn.batch_norm(inputs, is_training=flag, **RENORM)
        tf1.gradients(outputs, [inputs])
        nodes = [node for function in opened.as_graph_def().library.function for node in function.node_def]
    assert [node.attr["is_training"].b for node in nodes if node.op == "FusedBatchNormGradV3"].count(True) == 1
