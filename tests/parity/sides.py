"""The implementations a server can run: the original, tfbn in either regime of the newer TensorFlow, and its module."""

from __future__ import annotations

from .graphs import Side

NAMES = ("original", "v2_off", "v2_on")


def load(name: str) -> Side:
    """Import and configure one side; v2 behaviour cannot be changed afterwards, so a process holds one side."""
    if name == "original":
        import tensorflow.compat.v1 as tf
        from tensorflow.contrib import framework, layers, training

        functions = {
            "batch_norm": layers.batch_norm,
            "batch_normalization": tf.layers.batch_normalization,
            "BatchNormalization": tf.layers.BatchNormalization,
            "create_train_op": training.create_train_op,
        }
        return Side(name, tf, functions, framework.arg_scope)
    import tensorflow.compat.v1 as tf

    if name == "v2_off":
        tf.disable_v2_behavior()
    if name == "module":
        # As the sessions of the others have it: several threads add up in other orders.
        tf.config.threading.set_intra_op_parallelism_threads(1)
    import tfbn

    functions = {
        "batch_norm": tfbn.batch_norm,
        "batch_normalization": tfbn.batch_normalization,
        "BatchNormalization": tfbn.BatchNormalization,
        "create_train_op": tfbn.create_train_op,
    }
    return Side(name, tf, functions, tfbn.arg_scope)
