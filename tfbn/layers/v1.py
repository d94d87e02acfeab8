"""The functions and classes of `tf.layers`, which Keras 3 has removed, with their arguments, variables and names.

`batch_normalization` is `tfbn.batch_normalization`, its class `tfbn.BatchNormalization`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import tf_layer
from tfbn.layers.classes import Dense, Dropout, Flatten, Layer
from tfbn.layers.window_classes import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    SeparableConv1D,
    SeparableConv2D,
)

__all__ = [
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
]


def dense(
    inputs: Any,
    units: int,
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A dense layer as tf.layers.dense of TensorFlow 1.15 makes it, in a TF1 graph, without Keras.

        outputs = activation(inputs @ kernel + bias)

    Args:
      inputs: floating tensor of rank 2 or more; the size of the last axis, which is multiplied, known.
      units: int, the size of the last axis of the outputs.
      activation: function of the outputs; None for none.
      use_bias: whether there is a `bias`. Default True.
      kernel_initializer, bias_initializer: initializers, or names from tf.compat.v1.initializers; None for that of the
        variable scope, or Glorot's. Defaults None and zeros.
      kernel_regularizer, bias_regularizer: functions of the variable; their losses enter REGULARIZATION_LOSSES.
      activity_regularizer: function of the outputs; its value, divided by the batch size, enters
        REGULARIZATION_LOSSES with each call.
      kernel_constraint, bias_constraint: functions of the variable; tf.compat.v1.train optimizers apply them after a
        step.
      trainable: whether the variables enter TRAINABLE_VARIABLES.
      name: name of the scope. Default 'dense', made unique.
      reuse: True shares the variables of an earlier call of the same name.

    Returns:
      A tensor of the inputs' dtype.

    Raises:
      ValueError: a rank below 2 or unknown; the last axis unknown; units that are no positive int; a variable that
        exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     net = dense(dense(tf.zeros([2, 5]), 4), 3)
      ...     print([variable.op.name for variable in tf.compat.v1.trainable_variables()])
      ['dense/kernel', 'dense/bias', 'dense_1/kernel', 'dense_1/bias']
    """
    return _apply(Dense, **locals())


def conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A convolution as tf.layers.conv2d of TensorFlow 1.15 makes it, in a TF1 graph, without Keras.

        outputs = activation(conv(inputs, kernel) + bias)

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'channels_first'; C known.
      filters: int, the number of channels of the outputs.
      kernel_size: int, or (height, width).
      strides: int, or (height, width). Default (1, 1).
      padding: 'valid' or 'same', in any case of letters.
      data_format: 'channels_last' or 'channels_first'.
      dilation_rate: int, or (height, width), which goes with strides of 1 only. Default (1, 1).
      name: name of the scope. Default 'conv2d', made unique.
      activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint, trainable, reuse: as in `dense`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError: rank or C unknown, or another rank; sizes, padding or data_format that make no convolution; a stride
        together with a dilation; a variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     conv2d(tf.zeros([2, 8, 8, 3]), 16, 3, padding="same", activation=tf.nn.relu)
      <tf.Tensor 'conv2d/Relu:0' shape=(2, 8, 8, 16) dtype=float32>
    """
    return _apply(Conv2D, **locals())


def conv1d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A convolution of one spatial axis, as tf.layers.conv1d of TensorFlow 1.15 makes it, without Keras.

    Args:
      inputs: floating tensor of rank 3; the number of channels known.
      name: name of the scope. Default 'conv1d', made unique.
      filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
        bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint, trainable, reuse: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     conv1d(tf.zeros([2, 8, 3]), 4, 3, padding="same")
      <tf.Tensor 'conv1d/BiasAdd:0' shape=(2, 8, 4) dtype=float32>
    """
    return _apply(Conv1D, **locals())


def conv3d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1, 1),
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A convolution of three spatial axes, as tf.layers.conv3d of TensorFlow 1.15 makes it, without Keras.

    Args:
      inputs: floating tensor of rank 5; the number of channels known.
      name: name of the scope. Default 'conv3d', made unique.
      filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, kernel_initializer,
        bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint, trainable, reuse: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     conv3d(tf.zeros([2, 4, 8, 8, 3]), 4, 3, padding="same")
      <tf.Tensor 'conv3d/BiasAdd:0' shape=(2, 4, 8, 8, 4) dtype=float32>
    """
    return _apply(Conv3D, **locals())


def separable_conv1d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
    depth_multiplier: int = 1,
    activation: Callable | None = None,
    use_bias: bool = True,
    depthwise_initializer: Any = None,
    pointwise_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    depthwise_regularizer: Callable | None = None,
    pointwise_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    depthwise_constraint: Callable | None = None,
    pointwise_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A separable convolution of one spatial axis, as tf.layers.separable_conv1d of TensorFlow 1.15 makes it.

    Args:
      inputs: floating tensor of rank 3; the number of channels known.
      name: name of the scope. Default 'separable_conv1d', made unique.
      filters, kernel_size, strides, padding, data_format, dilation_rate, depth_multiplier, activation, use_bias,
        depthwise_initializer, pointwise_initializer, bias_initializer, depthwise_regularizer, pointwise_regularizer,
        bias_regularizer, activity_regularizer, depthwise_constraint, pointwise_constraint, bias_constraint, trainable,
        reuse: as in `separable_conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     separable_conv1d(tf.zeros([2, 8, 3]), 4, 3)
      <tf.Tensor 'separable_conv1d/Squeeze:0' shape=(2, 6, 4) dtype=float32>
    """
    return _apply(SeparableConv1D, **locals())


def separable_conv2d(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: Any = (1, 1),
    depth_multiplier: int = 1,
    activation: Callable | None = None,
    use_bias: bool = True,
    depthwise_initializer: Any = None,
    pointwise_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    depthwise_regularizer: Callable | None = None,
    pointwise_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    depthwise_constraint: Callable | None = None,
    pointwise_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A separable convolution as tf.layers.separable_conv2d of TensorFlow 1.15 makes it, without Keras.

    Each channel is convolved by itself, with depth_multiplier filters; then a convolution of size 1 makes `filters`
    channels of them.

    Args:
      strides: int, the same for both axes, as TensorFlow's kernel requires. Default (1, 1).
      depth_multiplier: int, filters for each channel. Default 1.
      depthwise_initializer, pointwise_initializer, depthwise_regularizer, pointwise_regularizer, depthwise_constraint,
        pointwise_constraint: of `depthwise_kernel` and `pointwise_kernel`, as those of the kernel in `dense`.
      name: name of the scope. Default 'separable_conv2d', made unique.
      inputs, filters, kernel_size, padding, data_format, dilation_rate, activation, use_bias, bias_initializer,
        bias_regularizer, activity_regularizer, bias_constraint, trainable, reuse: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`; ValueError also for two different strides.

    Example:
      >>> with tf.Graph().as_default():
      ...     net = separable_conv2d(tf.zeros([2, 8, 8, 3]), 4, 3)
      ...     print([variable.op.name.partition("/")[2] for variable in tf.compat.v1.trainable_variables()])
      ['depthwise_kernel', 'pointwise_kernel', 'bias']
    """
    return _apply(SeparableConv2D, **locals())


def conv2d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A transposed convolution as tf.layers.conv2d_transpose of TensorFlow 1.15 makes it, without Keras.

    With a stride s, an axis of length n becomes one of n * s, and with padding 'valid' of n * s + max(k - s, 0) for a
    window of k.

    Args:
      filters: int, the number of channels of the outputs. The kernel has the shape [height, width, filters, C].
      name: name of the scope. Default 'conv2d_transpose', made unique.
      inputs, kernel_size, strides, padding, data_format, activation, use_bias, kernel_initializer, bias_initializer,
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable,
        reuse: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     conv2d_transpose(tf.zeros([2, 4, 4, 8]), 3, 5, strides=2)
      <tf.Tensor 'conv2d_transpose/BiasAdd:0' shape=(2, 11, 11, 3) dtype=float32>
    """
    return _apply(Conv2DTranspose, **locals())


def conv3d_transpose(
    inputs: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Callable | None = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = tf.compat.v1.zeros_initializer(),
    kernel_regularizer: Callable | None = None,
    bias_regularizer: Callable | None = None,
    activity_regularizer: Callable | None = None,
    kernel_constraint: Callable | None = None,
    bias_constraint: Callable | None = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> tf.Tensor:
    """A transposed convolution of volumes, as tf.layers.conv3d_transpose of TensorFlow 1.15 makes it, without Keras.

    Args:
      filters: int, the number of channels of the outputs. The kernel has the shape [depth, height, width, filters, C].
      name: name of the scope. Default 'conv3d_transpose', made unique.
      inputs, kernel_size, strides, padding, data_format, activation, use_bias, kernel_initializer, bias_initializer,
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable,
        reuse: as in `conv3d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     conv3d_transpose(tf.zeros([2, 2, 4, 4, 8]), 3, 2, strides=2)
      <tf.Tensor 'conv3d_transpose/BiasAdd:0' shape=(2, 4, 8, 8, 3) dtype=float32>
    """
    return _apply(Conv3DTranspose, **locals())


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> tf.Tensor:
    """Flattens all axes but the first into one, as tf.layers.flatten of TensorFlow 1.15 does.

    Args:
      inputs: tensor of known rank, at least 1.
      name: name of the scope. Default 'flatten', made unique.
      data_format: 'channels_last', or 'channels_first', which first moves the channels to the end.

    Returns:
      A tensor of shape [N, K].

    Raises:
      ValueError: an unknown rank, or a scalar; another data_format.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     flatten(tf.zeros([2, 4, 4, 3]))
      <tf.Tensor 'flatten/Reshape:0' shape=(2, 48) dtype=float32>
    """
    return _apply(Flatten, **locals())


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> tf.Tensor:
    """Dropout as tf.layers.dropout of TensorFlow 1.15 does it.

        outputs = inputs / (1 - rate)   where a value is kept, and 0 where it is dropped, with the probability rate
        outputs = inputs                in inference, which is the default

    Args:
      inputs: floating tensor.
      rate: number or scalar tensor. Default 0.5.
      noise_shape, seed: as in `tfbn.layers.dropout`.
      training: bool, 0 or 1, or a scalar boolean tensor or variable, read in each run. Default False.
      name: name of the scope. Default 'dropout', made unique.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: a rate out of range; training None.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     dropout(tf.zeros([2, 8]), rate=0.2)
      <tf.Tensor 'dropout/Identity:0' shape=(2, 8) dtype=float32>
    """
    checks.check_graph("dropout")
    return Dropout(rate, noise_shape, seed, name)(tf.convert_to_tensor(inputs), training)


def max_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The maximum of each window, as tf.layers.max_pooling2d of TensorFlow 1.15 gives it.

    Args:
      inputs: tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'channels_first'.
      pool_size: int, or (height, width).
      strides: int, or (height, width).
      padding: 'valid' or 'same', in any case of letters.
      data_format: 'channels_last' or 'channels_first'.
      name: name of the scope. Default 'max_pooling2d', made unique.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError: another rank; sizes, padding or data_format that make no window.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     max_pooling2d(tf.zeros([2, 8, 8, 3]), 2, 2)
      <tf.Tensor 'max_pooling2d/MaxPool:0' shape=(2, 4, 4, 3) dtype=float32>
    """
    return _apply(MaxPooling2D, **locals())


def average_pooling2d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The mean of each window, as tf.layers.average_pooling2d of TensorFlow 1.15 gives it.

    With padding 'same' the padding does not count in the mean.

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'channels_first'.
      name: name of the scope. Default 'average_pooling2d', made unique.
      pool_size, strides, padding, data_format: as in `max_pooling2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     average_pooling2d(tf.zeros([2, 8, 8, 3]), 8, 8)
      <tf.Tensor 'average_pooling2d/AvgPool:0' shape=(2, 1, 1, 3) dtype=float32>
    """
    return _apply(AveragePooling2D, **locals())


def max_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The maximum of each window of one spatial axis, as tf.layers.max_pooling1d of TensorFlow 1.15 gives it.

    Args:
      inputs: tensor of rank 3.
      pool_size, strides: int.
      name: name of the scope. Default 'max_pooling1d', made unique.
      padding, data_format: as in `max_pooling2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     max_pooling1d(tf.zeros([2, 8, 3]), 2, 2)
      <tf.Tensor 'max_pooling1d/Squeeze:0' shape=(2, 4, 3) dtype=float32>
    """
    return _apply(MaxPooling1D, **locals())


def average_pooling1d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The mean of each window of one spatial axis, as tf.layers.average_pooling1d of TensorFlow 1.15 gives it.

    Args:
      inputs: floating tensor of rank 3.
      pool_size, strides: int.
      name: name of the scope. Default 'average_pooling1d', made unique.
      padding, data_format: as in `average_pooling2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     average_pooling1d(tf.zeros([2, 8, 3]), 2, 2)
      <tf.Tensor 'average_pooling1d/Squeeze:0' shape=(2, 4, 3) dtype=float32>
    """
    return _apply(AveragePooling1D, **locals())


def max_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The maximum of each window of three spatial axes, as tf.layers.max_pooling3d of TensorFlow 1.15 gives it.

    Args:
      inputs: tensor of rank 5.
      pool_size, strides: int, or one for each axis.
      name: name of the scope. Default 'max_pooling3d', made unique.
      padding, data_format: as in `max_pooling2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     max_pooling3d(tf.zeros([2, 4, 8, 8, 3]), 2, 2)
      <tf.Tensor 'max_pooling3d/MaxPool3D:0' shape=(2, 2, 4, 4, 3) dtype=float32>
    """
    return _apply(MaxPooling3D, **locals())


def average_pooling3d(
    inputs: Any,
    pool_size: Any,
    strides: Any,
    padding: str = "valid",
    data_format: str = "channels_last",
    name: str | None = None,
) -> tf.Tensor:
    """The mean of each window of three spatial axes, as tf.layers.average_pooling3d of TensorFlow 1.15 gives it.

    Args:
      inputs: floating tensor of rank 5.
      pool_size, strides: int, or one for each axis.
      name: name of the scope. Default 'average_pooling3d', made unique.
      padding, data_format: as in `average_pooling2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     average_pooling3d(tf.zeros([2, 4, 8, 8, 3]), 2, 2)
      <tf.Tensor 'average_pooling3d/AvgPool3D:0' shape=(2, 2, 4, 4, 3) dtype=float32>
    """
    return _apply(AveragePooling3D, **locals())


def _apply(class_: type[Layer], inputs: Any, **arguments: Any) -> tf.Tensor:
    """Creates a layer and calls it once; one with variables opens the scope `name` as it is."""
    checks.check_graph(tf_layer.snake_case(class_.__name__))
    if "reuse" in arguments:
        arguments.update(_scope=arguments["name"], _reuse=arguments.pop("reuse"))
    return class_(**arguments)(tf.convert_to_tensor(inputs))
