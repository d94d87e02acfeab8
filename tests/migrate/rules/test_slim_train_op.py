"""`slim.learning.create_train_op`: which calls tfbn's can take, and which stay."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated, run


@pytest.mark.parametrize(
    "arguments",
    [
        "loss, optimizer",
        "loss, optimizer, step, ops, variables",
        "total_loss=loss, optimizer=optimizer, global_step=None, update_ops=ops, variables_to_train=variables",
        "loss, optimizer, summarize_gradients=True, gate_gradients=0, aggregation_method=None",
        "loss, optimizer, colocate_gradients_with_ops=True, check_numerics=False",
    ],
)
@pytest.mark.parametrize(
    ("imports", "name"),
    [
        ("import tensorflow.contrib.slim as slim", "slim.learning.create_train_op"),
        ("from tensorflow.contrib.slim.python.slim import learning", "learning.create_train_op"),
        ("from tf_slim.learning import create_train_op as make", "make"),
    ],
)
def test_calls_with_common_arguments(imports, name, arguments):
    """They go to tfbn as they are."""
    assert migrated(f"{imports}\n{name}({arguments})\n") == f"import tfbn\ntfbn.create_train_op({arguments})\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("loss, optimizer, clip_gradient_norm=4", "has no clip_gradient_norm"),
        ("loss, optimizer, clip_gradient_norm=0", "this one is the default: leave it out"),
        ("loss, optimizer, gradient_multipliers=factors", "has no gradient_multipliers"),
        ("loss, optimizer, None, None, None, 4", "after the 5th are passed by position"),
        ("loss, optimizer, **options", "cannot be read here"),
        ("*options", "cannot be read here"),
    ],
)
def test_calls_that_stay(arguments, reason):
    """The sixth argument means something else in tfbn, so nothing that might be it goes there."""
    source = f"import tensorflow.contrib.slim as slim\nslim.learning.create_train_op({arguments})\n"
    assert migrated(source) == source
    assert [name for name, _ in findings(source)] == ["dead-imports", "slim-train-op"]
    assert reason in run(source).findings[1].problem


def test_mentions_stay():
    """Who calls it with which arguments is not known."""
    source = "from tensorflow.contrib.slim.python.slim.learning import create_train_op\nmake(create_train_op)\n"
    assert migrated(source) == source
    assert ("slim-train-op", 2) in findings(source)
