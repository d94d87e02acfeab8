"""The implementations a server can run: the original, and tfbn in either regime of the newer TensorFlow."""

from __future__ import annotations

from .graphs import Side

NAMES = ("original", "v2_off", "v2_on")


def load(name: str) -> Side:
    """Import and configure one side; v2 behaviour cannot be changed afterwards, so a process holds one side."""
    if name == "original":
        import tensorflow.compat.v1 as tf
        from tensorflow.contrib import framework, layers

        return Side(name, tf, layers.batch_norm, framework.arg_scope)
    import tensorflow.compat.v1 as tf

    if name == "v2_off":
        tf.disable_v2_behavior()
    import tfbn

    return Side(name, tf, tfbn.batch_norm, tfbn.arg_scope)
