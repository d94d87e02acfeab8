"""Texts of errors: TensorFlow's, without their traces, and those that several modules of tfbn share."""

from __future__ import annotations

import tensorflow as tf

from tfbn.lines import shorten

# For a graph that tf.contrib.quantize built for training: what to use in its place.
QUANTIZED_FOR_EVALUATION = (
    "It observes the ranges of a quantization; the graph for evaluation is the one to take. Build the network with "
    "is_training=False, call tf.contrib.quantize.create_eval_graph(), and restore the checkpoint there. Its batch "
    "norms are part of the weights already."
)


def reason(error: Exception) -> str:
    """The line that says what happened, without the stack traces around it if an op failed in a session."""
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    titles = [i for i, line in enumerate(lines) if line == "Graph execution error:" or line.startswith("Node: '")]
    if titles:
        lines = lines[titles[-1] + 1 :]
    return shorten(lines[0], 1000) if lines else type(error).__name__
