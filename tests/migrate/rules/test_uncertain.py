"""Names with two meanings, and places where a new name cannot simply be written."""

from __future__ import annotations

from tests.migrate.helpers import findings, migrated


def test_two_names_of_one_thing_are_certain():
    """contrib's slim and tf_slim are the same to tfbn."""
    source = (
        "try: import tf_slim as slim\nexcept ImportError: from tensorflow.contrib import slim\nslim.batch_norm(1)\n"
    )
    assert findings(source) == []
    assert "tfbn.batch_norm(1)" in migrated(source)
