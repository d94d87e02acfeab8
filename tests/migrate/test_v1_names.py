"""The names that tell TF1 code, against the installed TensorFlow."""

from __future__ import annotations

import functools

import pytest
import tensorflow as tf

from tfbn.migrate import v1_names


def has(module, name):
    """Whether a name such as `train.Saver` is there."""
    try:
        functools.reduce(getattr, name.split("."), module)
    except AttributeError:
        return False
    return True


def test_names_of_v1():
    """compat.v1 has them, TensorFlow 2 has not."""
    assert [name for name in sorted(v1_names.V1_ONLY) if not has(tf.compat.v1, name) or has(tf, name)] == []
    assert [name for name in v1_names.OF_PROGRAMS if not has(tf.compat.v1, name)] == []


def test_names_of_v2():
    """The other way round; optimizers came to TensorFlow after 2.12."""
    there = [name for name in sorted(v1_names.V2_ONLY) if has(tf, name)]
    assert len(there) >= len(v1_names.V2_ONLY) - 1
    assert [name for name in there if has(tf.compat.v1, name)] == []


@pytest.mark.parametrize(
    ("name", "v1", "v2"),
    [
        ("train.Saver", True, False),
        ("train.Saver.restore", True, False),
        ("train.Checkpoint", False, False),
        ("placeholder", True, False),
        ("losses.MeanSquaredError", False, True),
        ("losses.Reduction.NONE", False, False),
        ("losses.log_loss", True, False),
        ("random.set_seed", False, True),
        ("nn.relu", False, False),
    ],
)
def test_lookup(name, v1, v2):
    """By the first part, or the first two."""
    assert (v1_names.is_of_v1_only(name), v1_names.is_of_v2_only(name)) == (v1, v2)
