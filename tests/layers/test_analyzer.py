"""Sizes that are not known; the tables are compared in parity."""

from __future__ import annotations

import tensorflow.compat.v1 as tf

from tests.graph import regimes
from tfbn import layers


def test_unknown_shapes_count_nothing(capsys):
    """Also in the table, where the original fails."""
    with regimes.graph(resource=True):
        unknown = tf.Variable(tf.placeholder(tf.int32), validate_shape=False, name="unknown")
        known = tf.get_variable("known", [5], tf.float64)
        assert layers.analyze_vars(iter([unknown, known]), print_info=True) == (5, 40)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3:5] == ["unknown:0 (int32 unknown) [0, bytes: 0]", "known:0 (float64 5) [5, bytes: 40]"]
