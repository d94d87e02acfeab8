"""`BatchNorm(tf.Module)`: batch normalization for eager code and tf.function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfbn import _tensorflow, functional
from tfbn.arguments import checks, shapes
from tfbn.core import averages, modes, normalization, policy, replicas, values

AFFINE = values.Params._fields


class BatchNorm(tf.Module):
    """Batch normalization as `batch_norm` does it, as a tf.Module for eager code and tf.function, without Keras.

    The formulas are those of `batch_norm`, as is every number, with its default updates_collections; the statistics
    are changed by the call itself. moving_variance follows variance * n / max(n - 1, 1), with n samples per channel,
    for inputs of rank 2 and 4 whose channels are on axis 1 or the last. It follows the variance as it is for other
    ranks, and with fused=False, batch_weights, renorm or an adjustment; `unbiased` settles it otherwise.

    Args:
      channels: int C, and the variables are created at once. Default None: on the first call, which may be in a
        tf.function.
      decay: number in [0, 1] or floating scalar tensor or variable, per step: the share of a moving average that stays.
        None averages all batches alike, as PyTorch does for momentum=None. Default 0.999.
      center: whether to add `beta`. Default True.
      scale: whether to multiply by `gamma`. Default False.
      epsilon: number, at least 0, added to the variance. Default 0.001. Where moving_variance follows the corrected
        variance, 1.001e-5 is the least.
      data_format: 'NHWC' (channels last, any rank) or 'NCHW' (channels on axis 1, any rank from 2).
      axis: int, the axis of the channels, in place of data_format. Default None.
      param_initializers: dict with initializers for `beta`, `gamma`, `moving_mean` and `moving_variance`. Defaults
        zeros, ones, zeros, ones.
      param_regularizers: dict with regularizers for `beta` and `gamma`; `losses` has what they give.
      param_constraints: dict with constraints for `beta` and `gamma`, functions that optimizers apply after a step.
      trainable: whether `beta` and `gamma` are trained. Default True.
      update_statistics: bool, or scalar boolean tensor or variable: what calls take that are not told. Default True.
      fused: None or True for the fused kernel where it serves, False for composed ops. Where is_training is a tensor,
        TensorFlow loses second derivatives of its kernel that tapes outside of the tf.function take, for ranks other
        than 4, renorm, an adjustment and NCHW: they come out as 0. Take the tapes in the function, or False here, or a
        Python bool for is_training.
      unbiased: whether moving_variance follows variance * n / max(n - 1, 1), or variance. Default None, as said above.
        Without effect on renorm.
      frozen: whether all calls normalize by the moving statistics and hold them still, whatever is_training says, as
        Keras does where a layer's trainable is False. Default False.
      zero_debias_moving_mean: whether moving_mean corrects for its start at zero (arXiv:1412.6980, section 3).
      renorm: whether to apply batch renormalization. Default False.
      renorm_clipping: dict with `rmax`, `rmin`, `dmax`, each a number or a scalar tensor or variable; absent ones do
        not clip.
      renorm_decay: as decay, for the averages behind r and d, but not None. Default 0.99.
      adjustment: function of the dynamic shape of inputs, giving (a, b) that broadcast against them: in training
        y = (xhat * a + b) * gamma + beta.
      virtual_batch_size: int that divides N; virtual batches are normalized each by itself. Not with adjustment.
      synchronized: whether to normalize by, and follow, the statistics of all replicas' inputs, as if one had the whole
        batch, under tf.distribute.MirroredStrategy and MultiWorkerMirroredStrategy; shares may be unequal and empty.
        Nothing changes without a strategy, with one replica, and in inference. Each replica has to call the layer right
        in the function that strategy.run runs. A tensor is_training has both computed. Not with virtual_batch_size.
        Default False.
      param_dtype: dtype of all variables. Default: float32; on a first call float64 for inputs of float64.
      name: of the module, and the scope of its variables. Default 'batch_norm'.

    Attributes, None where the layer does without:
      beta, gamma, moving_mean, moving_variance: variables of shape [C].
      renorm_mean, renorm_stddev, moving_stddev: with renorm, of shape [C].
      biased, local_step: with zero debias, of shapes [C] and []; local_step also where decay is None.
      decay, renorm_decay, renorm_clipping, adjustment: as given; may be set, within what the constructor takes.
      trainable: may be set. False takes beta and gamma from trainable_variables, of modules around this one as well,
        and tapes pass them by.
      update_statistics: may be set. False holds the statistics still while training normalizes by the batch.
      frozen: may be set, to a bool.
      losses: list of the regularizers' losses, computed anew.
    What is a Python value is read when a tf.function is traced: set it before, or make it a tf.Variable. Statistics are
    not trainable; in a strategy's scope each replica has its own, and saving takes their mean, or the first's where
    they are synchronized.

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
        checks.static_is_training(update_statistics, "update_statistics")
        replicas.check_no_virtual_batches(synchronized, virtual_batch_size)
        self._given = _Given(
            center=bool(center),
            scale=bool(scale),
            epsilon=checks.check_epsilon(epsilon),
            data_format=data_format,
            axis=axis,
            initializers=dict(param_initializers or {}),
            regularizers=dict(param_regularizers or {}),
            constraints=dict(param_constraints or {}),
            fused=fused is None or bool(fused),
            unbiased=None if unbiased is None else bool(unbiased),
            zero_debias=bool(zero_debias_moving_mean),
            cumulative=decay is None,
            renorm=bool(renorm),
            virtual_batch_size=virtual_batch_size,
            synchronized=bool(synchronized),
            param_dtype=checks.check_param_dtype(param_dtype),
        )
        super().__init__(name=name)
        self.decay = decay
        self.renorm_decay = renorm_decay
        self.renorm_clipping = renorm_clipping
        self.adjustment = adjustment
        self.update_statistics = update_statistics
        self.frozen = bool(frozen)
        self._check_attributes(channels)
        self._trainable = bool(trainable)
        self.beta = self.gamma = None
        for statistic in values.State._fields:
            setattr(self, statistic, None)
        if channels is not None:
            self._create(channels, tf.float32)

    @tf.autograph.experimental.do_not_convert
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
          update_statistics: as is_training; False holds the statistics still, to the last bit. Default: the attribute.
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
        checks.check_no_tf1_graph("BatchNorm")
        inputs = tf.convert_to_tensor(inputs)
        axes = self._axes(inputs)
        channels = inputs.shape.as_list()[axes[0]]
        training = checks.static_is_training(is_training) if not self.frozen else False
        updating = self.update_statistics if update_statistics is None else update_statistics
        known = checks.static_is_training(updating, "update_statistics")
        self._check_attributes(channels)
        if mask is not None:
            mask = tf.convert_to_tensor(mask)
            shapes.check_mask(mask, inputs, axes[0])
        if batch_weights is not None:
            batch_weights = tf.convert_to_tensor(batch_weights)
            shapes.check_batch_weights(batch_weights, inputs)
        across = replicas.several_replicas(self._given.synchronized, training)
        first = self.moving_mean is None
        if first:
            self._create(channels, normalization.compute_dtype(inputs.dtype))
        if across:
            replicas.check_created_for_replicas(self.moving_mean, self.name)
        shapes.check_same_channels(self.name, channels, self.moving_mean.shape.as_list()[0], inputs.shape)

        with self.name_scope:
            options, rule = self._plan(inputs, axes, batch_weights is not None, across)
            adjusted = None
            if self.adjustment is not None and training is not False:
                adjusted = self.adjustment(tf.shape(inputs))
            state = values.State(*(getattr(self, name) for name in values.State._fields))
            outputs, batch, active = modes.compute(
                inputs,
                values.Params(self.beta, self.gamma),
                state,
                options,
                is_training if training is None else training,
                batch_weights,
                mask,
                adjusted,
            )
            outputs.set_shape(inputs.shape)
            if batch is not None and known is not False:
                active = modes.both(active, updating if known is None else True)
                updates = self._assign(averages.next_state(state, batch, active, rule))
                if not tf.executing_eagerly() and not _tensorflow.in_program_order():
                    # A wrapped function runs what its outputs need.
                    with tf.control_dependencies(updates):
                        outputs = tf.identity(outputs)
            return outputs

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
        """What the regularizers of beta and gamma give for their present values."""
        found = []
        for name in AFFINE:
            variable, regularizer = getattr(self, name), self._given.regularizers.get(name)
            if variable is not None and regularizer is not None:
                found.append(regularizer(variable))
        return [loss for loss in found if loss is not None]

    def _check_attributes(self, channels: int | None) -> None:
        """Those that may be set between calls."""
        given = self._given
        checks.check_cumulative(self.decay, given.zero_debias, given.cumulative)
        if self.decay is not None:
            checks.check_decay("decay", self.decay, channels)
        checks.check_callables(adjustment=self.adjustment)
        shapes.check_virtual_batch_size(given.virtual_batch_size, self.adjustment)
        if given.renorm:
            checks.check_decay("renorm_decay", self.renorm_decay, channels)
        if self.renorm_clipping is not None:
            checks.check_renorm_clipping(self.renorm_clipping, channels, given.renorm)

    def _axes(self, inputs: tf.Tensor) -> tuple[int, ...]:
        given = self._given
        if given.axis is None:
            shapes.check_inputs(inputs, given.data_format)
            axis = 1 if given.data_format == "NCHW" else -1
        else:
            shapes.check_floating(inputs)
            axis = given.axis
        return shapes.check_axes(inputs.shape, axis, given.virtual_batch_size)

    def _plan(self, inputs: tf.Tensor, axes: tuple[int, ...], weighted: bool, across: bool = False) -> tuple[Any, Any]:
        """How to normalize and how to follow, by the row that `batch_norm` takes."""
        given, rank = self._given, inputs.shape.rank
        row = policy.resolve(
            policy.Question(
                dtype=inputs.dtype,
                rank=rank,
                fused=given.fused and axes[0] in (1, rank - 1),
                batch_weights=weighted,
                adjustment=self.adjustment is not None,
                renorm=given.renorm,
                zero_debias=given.zero_debias,
                default_updates=True,
            )
        )
        epsilon = max(given.epsilon, normalization.FUSED_EPSILON_FLOOR) if row.fused else given.epsilon
        options = values.Options(
            axes=axes,
            data_format=given.data_format,
            virtual_batch_size=given.virtual_batch_size,
            epsilon=epsilon,
            fused=given.fused,
            fused_nchw_inference=row.fused,
            unbiased=row.fused if given.unbiased is None else given.unbiased,
            renorm_clipping=(self.renorm_clipping or {}) if given.renorm else None,
            across=across,
        )
        return options, averages.Rule(self.decay, self.renorm_decay, epsilon, row.single)

    def _create(self, channels: int, dtype: tf.DType) -> None:
        """Creates the variables, outside of any function that is being traced."""
        given = self._given
        with tf.init_scope(), self.name_scope:
            params, state = functional.init(
                channels,
                center=given.center,
                scale=given.scale,
                renorm=given.renorm,
                zero_debias_moving_mean=given.zero_debias,
                cumulative=given.cumulative,
                param_initializers=given.initializers,
                dtype=given.param_dtype or dtype,
            )
            for name, value in (*params._asdict().items(), *state._asdict().items()):
                if value is not None:
                    setattr(self, name, self._variable(name, value))

    def _variable(self, name: str, value: tf.Tensor) -> tf.Variable:
        affine = name in AFFINE
        return tf.Variable(
            value,
            trainable=affine and self._trainable,
            name=name,
            constraint=self._given.constraints.get(name),
            synchronization=tf.VariableSynchronization.AUTO if affine else tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.NONE if affine else replicas.aggregation(self._given.synchronized),
        )

    def _assign(self, after: values.State) -> list[Any]:
        found = after._asdict().items()
        return [getattr(self, name).assign(value, read_value=False) for name, value in found if value is not None]


@dataclass(frozen=True)
class _Given:
    """The arguments that stay as they are. No NamedTuple: tf.Module would wrap it, and try to save functions in it."""

    center: bool
    scale: bool
    epsilon: float
    data_format: str
    axis: int | None
    initializers: Mapping[str, Any]
    regularizers: Mapping[str, Any]
    constraints: Mapping[str, Any]
    fused: bool
    unbiased: bool | None
    zero_debias: bool
    cumulative: bool
    renorm: bool
    virtual_batch_size: int | None
    synchronized: bool
    param_dtype: tf.DType | None
