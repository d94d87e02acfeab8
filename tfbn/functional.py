"""Batch normalization as functions without side effects: parameters and state go in and come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, layers, shapes
from tfbn.arguments.foreign import foreign_names
from tfbn.core import averages, modes, normalization, policy
from tfbn.core.flag import Flag
from tfbn.core.settings import Arguments, resolve
from tfbn.core.values import CallInputs, Params, State

__all__ = ["Params", "State", "infer", "init", "train"]


def __dir__() -> list[str]:
    return list(__all__)


@foreign_names
def init(
    channels: int,
    *,
    center: bool = True,
    scale: bool = False,
    renorm: bool = False,
    zero_debias_moving_mean: bool = False,
    cumulative: bool = False,
    param_initializers: Mapping[str, Any] | None = None,
    dtype: Any = tf.float32,
) -> tuple[Params, State]:
    """The parameters and the state to begin with.

    Args:
      channels: int C of at least 1.
      center: whether there is a beta. Default True.
      scale: whether there is a gamma. Default False.
      renorm: whether the state has the averages of batch renormalization. Default False.
      zero_debias_moving_mean: whether moving_mean corrects for its start at zero. Default False.
      cumulative: whether the state counts batches, for `train` with decay=None. Default False.
      param_initializers: dict with initializers for `beta`, `gamma`, `moving_mean` and `moving_variance`: functions of
        shape and dtype, or their names. Defaults zeros, ones, zeros, ones. The averages of renorm start at the same
        mean and at the square root of the variance.
      dtype: dtype of all of them. Default float32, which half-precision inputs need too.

    Returns:
      Params and State, named tuples of tensors of shape [C], `local_step` of shape []; unused fields are None.

    Raises:
      ValueError: channels below 1; zero_debias_moving_mean with cumulative; an initializer of an unknown name.
      TypeError: channels no int; a dtype that is not floating.

    Example:
      >>> import tfbn
      >>> params, state = tfbn.functional.init(3)
      >>> print(params.beta.numpy(), params.gamma, state.moving_variance.numpy())
      [0. 0. 0.] None [1. 1. 1.]
    """
    shapes.check_channels(channels)
    checks.check_initializers(param_initializers)
    if cumulative:
        checks.check_cumulative(zero_debias_moving_mean)
    dtype = checks.check_param_dtype(dtype, "dtype") or tf.float32
    initializers = param_initializers or {}

    def initial(name: str, default: Callable) -> tf.Tensor:
        initializer = initializers.get(name)
        if initializer is None:
            return default([channels], dtype)
        if isinstance(initializer, str):
            initializer = getattr(tf.compat.v1.initializers, initializer)
        if isinstance(initializer, type):
            initializer = initializer()
        return tf.cast(initializer([channels], dtype=dtype), dtype)

    params = Params(initial("beta", tf.zeros) if center else None, initial("gamma", tf.ones) if scale else None)
    state = State(initial("moving_mean", tf.zeros), initial("moving_variance", tf.ones))
    if renorm:
        stddev = tf.sqrt(state.moving_variance)
        state = state._replace(renorm_mean=state.moving_mean, renorm_stddev=stddev, moving_stddev=stddev)
    if zero_debias_moving_mean:
        state = state._replace(biased=tf.zeros([channels], dtype), local_step=tf.zeros([], dtype))
    if cumulative:
        # A half precision would soon count no further.
        state = state._replace(local_step=tf.zeros([], normalization.compute_dtype(dtype)))
    return params, state


@tf.autograph.experimental.do_not_convert
@foreign_names
def train(
    inputs: Any,
    params: Params,
    state: State,
    *,
    decay: Any = 0.999,
    epsilon: float = 0.001,
    axis: int = -1,
    fused: bool = True,
    unbiased: bool = True,
    renorm_clipping: Mapping[str, Any] | None = None,
    renorm_decay: Any = 0.99,
    adjustment: tuple[Any, Any] | None = None,
    batch_weights: Any = None,
    mask: Any = None,
    virtual_batch_size: int | None = None,
    update_statistics: Any = True,
    synchronized: bool = False,
) -> tuple[tf.Tensor, State]:
    """Normalizes by the statistics of the inputs; returns the outputs and the state after this step.

    The formulas are those of `batch_norm`. A state with renorm_mean asks for renorm, one with biased for zero debias.
    No side effects: works under tf.function, jit_compile, tf.vectorized_map and gradient tapes of any order.

    Args:
      inputs: tensor or array of float16, bfloat16, float32 or float64, of rank 1 or more, of known rank and channels.
      params: Params; a beta of None means 0, a gamma of None means 1.
      state: State, from `init` or an earlier step. A batch without samples or weight does not change it.
      decay: number in [0, 1] or floating scalar tensor: the share of a moving average that stays. None for the
        cumulative average, in which all batches count the same; it needs a state with local_step. Default 0.999.
      epsilon: number, at least 0, added to the variance. Default 0.001. TensorFlow's fused kernel needs 1.001e-5; below
        that composed ops replace it.
      axis: int, the axis of the channels. Default -1.
      fused: whether to take the fused kernel where there is one. Default True. With the kernel, the gradient of the
        next state with respect to the inputs is 0; with False it is right.
      unbiased: whether moving_variance follows variance * n / max(n - 1, 1), with n samples per channel, or variance.
        Default True, as `batch_norm` does for ranks 2 and 4. No effect with renorm.
      renorm_clipping: dict with `rmax`, `rmin`, `dmax`, each a number or a scalar tensor; absent ones do not clip.
      renorm_decay: as decay, for the averages behind r and d. Default 0.99.
      adjustment: pair (a, b) of tensors that broadcast against inputs: y = (xhat * a + b) * gamma + beta.
      batch_weights: weights of the samples, of shape [N], for the statistics only.
      mask: booleans or numbers along the axes of inputs from the left without the channels'; False or 0 excludes a
        position from the statistics.
      virtual_batch_size: int that divides N; each virtual batch is normalized separately.
      update_statistics: bool or scalar boolean tensor; with False the state does not change. Default True.
      synchronized: as in `BatchNorm`: whether to take the statistics over all replicas of tf.distribute, which then
        have to call this together. Not under tf.vectorized_map, where TensorFlow would wait forever. Default False.

    Returns:
      The outputs, a tensor of the inputs' shape and dtype, and a State of tensors like `state`.

    Raises:
      ValueError: rank or channels unknown; params or state of another shape; an argument out of range; decay=None
        without local_step or with zero debias; synchronized under a strategy that cannot, or with virtual_batch_size.
      TypeError: inputs that are not floating; an argument of another type, or out of order.
      RuntimeError: synchronized where TensorFlow refuses collectives.

    Example:
      >>> import tensorflow as tf, tfbn
      >>> params, state = tfbn.functional.init(2)
      >>> outputs, state = tfbn.functional.train([[1.0, 5.0], [3.0, 5.0]], params, state, decay=0.5)
      >>> print(state.moving_mean)
      tf.Tensor([1.  2.5], shape=(2,), dtype=float32)

    References:
      Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167.
      Ioffe, Batch Renormalization, arXiv:1702.03275.
    """
    _check_order("train", inputs, params, state)
    inputs = tf.convert_to_tensor(inputs)
    shapes.check_channel_axis(axis)
    layout = shapes.check_inputs(inputs, axis=axis, virtual_batch_size=virtual_batch_size)
    params, state = _tensors(params, state, layout.channels)
    arguments = Arguments(
        decay=decay,
        epsilon=epsilon,
        fused=bool(fused),
        unbiased=bool(unbiased),
        zero_debias_moving_mean=state.biased is not None,
        counts=state.local_step is not None,
        renorm=state.renorm_mean is not None,
        renorm_clipping=renorm_clipping,
        renorm_decay=renorm_decay,
        adjustment=adjustment,
        virtual_batch_size=virtual_batch_size,
        synchronized=synchronized,
    )
    arguments = layers.check_arguments(arguments, layout.channels)
    checks.check_renorm_asked_for(arguments.renorm, renorm_clipping)
    updating = checks.check_flag(update_statistics, "update_statistics")
    if adjustment is not None:
        if not isinstance(adjustment, (tuple, list)) or len(adjustment) != 2:
            raise TypeError(
                f"adjustment: expected a pair of tensors or None, got {adjustment!r}. The function that batch_norm "
                "takes is called with the inputs' shape: pass what it returns."
            )
        adjustment = tuple(tf.convert_to_tensor(part) for part in adjustment)
    call = CallInputs(inputs, Flag(True), updating, batch_weights, mask, adjustment=adjustment)
    call = layers.check_call(call, layout, synchronized)
    settings = resolve(arguments, layout, inputs.dtype, table=policy.FUNCTIONAL_TABLE)
    outputs, batch, active = modes.compute(call, params, state, settings)
    outputs.set_shape(inputs.shape)
    if batch is not None and not updating.never:
        state = averages.next_state(state, averages.changes(state, batch, settings, active & updating))
    return outputs, state


@tf.autograph.experimental.do_not_convert
@foreign_names
def infer(
    inputs: Any, params: Params, state: State, *, epsilon: float = 0.001, axis: int = -1, fused: bool = True
) -> Any:
    """y = (x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta, for a tensor or a nest of them.

    No side effects: works under tf.function, jit_compile, tf.vectorized_map and gradient tapes of any order.

    Args:
      inputs: tensor or array of float16, bfloat16, float32 or float64 of any rank from 1 on, such as a single sample of
        shape [C]; or any nest of these (dicts, tuples, lists), each with its own shape. A list of numbers is a nest,
        not an array.
      params: Params, tensors or arrays of shape [C]; a beta of None means 0, a gamma of None means 1.
      state: State, of which moving_mean and moving_variance of shape [C] are read.
      epsilon: number, at least 0, added to the variance. Default 0.001.
      axis: int, the axis of the channels in each of the inputs. Default -1.
      fused: whether to use the fused kernel where there is one. It has no gradient with respect to the state; with
        False there is one. Default True.

    Returns:
      The outputs in the structure of the inputs, each of its input's shape and dtype.

    Raises:
      ValueError: rank or channels unknown; a scalar; params or state of another shape; epsilon negative.
      TypeError: inputs that are not floating.

    Example:
      >>> import numpy as np, tfbn
      >>> params = tfbn.functional.Params(beta=np.array([1.0, 0.0], "float32"), gamma=None)
      >>> state = tfbn.functional.State(np.array([1.0, 5.0], "float32"), np.array([4.0, 1.0], "float32"))
      >>> sample = np.array([3.0, 5.0], "float32")
      >>> outputs = tfbn.functional.infer({"one": sample, "two": [sample, sample + 2]}, params, state, epsilon=0.0)
      >>> print(outputs["one"].numpy(), outputs["two"][1].numpy())
      [2. 0.] [3. 2.]
    """
    _check_order("infer", inputs, params, state)
    shapes.check_channel_axis(axis)
    arguments = Arguments(decay=None, epsilon=checks.check_epsilon(epsilon), fused=bool(fused))

    def one(inputs: Any) -> tf.Tensor:
        inputs = tf.convert_to_tensor(inputs)
        shapes.check_leaf(inputs)
        layout = shapes.check_inputs(inputs, axis=axis)
        values = _tensors(params, State(*state[:2]), layout.channels)
        settings = resolve(arguments, layout, inputs.dtype, table=policy.FUNCTIONAL_TABLE)
        outputs, _, _ = modes.compute(CallInputs(inputs, Flag(False)), *values, settings)
        outputs.set_shape(inputs.shape)
        return outputs

    return tf.nest.map_structure(one, inputs)


def _check_order(function: str, inputs: Any, params: Any, state: Any) -> None:
    """Raises TypeError where inputs, params and state are in another order, which only their types show."""
    kinds = {"params": (params, Params, State), "state": (state, State, Params)}
    for name, (value, kind, other) in kinds.items():
        if isinstance(inputs, kind) or isinstance(value, other) or not isinstance(value, (tuple, list)):
            got = [type(argument).__name__ for argument in (inputs, params, state)]
            raise TypeError(
                f"{name}: expected {function}(inputs, params, state) with a {kind.__name__} for {name}, got {got} in "
                "this order. Both come from tfbn.functional.init, or from an earlier step."
            )


def _tensors(params: Params, state: State, channels: int) -> tuple[Params, State]:
    """Both as tensors, with the shapes that the inputs' channels require."""

    def tensor(name: str, value: Any) -> tf.Tensor | None:
        if value is None:
            return None
        value = tf.convert_to_tensor(value)
        shapes.check_shape(name, value, [] if name == "local_step" else [channels])
        return value

    return (
        Params(**{name: tensor(name, value) for name, value in Params(*params)._asdict().items()}),
        State(**{name: tensor(name, value) for name, value in State(*state)._asdict().items()}),
    )
