"""`batch_norm` of contrib."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tfbn.arguments.contrib import check_batch_norm
from tfbn.arguments.foreign import foreign_names
from tfbn.core.settings import resolve
from tfbn.graph import compatibility, original_names
from tfbn.graph.activation import activate
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.graph.layer import apply
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.graph.variables import Recipe, create_variables


@add_arg_scope
@foreign_names
def batch_norm(
    inputs: Any,
    decay: Any = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Callable | None = None,
    param_initializers: Mapping[str, Any] | None = None,
    param_regularizers: Mapping[str, Any] | None = None,
    updates_collections: Any = tf.compat.v1.GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Mapping[str, Any] | None = None,
    renorm_decay: Any = 0.99,
    adjustment: Callable | None = None,
    *,
    param_dtype: Any = None,
    mask: Any = None,
    virtual_batch_size: int | None = None,
    update_statistics: Any = True,
    synchronized: bool = False,
) -> tf.Tensor:
    """Batch normalization as tf.contrib.layers.batch_norm of TensorFlow 1.15 does it, in a TF1 graph, without Keras.

    In training the inputs are normalized by their own mean and variance, channel by channel, and moving averages of
    both are kept for inference. Formulas, with statistics over `axes` (every axis but the channels') and n the number
    of samples per channel:

        mean = x.mean(axes)
        variance = ((x - mean) ** 2).mean(axes)
        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta
        moving_mean = moving_mean - (moving_mean - mean) * (1 - decay)
        moving_variance = moving_variance - (moving_variance - variance * n / max(n - 1, 1)) * (1 - decay)

    and in inference:

        y = (x - moving_mean) / sqrt(moving_variance + epsilon) * gamma + beta

    The correction n / max(n - 1, 1) and a lower bound of 1.001e-5 on epsilon belong to the fused kernel, which serves
    ranks 2 and 4 unless fused=False, batch_weights, renorm or adjustment is given; elsewhere the variance is averaged
    without the correction. With batch_weights w:

        mean = (w * x).sum(axes) / (w + 0 * x).sum(axes)
        variance = (w * (x - mean) ** 2).sum(axes) / (w + 0 * x).sum(axes)

    With renorm, from the averages as they were before the step, and clipped to [rmin, rmax] and [-dmax, dmax]:

        s = maximum(renorm_stddev, sqrt(epsilon))
        r = sqrt(variance + epsilon) / s
        d = (mean - renorm_mean) / s
        y = ((x - mean) / sqrt(variance + epsilon) * r + d) * gamma + beta
        renorm_mean = renorm_mean - (renorm_mean - mean) * (1 - renorm_decay)
        renorm_stddev = renorm_stddev - (renorm_stddev - sqrt(variance + epsilon)) * (1 - renorm_decay)
        moving_stddev = moving_stddev - (moving_stddev - sqrt(variance + epsilon)) * (1 - decay)
        moving_variance = maximum(moving_stddev ** 2 - epsilon, 0)

    Where renorm and batch_weights, zero_debias_moving_mean or another updates_collections meet, and for float64, empty
    batches and weights that sum to zero, the original fails; here each works. A batch without samples or weight changes
    no statistic and is normalized by the moving ones, with r = 1 and d = 0; so is a virtual batch, which the moving
    averages then ignore.

    Args:
      inputs: tensor of float16, bfloat16, float32 or float64, of rank 1 or more, first axis the batch. Its rank and
        the number of channels C must be known; every other axis may be None.
      decay: number in [0, 1] or floating scalar tensor, per step: the share of a moving average that stays. Default
        0.999, which needs a few thousand steps to settle; 0.9 settles in a few dozen.
      center: whether to add `beta`. Default True.
      scale: whether to multiply by `gamma`. Default False.
      epsilon: number, at least 0, added to the variance. Default 0.001.
      activation_fn: function applied to the outputs. Default None.
      param_initializers: dict with initializers for `beta`, `gamma`, `moving_mean` and `moving_variance`. Defaults
        zeros, ones, zeros, ones.
      param_regularizers: dict with regularizers for `beta` and `gamma`; their losses enter REGULARIZATION_LOSSES.
      updates_collections: collections that get the two update ops, which the train op must run: UPDATE_OPS (the
        default), another name, or a list of them; [] builds the ops and collects them nowhere. None runs them whenever
        the outputs are evaluated in training. Inside a tf.cond or a loop they always run in the body.
      is_training: bool, 0 or 1, or a scalar boolean tensor or variable, read in each run. Default True.
      reuse: True shares the variables of an earlier call with the same `scope`; tf.compat.v1.AUTO_REUSE creates or
        shares. Each reused call has its own updates.
      variables_collections: list of collections for all variables, or dict of lists by variable name.
      outputs_collections: collections that get the outputs, after activation_fn, with the scope's name in `aliases`.
      trainable: whether `beta` and `gamma` enter TRAINABLE_VARIABLES. Batch statistics are used either way; with False
        the moving ones are frozen where the original hands over to tf.layers (UPDATE_OPS, no batch_weights or zero
        debias, and either a rank other than 2 or any of fused=False, renorm and adjustment), and updated elsewhere.
      batch_weights: tensor of shape [N], a weight per sample, for the statistics only.
      fused: None or True for the fused kernel where it serves, False for composed ops, which also take the place of
        the kernel's own moments wherever the graph is known to be compiled by XLA (jit_compile, jit_scope, set_jit):
        there the kernel cancels all digits of a variance far from zero. Where only a session's global_jit_level asks
        for XLA the graph cannot know, and fused=False is what stays accurate.
      data_format: 'NHWC' (channels last, any rank) or 'NCHW' (channels on axis 1, any rank from 2).
      zero_debias_moving_mean: whether moving_mean corrects for its start at zero (arXiv:1412.6980, section 3).
      scope: name or VariableScope of the variables. Default 'BatchNorm', made unique.
      renorm: whether to apply batch renormalization. Default False.
      renorm_clipping: dict with `rmax`, `rmin`, `dmax`, each a number or a scalar tensor; absent ones do not clip.
      renorm_decay: as decay, for the averages behind r and d. Default 0.99.
      adjustment: function of the dynamic shape of inputs, giving (a, b) that broadcast against them: in training
        y = (xhat * a + b) * gamma + beta, where xhat is what stands before gamma and beta above.
      param_dtype: keyword only. dtype of all variables. Default: float32 for half precisions and the inputs' own
        otherwise, except that without renorm, batch_weights keep half-precision variables as the original does, and
        so do updates_collections and zero_debias_moving_mean with fused=False, adjustment or a rank other than 2 and 4.
      mask: keyword only. booleans or numbers along the axes of inputs from the left without the channels' ([N], [N, T],
        [N, H, W]), or along all of them with size 1 there ([N, H, W, 1]); sizes of 1 broadcast. Masked positions (False
        or 0) do not count in the statistics, even if they are NaN; but gradients need finite numbers there, such as the
        zeros of padding. Numbers, and batch_weights, weigh the other positions. Outputs at masked positions are
        normalized too. No effect in inference.
      virtual_batch_size: keyword only. int V that divides N in training. Each of N / V virtual batches is normalized by
        its own statistics, and the moving averages follow their mean; virtual batch j takes the samples j, j + N / V,
        j + 2 N / V and so on, as in `batch_normalization`. Not with adjustment or rank 1. The variables
        are those of a layer without it. No effect in inference.
      update_statistics: keyword only. bool, 0 or 1, or a scalar boolean tensor or variable, read in each run. False
        freezes the statistics to the last bit, including those of renorm and zero debias, while training still
        normalizes by the batch. No effect in inference. Default True.
      synchronized: keyword only. Under tf.distribute.MirroredStrategy or MultiWorkerMirroredStrategy, True takes the
        statistics over all replicas' inputs, as if one had the whole batch; shares may be unequal and empty, and the
        moving statistics are the same everywhere. Without a strategy, or with one replica, nothing changes. Not with
        virtual_batch_size, nor in a loop, a conditional or a function inside the one that strategy.run runs. No effect
        in inference. Default False: each replica has its own statistics, and their mean is read and saved.

    What is frozen, and what a layer normalizes by:

        | | beta, gamma | moving statistics | normalizes by |
        |---|---|---|---|
        | trainable=False | frozen | updated in some cases, see above | the batch |
        | update_statistics=False | trained | frozen | the batch |
        | is_training=False | trained | frozen | the moving statistics |

    Frozen parameters are missing from TRAINABLE_VARIABLES, where optimizers look. is_training and update_statistics may
    be tensors that are read in each run; trainable may not.

    Returns:
      A tensor of the inputs' shape and dtype.

    Raises:
      ValueError: data_format, decay, renorm_decay or epsilon out of range; rank or C unknown; batch_weights of another
        length; a mask that does not broadcast; a virtual_batch_size that in training does not divide N, or meets an
        adjustment; a key of renorm_clipping unknown; reuse without scope; a variable that exists without reuse, or does
        not with it; is_training or update_statistics None; synchronized under another strategy, or with
        virtual_batch_size.
      TypeError: inputs that are not floating; an argument of another type; ref variables in a control flow v2 body.
      RuntimeError: eager execution; synchronized where TensorFlow refuses collectives.
    All are raised before the first variable is created, except errors of an initializer, a regularizer, the adjustment
    or activation_fn itself.

    Example:
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> with tf1.Graph().as_default():
      ...     images = tf1.placeholder(tf1.float32, [None, 8, 8, 3])
      ...     is_training = tf1.placeholder_with_default(False, [])
      ...     outputs = tfbn.batch_norm(images, decay=0.9, scale=True, is_training=is_training, scope="bn")
      ...     updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
      ...     print([variable.op.name for variable in tf1.trainable_variables()], len(updates))
      ['bn/gamma', 'bn/beta'] 2

    References:
      Ioffe and Szegedy, Batch Normalization, arXiv:1502.03167.
      Ioffe, Batch Renormalization, arXiv:1702.03275.
    """
    named = locals()
    arguments, layout, call = check_batch_norm(named)
    default_updates = updates_collections is tf.compat.v1.GraphKeys.UPDATE_OPS
    settings = resolve(arguments, layout, call.inputs.dtype, batch_weights is not None, default_updates)
    has_updates = not call.is_training.never and (bool(trainable) or settings.path.updates_when_frozen)
    compatibility.warn_ignored_by_contrib(settings, named, call.inputs.dtype, has_updates)
    recipe = Recipe(
        settings,
        dtype=settings.path.param_dtype(call.inputs.dtype) if param_dtype is None else tf.as_dtype(param_dtype),
        center=center,
        scale=scale,
        trainable=bool(trainable),
        initializers=param_initializers or {},
        regularizers=param_regularizers or {},
        constraints={},
        collections=variables_collections,
        zero_debias=settings.zero_debias and has_updates,
    )
    with tf.compat.v1.variable_scope(scope, "BatchNorm", [call.inputs], reuse=reuse) as opened:
        variables = create_variables(opened, recipe)
        with original_names.contrib_scope(opened, settings.path):
            outputs, _ = apply(call, opened, variables, settings, updates_collections, has_updates)
        outputs = activate(outputs, activation_fn)
        return collect_named_outputs(outputs_collections, opened.name, outputs)
