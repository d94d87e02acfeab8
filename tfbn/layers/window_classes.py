"""The classes of `tf.layers` with a window, convolutions and pooling, in TF1 graphs and without Keras.

Each belongs to the function of `tfbn.layers.v1` with its name in snake case, and takes that function's arguments
except the inputs, and `_scope` and `_reuse`. All calls share its variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf  # noqa: F401  # used by the examples

from tfbn.layers import convolutions, pools, separable, sizes, transposed
from tfbn.layers.classes import ZEROS, Layer, WeightedLayer, argument_property
from tfbn.layers.weighted import Parameter


class _Ordered:
    """The attributes of classes with a window under the original's names."""

    order: str

    @property
    def data_format(self) -> str:
        return self.order


class _Spatial(_Ordered, WeightedLayer):
    """The further attributes of convolutions."""

    _AXES: int
    rate: tuple[int, ...]

    @property
    def rank(self) -> int:
        return self._AXES

    @property
    def dilation_rate(self) -> tuple[int, ...]:
        return self.rate


class _Convolution(convolutions.Convolution, _Spatial):
    """A convolution of _AXES spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        activation: Callable | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        activity_regularizer: Callable | None = None,
        kernel_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=self._AXES,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            order=sizes.check_order(data_format),
            rate=dilation_rate,
            kernels={"kernel": Parameter(kernel_initializer, kernel_regularizer, kernel_constraint)},
            bias=Parameter(bias_initializer, bias_regularizer, bias_constraint) if use_bias else None,
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            name=name,
            **kwargs,
        )


class Conv1D(_Convolution):
    """The convolution of one spatial axis, as tf.layers.Conv1D of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.conv1d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv1D(4, 3, padding="same")
      ...     print(layer(tf.zeros([2, 8, 3])).shape, layer.kernel.op.name)
      (2, 8, 4) conv1d/kernel
    """

    _AXES = 1


class Conv2D(_Convolution):
    """The convolution of images, as tf.layers.Conv2D of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv2D(4, 3, padding="same")
      ...     print(layer(tf.zeros([2, 8, 8, 3])).shape, layer.bias.op.name)
      (2, 8, 8, 4) conv2d/bias
    """

    _AXES = 2


class Conv3D(_Convolution):
    """The convolution of volumes, as tf.layers.Conv3D of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.conv3d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv3D(4, 3, padding="same")
      ...     print(layer(tf.zeros([2, 4, 8, 8, 3])).shape, layer.kernel.op.name)
      (2, 4, 8, 8, 4) conv3d/kernel
    """

    _AXES = 3


class _Transposed(transposed.TransposedConvolution, _Spatial):
    """A transposed convolution of _AXES spatial axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        activation: Callable | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        activity_regularizer: Callable | None = None,
        kernel_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=self._AXES,
            filters=filters,
            kernel_size=kernel_size,
            strides=strides,
            padding=padding,
            order=sizes.check_order(data_format),
            kernels={"kernel": Parameter(kernel_initializer, kernel_regularizer, kernel_constraint)},
            bias=Parameter(bias_initializer, bias_regularizer, bias_constraint) if use_bias else None,
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            name=name,
            **kwargs,
        )


class Conv2DTranspose(_Transposed):
    """The transposed convolution of images, as tf.layers.Conv2DTranspose of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.conv2d_transpose`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv2DTranspose(3, 5, strides=2)
      ...     print(layer(tf.zeros([2, 4, 4, 8])).shape, layer.kernel.shape)
      (2, 11, 11, 3) (5, 5, 3, 8)
    """

    _AXES = 2


class Conv3DTranspose(_Transposed):
    """The transposed convolution of volumes, as tf.layers.Conv3DTranspose of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.conv3d_transpose`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = Conv3DTranspose(3, 2, strides=2)
      ...     print(layer(tf.zeros([2, 2, 4, 4, 8])).shape, layer.kernel.shape)
      (2, 4, 8, 8, 3) (2, 2, 2, 3, 8)
    """

    _AXES = 3


class _Separable(separable.SeparableConvolution, _Spatial):
    """A separable convolution of _AXES spatial axes."""

    def __init__(
        self,
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
        bias_initializer: Any = ZEROS,
        depthwise_regularizer: Callable | None = None,
        pointwise_regularizer: Callable | None = None,
        bias_regularizer: Callable | None = None,
        activity_regularizer: Callable | None = None,
        depthwise_constraint: Callable | None = None,
        pointwise_constraint: Callable | None = None,
        bias_constraint: Callable | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            rank=self._AXES,
            filters=sizes.check_count("filters", filters),
            kernel_size=kernel_size,
            depth_multiplier=depth_multiplier,
            strides=strides,
            padding=padding,
            order=sizes.check_order(data_format),
            rate=dilation_rate,
            kernels={
                "depthwise_kernel": Parameter(depthwise_initializer, depthwise_regularizer, depthwise_constraint),
                "pointwise_kernel": Parameter(pointwise_initializer, pointwise_regularizer, pointwise_constraint),
            },
            bias=Parameter(bias_initializer, bias_regularizer, bias_constraint) if use_bias else None,
            activation=activation,
            activity_regularizer=activity_regularizer,
            trainable=trainable,
            name=name,
            **kwargs,
        )

    @property
    def depthwise_kernel(self) -> Any:
        """The variable, once there is one."""
        return self.weight("depthwise_kernel")

    @property
    def pointwise_kernel(self) -> Any:
        """The variable, once there is one."""
        return self.weight("pointwise_kernel")


for _kind in Parameter._fields:
    for _name in ("depthwise", "pointwise"):
        setattr(_Separable, f"{_name}_{_kind}", argument_property(f"{_name}_kernel", _kind))


class SeparableConv1D(_Separable):
    """The separable convolution of one spatial axis, as tf.layers.SeparableConv1D of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.separable_conv1d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = SeparableConv1D(4, 3)
      ...     print(layer(tf.zeros([2, 8, 3])).shape, layer.pointwise_kernel.shape)
      (2, 6, 4) (1, 3, 4)
    """

    _AXES = 1


class SeparableConv2D(_Separable):
    """The separable convolution of images, as tf.layers.SeparableConv2D of TensorFlow 1.15.

    Args:
      filters, kernel_size and the others: as in `tfbn.layers.v1.separable_conv2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     layer = SeparableConv2D(4, 3)
      ...     print(layer(tf.zeros([2, 8, 8, 3])).shape, layer.depthwise_kernel.shape)
      (2, 6, 6, 4) (3, 3, 3, 1)
    """

    _AXES = 2


class _Pooling(pools.Pooling, _Ordered, Layer):
    """A pooling op over _AXES spatial axes."""

    _OPS: Mapping[int, Callable]
    _AXES: int

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if strides is None:
            raise ValueError(
                f"Argument `strides` must not be None. Expected an int or one for each axis; pass {pool_size!r}."
            )
        window = pools.Window(pool_size, strides, padding, data_format)
        super().__init__(self._OPS, self._AXES, window, sizes.check_order(data_format), name=name, **kwargs)


class MaxPooling1D(_Pooling):
    """The maximum of each window of one spatial axis, as tf.layers.MaxPooling1D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.max_pooling1d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(MaxPooling1D(2, 2)(tf.zeros([2, 8, 3])).shape)
      (2, 4, 3)
    """

    _OPS, _AXES = pools.MAX, 1


class MaxPooling2D(_Pooling):
    """The maximum of each window of images, as tf.layers.MaxPooling2D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.max_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(MaxPooling2D(2, 2)(tf.zeros([2, 8, 8, 3])).shape)
      (2, 4, 4, 3)
    """

    _OPS, _AXES = pools.MAX, 2


class MaxPooling3D(_Pooling):
    """The maximum of each window of volumes, as tf.layers.MaxPooling3D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.max_pooling3d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(MaxPooling3D(2, 2)(tf.zeros([2, 4, 8, 8, 3])).shape)
      (2, 2, 4, 4, 3)
    """

    _OPS, _AXES = pools.MAX, 3


class AveragePooling1D(_Pooling):
    """The mean of each window of one spatial axis, as tf.layers.AveragePooling1D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.average_pooling1d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(AveragePooling1D(2, 2)(tf.zeros([2, 8, 3])).shape)
      (2, 4, 3)
    """

    _OPS, _AXES = pools.AVERAGE, 1


class AveragePooling2D(_Pooling):
    """The mean of each window of images, as tf.layers.AveragePooling2D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.average_pooling2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(AveragePooling2D(2, 2)(tf.zeros([2, 8, 8, 3])).shape)
      (2, 4, 4, 3)
    """

    _OPS, _AXES = pools.AVERAGE, 2


class AveragePooling3D(_Pooling):
    """The mean of each window of volumes, as tf.layers.AveragePooling3D of TensorFlow 1.15.

    Args:
      pool_size, strides, padding, data_format, name: as in `tfbn.layers.v1.average_pooling3d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     print(AveragePooling3D(2, 2)(tf.zeros([2, 4, 8, 8, 3])).shape)
      (2, 2, 4, 4, 3)
    """

    _OPS, _AXES = pools.AVERAGE, 3
