"""The share of a batch in the next moving average."""

import numpy as np
import pytest
import tensorflow as tf

from tfbn.core.averages import update_rate
from tfbn.core.flag import Flag


@pytest.mark.parametrize("decay", [0.999, 0.9, 0.3])
def test_precision_of_the_difference(decay):
    """In float64 and rounded, or in float32, where 1 - 0.999 is off by a part in 80,000."""
    rounded, single = (update_rate(decay, tf.float32, Flag(True), single).numpy() for single in (False, True))
    assert rounded == np.float32(1.0 - decay)
    assert single == np.float32(1.0) - np.float32(decay)
    assert (rounded == single) == (decay == 0.3)


@pytest.mark.parametrize("number, share", [(True, 0.1), (False, 0.0), (0, 0.0), (5, 0.1)])
def test_nothing_where_it_does_not_train(number, share):
    """By a boolean, or by a number that is 0 for False."""
    assert update_rate(0.9, tf.float32, Flag(tf.constant(number))).numpy() == np.float32(share)
