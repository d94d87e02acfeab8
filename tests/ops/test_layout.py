import numpy as np
import pytest
import tensorflow as tf

from tfbn.ops.layout import layout_of


@pytest.mark.parametrize(
    ("shape", "data_format", "axis", "reduction"),
    [
        ([5], "NHWC", 0, []),
        ([4, 5], "NHWC", 1, [0]),
        ([4, 5], "NCHW", 1, [0]),
        ([4, 3, 2, 5], "NHWC", 3, [0, 1, 2]),
        ([4, 5, 3, 2], "NCHW", 1, [0, 2, 3]),
        ([4, 3, 2, 2, 5], "NHWC", 4, [0, 1, 2, 3]),
        ([4, 5, 3, 2, 2, 2], "NCHW", 1, [0, 2, 3, 4, 5]),
    ],
)
def test_axes(shape, data_format, axis, reduction):
    layout = layout_of(tf.TensorShape(shape), [axis], data_format)
    assert (layout.rank, layout.axes, layout.channels) == (len(shape), (axis,), 5)
    assert layout.param_shape == [5]
    assert layout.reduction_axes == reduction


def test_broadcast_multiplies_the_channels():
    x = tf.constant(np.random.RandomState(0).standard_normal([4, 5, 3, 2]) + 2)
    v = tf.constant(np.arange(1.0, 6.0))
    expected = x.numpy() * np.arange(1.0, 6.0).reshape(1, 5, 1, 1)
    np.testing.assert_array_equal(x * layout_of(x.shape, [1]).broadcast(v), expected)


def test_trailing_channels_broadcast_by_themselves():
    v = tf.ones([5])
    assert layout_of(tf.TensorShape([4, 3, 5]), [2]).broadcast(v) is v


@pytest.mark.parametrize(("data_format", "viewed"), [("NHWC", [1, 4, 1, 5]), ("NCHW", [4, 5, 1, 1])])
def test_rank_2_is_viewed_as_rank_4_and_restored(data_format, viewed):
    x = tf.constant(np.random.RandomState(0).standard_normal([4, 5]) + 2)
    layout = layout_of(x.shape, [1], data_format)
    assert layout.view_4d(x).shape == viewed
    np.testing.assert_array_equal(layout.restore(layout.view_4d(x), x), x)


def test_rank_4_is_its_own_view():
    x = tf.zeros([4, 3, 2, 5])
    layout = layout_of(x.shape, [3])
    assert layout.view_4d(x) is x
    assert layout.restore(x, x) is x


def test_several_axes_keep_their_places():
    layout = layout_of(tf.TensorShape([4, 3, 2, 5]), [1, 3])
    assert layout.param_shape == [1, 3, 1, 5]
    assert layout.reduction_axes == [0, 2]
    parameter = tf.ones([1, 3, 1, 5])
    assert layout.broadcast(parameter) is parameter


@pytest.mark.parametrize(
    ("axis", "shape", "reduction"), [(3, [1, 1, 1, 1, 5], [0, 2, 3]), (1, [1, 1, 3, 1, 1], [0, 3, 4])]
)
def test_virtual_batches_take_an_axis_of_their_own(axis, shape, reduction):
    layout = layout_of(tf.TensorShape([None, 3, 2, 5]), [axis], virtual_batch_size=2, flat=False)
    assert layout.param_shape == shape
    assert layout.reduction_axes == reduction
    flat = layout._replace(flat=True)
    assert flat.param_shape == [max(shape)]
    assert flat.broadcast(tf.ones([max(shape)])).shape in ([max(shape)], shape)


def test_a_virtual_batch_takes_every_so_many_samples():
    x = tf.constant(np.arange(6.0))[:, None]
    layout = layout_of(x.shape, [1], virtual_batch_size=2)
    viewed = layout.view_virtual(x)
    np.testing.assert_array_equal(viewed[:, 1, 0], [1.0, 4.0])
    np.testing.assert_array_equal(layout.restore(viewed, x), x)


@pytest.mark.parametrize(
    ("shape", "samples", "is_constant"),
    [([None, 3], 4, True), ([None, 2, 3], 4, True), ([None, None, 3], 4, False), ([None, 0, 3], 4, False)],
    ids=str,
)
def test_restored_shape_is_a_constant_where_one_size_is_unknown(shape, samples, is_constant):
    """For a Shape op TensorFlow would search all of a graph that precedes it."""
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, shape)
        layout = layout_of(x.shape, [len(shape) - 1])
        view = tf.reshape(x, [-1, 1, 1, 3])
        before = len(graph.get_operations())
        restored = layout.restore(view, x)
        added = [op.type for op in graph.get_operations()[before:]]
        fed = np.random.RandomState(5).normal(2.0, 1.0, [samples, *(2 if size is None else size for size in shape[1:])])
        found = session.run(restored, {x: fed})
    assert ("Shape" not in added) == is_constant
    np.testing.assert_array_equal(found, fed.astype(np.float32))
