"""`slim.losses`: every argument keeps its meaning although the order is another."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests.migrate.helpers import findings, migrated, run
from tfbn.migrate.names import KNOWN
from tfbn.migrate.rules.slim_losses import ARGUMENTS

NAMES = sorted(leaf for (_, leaf), known in KNOWN.items() if known.rule == "slim-losses")
IMPORTS = "import tensorflow as tf\nimport tensorflow.contrib.slim as slim\n"


def after(call: str) -> str:
    """What becomes of a call of slim.losses."""
    result = migrated(f"{IMPORTS}{call}\n")
    assert result.startswith("import tensorflow as tf\n")
    return result.partition("\n")[2].rstrip("\n")


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_exists_in_todays_function(name):
    """What is written by name is a name there."""
    function = inspect.signature(getattr(tf.compat.v1.losses, name))
    assert set(ARGUMENTS[name] or ()) <= set(function.parameters)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("log_loss(p, y)", "log_loss(predictions=p, labels=y)"),
        ("log_loss(p, y, 2.0, 1e-5, 'l')", "log_loss(predictions=p, labels=y, weights=2.0, epsilon=1e-5, scope='l')"),
        ("log_loss(p, labels=y)", "log_loss(predictions=p, labels=y)"),
        ("log_loss(labels=y, predictions=p)", "log_loss(labels=y, predictions=p)"),
        ("log_loss((p), (yield))", "log_loss(predictions=(p), labels=(yield))"),
        (
            "sigmoid_cross_entropy(f(a, b), tf.zeros_like(x))",
            "sigmoid_cross_entropy(logits=f(a, b), multi_class_labels=tf.zeros_like(x))",
        ),
        (
            "softmax_cross_entropy(l, y, 1, 0.1)",
            "softmax_cross_entropy(logits=l, onehot_labels=y, weights=1, label_smoothing=0.1)",
        ),
        ("cosine_distance(p, y, 1)", "cosine_distance(predictions=p, labels=y, axis=1)"),
        ("hinge_loss(l, y,)", 'hinge_loss(logits=l, labels=y, reduction="none", loss_collection=None,)'),
        ("mean_squared_error(p, y, scope='s')", "mean_squared_error(predictions=p, labels=y, scope='s')"),
        ("add_loss(x, 'mine')", "add_loss(x, 'mine')"),
        ("get_total_loss(False)", "get_total_loss(False)"),
        ("get_total_loss", "get_total_loss"),
        ("log_loss(\n    p,  # ours\n    y)", "log_loss(\n    predictions=p,  # ours\n    labels=y)"),
    ],
)
def test_calls(call, expected):
    """Arguments by position get the names that 1.15.5 had for them."""
    assert after(f"def f(): slim.losses.{call}") == f"def f(): tf.compat.v1.losses.{expected}"


@pytest.mark.parametrize(
    ("call", "reported"),
    [
        ("mean_squared_error(p, y, weights=w)", True),
        ("mean_squared_error(p, y, w)", True),
        ("log_loss(p, y, tf.ones([4]), 1e-5)", True),
        ("cosine_distance(p, y, 1, w)", True),
        ("cosine_distance(p, y, 1)", False),
        ("compute_weighted_loss(x, w)", True),
        ("compute_weighted_loss(x)", False),
        ("compute_weighted_loss", False),
        ("absolute_difference(p, y, 2)", False),
        ("absolute_difference(p, y, weights=0.5)", False),
        ("absolute_difference(p, y, scope=s)", False),
        ("softmax_cross_entropy(l, y, w)", False),  # its losses are one for each sample
    ],
)
def test_weights_of_samples_are_reported(call, reported):
    """Rewritten all the same: weights of the rank of the losses work on."""
    result = run(f"{IMPORTS}y = tf.f(slim.losses.{call})\n")
    assert b"tf.compat.v1.losses." in result.after
    found = [finding for finding in result.findings if finding.kind == "slim-losses"]
    assert len(found) == reported
    for finding in found:
        assert "took one weight for each sample" in finding.problem
        assert "weights[:, tf.newaxis]" in finding.remedy


def test_weights_of_samples_by_the_advice():
    """TensorFlow refuses them as they were; with the dimension the loss is the mean over elements of weight not 0."""
    random = np.random.RandomState(0)
    p, y, w = random.uniform(1.0, 3.0, [4, 3]), random.uniform(0.0, 1.0, [4, 3]), np.array([1.0, 2.0, 0.0, 1.0])
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        with pytest.raises(ValueError, match="weights can not be broadcast"):
            tf.compat.v1.losses.mean_squared_error(labels=y, predictions=p, weights=w)
        loss = tf.compat.v1.losses.mean_squared_error(labels=y, predictions=p, weights=w[:, tf.newaxis])
        # 1.15.5: contrib divides by the number of elements of samples whose weight is not 0.
        expected = (w[:, None] * (p - y) ** 2).sum() / 9
        np.testing.assert_allclose(session.run(loss), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("log_loss", "it is not called here"),
        ("log_loss(*both)", "cannot be read here"),
        ("log_loss(p, y, **options)", "cannot be read here"),
        ("log_loss(p, y, weight=2.0)", "no argument weight"),
        ("log_loss()", "it takes 5 arguments"),
        ("hinge_loss(l, y, 's', 2.0)", "it takes 3 arguments"),
    ],
)
def test_calls_that_stay(call, reason):
    """A loss whose arguments cannot be told apart is the user's."""
    source = f"{IMPORTS}y = tf.f(slim.losses.{call})\n"
    assert migrated(source) == source
    (found,) = [finding for finding in run(source).findings if finding.kind == "slim-losses"]
    assert reason in found.problem


def test_the_loss_that_has_other_numbers_is_reported():
    """mean_pairwise_squared_error divides by another count in tf.compat.v1.losses."""
    source = f"{IMPORTS}y = tf.f(slim.losses.mean_pairwise_squared_error(p, y))\n"
    assert migrated(source) == source
    assert findings(source) == [("dead-imports", 2), ("leftovers", 3)]
    assert "other numbers" in run(source).findings[1].remedy


@pytest.mark.parametrize(
    ("imports", "name", "new_imports", "new_name"),
    [
        ("import tensorflow.compat.v1 as tf", "tf.contrib.losses", "import tensorflow.compat.v1 as tf", "tf.losses"),
        ("import tensorflow as T", "T.contrib.slim.losses", "import tensorflow as T", "T.compat.v1.losses"),
        ("from tensorflow.contrib import losses", "losses", "import tensorflow.compat.v1 as tf", "tf.losses"),
        ("import tf_slim", "tf_slim.losses", "import tensorflow.compat.v1 as tf", "tf.losses"),
    ],
)
def test_the_name_of_tensorflow(imports, name, new_imports, new_name):
    """Where TensorFlow has none, it is imported."""
    assert migrated(f"{imports}\n{name}.get_losses()\n") == f"{new_imports}\n{new_name}.get_losses()\n"


def test_imported_by_itself():
    """The name is written out, and its import goes."""
    source = "from tensorflow.contrib.losses import log_loss\nlog_loss(p, y)\n"
    assert migrated(source) == "import tensorflow.compat.v1 as tf\ntf.losses.log_loss(predictions=p, labels=y)\n"


def test_no_name_is_free():
    """A local tf is not TensorFlow."""
    source = "from tensorflow.contrib import losses\ndef f(tf):\n    return losses.log_loss(tf, 1)\n"
    assert migrated(source) == source
    assert ("slim-losses", 3) in findings(source)
