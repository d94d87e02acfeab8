"""`batch_normalization` and `BatchNormalization`: the function and the class of tf.layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks, layers, shapes
from tfbn.arguments.foreign import foreign_names
from tfbn.core import policy
from tfbn.core.settings import Arguments, Settings, resolve
from tfbn.core.values import CallInputs
from tfbn.graph import compatibility, tf_layer
from tfbn.graph.layer import apply
from tfbn.graph.variables import AFFINE, Recipe, Variables, create_variables, initializer_object

_keys = tf.compat.v1.GraphKeys


class BatchNormalization(tf_layer.Layer):
    """Batch normalization as tf.layers.BatchNormalization of TensorFlow 1.15 does it, in a TF1 graph, without Keras.

    The arguments are those of `batch_normalization`, whose docstring has the formulas, without inputs, training and
    reuse; `dtype` is the inputs' dtype for `build`, which gets only their shape. The first call creates the variables,
    further calls share them.

    Subclasses may override `build(input_shape)`, where `add_weight` creates their own variables, and
    `call(inputs, training=False)`. The arguments are attributes, which `build` reads; `fused` then says whether the
    original would take the fused kernel. Keras' part is missing: configs, masks, input specs, nodes,
    `get_updates_for`, `get_losses_for`, weights as arrays. So are the original's private methods: a subclass that
    overrides one of them, as TPU code did with `_moments`, gets a CompatibilityWarning.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     norm = tfbn.BatchNormalization(momentum=0.9, name="norm")
      ...     outputs = norm(tf1.placeholder(tf1.float32, [None, 5]), training=True)
      ...     print([variable.op.name for variable in norm.weights], len(norm.updates))
      ['norm/gamma', 'norm/beta', 'norm/moving_mean', 'norm/moving_variance'] 2
    """

    supports_masking = True

    @foreign_names
    def __init__(
        self,
        axis: int | list[int] = -1,
        momentum: Any = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Callable | None = None,
        gamma_regularizer: Callable | None = None,
        beta_constraint: Callable | None = None,
        gamma_constraint: Callable | None = None,
        renorm: bool = False,
        renorm_clipping: dict[str, Any] | None = None,
        renorm_momentum: Any = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Callable | None = None,
        name: str | None = None,
        *,
        dtype: Any = None,
        update_statistics: Any = True,
        synchronized: bool = False,
        _scope: Any = None,
        _reuse: Any = None,
    ) -> None:
        shapes.check_axis(axis)
        initializers = {
            "beta_initializer": beta_initializer,
            "gamma_initializer": gamma_initializer,
            "moving_mean_initializer": moving_mean_initializer,
            "moving_variance_initializer": moving_variance_initializer,
        }
        for argument, initializer in initializers.items():
            checks.check_initializer(argument, initializer)
            setattr(self, argument, initializer_object(initializer))
        checks.check_callables(
            beta_regularizer=beta_regularizer,
            gamma_regularizer=gamma_regularizer,
            beta_constraint=beta_constraint,
            gamma_constraint=gamma_constraint,
            adjustment=adjustment,
        )
        checks.check_flag(update_statistics, "update_statistics")
        self.beta_regularizer = beta_regularizer
        self.gamma_regularizer = gamma_regularizer
        self.beta_constraint = beta_constraint
        self.gamma_constraint = gamma_constraint
        self.axis = list(axis) if isinstance(axis, list) else axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping or {}
        self.renorm_momentum = renorm_momentum
        self.fused = fused
        self.virtual_batch_size = virtual_batch_size
        self.adjustment = adjustment
        self.update_statistics = update_statistics
        self.synchronized = synchronized
        self.epsilon = self._arguments().epsilon
        self._variables = Variables()
        self._settings: Settings | None = None
        self._built_for = tf.TensorShape(None)
        super().__init__(trainable, name, dtype, _scope, _reuse)

    def build(self, input_shape: Any) -> None:
        """Creates the variables for inputs of this shape, of which rank and channels must be known."""
        shape, dtype = tf.TensorShape(input_shape), self.dtype or tf.float32
        flat = self.virtual_batch_size is None
        layout = shapes.layout_by_axis(shape, self.axis, self.virtual_batch_size, flat)
        axes = layout.pooled.axes
        if axes == (1,):
            layout = layout._replace(data_format="NCHW")
        arguments = self._arguments(layout.channels if len(axes) == 1 else None)
        settings = resolve(arguments, layout, dtype, table=policy.LAYERS_TABLE)
        compatibility.warn_ignored_by_layers(settings, vars(self))
        recipe = Recipe(
            settings,
            dtype=settings.path.param_dtype(dtype),
            center=self.center,
            scale=self.scale,
            trainable=bool(self.trainable),
            initializers=self._attributes("initializer", ("moving_mean", "moving_variance")),
            regularizers=self._attributes("regularizer"),
            constraints=self._attributes("constraint"),
        )
        with self._opened() as scope:
            self._variables = create_variables(scope, recipe)
        for name, variable in self._variables.items():
            self._track(variable, name in AFFINE)
        self._losses += self._variables.losses
        self._built_for = shape
        self.axis = list(layout.axes)
        self._settings = settings
        self.fused = settings.path.fused
        self.built = True

    def call(self, inputs: tf.Tensor, training: Any = False) -> tf.Tensor:
        """Normalizes; in training it adds its updates to `updates` and UPDATE_OPS, unless trainable is False."""
        is_training = checks.check_flag(training, "training")
        updating = checks.check_flag(self.update_statistics, "update_statistics")
        assert self._settings is not None
        layout = self._settings.layout
        shapes.check_same_layer(self.name, inputs.shape, self._built_for, layout.pooled.axes)
        call = CallInputs(inputs, is_training, updating, adjustment=self.adjustment)
        call = layers.check_call(call, layout, self.synchronized)
        has_updates = bool(self.trainable) and not is_training.never
        outputs, updates = apply(call, self._scope, self._variables, self._settings, _keys.UPDATE_OPS, has_updates)
        self._updates += updates
        return outputs

    def _attributes(self, kind: str, further: tuple[str, ...] = ()) -> dict[str, Any]:
        """The initializers, regularizers or constraints as they are now, by variable."""
        return {name: getattr(self, f"{name}_{kind}") for name in (*AFFINE, *further)}

    def _arguments(self, channels: int | None = None) -> Arguments:
        """The attributes, checked, as the arguments that all front ends have."""
        arguments = Arguments(
            decay=self.momentum,
            epsilon=self.epsilon,
            fused=self.fused is None or bool(self.fused),
            renorm=bool(self.renorm),
            renorm_clipping=self.renorm_clipping,
            renorm_decay=self.renorm_momentum,
            adjustment=self.adjustment,
            virtual_batch_size=self.virtual_batch_size,
            synchronized=bool(self.synchronized),
        )
        return layers.check_arguments(arguments, channels, "momentum", "renorm_momentum")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        compatibility.warn(cls.__name__, compatibility.never_called(vars(cls)))

    def __getattr__(self, name: str) -> Any:
        if name in (*policy.GAMMA_FIRST, *policy.RENORM_VARIABLES):
            return self.__dict__["_variables"][name]
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")


@foreign_names
def batch_normalization(
    inputs: Any,
    axis: int | list[int] = -1,
    momentum: Any = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = "zeros",
    gamma_initializer: Any = "ones",
    moving_mean_initializer: Any = "zeros",
    moving_variance_initializer: Any = "ones",
    beta_regularizer: Callable | None = None,
    gamma_regularizer: Callable | None = None,
    beta_constraint: Callable | None = None,
    gamma_constraint: Callable | None = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: dict[str, Any] | None = None,
    renorm_momentum: Any = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Callable | None = None,
    *,
    update_statistics: Any = True,
    synchronized: bool = False,
) -> tf.Tensor:
    """Batch normalization as tf.layers.batch_normalization of TensorFlow 1.15 does it, in a TF1 graph, without Keras.

    The formulas are those of `batch_norm`, with momentum and renorm_momentum for its decay and renorm_decay. The fused
    kernel, with its estimator and its bound on epsilon, serves rank 4 with the channels on axis 1 or 3.

    With a virtual_batch_size V, a batch of N is split into N / V virtual batches, each normalized by its own
    statistics; virtual batch j takes the samples j, j + N / V, j + 2 N / V and so on. The moving averages follow the
    mean of their statistics. Inference has no virtual batches.

    Args:
      inputs: tensor of float16, bfloat16, float32 or float64 and known rank, at least 1; its sizes along axis known.
      axis: int or list of ints, negative ones counted from the end: the axes whose positions have separate statistics.
        The variables have the shape [C] for a single axis, and for several the inputs' rank with 1 in all other axes.
        Default -1.
      momentum: as decay of `batch_norm`. Default 0.99.
      epsilon: number, at least 0, added to the variance. Default 0.001.
      center: whether to add `beta`. Default True.
      scale: whether to multiply by `gamma`. Default True.
      beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: initializers, or names
        from tf.compat.v1.initializers; None for that of the variable scope. Defaults zeros, ones, zeros, ones.
      beta_regularizer, gamma_regularizer: functions of the variable; their losses enter REGULARIZATION_LOSSES.
      beta_constraint, gamma_constraint: functions of the variable; tf.compat.v1.train optimizers apply them after a
        step.
      training: bool, 0 or 1, or a scalar boolean tensor or variable, read in each run. Default False.
      trainable: False keeps gamma and beta out of TRAINABLE_VARIABLES and freezes the moving statistics; batches are
        still normalized by their own statistics.
      name: name of the scope. Default 'batch_normalization', made unique.
      reuse: True shares the variables of an earlier call of the same name.
      renorm, renorm_clipping, renorm_momentum: as renorm, renorm_clipping and renorm_decay of `batch_norm`.
      fused: None or True for the fused kernel where it serves, False for composed ops.
      virtual_batch_size: int that divides the batch in training; the variables then have one rank more than the inputs.
      adjustment: as in `batch_norm`; not with virtual_batch_size.
      update_statistics: keyword only. As in `batch_norm`: False freezes the moving statistics in training.
      synchronized: keyword only. As in `batch_norm`: True takes the statistics over all replicas of tf.distribute.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: an axis out of range or twice; rank or sizes along axis unknown; momentum, renorm_momentum or epsilon
        out of range; a virtual_batch_size that is not positive, in training does not divide the batch, or meets axis
        0 or an adjustment; a key of renorm_clipping unknown; a variable that exists without reuse, or does not with
        it; training or update_statistics None; synchronized under a strategy that cannot, or with virtual_batch_size.
      TypeError: inputs that are not floating; an argument of another type.
      RuntimeError: eager execution; synchronized where TensorFlow refuses collectives.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3])
      ...     outputs = tfbn.batch_normalization(images, axis=[1, 3], training=True)
      ...     print([variable.shape.as_list() for variable in tf1.trainable_variables()])
      [[1, 8, 1, 3], [1, 8, 1, 3]]

    References:
      Hoffer et al., Train longer, generalize better, arXiv:1705.08741 (virtual batches, there called ghost batches).
    """
    checks.check_graph("batch_normalization")
    inputs = tf.convert_to_tensor(inputs)
    shapes.check_floating(inputs)
    shapes.check_axis(axis)
    # Before there are variables; the layer checks its call once they are there.
    layout = shapes.layout_by_axis(inputs.shape, axis, virtual_batch_size)
    layers.check_call(CallInputs(inputs, checks.check_flag(training, "training")), layout, bool(synchronized))
    layer = BatchNormalization(
        axis=axis,
        momentum=momentum,
        epsilon=epsilon,
        center=center,
        scale=scale,
        beta_initializer=beta_initializer,
        gamma_initializer=gamma_initializer,
        moving_mean_initializer=moving_mean_initializer,
        moving_variance_initializer=moving_variance_initializer,
        beta_regularizer=beta_regularizer,
        gamma_regularizer=gamma_regularizer,
        beta_constraint=beta_constraint,
        gamma_constraint=gamma_constraint,
        renorm=renorm,
        renorm_clipping=renorm_clipping,
        renorm_momentum=renorm_momentum,
        fused=fused,
        trainable=trainable,
        virtual_batch_size=virtual_batch_size,
        adjustment=adjustment,
        update_statistics=update_statistics,
        synchronized=synchronized,
        _reuse=reuse,
        _scope=name,
    )
    return layer(inputs, training=training)
