"""What TensorFlow's errors say, without the traces around it."""

from __future__ import annotations

import tensorflow as tf


def reason(error: Exception) -> str:
    """The line that tells what happened; of an op that fails in a session, the traces of its building are around it."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    titles = [i for i, line in enumerate(lines) if line == "Graph execution error:" or line.startswith("Node: '")]
    if titles:
        lines = lines[titles[-1] + 1 :]
    return lines[0] if lines else type(error).__name__
