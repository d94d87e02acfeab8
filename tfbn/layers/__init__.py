"""The layers of `tf.contrib.layers` and slim that code with batch norm is made of, in TF1 graphs and without Keras.

The signatures, variables, collections and numbers are those of TensorFlow 1.15.5. `utils` has what was in
`tf.contrib.layers.utils`, `v1` the functions of `tf.layers`.
"""

from tfbn.layers import utils as utils
from tfbn.layers import v1 as v1
from tfbn.layers.convolutions import convolution, convolution2d
from tfbn.layers.dense import fully_connected
from tfbn.layers.initializers import (
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
)
from tfbn.layers.pools import avg_pool2d, max_pool2d
from tfbn.layers.regularizers import l1_l2_regularizer, l1_regularizer, l2_regularizer
from tfbn.layers.repeats import repeat
from tfbn.layers.separable import separable_convolution2d
from tfbn.layers.transposed import convolution2d_transpose
from tfbn.layers.unweighted import dropout, flatten, softmax
from tfbn.layers.variables import (
    create_global_step,
    get_model_variables,
    get_or_create_global_step,
    get_variables,
    get_variables_by_name,
    get_variables_to_restore,
)

conv2d = convolution2d
conv2d_transpose = convolution2d_transpose
separable_conv2d = separable_convolution2d

__all__ = [
    "avg_pool2d",
    "conv2d",
    "conv2d_transpose",
    "convolution",
    "convolution2d",
    "convolution2d_transpose",
    "create_global_step",
    "dropout",
    "flatten",
    "fully_connected",
    "get_model_variables",
    "get_or_create_global_step",
    "get_variables",
    "get_variables_by_name",
    "get_variables_to_restore",
    "l1_l2_regularizer",
    "l1_regularizer",
    "l2_regularizer",
    "max_pool2d",
    "repeat",
    "separable_conv2d",
    "separable_convolution2d",
    "softmax",
    "utils",
    "v1",
    "variance_scaling_initializer",
    "xavier_initializer",
    "xavier_initializer_conv2d",
]
