"""`name=` for contrib's batch_norm."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("bn(x, name='a')", True),
        ("partial(bn, name='a')", True),
        ("bn(x, **{'name': 'a'})", True),
        ("bn(x, **named)", True),
        ("conv(x, normalizer_fn=bn, normalizer_params={'name': 'a'})", True),
        ("conv(x, normalizer_fn=bn, normalizer_params=named)", True),
        ("arg_scope([conv, bn], name='a')", True),
        ("bn(x, scope='a')", False),
        ("conv(x, normalizer_fn=bn, name='a')", False),
        ("relu(bn(x), name='a')", False),
        ("tf.layers.batch_normalization(x, name='a')", False),
    ],
)
def test_reported_and_kept(line, reported):
    """It is the original's mistake: it stays, because scope= would name the variables anew."""
    source = (
        "import tensorflow as tf\nfrom tensorflow.contrib.layers import batch_norm as bn\n"
        f"named = {{'name': 'a'}}\n{line}\nrelu = tf.nn.relu\n"
    )
    assert findings(source, skip=["v2-behavior"]) == (
        [("name-argument", 3 if "named" in line else 4)] if reported else []
    )
    assert line.replace("tf.layers", "tfbn") in migrated(source)
