"""Variables by name where no set can hold them; everything else about them is compared in parity."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf

from tfbn import layers


def test_exclusion_goes_by_identity():
    """In a function variables have no hash, and == compares their values."""
    found = []

    def build():
        for name in ("net/a", "net/b", "head/a"):
            variable = tf.get_variable(name, [], initializer=tf.zeros_initializer())
        with pytest.raises(TypeError, match="unhashable"):
            hash(variable)
        found.extend(each.name.partition(":")[0] for each in layers.get_variables_to_restore(exclude=["head", "net/b"]))
        return tf.zeros([])

    tf.wrap_function(build, [])
    assert found == ["net/a"]
