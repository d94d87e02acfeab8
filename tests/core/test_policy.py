"""The dispatch table against the original's conditions, over every question there is."""

import itertools

import pytest
import tensorflow as tf

from tfbn.core import policy

FLAGS = ("fused", "batch_weights", "adjustment", "renorm", "zero_debias", "default_updates")
QUESTIONS = [
    policy.Question(dtype=tf.float32, rank=rank, **dict(zip(FLAGS, flags)))
    for rank in range(1, 7)
    for flags in itertools.product([False, True], repeat=len(FLAGS))
]


def expected(q):
    """The rows of the reference, in its own words."""
    possible = not q.batch_weights and not q.renorm and q.rank in (2, 4) and not q.adjustment
    if q.fused and possible and (q.zero_debias or q.rank == 2 or not q.default_updates):
        return "function-fused"
    if not q.batch_weights and q.default_updates and not q.zero_debias:
        return "core-fused" if q.fused and q.rank == 4 and not q.renorm and not q.adjustment else "core"
    return "renorm-anywhere" if q.renorm else "legacy"


def test_every_question_finds_the_row_of_the_original():
    found = {q: policy.resolve(q).name for q in QUESTIONS}
    assert found == {q: expected(q) for q in QUESTIONS}
    assert set(found.values()) == {row.name for row in policy.TABLE}


@pytest.mark.parametrize(
    ("row", "half", "double"),
    [
        (policy.FUNCTION_FUSED, tf.float32, tf.float64),
        (policy.CORE_FUSED, tf.float32, tf.float64),
        (policy.CORE, tf.float32, tf.float64),
        (policy.LEGACY, tf.float16, tf.float64),
    ],
)
def test_parameter_dtype(row, half, double):
    assert row.param_dtype(tf.float16) == half
    assert row.param_dtype(tf.float64) == double
    assert row.param_dtype(tf.float32) == tf.float32
