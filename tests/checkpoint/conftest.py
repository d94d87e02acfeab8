"""What several tests of checkpoints write."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf


@pytest.fixture
def small():
    """Variables of every kind of dtype that a Saver writes."""
    random = np.random.default_rng(1)
    return {
        "a/float32": random.normal(2.0, 1.0, [3, 5]).astype(np.float32),
        "a/float64": random.normal(2.0, 1.0, [4]),
        "a/float16": random.normal(2.0, 1.0, [4]).astype(np.float16),
        "a/bfloat16": random.normal(2.0, 1.0, [4]).astype(tf.bfloat16.as_numpy_dtype),
        "b/int64": np.array(7, np.int64),
        "b/bool": np.array([True, False]),
        "b/complex64": np.array([1 + 2j], np.complex64),
        "b/string": np.array([b"ends in zeros\x00\x00", b""], dtype=object),
        "empty": np.zeros([0, 3], np.float32),
    }
