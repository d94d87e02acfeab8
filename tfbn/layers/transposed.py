"""The transposed convolution of two or three spatial axes, and contrib's functions for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graph.arg_scope import add_arg_scope
from tfbn.layers import scope as scopes
from tfbn.layers import sizes
from tfbn.layers.initializers import xavier_initializer
from tfbn.layers.weighted import Parameter, Weighted

_OPS = {2: tf.nn.conv2d_transpose, 3: tf.nn.conv3d_transpose}


class TransposedConvolution(Weighted):
    """The gradient of a convolution, with a kernel of shape [*kernel_size, filters, channels]."""

    def __init__(
        self, rank: int, filters: int, kernel_size: Any, strides: Any, padding: Any, order: str, **common: Any
    ) -> None:
        super().__init__(**common)
        self.filters = sizes.check_count("filters", filters)
        self.kernel_size = sizes.check_ints("kernel_size", kernel_size, rank)
        self.strides = sizes.check_ints("strides", strides, rank)
        self.rate = (1,) * rank
        self.padding = sizes.check_padding(padding)
        self.order = order

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        shape = tf.TensorShape(input_shape)
        sizes.check_rank(self.name, shape, len(self.kernel_size) + 2)
        channels = sizes.channel_count(shape, self.order)
        self.create(kernel=[*self.kernel_size, self.filters, channels], bias=[self.filters])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        rank = len(self.kernel_size)
        # TensorFlow's CPU kernels support only channels last; for images the original transposes as well.
        transposed = self.order == sizes.CHANNELS_FIRST and not tf.config.list_physical_devices("GPU")
        if transposed:
            inputs = tf.transpose(inputs, [0, *range(2, rank + 2), 1])
        order = sizes.CHANNELS_LAST if transposed else self.order
        outputs = _OPS[rank](
            inputs,
            self.kernel_value(),
            tf.stack(self._output_shape(list(tf.unstack(tf.shape(inputs), rank + 2)), order)),
            strides=self.strides,
            padding=self.padding,
            data_format=sizes.tensorflow_format(order, rank),
            name=f"conv{rank}d_transpose",
        )
        outputs.set_shape(self._output_shape(inputs.shape.as_list(), order))
        if transposed:
            outputs = tf.transpose(outputs, [0, rank + 1, *range(1, rank + 1)])
        return self.finish(outputs, sizes.tensorflow_format(self.order, rank))

    def _output_shape(self, shape: list[Any], order: str) -> list[Any]:
        lengths = [
            sizes.transposed_length(shape[axis], window, self.padding, stride)
            for axis, window, stride in zip(sizes.spatial_axes(order, len(shape) - 2), self.kernel_size, self.strides)
        ]
        return (
            [shape[0], self.filters, *lengths] if order == sizes.CHANNELS_FIRST else [shape[0], *lengths, self.filters]
        )


@add_arg_scope
def convolution2d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    activation_fn: Callable | None = tf.nn.relu,
    normalizer_fn: Callable | None = None,
    normalizer_params: Mapping[str, Any] | None = None,
    weights_initializer: Any = xavier_initializer(),
    weights_regularizer: Callable | None = None,
    biases_initializer: Any = tf.compat.v1.zeros_initializer(),
    biases_regularizer: Callable | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> tf.Tensor:
    """A transposed convolution as tf.contrib.layers.conv2d_transpose of TensorFlow 1.15 makes it, without Keras.

    With a stride s, an axis of length n becomes one of n * s, and with padding 'VALID' of n * s + max(k - s, 0) for a
    window of k. Usable under `arg_scope`. `conv2d_transpose` and `convolution2d_transpose` are one function.

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'NCHW'; C known.
      num_outputs: int, the number of filters. The weights have the shape [height, width, num_outputs, C].
      data_format: 'NHWC' or 'NCHW'; not passed to the normalizer_fn, as in `conv2d`.
      scope: name or VariableScope of the variables `weights` and `biases`. Default 'Conv2d_transpose', made unique.
      kernel_size, stride, padding, activation_fn, normalizer_fn, normalizer_params, weights_initializer,
        weights_regularizer, biases_initializer, biases_regularizer, reuse, variables_collections, outputs_collections,
        trainable: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout, with num_outputs channels.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     convolution2d_transpose(tf.zeros([2, 4, 4, 8]), 3, 5, stride=2, scope="deconv")
      <tf.Tensor 'deconv/Relu:0' shape=(2, 8, 8, 3) dtype=float32>
    """
    return _transposed(2, **locals())


@add_arg_scope
def convolution3d_transpose(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NDHWC",
    activation_fn: Callable | None = tf.nn.relu,
    normalizer_fn: Callable | None = None,
    normalizer_params: Mapping[str, Any] | None = None,
    weights_initializer: Any = xavier_initializer(),
    weights_regularizer: Callable | None = None,
    biases_initializer: Any = tf.compat.v1.zeros_initializer(),
    biases_regularizer: Callable | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> tf.Tensor:
    """A transposed convolution of volumes, as tf.contrib.layers.conv3d_transpose of TensorFlow 1.15 makes it.

    Usable under `arg_scope`. `conv3d_transpose` and `convolution3d_transpose` are one function.

    Args:
      inputs: floating tensor of shape [N, D, H, W, C], or [N, C, D, H, W] with data_format 'NCDHW'; C known.
      num_outputs: int, the number of filters. The weights have the shape [depth, height, width, num_outputs, C].
      kernel_size, stride: an int, or one for each spatial axis.
      data_format: 'NDHWC' or 'NCDHW'; not passed to the normalizer_fn, as in `conv2d`.
      scope: name or VariableScope of the variables `weights` and `biases`. Default 'Conv3d_transpose', made unique.
      padding, activation_fn, normalizer_fn, normalizer_params, weights_initializer, weights_regularizer,
        biases_initializer, biases_regularizer, reuse, variables_collections, outputs_collections, trainable: as in
        `conv2d_transpose`.

    Returns:
      A tensor of the inputs' dtype and layout, with num_outputs channels.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     convolution3d_transpose(tf.zeros([2, 2, 4, 4, 8]), 3, 5, stride=2, scope="deconv")
      <tf.Tensor 'deconv/Relu:0' shape=(2, 4, 8, 8, 3) dtype=float32>
    """
    return _transposed(3, **locals())


def _transposed(
    rank: int,
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any,
    padding: str,
    data_format: str,
    weights_initializer: Any,
    weights_regularizer: Callable | None,
    biases_initializer: Any,
    biases_regularizer: Callable | None,
    reuse: Any,
    trainable: bool,
    scope: Any,
    **after: Any,
) -> tf.Tensor:
    """contrib's functions for any number of spatial axes; `after` has the fields of scope.After."""
    caller, steps_after = f"conv{rank}d_transpose", scopes.After(**after)
    scopes.check(caller, steps_after, ("weights", "biases"), scope, reuse)
    sizes.check_contrib_format(data_format, rank)
    kernels = {"kernel": Parameter(weights_initializer, weights_regularizer)}
    biases = Parameter(biases_initializer, biases_regularizer)
    with scopes.layer_scope(scope, f"Conv{rank}d_transpose", inputs, reuse, scopes.KERNEL) as variable_scope:
        layer = TransposedConvolution(
            rank=rank,
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            order=sizes.channels_order(data_format),
            **scopes.layer_arguments(variable_scope, reuse, trainable, steps_after, kernels, biases),
        )
        return scopes.finish(caller, variable_scope, layer(inputs), layer, steps_after, data_format)
