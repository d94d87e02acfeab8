"""`arg_scope` and its companions."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated
from tfbn.migrate.names import KNOWN

NAMES = sorted(leaf for (_, leaf), known in KNOWN.items() if known.rule == "arg-scope")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("module", ["tensorflow.contrib.framework", "tensorflow.contrib.slim", "tf_slim"])
def test_every_name(name, module):
    """By attribute, as a decorator, and imported by itself."""
    assert migrated(f"import {module} as m\n@m.{name}\ndef f(): m.{name}([f])\n") == (
        f"import tfbn\n@tfbn.{name}\ndef f(): tfbn.{name}([f])\n"
    )
    assert migrated(f"from {module} import {name}\n{name}(f)\n") == f"from tfbn import {name}\n{name}(f)\n"


def test_the_stack_is_reported():
    """tfbn keeps a stack for each thread and does not hand out its innermost scope."""
    assert findings("from tensorflow.contrib import framework\nframework.current_arg_scope()\n") == [
        ("dead-imports", 1),
        ("leftovers", 2),
    ]
