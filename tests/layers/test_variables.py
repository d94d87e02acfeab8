"""Variables by name where tensors are compared by value, so that no set can hold them; the rest is in parity."""

from __future__ import annotations

import pytest
import tensorflow.compat.v1 as tf

from tests.graph import regimes
from tfbn import layers


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
def test_exclusion_goes_by_identity(resource):
    """With TensorFlow 2's equality, as the tests have it."""
    with regimes.graph(resource):
        for name in ("net/a", "net/b", "head/a"):
            variable = tf.get_variable(name, [], initializer=tf.zeros_initializer())
        with pytest.raises(TypeError, match="unhashable"):
            hash(variable)
        found = [each.op.name for each in layers.get_variables_to_restore(exclude=["head", "net/b"])]
        assert found == ["net/a"]
