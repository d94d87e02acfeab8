"""The transposed convolution of images, and contrib's `convolution2d_transpose`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graph.arg_scope import add_arg_scope
from tfbn.layers import scope as scopes
from tfbn.layers import sizes
from tfbn.layers.initializers import xavier_initializer
from tfbn.layers.weighted import Parameter, Weighted


class TransposedConvolution(Weighted):
    """The gradient of a convolution, with a kernel of shape [*kernel_size, filters, channels]."""

    def __init__(self, filters: int, kernel_size: Any, strides: Any, padding: Any, order: str, **common: Any) -> None:
        super().__init__(**common)
        self.filters = sizes.check_count("filters", filters)
        self.kernel_size = sizes.check_ints("kernel_size", kernel_size, 2)
        self.strides = sizes.check_ints("strides", strides, 2)
        self.padding = sizes.check_padding(padding)
        self.order = order

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        shape = tf.TensorShape(input_shape)
        sizes.check_rank(self.name, shape, 4)
        channels = sizes.channel_count(shape, self.order)
        self.create(kernel=[*self.kernel_size, self.filters, channels], bias=[self.filters])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        data_format = sizes.tensorflow_format(self.order, 2)
        # TensorFlow's CPU kernel knows channels last only; the original transposes for it as well.
        turned = self.order == sizes.CHANNELS_FIRST and not tf.config.list_physical_devices("GPU")
        if turned:
            inputs = tf.transpose(inputs, [0, 2, 3, 1])
        order = sizes.CHANNELS_LAST if turned else self.order
        outputs = tf.nn.conv2d_transpose(
            inputs,
            self.kernel_value(),
            tf.stack(self._output_shape(list(tf.unstack(tf.shape(inputs), 4)), order)),
            strides=self.strides,
            padding=self.padding,
            data_format=sizes.tensorflow_format(order, 2),
            name="conv2d_transpose",
        )
        outputs.set_shape(self._output_shape(inputs.shape.as_list(), order))
        if turned:
            outputs = tf.transpose(outputs, [0, 3, 1, 2])
        return self.finish(outputs, data_format)

    def _output_shape(self, shape: list[Any], order: str) -> list[Any]:
        lengths = [
            sizes.transposed_length(shape[axis], window, self.padding, stride)
            for axis, window, stride in zip(sizes.spatial_axes(order, 2), self.kernel_size, self.strides)
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
      data_format: 'NHWC' or 'NCHW'; the normalizer_fn is not told, as in `conv2d`.
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
    after = scopes.After(activation_fn, normalizer_fn, normalizer_params, variables_collections, outputs_collections)
    scopes.check("conv2d_transpose", after, ("weights", "biases"), scope, reuse)
    sizes.check_contrib_format(data_format)
    kernels = {"kernel": Parameter(weights_initializer, weights_regularizer)}
    biases = Parameter(biases_initializer, biases_regularizer)
    with scopes.layer_scope(scope, "Conv2d_transpose", inputs, reuse, scopes.KERNEL) as variable_scope:
        layer = TransposedConvolution(
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            order=sizes.channels_order(data_format),
            **scopes.layer_arguments(variable_scope, reuse, trainable, after, kernels, biases),
        )
        return scopes.finish("conv2d_transpose", variable_scope, layer(inputs), layer, after, data_format)
