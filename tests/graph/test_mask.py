"""mask and virtual_batch_size of batch_norm, against the oracle."""

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
DECAY, EPSILON = 0.8, 1e-3
# float32 against float64: some ten roundings of 6e-8 of terms up to 20.
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}
MASKS = {
    "samples": ([6, 4, 3, 5], [6]),
    "sequence": ([6, 7, 5], [6, 7]),
    "image": ([6, 4, 3, 5], [6, 4, 3]),
    "image with channels": ([6, 4, 3, 5], [6, 4, 3, 1]),
    "broadcast": ([6, 4, 3, 5], [6, 1, 3]),
    "rank 2": ([16, 5], [16]),
    "rank 5": ([6, 2, 4, 3, 5], [6, 2, 4]),
}


def random_mask(shape, kind, seed=5):
    random = np.random.RandomState(seed)
    mask = random.uniform(size=shape) > 0.4
    return mask if kind == "bool" else (mask * random.uniform(0.3, 2.0, shape)).astype(np.float32)


def positions(x, mask, weights=None):
    """What each element of x (channels last) counts."""
    counted = np.reshape(mask, [*mask.shape, *[1] * (x.ndim - mask.ndim)]).astype(float)
    if weights is not None:
        counted = counted * weights.reshape([-1] + [1] * (x.ndim - 1))
    return np.broadcast_to(counted, x.shape)


def statistics(x, counted):
    """Mean, biased variance and total weight per channel."""
    axes = tuple(range(x.ndim - 1))
    total = counted.sum(axes)
    mean = (counted * np.nan_to_num(x)).sum(axes) / total
    return mean, (counted * np.nan_to_num(x - mean) ** 2).sum(axes) / total, total


def one_step(x, axis, **arguments):
    """Outputs, variables after one step, and inference afterwards; x has its channels last, axis 1 moves them."""
    moved = np.moveaxis(x, -1, axis).astype(np.float32)
    if axis == 1:
        arguments["data_format"] = "NCHW"
    inputs = tf1.placeholder(tf.float32, [None, *moved.shape[1:]])
    is_training = tf1.placeholder_with_default(True, [])
    y = tfbn.batch_norm(inputs, DECAY, scale=True, is_training=is_training, scope="bn", **arguments)
    with session() as opened:
        (gamma,) = (variable for variable in tf1.trainable_variables() if variable.op.name == "bn/gamma")
        opened.run(tf1.assign(gamma, np.linspace(0.5, 2, x.shape[-1])))
        found, *_ = opened.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)], {inputs: moved})
        state = {name.rpartition("/")[2]: value for name, value in values(opened).items()}
        after = opened.run(y, {inputs: moved, is_training: False})
    return np.moveaxis(found, axis, -1), state, np.moveaxis(after, axis, -1)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("name", MASKS)
def test_mask(name, axis, kind, weighted):
    shape, mask_shape = MASKS[name]
    x, mask = oracle.batch(shape), random_mask(mask_shape, kind)
    weights = np.linspace(0.5, 2.0, shape[0]).astype(np.float32) if weighted else None
    counted = positions(x, mask, weights)
    given = np.moveaxis(mask, -1, 1) if axis == 1 and mask.ndim == x.ndim else mask
    with graph():
        found, state, after = one_step(x, axis, mask=given, batch_weights=weights)
    mean, variance, total = statistics(x, counted)
    gamma, beta = state["gamma"], state["beta"]
    np.testing.assert_allclose(found, oracle.normalize(x, mean, variance, gamma, beta, EPSILON), **TOLERANCE)
    # The estimator is that of the path that the call takes without its mask.
    if not weighted and len(shape) in (2, 4):
        variance = variance * total / np.maximum(total - 1, 1)
    np.testing.assert_allclose(state["moving_mean"], (1 - DECAY) * mean, **TOLERANCE)
    np.testing.assert_allclose(state["moving_variance"], DECAY + (1 - DECAY) * variance, **TOLERANCE)
    moving = [state["moving_mean"].astype(float), state["moving_variance"].astype(float)]
    np.testing.assert_allclose(after, oracle.normalize(x, *moving, gamma, beta, EPSILON), **TOLERANCE)


PATHS = {
    "inline": {"updates_collections": None},
    "named": {"updates_collections": "named"},
    "composed": {"fused": False},
    "zero debias": {"zero_debias_moving_mean": True},
    "renorm": {"renorm": True, "renorm_clipping": {"rmin": 0.5, "rmax": 2.0, "dmax": 3.0}},
    "virtual": {"virtual_batch_size": 3},
}


@pytest.mark.parametrize(("resource", "v2"), REGIMES, ids=NAMES)
@pytest.mark.parametrize("path", PATHS)
def test_a_mask_of_samples_is_the_batch_without_them(path, resource, v2):
    """On every path: state and outputs of a smaller batch, whatever the masked samples hold."""
    x = oracle.batch([8, 3, 2, 5])
    kept = np.array([0, 2, 3, 4, 6, 7])
    mask = np.isin(np.arange(8), kept)
    arguments = dict(PATHS[path])
    if path == "virtual":
        # Virtual batches of 4 take the samples 0, 2, 4, 6 and 1, 3, 5, 7, of 3 those of every other of the six kept.
        kept, arguments_of_all = np.array([0, 3, 2, 5, 4, 7]), {"virtual_batch_size": 4}
        mask = np.isin(np.arange(8), kept)
    else:
        arguments_of_all = arguments
    filled = x.copy()
    filled[~mask] = 1e6
    found, expected = [], []
    for batch, given, results in ((filled, {**arguments_of_all, "mask": mask}, found), (x[kept], arguments, expected)):
        with graph(resource, v2):
            results.extend(one_step(batch, -1, **given))
    np.testing.assert_allclose(found[0][kept], expected[0], **TOLERANCE)
    assert set(found[1]) == set(expected[1])
    for name, value in expected[1].items():
        np.testing.assert_allclose(found[1][name], value, **TOLERANCE, err_msg=name)


@pytest.mark.parametrize("fused", [None, False])
def test_masked_positions_may_hold_anything(fused):
    x = oracle.batch([6, 4, 3, 5])
    mask = random_mask([6, 4, 3], "bool")
    mean, variance, _ = statistics(x, positions(x, mask))
    x[~mask] = np.nan
    with graph():
        found, state, _ = one_step(x, -1, mask=mask, fused=fused)
    expected = oracle.normalize(x, mean, variance, state["gamma"], epsilon=EPSILON)
    np.testing.assert_allclose(found[mask], expected[mask], **TOLERANCE)
    np.testing.assert_allclose(state["moving_mean"], (1 - DECAY) * mean, **TOLERANCE)


@pytest.mark.parametrize("arguments", [{}, {"zero_debias_moving_mean": True}, {"renorm": True}, {"fused": False}])
def test_empty_mask_normalizes_by_moving_statistics(arguments):
    x = oracle.batch([6, 4, 3, 5])
    with graph():
        found, state, _ = one_step(x, -1, mask=np.zeros(6, bool), **arguments)
    ones = ("moving_variance", "moving_stddev", "renorm_stddev")
    for name, value in state.items():
        if name != "gamma":
            np.testing.assert_array_equal(value, np.full_like(value, name in ones), err_msg=name)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("renorm", [False, True])
@pytest.mark.parametrize("fused", [None, False])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("shape", [[6, 4, 3, 5], [6, 5], [6, 4, 5]])
def test_virtual_batches(shape, axis, fused, renorm):
    x, size = oracle.batch(shape), 3
    with graph():
        found, state, after = one_step(x, axis, virtual_batch_size=size, fused=fused, renorm=renorm)
    groups = [x[start :: len(x) // size] for start in range(len(x) // size)]
    moments = [oracle.moments(group) for group in groups]
    mean = np.mean([m for m, _ in moments], 0)
    # The estimator of the path that the call takes without virtual batches.
    unbiased = fused is None and not renorm and len(shape) in (2, 4)
    variance = np.mean([oracle.unbiased(g, v) if unbiased else v for g, (_, v) in zip(groups, moments)], 0)
    r, d = 1.0, 0.0
    if renorm:
        # renorm's averages start at a mean of 0 and a deviation of 1.
        r, d = np.sqrt(variance + EPSILON), mean
    for start, (group, own) in enumerate(zip(groups, moments)):
        expected = oracle.normalize(group, *own, state["gamma"], epsilon=EPSILON, r=r, d=d)
        scale = np.abs(expected).max() if renorm else 1.0
        np.testing.assert_allclose(found[start :: len(x) // size] / scale, expected / scale, **TOLERANCE)
    np.testing.assert_allclose(state["moving_mean"], (1 - DECAY) * mean, **TOLERANCE)
    if not renorm:
        np.testing.assert_allclose(state["moving_variance"], DECAY + (1 - DECAY) * variance, **TOLERANCE)
    moving = [state["moving_mean"].astype(float), state["moving_variance"].astype(float)]
    np.testing.assert_allclose(after, oracle.normalize(x, *moving, state["gamma"], epsilon=EPSILON), **TOLERANCE)


def test_empty_virtual_batches_are_omitted():
    x = oracle.batch([6, 4, 3, 5])
    mask = np.array([1, 0, 1, 0, 1, 0], bool)  # all of virtual batch 1
    with graph():
        _, state, _ = one_step(x, -1, mask=mask, virtual_batch_size=3)
    np.testing.assert_allclose(state["moving_mean"], (1 - DECAY) * oracle.moments(x[::2])[0], **TOLERANCE)


def test_a_batch_that_virtual_batches_do_not_divide():
    with graph():
        with pytest.raises(ValueError, match="virtual_batch_size: expected a divisor of the batch size 7, got 3"):
            tfbn.batch_norm(tf.zeros([7, 5]), virtual_batch_size=3)
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected a divisor of the batch size, got 3"):
            one_step(oracle.batch([7, 5]), -1, virtual_batch_size=3)


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        ([4, 5], {"adjustment": lambda shape: (1.0, 0.0)}, "virtual_batch_size, adjustment cannot be specified"),
        ([6], {}, "axis cannot include 0"),
    ],
)
def test_refused_virtual_batches(shape, arguments, message):
    with graph() as opened:
        with pytest.raises(ValueError, match=message):
            tfbn.batch_norm(tf1.placeholder(tf.float32, shape), virtual_batch_size=2, **arguments)
        assert not opened.get_all_collection_keys()


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (np.ones([5]), ValueError, r"mask: expected a shape that broadcasts against \(6, 4, 3, 5\) without its"),
        (np.ones([6, 4, 3, 5]), ValueError, r"such as \[6\] or \[6, 4, 3\], got \(6, 4, 3, 5\)"),
        (np.ones([6, 4, 3, 1, 1]), ValueError, "mask: expected a shape"),
        (np.full([6], "yes"), TypeError, "mask: expected booleans or real numbers, got string"),
    ],
)
def test_refused_masks(mask, error, message):
    with graph() as opened:
        inputs = tf1.placeholder(tf.float32, [6, 4, 3, 5])
        with pytest.raises(error, match=message):
            tfbn.batch_norm(inputs, mask=mask)
        assert not tf1.global_variables()
        assert not opened.get_all_collection_keys()


def test_a_weight_of_zero_in_rank_1_leaves_its_channel():
    """Without a batch axis every channel is a sample of its own, and weighs by itself."""
    x, weights = np.linspace(1.0, 5.0, 5), np.array([1.0, 0.0, 2.0, 1.0, 0.5], np.float32)
    with graph():
        y = tfbn.batch_norm(tf.constant(x, tf.float32), DECAY, scope="bn", batch_weights=weights)
        with session() as opened:
            found, *_ = opened.run([y, tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)])
            state = values(opened)
    own = weights > 0
    np.testing.assert_allclose(state["bn/moving_mean"], np.where(own, (1 - DECAY) * x, 0), rtol=1e-6)
    np.testing.assert_allclose(state["bn/moving_variance"], np.where(own, DECAY, 1), rtol=1e-6)
    np.testing.assert_allclose(found, np.where(own, 0, x / np.sqrt(1 + EPSILON)), rtol=1e-6)
