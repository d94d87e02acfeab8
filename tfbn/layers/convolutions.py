"""The convolution of one to three spatial axes, and contrib's `convolution` and `convolution2d`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.arguments import shapes
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.layers import scope as scopes
from tfbn.layers import sizes
from tfbn.layers.initializers import xavier_initializer
from tfbn.layers.weighted import Parameter, Weighted

_FORMATS = (None, "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW")


class Convolution(Weighted):
    """Convolves with a kernel of shape [*kernel_size, channels, filters]."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        order: str,
        rate: Any,
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.filters = sizes.check_count("filters", filters)
        self.kernel_size = sizes.check_ints("kernel_size", kernel_size, rank)
        self.strides = sizes.check_ints("strides", strides, rank)
        self.rate = sizes.check_ints("dilation_rate", rate, rank)
        self.padding = sizes.check_padding(padding)
        self.order = order

    def build(self, input_shape: Any) -> None:
        """Creates the kernel and the bias."""
        shape, rank = tf.TensorShape(input_shape), len(self.kernel_size)
        sizes.check_rank(self.name, shape, rank + 2)
        channels = sizes.channel_count(shape, self.order)
        sizes.check_window(shape, self.order, self.kernel_size, self.padding, self.strides, self.rate)
        self.create(kernel=[*self.kernel_size, channels, self.filters], bias=[self.filters])

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        rank = len(self.kernel_size)
        data_format = sizes.tensorflow_format(self.order, rank)
        outputs = tf.nn.convolution(
            inputs,
            self.kernel_value(),
            strides=self.strides,
            padding=self.padding,
            data_format=data_format,
            dilations=self.rate if max(self.rate) > 1 else None,
            name="conv1d" if rank == 1 else f"Conv{rank}D",
        )
        if max(self.rate) > 1:
            # The original's name for the last op of a dilated convolution.
            outputs = tf.identity(outputs, name="BatchToSpaceND")
        return self.finish(outputs, data_format)


@add_arg_scope
def convolution(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
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
    conv_dims: int | None = None,
) -> tf.Tensor:
    """A convolution of one, two or three spatial axes, as tf.contrib.layers.convolution of TensorFlow 1.15 makes it.

    The rank of the inputs tells how many axes it has; `conv2d` is the same for two. Usable under `arg_scope`, in which
    `convolution` and `conv2d` are two functions.

    Args:
      inputs: floating tensor of rank 3, 4 or 5; the number of channels known.
      kernel_size, stride, rate: an int, or one for each spatial axis.
      data_format: 'NWC', 'NHWC', 'NDHWC' or None for channels last; 'NCW', 'NCHW', 'NCDHW' for channels on axis 1.
      conv_dims: the number of spatial axes that the inputs have to have. Default any.
      num_outputs, padding, activation_fn, normalizer_fn, normalizer_params, weights_initializer, weights_regularizer,
        biases_initializer, biases_regularizer, reuse, variables_collections, outputs_collections, trainable, scope: as
        in `conv2d`.

    Returns:
      A tensor of the inputs' rank and dtype.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     convolution(tf.zeros([2, 8, 3]), 4, 3, stride=2, scope="conv")
      <tf.Tensor 'conv/Relu:0' shape=(2, 4, 4) dtype=float32>
    """
    caller = "convolution" if conv_dims is None else f"conv{conv_dims}d"
    after = scopes.After(activation_fn, normalizer_fn, normalizer_params, variables_collections, outputs_collections)
    scopes.check(caller, after, ("weights", "biases"), scope, reuse)
    if data_format not in _FORMATS:
        raise ValueError(f"Invalid data_format: {data_format!r}. Expected one of {list(_FORMATS)}.")
    inputs = tf.convert_to_tensor(inputs)
    shapes.check_floating(inputs)
    kernels = {"kernel": Parameter(weights_initializer, weights_regularizer)}
    biases = Parameter(biases_initializer, biases_regularizer)
    with scopes.layer_scope(scope, "Conv", inputs, reuse, scopes.KERNEL) as variable_scope:
        layer = Convolution(
            rank=_spatial_axes(inputs.shape.rank, conv_dims),
            filters=num_outputs,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            order=sizes.channels_order(data_format),
            rate=rate,
            **scopes.layer_arguments(variable_scope, reuse, trainable, after, kernels, biases),
        )
        return scopes.finish(caller, variable_scope, layer(inputs), layer, after, data_format)


def _spatial_axes(rank: int | None, expected: int | None) -> int:
    """The number of axes of the inputs apart from batch and channels."""
    if expected is not None and rank != expected + 2:
        raise ValueError(
            f"Convolution expects input with rank {expected + 2}, got {rank}. Reshape the inputs, or call convolution."
        )
    if rank not in (3, 4, 5):
        raise ValueError(f"Convolution not supported for input with rank {rank}. Expected inputs of rank 3, 4 or 5.")
    return rank - 2


@add_arg_scope
def convolution2d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
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
    """A convolution as tf.contrib.layers.conv2d of TensorFlow 1.15 makes it, in a TF1 graph, without Keras.

        outputs = activation_fn(normalizer_fn(conv(inputs, weights)))   with a normalizer_fn
        outputs = activation_fn(conv(inputs, weights) + biases)         otherwise

    Usable under `arg_scope`. `conv2d` and `convolution2d` are one function.

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'NCHW'; C known.
      num_outputs: int, the number of filters.
      kernel_size: int, or (height, width).
      stride: int, or (height, width). Default 1.
      padding: 'SAME' or 'VALID'.
      data_format: 'NHWC' or None for channels last, 'NCHW'. It is not passed to the normalizer_fn: give batch_norm
        its own in normalizer_params, or it normalizes the width, as in the original, with a CompatibilityWarning.
      rate: int, or (height, width): the dilation, which goes with a stride of 1 only. Default 1.
      activation_fn: function of the outputs; None for none. Default tf.nn.relu.
      normalizer_fn: function of the outputs and normalizer_params, such as `tfbn.batch_norm`. It replaces the
        biases: none are created, whatever their arguments say.
      normalizer_params: dict of its arguments.
      weights_initializer: initializer, or name of one in tf.compat.v1.initializers; None for that of the variable
        scope. Default `xavier_initializer()`.
      weights_regularizer: function of the variable; its loss enters REGULARIZATION_LOSSES. A regularizer of the
        variable scope adds a loss of its own.
      biases_initializer: as weights_initializer, but None for no biases. Default zeros.
      biases_regularizer: as weights_regularizer.
      reuse: True shares the variables of an earlier call with the same `scope`; tf.compat.v1.AUTO_REUSE creates or
        shares.
      variables_collections: list of collections for `weights` and `biases`, or dict of lists with these keys. Not
        passed to the normalizer_fn.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      trainable: whether `weights` and `biases` enter TRAINABLE_VARIABLES. Not passed to the normalizer_fn.
      scope: name or VariableScope of the variables. Default 'Conv', made unique.

    Returns:
      A tensor of the inputs' dtype and layout, with num_outputs channels.

    Raises:
      ValueError: rank or C unknown, or another rank; sizes, padding or data_format that make no convolution; a stride
        together with a rate; reuse without scope; a variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     images = tf.zeros([2, 8, 8, 3])
      ...     with tfbn.arg_scope([convolution2d], normalizer_fn=tfbn.batch_norm, normalizer_params={"decay": 0.9}):
      ...         net = convolution2d(images, 16, 3, stride=2, scope="conv1")
      ...     print(net.shape, [variable.op.name for variable in tf.compat.v1.trainable_variables()])
      (2, 4, 4, 16) ['conv1/weights', 'conv1/BatchNorm/beta']
    """
    return inspect.unwrap(convolution)(  # arg_scopes of `convolution` do not apply to this function
        inputs=inputs,
        num_outputs=num_outputs,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        data_format=data_format,
        rate=rate,
        activation_fn=activation_fn,
        normalizer_fn=normalizer_fn,
        normalizer_params=normalizer_params,
        weights_initializer=weights_initializer,
        weights_regularizer=weights_regularizer,
        biases_initializer=biases_initializer,
        biases_regularizer=biases_regularizer,
        reuse=reuse,
        variables_collections=variables_collections,
        outputs_collections=outputs_collections,
        trainable=trainable,
        scope=scope,
        conv_dims=2,
    )


@add_arg_scope
def convolution1d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
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
    """A convolution of one spatial axis, as tf.contrib.layers.conv1d of TensorFlow 1.15 makes it, without Keras.

    Usable under `arg_scope`. `conv1d` and `convolution1d` are one function.

    Args:
      inputs: floating tensor of rank 3; the number of channels known.
      num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn, normalizer_fn, normalizer_params,
        weights_initializer, weights_regularizer, biases_initializer, biases_regularizer, reuse, variables_collections,
        outputs_collections, trainable, scope: as in `convolution`.

    Returns:
      A tensor of the inputs' rank and dtype.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     convolution1d(tf.zeros([2, 8, 3]), 4, 3, scope="conv")
      <tf.Tensor 'conv/Relu:0' shape=(2, 8, 4) dtype=float32>
    """
    return inspect.unwrap(convolution)(**locals(), conv_dims=1)


@add_arg_scope
def convolution3d(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
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
    """A convolution of three spatial axes, as tf.contrib.layers.conv3d of TensorFlow 1.15 makes it, without Keras.

    Usable under `arg_scope`. `conv3d` and `convolution3d` are one function.

    Args:
      inputs: floating tensor of rank 5; the number of channels known.
      num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn, normalizer_fn, normalizer_params,
        weights_initializer, weights_regularizer, biases_initializer, biases_regularizer, reuse, variables_collections,
        outputs_collections, trainable, scope: as in `convolution`.

    Returns:
      A tensor of the inputs' rank and dtype.

    Raises:
      ValueError, TypeError, RuntimeError: as `conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     convolution3d(tf.zeros([2, 4, 8, 8, 3]), 4, 3, scope="conv")
      <tf.Tensor 'conv/Relu:0' shape=(2, 4, 8, 8, 4) dtype=float32>
    """
    return inspect.unwrap(convolution)(**locals(), conv_dims=3)
