"""Names with two meanings, and places where a new name cannot simply be written."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated


@pytest.mark.parametrize(
    "source",
    [
        "import mine\nfrom tensorflow.contrib import slim\nif x: slim = mine\nslim.batch_norm(1)\n",
        "from tensorflow.contrib import slim\nfor slim in slims: pass\nslim.batch_norm(1)\n",
        "from tensorflow.contrib import slim\ndef f():\n    global slim\n    slim = g()\nslim.batch_norm(1)\n",
        "from tensorflow.contrib import slim\nslim.batch_norm = mine\n",
        "from tensorflow.contrib import slim\ndel slim.batch_norm\n",
        "from tensorflow.contrib import slim\n(slim  # ours\n.batch_norm)(1)\n",
    ],
)
def test_left_and_reported(source):
    """On the line of the name."""
    assert migrated(source) == source
    line = 1 + source[: source.index(".batch_norm")].count("\n")
    assert "uncertain" in {name for name, where in findings(source) if where in (line, line - 1)}


def test_two_names_of_one_thing_are_certain():
    """contrib's slim and tf_slim are the same to tfbn."""
    source = (
        "try: import tf_slim as slim\nexcept ImportError: from tensorflow.contrib import slim\nslim.batch_norm(1)\n"
    )
    assert findings(source) == []
    assert "tfbn.batch_norm(1)" in migrated(source)
