"""`tf.contrib.training.create_train_op`."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import migrated


@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import tensorflow.contrib.training as t", "t.create_train_op"),
        ("from tensorflow.contrib.training.python.training import training", "training.create_train_op"),
        ("from tensorflow import contrib", "contrib.training.create_train_op"),
    ],
)
def test_attributes(imports, name):
    """The arguments stay, those by position too, since both have the same."""
    call = "step = {}(loss, optimizer, None, ops, variables, transform, True)\n"
    assert migrated(f"{imports}\n{call.format(name)}") == f"import tfbn\n{call.format('tfbn.create_train_op')}"
