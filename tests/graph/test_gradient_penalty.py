"""Second-order gradients: the penalty of WGAN-GP (arXiv:1704.00028) through every path, against the plain formula."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph, session

tf1 = tf.compat.v1
SHAPE = (6, 4, 5, 3)
CHANNELS = SHAPE[-1]
EPSILON = 1e-3
RANDOM = np.random.RandomState(17)
MASK = RANDOM.random_sample(SHAPE[:3]) > 0.4
WEIGHTS = np.linspace(0.5, 1.5, SHAPE[0])
GAMMA, BETA = np.linspace(0.6, 1.4, CHANNELS), np.linspace(-0.5, 0.5, CHANNELS)
CLIPPING = {"rmin": 1 / 3, "rmax": 3.0, "dmax": 5.0}
PATHS = {
    "default": {},
    "dynamic": {},
    "inline": {"updates_collections": None},
    "zero debias": {"zero_debias_moving_mean": True},
    "placeholder": {},
    "placeholder v2": {},
    "placeholder v2, rank 2": {},
    "placeholder v2, renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "placeholder v2, mask": {"mask": MASK},
    "body v2": {},
    "inference": {"is_training": False},
    "rank 2": {},
    "rank 3": {},
    "rank 5": {},
    "composed": {"fused": False},
    "renorm": {"renorm": True, "renorm_clipping": CLIPPING},
    "adjustment": {"adjustment": lambda shape: (tf.constant([1.1, 0.9, 1.3]), tf.constant([0.1, -0.2, 0.3]))},
    "weights": {"batch_weights": WEIGHTS},
    "mask": {"mask": MASK},
    "renorm of weights": {"renorm": True, "renorm_clipping": CLIPPING, "batch_weights": WEIGHTS},
    "virtual batches": {"virtual_batch_size": 3},
    "NCHW": {"data_format": "NCHW"},
    "NCHW composed": {"data_format": "NCHW", "fused": False},
    "NCHW renorm": {"data_format": "NCHW", "renorm": True, "renorm_clipping": CLIPPING},
    "NCHW mask": {"data_format": "NCHW", "mask": MASK},
    "float64": {},
}
VIEWS = {"rank 2": (-1, 3), "placeholder v2, rank 2": (-1, 3), "rank 3": (6, -1, 3), "rank 5": (3, 2, 4, 5, 3)}


def viewed(path, values):
    return np.moveaxis(values, -1, 1) if path.startswith("NCHW") else values.reshape(VIEWS.get(path, values.shape))


def as_nhwc(path, values):
    return np.moveaxis(values, 1, -1) if path.startswith("NCHW") else values.reshape(SHAPE)


def penalties(outputs, x, direction, gamma):
    """The gradient of a critic by its inputs, and of the penalty on that gradient's length by inputs and gamma."""
    critic = tf.reduce_sum(tf.tanh(outputs) * direction)
    (slope,) = tf.gradients(critic, [x])
    length = tf.norm(tf.reshape(slope, [SHAPE[0], -1]), axis=1)  # of each sample, whatever the view
    penalty = tf.reduce_sum(tf.square(length - 1.0))
    return [slope, *tf.gradients(penalty, [x, gamma])]


def plain(path, x, gamma):
    """The formulas as they stand, for automatic differentiation."""
    if path == "inference":
        return (x - 0.3) / np.sqrt(1.7 + EPSILON) * gamma + BETA
    groups = 2 if path == "virtual batches" else 1
    # Virtual batch j takes the samples j, j + 2 and so on.
    x = tf.reshape(x, [SHAPE[0] // groups, groups, *SHAPE[1:]])
    weights = np.ones(SHAPE[:3])
    weights = WEIGHTS.reshape(-1, 1, 1) * weights if path.endswith("weights") else weights
    weights = weights * MASK if path.endswith("mask") else weights
    weights = weights.reshape(-1, groups, *SHAPE[1:3], 1)
    total = weights.sum((0, 2, 3), keepdims=True)
    mean = tf.reduce_sum(weights * x, [0, 2, 3], keepdims=True) / total
    variance = tf.reduce_sum(weights * tf.square(x - mean), [0, 2, 3], keepdims=True) / total
    stddev = tf.sqrt(variance + EPSILON)
    xhat = (x - mean) / stddev
    if "renorm" in path:
        # Of averages of 0 and 1.
        r = tf.stop_gradient(tf.clip_by_value(stddev, CLIPPING["rmin"], CLIPPING["rmax"]))
        xhat = xhat * r + tf.stop_gradient(tf.clip_by_value(mean, -CLIPPING["dmax"], CLIPPING["dmax"]))
    if path == "adjustment":
        xhat = xhat * np.array([1.1, 0.9, 1.3]) + np.array([0.1, -0.2, 0.3])
    return tf.reshape(xhat * gamma + BETA, SHAPE)


@pytest.mark.parametrize("path", PATHS)
def test_penalty_matches_autodiff_of_the_plain_formula(path):
    x = oracle.batch(SHAPE, seed=3)
    direction = np.random.RandomState(5).standard_normal(SHAPE)
    with tf.Graph().as_default(), tf1.Session() as opened:
        inputs, gamma = tf.constant(x), tf.constant(GAMMA)
        expected = opened.run(penalties(plain(path, inputs, gamma), inputs, direction, gamma))
    dtype = np.float64 if path == "float64" else np.float32
    with graph(control_flow_v2="v2" in path):
        arguments = dict(PATHS[path])
        ours = viewed(path, x).astype(dtype)
        inputs = tf1.placeholder(dtype, [None, *ours.shape[1:]] if path == "dynamic" else ours.shape)
        feeds = {inputs: ours}
        if path.startswith("placeholder"):
            arguments["is_training"] = tf1.placeholder(tf.bool, [])
            feeds[arguments["is_training"]] = True
        starts = {"gamma": tf.constant_initializer(GAMMA), "beta": tf.constant_initializer(BETA)}
        if path == "inference":
            starts.update(moving_mean=tf.constant_initializer(0.3), moving_variance=tf.constant_initializer(1.7))

        def layer():
            return tfbn.batch_norm(
                inputs, 0.5, scale=True, epsilon=EPSILON, param_initializers=starts, scope="bn", **arguments
            )

        if path == "body v2":
            feeds[tf1.placeholder(tf.bool, [], name="taken")] = True
            outputs = tf1.cond(*[key for key in feeds if key is not inputs], layer, lambda: inputs)
        else:
            outputs = layer()
        gamma = next(v for v in tf1.trainable_variables() if v.op.name == "bn/gamma")
        found = penalties(outputs, inputs, viewed(path, direction).astype(dtype), gamma)
        with session() as opened:
            slope, of_inputs, of_gamma = opened.run(found, feeds)
    # A second derivative divides by the deviation, of 0.5 and up, three times: some hundred roundings of the largest.
    for ours, theirs in zip((as_nhwc(path, slope), as_nhwc(path, of_inputs), of_gamma), expected):
        bound = (1e-12 if path == "float64" else 3e-5) * np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)
        assert np.abs(theirs).max() > 0.01
