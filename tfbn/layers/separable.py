"""The depthwise separable convolution of one or two spatial axes, and contrib's `separable_convolution2d`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.graph.arg_scope import add_arg_scope
from tfbn.layers import scope as scopes
from tfbn.layers import sizes
from tfbn.layers.initializers import xavier_initializer
from tfbn.layers.weighted import Parameter, Weighted

_NAMES = {"depthwise_kernel": "depthwise_weights", "pointwise_kernel": "pointwise_weights", **scopes.BIAS}


class SeparableConvolution(Weighted):
    """Convolves each channel by itself, then mixes them; without filters the second step is left out."""

    def __init__(
        self,
        rank: int,
        filters: int | None,
        kernel_size: Any,
        depth_multiplier: int,
        strides: Any,
        padding: Any,
        order: str,
        rate: Any,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.filters = filters if filters is None else sizes.check_count("filters", filters)
        self.kernel_size = sizes.check_ints("kernel_size", kernel_size, rank)
        self.depth_multiplier = sizes.check_count("depth_multiplier", depth_multiplier)
        self.strides = sizes.check_ints("strides", strides, rank)
        self.rate = sizes.check_ints("dilation_rate", rate, rank)
        self.padding = sizes.check_padding(padding)
        self.order = order

    def build(self, input_shape: Any) -> None:
        """Creates the kernels and the bias."""
        shape, rank = tf.TensorShape(input_shape), len(self.kernel_size)
        sizes.check_rank(self.name, shape, rank + 2)
        channels = sizes.channel_count(shape, self.order)
        sizes.check_window(shape, self.order, self.kernel_size, self.padding, self.strides, self.rate)
        if len(set(self.strides)) > 1:
            raise ValueError(
                f"strides: expected one stride for both axes, got {self.strides}. TensorFlow's depthwise kernel has no "
                "other."
            )
        depthwise_channels = channels * self.depth_multiplier
        depthwise = [*self.kernel_size, channels, self.depth_multiplier]
        if self.filters is None:
            self.create_replacing(depthwise_kernel=depthwise, bias=[depthwise_channels])
        else:
            pointwise = [*[1] * rank, depthwise_channels, self.filters]
            self.create(depthwise_kernel=depthwise, pointwise_kernel=pointwise, bias=[self.filters])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        if len(self.kernel_size) == 2:
            return self.finish(self._convolve(inputs), sizes.tensorflow_format(self.order, 2))
        # TensorFlow has no op for one axis: treat the inputs as images of height 1.
        height = sizes.spatial_axes(self.order, 2)[0]
        outputs = self.add_bias(self._convolve(tf.expand_dims(inputs, height)), sizes.tensorflow_format(self.order, 2))
        return self.activate(tf.squeeze(outputs, [height]))

    def _convolve(self, images: tf.Tensor) -> tf.Tensor:
        """Applies the kernels; those for one axis get a height of 1."""
        strides, rate = self.strides, self.rate
        kernels = {name: self.kernel_value(name) for name in self.parameters if name != "bias"}
        if len(self.kernel_size) == 1:
            strides, rate = strides * 2, (1, *rate)
            kernels = {name: tf.expand_dims(kernel, 0) for name, kernel in kernels.items()}
        window = {
            "strides": sizes.with_batch_and_channels(self.order, strides),
            "padding": self.padding,
            "data_format": sizes.tensorflow_format(self.order, 2),
            "dilations": rate,
        }
        if self.filters is None:
            return tf.nn.depthwise_conv2d(images, kernels["depthwise_kernel"], name="depthwise", **window)
        return tf.nn.separable_conv2d(
            images, kernels["depthwise_kernel"], kernels["pointwise_kernel"], name="separable_conv2d", **window
        )


@add_arg_scope
def separable_convolution2d(
    inputs: Any,
    num_outputs: int | None,
    kernel_size: Any,
    depth_multiplier: int = 1,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    rate: Any = 1,
    activation_fn: Callable | None = tf.nn.relu,
    normalizer_fn: Callable | None = None,
    normalizer_params: Mapping[str, Any] | None = None,
    weights_initializer: Any = xavier_initializer(),
    pointwise_initializer: Any = None,
    weights_regularizer: Callable | None = None,
    biases_initializer: Any = tf.compat.v1.zeros_initializer(),
    biases_regularizer: Callable | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> tf.Tensor:
    """A separable convolution as tf.contrib.layers.separable_conv2d of TensorFlow 1.15 makes it, without Keras.

    Each channel is convolved by itself, with depth_multiplier filters; then a convolution of size 1 makes num_outputs
    channels of the C * depth_multiplier. Usable under `arg_scope`. `separable_conv2d` and `separable_convolution2d` are
    one function.

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'NCHW'; C known.
      num_outputs: int, the number of filters; None leaves out the second convolution.
      depth_multiplier: int, filters for each channel. Default 1.
      stride: int, the same for both axes, as TensorFlow's kernel requires. Default 1.
      data_format: 'NHWC' or 'NCHW'; not passed to the normalizer_fn, as in `conv2d`.
      weights_initializer: of `depthwise_weights`, as in `conv2d`.
      pointwise_initializer: of `pointwise_weights`. Default weights_initializer.
      weights_regularizer: of both, as in `conv2d`.
      variables_collections: as in `conv2d`; the key 'weights' is for both.
      scope: name or VariableScope of the variables `depthwise_weights`, `pointwise_weights` and `biases`. Default
        'SeparableConv2d', made unique.
      kernel_size, padding, rate, activation_fn, normalizer_fn, normalizer_params, biases_initializer,
        biases_regularizer, reuse, outputs_collections, trainable: as in `conv2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`; ValueError also for two different strides.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     net = separable_convolution2d(tf.zeros([2, 8, 8, 3]), 16, 3, normalizer_fn=tfbn.batch_norm, scope="sep")
      ...     print([variable.op.name for variable in tf.compat.v1.trainable_variables()])
      ['sep/depthwise_weights', 'sep/pointwise_weights', 'sep/BatchNorm/beta']
    """
    after = scopes.After(activation_fn, normalizer_fn, normalizer_params, variables_collections, outputs_collections)
    scopes.check("separable_conv2d", after, ("weights", "biases"), scope, reuse)
    sizes.check_contrib_format(data_format)
    pointwise = weights_initializer if pointwise_initializer is None else pointwise_initializer
    kernels = {"depthwise_kernel": Parameter(weights_initializer, weights_regularizer)}
    if num_outputs is not None:
        kernels["pointwise_kernel"] = Parameter(pointwise, weights_regularizer)
    biases = Parameter(biases_initializer, biases_regularizer)
    with scopes.layer_scope(scope, "SeparableConv2d", inputs, reuse, _NAMES) as variable_scope:
        layer = SeparableConvolution(
            rank=2,
            filters=num_outputs,
            kernel_size=kernel_size,
            depth_multiplier=depth_multiplier,
            strides=stride,
            padding=padding,
            order=sizes.channels_order(data_format),
            rate=rate,
            **scopes.layer_arguments(variable_scope, reuse, trainable, after, kernels, biases),
        )
        return scopes.finish("separable_conv2d", variable_scope, layer(inputs), layer, after, data_format)
