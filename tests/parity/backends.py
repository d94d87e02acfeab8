"""The implementations a server can run: the original, tfbn in either regime of the newer TensorFlow, and its module."""

from __future__ import annotations

from typing import Any, Dict

from .graphs import Side

NAMES = ("original", "v2_off", "v2_on")
# Of contrib.layers, and of its utils; contrib.framework; slim.model_analyzer; tf.layers.
LAYERS = (
    "apply_regularization",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "convolution",
    "convolution1d",
    "convolution2d",
    "convolution2d_transpose",
    "convolution3d",
    "convolution3d_transpose",
    "dropout",
    "flatten",
    "fully_connected",
    "group_norm",
    "instance_norm",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "layer_norm",
    "max_pool2d",
    "max_pool3d",
    "one_hot_encoding",
    "repeat",
    "separable_conv2d",
    "separable_convolution2d",
    "softmax",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
)
FRAMEWORK = (
    "add_model_variable",
    "assign_from_checkpoint",
    "assign_from_checkpoint_fn",
    "create_global_step",
    "get_model_variables",
    "get_or_create_global_step",
    "get_variables",
    "get_variables_by_name",
    "get_variables_to_restore",
    "init_from_checkpoint",
    "model_variable",
    "variable",
)
MODEL_ANALYZER = ("analyze_ops", "analyze_vars")
UTILS = ("collect_named_outputs", "convert_collection_to_dict", "last_dimension")
TF_LAYERS = (
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "Conv1D",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Dense",
    "Dropout",
    "Flatten",
    "Layer",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "average_pooling1d",
    "average_pooling2d",
    "average_pooling3d",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "dense",
    "dropout",
    "flatten",
    "max_pooling1d",
    "max_pooling2d",
    "max_pooling3d",
    "separable_conv1d",
    "separable_conv2d",
)


def load(name: str) -> Side:
    """Import and configure one side; v2 behaviour cannot be changed afterwards, so a process holds one side."""
    if name == "original":
        import tensorflow.compat.v1 as tf
        from tensorflow.contrib import framework, layers, slim, training
        from tensorflow.contrib.layers.python.layers import utils

        functions = {
            "batch_norm": layers.batch_norm,
            "batch_normalization": tf.layers.batch_normalization,
            "BatchNormalization": tf.layers.BatchNormalization,
            "create_train_op": training.create_train_op,
            **_layers(layers, framework, utils, tf.layers, slim.model_analyzer),
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
        **_layers(tfbn.layers, tfbn.layers, tfbn.layers.utils, tfbn.layers.v1, tfbn.layers),
    }
    return Side(name, tf, functions, tfbn.arg_scope)


def _layers(layers: Any, framework: Any, utils: Any, tf_layers: Any, model_analyzer: Any) -> Dict[str, Any]:
    """What stands in tfbn.layers, by its name below tfbn."""
    homes = {"layers.": (layers, LAYERS), "layers.utils.": (utils, UTILS), "layers.v1.": (tf_layers, TF_LAYERS)}
    found = {prefix + name: getattr(home, name) for prefix, (home, names) in homes.items() for name in names}
    found.update({f"layers.{name}": getattr(framework, name) for name in FRAMEWORK})
    found.update({f"layers.{name}": getattr(model_analyzer, name) for name in MODEL_ANALYZER})
    return found
