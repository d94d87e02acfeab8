"""contrib's other norms, which keep no moving statistics: `layer_norm`, `instance_norm`, `group_norm`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.arguments import checks, shapes
from tfbn.graph import compatibility
from tfbn.graph.activation import activate
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.graph.variables import collections_for, initializer_object
from tfbn.layers import sizes
from tfbn.layers.variables import model_variable

_INITIALIZERS = {"beta": tf.compat.v1.zeros_initializer(), "gamma": tf.compat.v1.ones_initializer()}


class _Arguments(NamedTuple):
    """The arguments that the three norms have in common."""

    center: bool
    scale: bool
    activation_fn: Callable | None
    param_initializers: Mapping[str, Any] | None
    reuse: Any
    variables_collections: Any
    outputs_collections: Any
    trainable: bool
    scope: Any


class _Norm:
    """The part that the three norms share: checks, scope, beta and gamma, and the steps after them."""

    def __init__(self, caller: str, inputs: Any, arguments: _Arguments) -> None:
        checks.check_graph(caller)
        self.arguments, self.inputs = arguments, tf.convert_to_tensor(inputs)
        if self.inputs.shape.rank is None:
            raise ValueError(
                f"Inputs {self.inputs.name} has undefined rank. Give it one with inputs.set_shape([None, ..., C])."
            )
        shapes.check_floating(self.inputs)
        checks.check_callables(activation_fn=arguments.activation_fn)
        checks.check_initializers(arguments.param_initializers)
        checks.check_collections(
            variables_collections=arguments.variables_collections, outputs_collections=arguments.outputs_collections
        )
        checks.check_scope(arguments.scope, arguments.reuse)
        names = tuple(_INITIALIZERS)
        ignored = [
            *compatibility.ignored_collections(arguments.variables_collections, names),
            *compatibility.unknown_keys("param_initializers", arguments.param_initializers, names),
        ]
        compatibility.warn(caller, ignored, "tf.contrib.layers")

    @contextlib.contextmanager
    def opened(self, default: str) -> Iterator[None]:
        """Opens the variable scope, by default with this name."""
        arguments = self.arguments
        with tf.compat.v1.variable_scope(arguments.scope, default, [self.inputs], reuse=arguments.reuse) as self.scope:
            yield

    def parameters(self, shape: Any, broadcast: Sequence[int] | None = None) -> dict[str, Any]:
        """Beta and gamma by name, created or reused, and reshaped if `broadcast` is a shape."""
        arguments, parameters = self.arguments, {}
        initializers = {**_INITIALIZERS, **(arguments.param_initializers or {})}
        for name, exists in (("beta", arguments.center), ("gamma", arguments.scale)):
            if exists:
                variable = model_variable(
                    name,
                    shape=shape,
                    dtype=self.inputs.dtype,
                    initializer=initializer_object(initializers[name]),
                    collections=collections_for(name, arguments.variables_collections),
                    trainable=arguments.trainable,
                )
                parameters[name] = variable if broadcast is None else tf.reshape(variable, broadcast)
        return parameters

    def normalize(
        self, parameters: Mapping[str, Any], axes: Sequence[int], epsilon: float, name: str | None = None
    ) -> tf.Tensor:
        """The inputs less their mean over the axes, divided by their standard deviation, scaled and shifted."""
        mean, variance = tf.compat.v1.nn.moments(self.inputs, list(axes), keep_dims=True)
        return tf.nn.batch_normalization(
            self.inputs, mean, variance, parameters.get("beta"), parameters.get("gamma"), epsilon, name=name
        )

    def finish(self, outputs: tf.Tensor) -> tf.Tensor:
        """Activates and collects the outputs."""
        outputs = activate(outputs, self.arguments.activation_fn)
        return collect_named_outputs(self.arguments.outputs_collections, self.scope.name, outputs)


@add_arg_scope
def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Callable | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: Any = None,
) -> tf.Tensor:
    """Normalizes each sample, as tf.contrib.layers.layer_norm of TensorFlow 1.15 does.

        outputs = activation_fn((inputs - mean) / sqrt(variance + epsilon) * gamma + beta)

    Mean and variance are those of a sample, over all axes from begin_norm_axis on; epsilon is 1e-12, with float16
    inputs 1e-3. There is neither a moving average nor a difference between training and inference. Usable under
    `arg_scope`, and as a normalizer_fn.

    Args:
      inputs: floating tensor of known rank, at least 2 with the default axes.
      center, scale: whether there is a `beta`, a `gamma`. Default True.
      activation_fn: function of the outputs; None for none, the default.
      reuse: True shares the variables of an earlier call with the same `scope`; tf.compat.v1.AUTO_REUSE creates or
        shares.
      variables_collections: list of collections for the variables, or dict of lists with the keys 'beta' and 'gamma'.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      trainable: whether the variables enter TRAINABLE_VARIABLES.
      begin_norm_axis: int, the first axis of the moments. Default 1, all axes but the batch's.
      begin_params_axis: int, the first axis of `beta` and `gamma`, whose shape is inputs.shape[begin_params_axis:].
        Default -1, the channels'.
      scope: name or VariableScope of the variables. Default 'LayerNorm', made unique.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: an unknown rank, or an axis out of range; unknown sizes from begin_params_axis on; reuse without
        scope; a variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> import tfbn
      >>> with tf.Graph().as_default():
      ...     net = tfbn.layers.fully_connected(tf.zeros([2, 5]), 3, normalizer_fn=layer_norm)
      ...     print([variable.op.name for variable in tf.compat.v1.trainable_variables()])
      ['fully_connected/weights', 'fully_connected/LayerNorm/beta', 'fully_connected/LayerNorm/gamma']
    """
    arguments = _Arguments(
        center=center,
        scale=scale,
        activation_fn=activation_fn,
        param_initializers=None,
        reuse=reuse,
        variables_collections=variables_collections,
        outputs_collections=outputs_collections,
        trainable=trainable,
        scope=scope,
    )
    norm = _Norm("layer_norm", inputs, arguments)
    shape, rank = norm.inputs.shape, norm.inputs.shape.rank
    first = begin_norm_axis + rank if begin_norm_axis < 0 else begin_norm_axis
    if not (0 <= first < rank and begin_params_axis < rank):
        raise ValueError(
            f"begin_params_axis ({begin_params_axis}) and begin_norm_axis ({begin_norm_axis}) must be < rank(inputs) "
            f"({rank}). Got inputs of shape {shape}; begin_norm_axis may be from {-rank} on."
        )
    if not shape[begin_params_axis:].is_fully_defined():
        raise ValueError(
            f"Inputs {norm.inputs.name}: shape(inputs)[{begin_params_axis}:] is not fully defined: {shape}. It is the "
            "shape of beta and gamma: set it with inputs.set_shape."
        )
    with norm.opened("LayerNorm"):
        epsilon = 1e-3 if norm.inputs.dtype == tf.float16 else 1e-12
        outputs = norm.normalize(norm.parameters(shape[begin_params_axis:]), range(first, rank), epsilon)
        outputs.set_shape(shape)
        return norm.finish(outputs)


@add_arg_scope
def instance_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    epsilon: float = 1e-6,
    activation_fn: Callable | None = None,
    param_initializers: Mapping[str, Any] | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> tf.Tensor:
    """Normalizes each channel of each sample, as tf.contrib.layers.instance_norm of TensorFlow 1.15 does.

        outputs = activation_fn((inputs - mean) / sqrt(variance + epsilon) * gamma + beta)

    Mean and variance are those of a channel of a sample; without axes between them, in inputs of rank 2, only beta
    remains. Usable under `arg_scope`, and as a normalizer_fn.

    Args:
      inputs: floating tensor of rank 2 or more; the number of channels known.
      epsilon: number, added to the variance. Default 1e-6.
      param_initializers: dict of initializers with the keys 'beta' and 'gamma'. Default zeros and ones.
      data_format: 'NHWC' for channels last, whatever the rank; 'NCHW' for channels on axis 1.
      scope: name or VariableScope of the variables. Default 'InstanceNorm', made unique.
      center, scale, activation_fn, reuse, variables_collections, outputs_collections, trainable: as in `layer_norm`.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: an unknown rank, or one below 2; an unknown number of channels; another data_format; reuse without
        scope; a variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     instance_norm(tf.zeros([2, 8, 8, 3]), activation_fn=tf.nn.relu)
      <tf.Tensor 'InstanceNorm/Relu:0' shape=(2, 8, 8, 3) dtype=float32>
    """
    arguments = _Arguments(
        center=center,
        scale=scale,
        activation_fn=activation_fn,
        param_initializers=param_initializers,
        reuse=reuse,
        variables_collections=variables_collections,
        outputs_collections=outputs_collections,
        trainable=trainable,
        scope=scope,
    )
    norm = _Norm("instance_norm", inputs, arguments)
    epsilon = checks.check_epsilon(epsilon)
    sizes.check_contrib_format(data_format)
    shape, rank = norm.inputs.shape, norm.inputs.shape.rank
    if rank < 2:
        raise ValueError(
            f"Inputs {norm.inputs.name} has rank {rank}: expected 2 or more, a batch and channels. Got the shape "
            f"{shape}; add an axis with tf.expand_dims."
        )
    axis = 1 if data_format == "NCHW" else rank - 1
    channels = shape.as_list()[axis]
    if channels is None:
        raise ValueError(
            f"Inputs {norm.inputs.name} has undefined channels dimension {shape[axis : axis + 1]}. Got the shape "
            f"{shape} in {data_format}; set it with inputs.set_shape."
        )
    broadcast = [1, channels] + [1] * (rank - 2) if data_format == "NCHW" else None
    with norm.opened("InstanceNorm"):
        parameters = norm.parameters([channels], broadcast)
        axes = [other for other in range(1, rank) if other != axis]
        return norm.finish(norm.normalize(parameters, axes, epsilon, "instancenorm"))


@add_arg_scope
def group_norm(
    inputs: Any,
    groups: int = 32,
    channels_axis: int = -1,
    reduction_axes: Sequence[int] = (-3, -2),
    center: bool = True,
    scale: bool = True,
    epsilon: float = 1e-6,
    activation_fn: Callable | None = None,
    param_initializers: Mapping[str, Any] | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
    mean_close_to_zero: bool = False,
) -> tf.Tensor:
    """Normalizes groups of channels of each sample, as tf.contrib.layers.group_norm of TensorFlow 1.15 does.

        outputs = activation_fn((inputs - mean) / sqrt(variance + epsilon) * gamma + beta)

    Mean and variance are those of a group, channels that lie next to each other, over the reduction_axes as well.
    Usable under `arg_scope`, and as a normalizer_fn.

    Args:
      inputs: floating tensor of known rank; the sizes of channels_axis and reduction_axes known.
      groups: int, how many; it divides the number of channels. Default 32.
      channels_axis: int. Default -1; -3 for inputs in NCHW.
      reduction_axes: ints, without the channels' axis; empty for none. Default (-3, -2), which are height and width in
        NHWC; (-2, -1) for inputs in NCHW.
      scope: name or VariableScope of the variables. Default 'GroupNorm', made unique.
      mean_close_to_zero: True takes the variance as the mean of squares less the square of the mean.
      center, scale, activation_fn, reuse, variables_collections, outputs_collections, trainable: as in `layer_norm`.
      epsilon, param_initializers: as in `instance_norm`.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: an unknown rank; an axis out of range, of unknown size, or there twice; groups that do not divide the
        channels; reuse without scope; a variable that exists without reuse, or does not with it.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     group_norm(tf.zeros([2, 8, 8, 6]), groups=3, activation_fn=tf.nn.relu)
      <tf.Tensor 'GroupNorm/Relu:0' shape=(2, 8, 8, 6) dtype=float32>
    """
    arguments = _Arguments(
        center=center,
        scale=scale,
        activation_fn=activation_fn,
        param_initializers=param_initializers,
        reuse=reuse,
        variables_collections=variables_collections,
        outputs_collections=outputs_collections,
        trainable=trainable,
        scope=scope,
    )
    norm = _Norm("group_norm", inputs, arguments)
    epsilon = checks.check_epsilon(epsilon)
    channels_axis, axes = _group_axes(norm.inputs, channels_axis, reduction_axes)
    channels = norm.inputs.shape.as_list()[channels_axis]
    sizes.check_count("groups", groups)
    if groups > channels:
        raise ValueError(f"Invalid groups {groups} for {channels} channels. Expected a divisor of {channels}.")
    if channels % groups:
        raise ValueError(f"{channels} channels is not commensurate with {groups} groups. Expected a divisor.")
    shape = _known_or_dynamic(norm.inputs)
    before, after = shape[:channels_axis], shape[channels_axis + 1 :]
    split = [groups, channels // groups]
    grouped = tf.reshape(norm.inputs, [*before, *split, *after])
    # The axis of the channels within a group comes after that of the groups.
    moments_axes = [channels_axis + 1, *(axis + (axis > channels_axis) for axis in axes)]
    with norm.opened("GroupNorm"):
        parameters = norm.parameters([channels], [1] * len(before) + split + [1] * len(after))
        if mean_close_to_zero:
            count, total, squares, _ = tf.compat.v1.nn.sufficient_statistics(grouped, moments_axes, keep_dims=True)
            mean, variance = tf.nn.normalize_moments(count, total, squares, shift=None)
        else:
            mean, variance = tf.compat.v1.nn.moments(grouped, moments_axes, keep_dims=True)
        gain = tf.math.rsqrt(variance + epsilon)
        offset = -mean * gain
        if "gamma" in parameters:
            gain, offset = gain * parameters["gamma"], offset * parameters["gamma"]
        if "beta" in parameters:
            offset += parameters["beta"]
        return norm.finish(tf.reshape(grouped * gain + offset, shape))


def _group_axes(inputs: tf.Tensor, channels_axis: Any, reduction_axes: Sequence[int]) -> tuple[int, list[int]]:
    """The axes counted from the left, checked: in range, of known size, each only once."""
    rank, axis_sizes = inputs.shape.rank, inputs.shape.as_list()
    axes = [axis + rank if axis < 0 else axis for axis in (channels_axis, *reduction_axes)]
    passed = f"channels_axis={channels_axis} and reduction_axes={tuple(reduction_axes)}"
    for axis in axes:
        if not 0 <= axis < rank:
            raise ValueError(
                f"Axis is out of bounds. Expected axes from {-rank} to {rank - 1} for inputs of shape {inputs.shape}, "
                f"got {passed}."
            )
    if axis_sizes[axes[0]] is None:
        raise ValueError(
            f"Inputs {inputs.name} has undefined channel dimension: {axes[0]}. Got the shape {inputs.shape}; set it "
            "with inputs.set_shape."
        )
    for axis in axes[1:]:
        if axis_sizes[axis] is None:
            raise ValueError(
                f"Inputs {inputs.name} has undefined dimensions {axis}. Got the shape {inputs.shape}; set it with "
                "inputs.set_shape, or leave the axis out of reduction_axes."
            )
    if len(set(axes)) != len(axes):
        raise ValueError(
            f"reduction_axis must be mutually exclusive with channels_axis, and each of them there once. Got {passed} "
            f"for inputs of shape {inputs.shape}; inputs without height and width take reduction_axes=[]."
        )
    return axes[0], axes[1:]


def _known_or_dynamic(inputs: tf.Tensor) -> list[Any]:
    """The size of each axis: an int, or a tensor if it is unknown."""
    dynamic = tf.shape(inputs)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(inputs.shape.as_list())]
