"""`to_keras`: a module, or arrays, as a layer of Keras."""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.core import normalization
from tfbn.keras import weights
from tfbn.keras.from_arrays import module_from_arrays
from tfbn.keras.from_keras import from_keras
from tfbn.keras.generation import Generation, find_generation
from tfbn.module import BatchNorm

# How the Keras layer may differ if `accept` has the name: what it does instead, and the alternatives.
DIFFERENCES = {
    "unbiased": (
        "its moving_variance follows variance, this module's variance * n / (n - 1)",
        "BatchNorm(unbiased=False); or Keras 2 with inputs of rank 4 or 5, where its fused kernel follows the same",
    ),
    "adjustment": ("it has no adjustment", "norm.adjustment = None; or Keras 2, which does not save it, though"),
    "zero_debias_moving_mean": (
        "its moving_mean does not correct for a start at zero",
        "accept it once the average has settled: the layer goes on from the corrected one",
    ),
    "virtual_batch_size": ("it normalizes whole batches", "Keras 2"),
    "renorm": ("it has no batch renormalization", "Keras 2, or a Keras 3 that has the argument renorm"),
    "synchronized": (
        "each replica normalizes by its own batch",
        "a module without renorm, virtual batches and adjustment, which Keras does not synchronize",
    ),
    "trainable": (
        "it trains and normalizes by the batch, or does neither: the module's `trainable` and `frozen` say otherwise",
        "norm.frozen = not norm.trainable, to do as Keras; or norm.trainable = not norm.frozen",
    ),
    "update_statistics": (
        "its statistics move whenever it normalizes by the batch",
        "norm.update_statistics = True; or norm.frozen = True and norm.trainable = False",
    ),
    "param_dtype": ("its weights are of another dtype", "another dtype of the layer; Keras 2 has no half precision"),
}


def to_keras(
    norm: Any,
    input_shape: Sequence[int | None] | Mapping[str, Sequence[int | None]],
    *,
    keras: Any = None,
    accept: Collection[str] = (),
    dtype: Any = None,
    name: str | None = None,
    **config: Any,
) -> Any:
    """A built Keras BatchNormalization layer with the configuration and the weights of a module, or of arrays.

    Called with `training` where the module is called with `is_training`, it gives equal outputs, and its moving
    statistics are equal after steps. If Keras cannot do what the module does, the call is refused, unless `accept`
    names the difference. Apart from rounding to narrower weights, differences concern only training. `tfbn.keras.wrap`
    has none.

    Keras 2 does not save `fused` and `adjustment`. A loaded layer follows the estimator of the fused kernel for ranks 4
    and 5, even if this layer does not.

    Args:
      norm: tfbn.BatchNorm with variables; or arrays of shape [C] by the names `beta`, `gamma`, `moving_mean`,
        `moving_variance` and so on, whatever precedes the last slash; or a pair of functional.Params and State; or a
        dict of modules by path, as `from_keras` returns for a model.
      input_shape: of the layer's inputs, None where a size is open; its rank decides on the estimator. For a dict of
        modules a dict of shapes by the same paths.
      keras: the Keras to create the layer with: `keras`, `tf_keras` or `tf.keras`, the default.
      accept: differences to accept, by the names of arguments: 'unbiased', 'adjustment', 'zero_debias_moving_mean',
        'virtual_batch_size', 'renorm', 'synchronized', 'trainable', 'update_statistics', 'param_dtype'.
      dtype: the layer's dtype or policy, such as 'mixed_float16'. Default: that of the variables.
      name: the layer's name. Default: chosen by Keras.
      **config: for arrays, the other arguments of tfbn.BatchNorm, such as decay, epsilon or data_format.

    Returns:
      A layer with its own copy of the weights. For a dict of modules, a dict of layers by path, each named by the
      path's last part.

    Raises:
      ValueError: a difference that Keras cannot express and `accept` does not name, with the remedy; a decay or a bound
        that is not a number; a module without variables; arrays that are missing or unknown.
      TypeError: `norm` of another type; `config` with a module.

    Example:
      >>> import numpy as np, tfbn
      >>> norm = tfbn.BatchNorm(2, decay=0.5, unbiased=False)
      >>> layer = tfbn.keras.to_keras(norm, [None, 2])
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> print(np.allclose(layer(inputs, training=True), norm(inputs)), layer.moving_mean.numpy())
      True [1.  2.5]
    """
    checks.check_no_tf1_graph("to_keras")
    unknown = [accept] if isinstance(accept, str) else sorted(set(accept) - set(DIFFERENCES))
    if unknown:
        raise ValueError(f"accept: expected a list of names out of {sorted(DIFFERENCES)}, got {unknown}.")
    if isinstance(norm, Mapping) and any(isinstance(value, BatchNorm) for value in norm.values()):
        if not isinstance(input_shape, Mapping) or set(input_shape) != set(norm) or name is not None or config:
            raise ValueError(
                f"input_shape: expected a dict with the paths {sorted(norm)}, without a name or config, got "
                f"{input_shape!r}, name={name!r} and {config}. Each layer is named by the last part of its path."
            )
        common = {"keras": keras, "accept": accept, "dtype": dtype}
        return {
            path: to_keras(module, input_shape[path], name=path.rpartition("/")[2], **common)
            for path, module in norm.items()
        }
    if not isinstance(norm, BatchNorm):
        norm = module_from_arrays(norm, **config)
    elif config:
        raise TypeError(f"config: expected none with a module, which has its own, got {sorted(config)}. Leave it out.")
    if norm.moving_mean is None:
        raise ValueError(
            "norm: expected a module with variables, got one before its first call. Call it, or pass BatchNorm its "
            "channels."
        )
    generation = find_generation(keras)
    if dtype is None:
        # Keras 2 keeps no weights in half precision, whatever its layer computes in.
        own = norm.moving_mean.dtype
        dtype = (own if generation.major >= 3 else normalization.compute_dtype(own)).name
    # Only whether it is float64 matters, which has no fused kernel.
    wide = "float64" in str(getattr(dtype, "name", dtype))
    spec = tf.TensorSpec(input_shape, tf.float64 if wide else tf.float32)
    layer = generation.layer(**_layer_arguments(norm, spec, generation), dtype=dtype, name=name)
    layer.build(tuple(spec.shape.as_list()))
    # Reading the layer back shows which of the arguments Keras honours.
    expected, got = _meaning(norm, spec), _meaning(from_keras(layer), spec)
    refused = [name for name in expected if expected[name] != got[name] and name not in accept]
    if refused:
        lines = [f"- {name}: {DIFFERENCES[name][0]}. Choices: {DIFFERENCES[name][1]}." for name in refused]
        # Most modules are refused only because of this default.
        by_default = refused == ["unbiased"] and norm.arguments()["unbiased"] is None
        remedy = "pass accept=['unbiased'], or make the module with unbiased=False.\nThe" if by_default else "the"
        raise ValueError(
            f"norm: {remedy} BatchNormalization of {generation.title} cannot express all of it:\n"
            + "\n".join(lines)
            + f"\nOr accept={refused}: then the layer differs in training alone. To keep everything: "
            "tfbn.keras.wrap."
        )
    weights.assign(layer, weights.read_arrays(norm))
    return layer


def _layer_arguments(norm: BatchNorm, spec: tf.TensorSpec, generation: Generation) -> dict[str, Any]:
    """The arguments of a Keras layer that matches this module, for inputs like `spec`."""
    own, settings = norm.arguments(), norm.settings_for(spec)
    axes, rank = settings.layout.pooled.axes, spec.shape.rank
    arguments: dict[str, Any] = {
        "axis": -1 if axes[0] == rank - 1 else axes[0],
        "momentum": _number("decay", settings.decay),
        "epsilon": settings.epsilon,
        "center": own["center"],
        "scale": own["scale"],
        "trainable": own["trainable"] and not own["frozen"],
    }
    for name in weights.INITIALIZED:
        arguments[f"{name}_initializer"] = own["param_initializers"].get(name) or _DEFAULTS[name]
    for name in weights.AFFINE:
        arguments[f"{name}_regularizer"] = own["param_regularizers"].get(name)
        arguments[f"{name}_constraint"] = own["param_constraints"].get(name)
    has_renorm = generation.major == 2 or "renorm" in inspect.signature(generation.layer.__init__).parameters
    renorm = own["renorm"] and has_renorm
    if renorm:
        bounds = (norm.renorm_clipping or {}).items()
        arguments.update(
            renorm=True,
            renorm_clipping={
                key: _number(f"renorm_clipping[{key!r}]", value) for key, value in bounds if value is not None
            },
            renorm_momentum=_number("renorm_decay", settings.renorm_decay),
        )
    if own["synchronized"] and not (own["renorm"] or own["virtual_batch_size"] or own["adjustment"]):
        arguments["synchronized"] = True
    if generation.major == 2:
        arguments.update(virtual_batch_size=own["virtual_batch_size"], adjustment=own["adjustment"])
        plain = not (renorm or own["virtual_batch_size"] or own["adjustment"])
        fusible = plain and rank in (4, 5) and axes[0] in (1, rank - 1) and spec.dtype != tf.float64
        if fusible and not (settings.unbiased or own["synchronized"]):
            arguments["fused"] = False
    return arguments


_DEFAULTS = {"beta": "zeros", "gamma": "ones", "moving_mean": "zeros", "moving_variance": "ones"}


def _number(name: str, value: Any) -> float:
    if isinstance(value, numbers.Real):
        return float(value)
    raise ValueError(
        f"{name}: expected a number, which is what Keras keeps, got {value!r}. Set the module's attribute to a number "
        "first, or use tfbn.keras.wrap."
    )


def _meaning(norm: BatchNorm, spec: tf.TensorSpec) -> dict[str, Any]:
    """How a module treats inputs of this shape; equal for modules that do the same."""
    own = norm.arguments()
    updating = checks.check_flag(norm.update_statistics, "update_statistics")
    names = ("adjustment", "zero_debias_moving_mean", "virtual_batch_size", "renorm", "synchronized")
    return {
        # Renorm's averages follow the biased standard deviation.
        "unbiased": norm.settings_for(spec).unbiased and not own["renorm"],
        **{name: own[name] for name in names},
        "update_statistics": norm.frozen or (None if updating.tensors else updating.value),
        "trainable": (norm.trainable, norm.frozen),
        "param_dtype": norm.moving_mean.dtype,
    }
