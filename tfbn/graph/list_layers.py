"""`list_layers`: the batch norm layers of a graph."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def list_layers(graph: tf.Graph | None = None, session: Any = None) -> Any:
    """Lists the batch norm layers of a graph."""
    return []
