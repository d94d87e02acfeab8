"""`BatchNorm(tf.Module)`: batch normalization for eager code and tf.function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow, functional
from tfbn.arguments import checks, layers, shapes
from tfbn.arguments.foreign import foreign_names
from tfbn.core import averages, modes, normalization, policy, replicas
from tfbn.core.flag import Flag
from tfbn.core.settings import Arguments, Settings, resolve
from tfbn.core.values import CallInputs, Params, State


@dataclass(frozen=True)
class _Fixed:
    """Arguments of the module alone. Not a NamedTuple: tf.Module would wrap it, and try to save functions in it."""

    center: bool
    scale: bool
    data_format: str
    axis: int | None
    param_initializers: Mapping[str, Any]
    param_regularizers: Mapping[str, Any]
    param_constraints: Mapping[str, Any]
    param_dtype: tf.DType | None


class BatchNorm(tf.Module):
    """Batch normalization as `batch_norm` does it, as a tf.Module for eager code and tf.function, without Keras.

    Formulas and numbers are those of `batch_norm` with its default updates_collections; the call itself updates the
    statistics. moving_variance follows variance * n / max(n - 1, 1), with n samples per channel, for inputs of rank 2
    and 4 whose channels are on axis 1 or the last. It follows the uncorrected variance for other ranks, and with
    fused=False, batch_weights, renorm or an adjustment; `unbiased` overrides both.

    Args:
      channels: int C, to create the variables at once. Default None: on the first call, which may be in a tf.function.
      decay: number in [0, 1] or floating scalar tensor or variable, per step: the share of a moving average that stays.
        None averages all batches alike, as PyTorch does for momentum=None. Default 0.999.
      center: whether to add `beta`. Default True.
      scale: whether to multiply by `gamma`. Default False.
      epsilon: number, at least 0, added to the variance. Default 0.001. Where moving_variance follows the corrected
        variance, at least 1.001e-5 is used.
      data_format: 'NHWC' (channels last, any rank) or 'NCHW' (channels on axis 1, any rank from 2).
      axis: int, the axis of the channels, in place of data_format. Default None.
      param_initializers: dict with initializers for `beta`, `gamma`, `moving_mean` and `moving_variance`. Defaults
        zeros, ones, zeros, ones.
      param_regularizers: dict with regularizers for `beta` and `gamma`; their values are in `losses`.
      param_constraints: dict with constraints for `beta` and `gamma`, functions that optimizers apply after a step.
      trainable: whether `beta` and `gamma` are trained. Default True.
      update_statistics: bool, or scalar boolean tensor or variable: the default of calls. Default True.
      fused: None or True for the fused kernel where it serves, False for composed ops.
      unbiased: whether moving_variance follows variance * n / max(n - 1, 1), or variance. Default None: as described
        above. No effect with renorm.
      frozen: whether all calls normalize by the moving statistics and update none, whatever is_training is, as in Keras
        for a layer whose trainable is False. Default False.
      zero_debias_moving_mean: whether moving_mean corrects for its start at zero (arXiv:1412.6980, section 3).
      renorm: whether to apply batch renormalization. Default False.
      renorm_clipping: dict with `rmax`, `rmin`, `dmax`, each a number or a scalar tensor or variable; absent ones do
        not clip.
      renorm_decay: as decay, for the averages behind r and d, but not None. Default 0.99.
      adjustment: function of the dynamic shape of inputs, giving (a, b) that broadcast against them: in training
        y = (xhat * a + b) * gamma + beta.
      virtual_batch_size: int that divides N in training; each virtual batch is normalized separately. Not with
        adjustment. No effect in inference.
      synchronized: whether to normalize by, and follow, the statistics of all replicas' inputs, as if one had the whole
        batch, under tf.distribute.MirroredStrategy and MultiWorkerMirroredStrategy; shares may be unequal and empty. No
        effect without a strategy, with one replica, or in inference. Each replica has to call the layer directly in the
        function that strategy.run runs. With a tensor is_training both sides are computed. Not with virtual_batch_size.
        Default False.
      param_dtype: dtype of all variables. Default: float32; on a first call float64 for inputs of float64.
      name: of the module, and the scope of its variables. Default 'batch_norm'.

    Attributes, None where the layer has none:
      beta, gamma, moving_mean, moving_variance: variables of shape [C].
      renorm_mean, renorm_stddev, moving_stddev: with renorm, of shape [C].
      biased, local_step: with zero debias, of shapes [C] and []; local_step also where decay is None.
      decay, renorm_decay, renorm_clipping, adjustment: the arguments; may be set, to what the constructor takes.
      trainable: may be set. False removes beta and gamma from trainable_variables, also those of modules around this
        one, and tapes do not watch them.
      update_statistics: may be set. False freezes the statistics while training normalizes by the batch.
      frozen: may be set, to a bool.
      losses: list of the regularizers' losses, computed when read.
    Methods:
      arguments(): the arguments, a dict, that create another module like this one in its current state.
      create(channels): creates the variables before the first call.
      settings_for(inputs): how inputs of this shape and dtype are normalized; a record for tfbn itself.
    Python values are read when a tf.function is traced: set them before, or make them a tf.Variable. Statistics are
    not trainable; in a strategy's scope each replica has its own, and saving takes their mean, or the
    first's where they are synchronized.

    Raises:
      ValueError, TypeError: an argument out of range or of another type, as `batch_norm`; data_format with axis.

    Example:
      >>> import tensorflow as tf, tfbn
      >>> norm = tfbn.BatchNorm(decay=0.5, scale=True)
      >>> outputs = norm(tf.constant([[1.0, 5.0], [3.0, 5.0]]), is_training=True)
      >>> print(norm.moving_mean.numpy(), [variable.name for variable in norm.trainable_variables])
      [1.  2.5] ['batch_norm/beta:0', 'batch_norm/gamma:0']

    References:
      Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167.
      Ioffe, Batch Renormalization, arXiv:1702.03275.
    """

    _mask_by_channel = False  # whether a mask of the inputs' rank may differ from channel to channel

    @foreign_names
    def __init__(
        self,
        channels: int | None = None,
        decay: Any = 0.999,
        center: bool = True,
        scale: bool = False,
        epsilon: float = 0.001,
        *,
        data_format: str = "NHWC",
        axis: int | None = None,
        param_initializers: Mapping[str, Any] | None = None,
        param_regularizers: Mapping[str, Any] | None = None,
        param_constraints: Mapping[str, Any] | None = None,
        trainable: bool = True,
        update_statistics: Any = True,
        fused: bool | None = None,
        unbiased: bool | None = None,
        frozen: bool = False,
        zero_debias_moving_mean: bool = False,
        renorm: bool = False,
        renorm_clipping: Mapping[str, Any] | None = None,
        renorm_decay: Any = 0.99,
        adjustment: Callable | None = None,
        virtual_batch_size: int | None = None,
        synchronized: bool = False,
        param_dtype: Any = None,
        name: str | None = None,
    ) -> None:
        if channels is not None:
            shapes.check_channels(channels)
        if axis is not None:
            shapes.check_channel_axis(axis)
        shapes.check_data_format(data_format, axis)
        checks.check_initializers(param_initializers)
        checks.check_regularizers(param_regularizers)
        checks.check_constraints(param_constraints)
        checks.check_flag(update_statistics, "update_statistics")
        self._fixed = _Fixed(
            center=bool(center),
            scale=bool(scale),
            data_format=data_format,
            axis=axis,
            param_initializers=dict(param_initializers or {}),
            param_regularizers=dict(param_regularizers or {}),
            param_constraints=dict(param_constraints or {}),
            param_dtype=checks.check_param_dtype(param_dtype),
        )
        # Without the settable attributes, some of which may be variables.
        self._arguments = Arguments(
            decay=None,
            epsilon=checks.check_epsilon(epsilon),
            fused=fused is None or bool(fused),
            unbiased=None if unbiased is None else bool(unbiased),
            zero_debias_moving_mean=bool(zero_debias_moving_mean),
            counts=decay is None,
            renorm=bool(renorm),
            virtual_batch_size=virtual_batch_size,
            synchronized=bool(synchronized),
        )
        super().__init__(name=name)
        self.decay = decay
        self.renorm_decay = renorm_decay
        self.renorm_clipping = renorm_clipping
        self.adjustment = adjustment
        self.update_statistics = update_statistics
        self.frozen = bool(frozen)
        self._check_arguments(channels)
        self._trainable = bool(trainable)
        self.beta = self.gamma = None
        for statistic in State._fields:
            setattr(self, statistic, None)
        if channels is not None:
            self.create(channels)

    @tf.autograph.experimental.do_not_convert
    @foreign_names
    def __call__(
        self,
        inputs: Any,
        is_training: Any = True,
        *,
        update_statistics: Any = None,
        mask: Any = None,
        batch_weights: Any = None,
    ) -> tf.Tensor:
        """The outputs; in training the statistics follow the batch.

        Args:
          inputs: tensor of float16, bfloat16, float32 or float64, of known rank from 1 on and of C channels.
          is_training: bool, 0 or 1, or a scalar boolean tensor or variable: whether to normalize by the batch, and to
            follow it, or by the moving statistics. Default True.
          update_statistics: as is_training; False leaves the statistics as they are, to the last bit. Default: the
            attribute.
          mask: booleans or numbers along the axes of inputs from the left without the channels', or along all of them
            with size 1 there; False or 0 marks what is not to count in the statistics.
          batch_weights: tensor of shape [N], a weight per sample, for the statistics only.

        Returns:
          A tensor of the inputs' shape and dtype.

        Raises:
          ValueError: rank or channels unknown, or not C; a mask, weights or a virtual batch size that do not fit; an
            attribute that was set out of range; synchronized under another strategy, or with variables that are not its
            own.
          TypeError: inputs that are not floating; an argument of another type.
          RuntimeError: a TF1 graph, for which there is `batch_norm`; synchronized where TensorFlow refuses collectives.
        """
        return self._call(inputs, is_training, update_statistics, mask, batch_weights, policy.TABLE)

    @tf.autograph.experimental.do_not_convert
    def _call(
        self,
        inputs: Any,
        is_training: Any,
        update_statistics: Any,
        mask: Any,
        batch_weights: Any,
        table: tuple[policy.OriginalPath, ...],
    ) -> tf.Tensor:
        """The call, on a path of this table."""
        self._check_context()
        inputs = tf.convert_to_tensor(inputs)
        settings = self.settings_for(inputs, batch_weights is not None, table)
        channels = settings.layout.channels
        call = CallInputs(
            inputs,
            Flag(False) if self.frozen else checks.check_flag(is_training),
            checks.check_flag(
                self.update_statistics if update_statistics is None else update_statistics, "update_statistics"
            ),
            batch_weights,
            mask,
            self._mask_by_channel,
            self.adjustment,
        )
        call = layers.check_call(call, settings.layout, settings.synchronized)
        if self.moving_mean is None:
            self.create(channels, normalization.compute_dtype(inputs.dtype))
        if call.across:
            replicas.check_created_for_replicas(self.moving_mean, self.name)
        shapes.check_same_channels(self.name, channels, self._created_channels(), inputs.shape)

        with self.name_scope:
            state = State(**{name: getattr(self, name) for name in State._fields})
            outputs, batch, active = modes.compute(call, Params(self.beta, self.gamma), state, settings)
            outputs.set_shape(inputs.shape)
            if batch is not None and not call.update_statistics.never:
                state = State(*(None if value is None else tf.convert_to_tensor(value) for value in state))
                changes = averages.changes(state, batch, settings, active & call.update_statistics)
                outputs = self._update(averages.next_state(state, changes), outputs)
            return outputs

    def __repr__(self) -> str:
        """The class with the arguments that are not the defaults, as they are now."""
        defaults = inspect.signature(BatchNorm).parameters
        shown = [
            f"{name}={_display(value)!r}"
            for name, value in self.arguments().items()
            if not _is_default(value, defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def trainable(self) -> bool:
        """Whether beta and gamma are trained."""
        return self._trainable

    @trainable.setter
    def trainable(self, trainable: bool) -> None:
        self._trainable = bool(trainable)
        for variable in (self.beta, self.gamma):
            if variable is not None:
                _tensorflow.set_trainable(variable, self._trainable)

    @property
    def losses(self) -> list[tf.Tensor]:
        """The regularizers' losses of beta and gamma as they are now."""
        losses = []
        for name in Params._fields:
            variable, regularizer = getattr(self, name), self._fixed.param_regularizers.get(name)
            if variable is not None and regularizer is not None:
                losses.append(regularizer(variable))
        return [loss for loss in losses if loss is not None]

    def arguments(self) -> dict[str, Any]:
        """The arguments that make a module like this one, as it is now; `channels` is None before the variables."""
        shared = vars(self._current_arguments())
        return {
            "channels": self._created_channels(),
            **vars(self._fixed),
            **{name: value for name, value in shared.items() if name != "counts"},
            "fused": None if shared["fused"] else False,
            "trainable": self.trainable,
            "update_statistics": self.update_statistics,
            "frozen": self.frozen,
            "name": self.name,
        }

    def create(self, channels: int, dtype: tf.DType = tf.float32) -> None:
        """Creates the variables, of `dtype` without a param_dtype, outside of any function that is being traced."""
        fixed, arguments = self._fixed, self._arguments
        with tf.init_scope(), self.name_scope:
            params, state = functional.init(
                channels,
                center=fixed.center,
                scale=fixed.scale,
                renorm=arguments.renorm,
                zero_debias_moving_mean=arguments.zero_debias_moving_mean,
                cumulative=bool(arguments.counts),
                param_initializers=fixed.param_initializers,
                dtype=fixed.param_dtype or dtype,
            )
            for name, value in (*params._asdict().items(), *state._asdict().items()):
                if value is not None:
                    setattr(self, name, self._variable(name, value))

    def _created_channels(self) -> Any:
        """How many channels the variables have; None before they are created."""
        return None if self.moving_mean is None else self.moving_mean.shape.as_list()[0]

    def settings_for(
        self, inputs: Any, weighted: bool = False, table: tuple[policy.OriginalPath, ...] = policy.TABLE
    ) -> Settings:
        """The settings of a call with inputs of this shape and dtype, with or without weights."""
        fixed = self._fixed
        layout = shapes.check_inputs(inputs, fixed.data_format, fixed.axis, self._arguments.virtual_batch_size)
        return resolve(self._check_arguments(layout.channels), layout, inputs.dtype, weighted, table=table)

    def _current_arguments(self) -> Arguments:
        """The arguments that all front ends have, with the attributes as they are now."""
        return replace(
            self._arguments,
            decay=self.decay,
            renorm_clipping=self.renorm_clipping,
            renorm_decay=self.renorm_decay,
            adjustment=self.adjustment,
        )

    def _check_arguments(self, channels: int | None) -> Arguments:
        checks.check_callables(adjustment=self.adjustment)
        checks.check_renorm_asked_for(self._arguments.renorm, self.renorm_clipping)
        return layers.check_arguments(self._current_arguments(), channels)

    def _variable(self, name: str, value: tf.Tensor) -> tf.Variable:
        affine = name in Params._fields
        aggregation = replicas.aggregation(self._arguments.synchronized)
        return tf.Variable(
            value,
            trainable=affine and self._trainable,
            name=name,
            constraint=self._fixed.param_constraints.get(name),
            synchronization=tf.VariableSynchronization.AUTO if affine else tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.NONE if affine else aggregation,
        )

    def _check_context(self) -> None:
        """Raises RuntimeError where nothing would run the updates."""
        checks.check_no_tf1_graph("BatchNorm")

    def _update(self, state: State, outputs: tf.Tensor) -> tf.Tensor:
        """Assigns the statistics; returns the outputs, which wait for the assignments where nothing else runs these."""
        updates = self._assign(state)
        if tf.executing_eagerly() or _tensorflow.in_program_order():
            return outputs
        # A wrapped function runs only what its outputs need.
        with tf.control_dependencies(updates):
            return tf.identity(outputs)

    def _assign(self, state: State) -> list[Any]:
        return [
            getattr(self, name).assign(value, read_value=False)
            for name, value in state._asdict().items()
            if value is not None
        ]


def _is_default(value: Any, default: Any) -> bool:
    if tf.is_tensor(value) or isinstance(value, tf.Variable):
        return False
    return value is default or value == default or (default is None and value == {})


def _display(value: Any) -> Any:
    """The name of a function; a copy of a dict, without tf.Module's wrapper; any other value itself."""
    return dict(value) if isinstance(value, Mapping) else getattr(value, "__name__", value)
