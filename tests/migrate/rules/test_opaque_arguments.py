"""`**params` of a batch norm call."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("bn(x, **params)", True),
        ("bn(x, **self.params)", True),
        ("bn(x, **make())", True),
        ("bn(x, **{**params, 'decay': 1})", True),
        ("bn(x, **known)", False),
        ("bn(x, **dict(decay=0.9))", False),
        ("bn(x, **{'decay': 0.9})", False),
        ("arg_scope([bn], **params)", False),
        ("conv(x, **params)", False),
    ],
)
def test_reported_where_the_keys_are_unknown(line, reported):
    """The call is rewritten all the same: tfbn's function takes what contrib's took."""
    source = (
        "from tensorflow.contrib.layers import batch_norm as bn\n"
        f"known = {{'decay': 0.9}}\ndef f(x, params):\n    {line}\n"
    )
    assert findings(source) == ([("opaque-arguments", 4)] if reported else [])
    assert migrated(source) == source.replace("tensorflow.contrib.layers", "tfbn")
