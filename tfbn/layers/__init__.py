"""The layers of `tf.contrib.layers` and slim that models with batch norm use, in TF1 graphs and without Keras.

The signatures, variables, collections and numbers are those of TensorFlow 1.15.5. `utils` has functions of
`tf.contrib.layers.utils`, `v1` the functions and classes of `tf.layers`.
"""

from tfbn.layers import utils as utils
from tfbn.layers import v1 as v1
from tfbn.layers.analyzer import analyze_ops, analyze_vars
from tfbn.layers.convolutions import convolution, convolution1d, convolution2d, convolution3d
from tfbn.layers.dense import fully_connected
from tfbn.layers.initializers import (
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)
from tfbn.layers.norms import group_norm, instance_norm, layer_norm
from tfbn.layers.pools import avg_pool2d, avg_pool3d, max_pool2d, max_pool3d
from tfbn.layers.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
)
from tfbn.layers.repeats import repeat
from tfbn.layers.restoring import assign_from_checkpoint, assign_from_checkpoint_fn, init_from_checkpoint
from tfbn.layers.separable import separable_convolution2d
from tfbn.layers.transposed import convolution2d_transpose, convolution3d_transpose
from tfbn.layers.unweighted import dropout, flatten, one_hot_encoding, softmax
from tfbn.layers.variables import (
    add_model_variable,
    create_global_step,
    get_model_variables,
    get_or_create_global_step,
    get_variables,
    get_variables_by_name,
    get_variables_to_restore,
    model_variable,
    variable,
)

conv1d = convolution1d
conv2d = convolution2d
conv3d = convolution3d
conv2d_transpose = convolution2d_transpose
conv3d_transpose = convolution3d_transpose
separable_conv2d = separable_convolution2d

__all__ = [
    "add_model_variable",
    "analyze_ops",
    "analyze_vars",
    "apply_regularization",
    "assign_from_checkpoint",
    "assign_from_checkpoint_fn",
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
    "create_global_step",
    "dropout",
    "flatten",
    "fully_connected",
    "get_model_variables",
    "get_or_create_global_step",
    "get_variables",
    "get_variables_by_name",
    "get_variables_to_restore",
    "group_norm",
    "init_from_checkpoint",
    "instance_norm",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "layer_norm",
    "max_pool2d",
    "max_pool3d",
    "model_variable",
    "one_hot_encoding",
    "repeat",
    "separable_conv2d",
    "separable_convolution2d",
    "softmax",
    "utils",
    "v1",
    "variable",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
