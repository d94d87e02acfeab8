"""Names with two meanings, and places where a new name cannot simply be written."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated


def test_two_names_of_one_thing_are_certain():
    """contrib's slim and tf_slim are the same to tfbn."""
    source = (
        "try: import tf_slim as slim\nexcept ImportError: from tensorflow.contrib import slim\nslim.batch_norm(1)\n"
    )
    assert findings(source, skip=["v2-behavior"]) == []
    assert "tfbn.batch_norm(1)" in migrated(source)


@pytest.mark.parametrize("other", ["None", "mine"])
def test_a_second_binding_of_a_rewritten_name(other):
    """The right side is tfbn's after the run: neither this run nor the next has a finding."""
    source = (
        f"from tensorflow.contrib import slim\nif x:\n    fn = slim.batch_norm\nelse:\n    fn = {other}\ny = f(fn)\n"
    )
    after = migrated(source)
    assert "fn = tfbn.batch_norm" in after
    assert findings(source) == findings(after) == []


def test_a_module_or_none():
    """A name that is None where the import fails cannot be read for something else."""
    source = "try:\n    import tf_slim as slim\nexcept ImportError:\n    slim = None\nslim.batch_norm(1)\n"
    assert "tfbn.batch_norm(1)" in migrated(source)
    assert findings(source, skip=["v2-behavior"]) == []
