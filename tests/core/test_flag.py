"""A flag is a bool where it is known, and a tensor where each run evaluates it."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfbn.core.flag import Flag

tf1 = tf.compat.v1


@pytest.mark.parametrize(("one", "other"), itertools.product([True, False], repeat=2))
def test_known_flags_need_no_op(one, other):
    with tf.Graph().as_default() as graph:
        both = Flag(one) & Flag(other)
        assert both == Flag(one and other)
        assert (both.always, both.never, both.tensors) == (one and other, not (one and other), [])
        assert both.boolean() is both
        assert graph.get_operations() == []


@pytest.mark.parametrize("swapped", [False, True])
def test_a_known_flag_and_one_that_a_run_evaluates(swapped):
    with tf.Graph().as_default() as graph:
        tensor = tf1.placeholder(tf.bool, [])
        pairs = [(Flag(known), Flag(tensor)) for known in (True, False)]
        always, never = (b & a if swapped else a & b for a, b in pairs)
        assert always.value is tensor
        assert (always.always, always.never, always.tensors) == (False, False, [tensor])
        assert never == Flag(False)
        assert graph.get_operations() == [tensor.op]


@pytest.mark.parametrize(("one", "other"), itertools.product([0, 3], [True, False]))
def test_numbers_and_booleans(one, other):
    """A number of samples is True where there are any; a variable is read."""
    both = Flag(tf.constant(one)) & Flag(tf.Variable(other))
    assert both.value.dtype == tf.bool
    assert bool(both.value) == (one > 0 and other)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, [1.5, 2.5]), (False, [0.0, 0.0]), (7, [1.5, 2.5]), (0, [0.0, 0.0])],
)
def test_where(value, expected):
    flag = Flag(value if isinstance(value, bool) else tf.constant(value))
    np.testing.assert_array_equal(flag.where(tf.constant([1.5, 2.5], tf.float64), 0.0), expected)


def test_where_keeps_what_is_certain():
    value = tf.constant(1.0)
    assert Flag(True).where(value, 0.0) is value


def test_cast():
    assert [float(Flag(value).cast(tf.float32)) for value in (True, False, tf.constant(5))] == [1.0, 0.0, 5.0]


def test_python_has_no_answer():
    """Where `if flag:` would be True of every flag."""
    with pytest.raises(TypeError, match="Flag: expected a value that is known when the graph is built"):
        bool(Flag(False))
