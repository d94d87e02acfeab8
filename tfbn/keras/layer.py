"""The layer that puts tfbn.BatchNorm into a Keras Model: its variables are the layer's own weights."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn import _tensorflow
from tfbn.arguments.foreign import check_names
from tfbn.core import normalization, policy, values
from tfbn.keras import config, weights
from tfbn.keras.generation import Generation, find_generation
from tfbn.module import BatchNorm

# Arguments of the module that Keras passes or determines itself.
KERAS_OWN = ("channels", "trainable", "param_dtype", "name")
ARGUMENTS = tuple(name for name in inspect.signature(BatchNorm.__init__).parameters if name not in ("self", *KERAS_OWN))
# Read again in each call, or trace.
SETTABLE = ("decay", "renorm_decay", "renorm_clipping", "adjustment", "update_statistics", "frozen")


class _Module(BatchNorm):
    """The module, with variables that a Keras layer creates and tracks."""

    _mask_by_channel = True

    def __init__(
        self,
        add_weight: Callable[[str, tf.Tensor], Any],
        add_update: Callable[[list[Any]], None] | None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments, name="tfbn_batch_norm")  # a TF1 graph refuses names with a leading underscore
        self._add_weight = add_weight
        self._add_update = add_update

    @property
    def name_scope(self) -> Any:
        """Empty: variables are in the layer's own scope."""
        return contextlib.nullcontext()

    def _variable(self, name: str, value: tf.Tensor) -> Any:
        return self._add_weight(name, value)

    def _check_context(self) -> None:
        """Allows TF1 graphs too: Keras 2 runs `layer.updates` there, and under Keras 3 the outputs wait for them."""

    def _update(self, state: values.State, outputs: tf.Tensor) -> tf.Tensor:
        if self._add_update is None or not _tensorflow.in_tf1_graph():
            return super()._update(state, outputs)
        # The outputs first: they read the statistics that are assigned here.
        with tf.control_dependencies([outputs]):
            self._add_update(self._assign(state))
        return outputs

    def _assign(self, state: values.State) -> list[Any]:
        pairs = [(getattr(self, name), value) for name, value in state._asdict().items() if value is not None]
        if not _tensorflow.in_tf1_graph():
            return [variable.assign(value) for variable, value in pairs]
        # In a graph assign has to return an op; a variable of Keras 3 returns the value, its TensorFlow variable an op.
        own = [(variable if isinstance(variable, tf.Variable) else variable.value, value) for variable, value in pairs]
        return [variable.assign(value, read_value=False) for variable, value in own]


def layer_class(keras: Any = None) -> Any:
    """The class of the layer that is tfbn.BatchNorm in a Keras Model; `tfbn.keras.BatchNorm` is that for `tf.keras`.

    The layer computes what the module computes, including everything that Keras has no layer for: weighted and masked
    statistics, zero debias, adjustments, virtual batches, the corrected variance. It trains with fit, saves and loads
    (.keras, HDF5 and TensorFlow's checkpoints), has its regularizers' losses in `losses`, and works under every dtype
    policy and in functions that XLA compiles. To load a model in a new process, create the class first: it registers
    itself.

    It works in TF1 graphs too. There, under Keras 2, its updates are in `layer.updates`, like those of Keras' own
    layer, and training=None is the learning phase; under Keras 3 the outputs wait for the updates.

    `trainable` means what it means in TF1: False only removes beta and gamma from the trainable weights. `frozen=True`
    does what Keras' own layer does in addition: normalize by the moving statistics in training too.

    The class takes, by name, the arguments of tfbn.BatchNorm except `channels` and `param_dtype`, and those of a Keras
    layer: `name`, `trainable`, `dtype`. Initializers, regularizers and constraints may be names or objects of Keras. An
    adjustment is saved by the name it is registered under with keras.utils.register_keras_serializable, and a variable
    by its value.

    Layers are called with inputs, `training`, and as the module with `mask`, `batch_weights`, `update_statistics`.
    Without a mask argument, the mask of the inputs is used, along their axes from the left wherever the channels are;
    it applies to the statistics and is passed on to the next layer. Under Keras 3 what that mask leaves without values
    has, as in Keras' own layer, a mean and a variance of 0, which the averages follow; everywhere else it is normalized
    by its averages, which stay. `fused`, read-only, says whether the fused kernel trains such inputs as the layer was
    built for. The other attributes are the module's; decay, renorm_decay, renorm_clipping, adjustment,
    update_statistics and frozen may be set.

    Args:
      keras: `keras`, `tf_keras` or `tf.keras`, the default; for Keras 3, on the TensorFlow backend.

    Returns:
      A subclass of keras.layers.Layer, the same one for every call.

    Raises:
      ImportError: no Keras.
      RuntimeError: Keras 3 on another backend.

    Example:
      >>> import numpy as np, tensorflow as tf, tfbn
      >>> model = tf.keras.Sequential([tfbn.keras.BatchNorm(decay=0.5, scale=True)])
      >>> model.compile("sgd", "mse")
      >>> inputs = np.array([[1.0, 5.0], [3.0, 5.0]], "float32")
      >>> history = model.fit(inputs, np.zeros_like(inputs), verbose=0)
      >>> print(model.layers[-1].moving_mean.numpy(), len(model.trainable_variables))
      [1.  2.5] 2
    """
    chosen = find_generation(keras)
    if chosen.package not in _CLASSES:

        class BatchNorm(Layer, chosen.api.layers.Layer):  # type: ignore[name-defined]
            __doc__ = (layer_class.__doc__ or "").partition("\n\n")[2].partition("    Args:")[0]
            generation = chosen

        register = chosen.api.utils.register_keras_serializable(package="tfbn")
        _CLASSES[chosen.package] = register(BatchNorm)
    return _CLASSES[chosen.package]


_CLASSES: dict[str, Any] = {}


class _Hidden:
    """Hides the module from Keras 2, which would track the variables of a tf.Module as further weights."""

    def __init__(self, module: _Module) -> None:
        self.module = module


class Layer:
    """The part of the layer that does not depend on its Keras."""

    generation: Generation
    trainable: bool
    compute_dtype: Any
    variable_dtype: Any

    def __init__(self, **arguments: Any) -> None:
        own = {name: arguments.pop(name) for name in ARGUMENTS if name in arguments}
        check_names(arguments, ARGUMENTS)
        needless = sorted({"channels", "param_dtype"} & set(arguments))
        if needless:
            raise TypeError(
                f"{needless}: expected neither channels nor param_dtype. The layer takes them from its inputs and from "
                "its dtype policy, such as dtype='float64'."
            )
        super().__init__(**arguments)
        self.supports_masking = True
        if self.generation.major == 2 and own.get("synchronized") and own.get("fused"):
            raise ValueError(
                "synchronized: expected False with fused=True under Keras 2, got True. `fused=True` is not supported "
                "when `synchronized=True`; leave fused out."
            )
        self._fused: bool | None = False if own.get("fused", True) is False else None
        self._hidden = _Hidden(
            _Module(
                self._new_weight,
                self.add_update if self.generation.major == 2 else None,  # type: ignore[attr-defined]
                **config.deserialize(own, self.generation.api),
                param_dtype=self._wide_dtype(),
            )
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name in SETTABLE:
            # Bypasses Keras 2, which would track a variable as a weight.
            setattr(self._hidden.module, name, value)
        else:
            super().__setattr__(name, value)

    def build(self, input_shape: Any) -> None:
        module, dtype = self._hidden.module, tf.as_dtype(self.compute_dtype or "float32")
        settings = module.settings_for(tf.TensorSpec(input_shape, dtype))
        module.create(settings.layout.channels, self._wide_dtype() or tf.float32)
        self._fused = normalization.takes_fused(dtype, settings, settings.layout)
        for name in weights.NAMES:
            setattr(self, name, getattr(module, name))
        super().build(input_shape)  # type: ignore[misc]

    def call(
        self,
        inputs: Any,
        training: Any = None,
        mask: Any = None,
        batch_weights: Any = None,
        update_statistics: Any = None,
    ) -> tf.Tensor:
        passed_on, table = _tensorflow.mask_from_keras(inputs), policy.TABLE
        if passed_on is not None and mask is passed_on:
            # Its axes are those of the inputs from the left, wherever the channels are.
            mask = tf.reshape(mask, tf.concat([tf.shape(mask), [1] * (len(inputs.shape) - len(passed_on.shape))], 0))
            if self.generation.major >= 3:
                mask = tf.cast(mask, tf.bool)
                # Keras has no weights: what has none of those stays as it is, as everywhere.
                table = policy.TABLE if batch_weights is not None else policy.KERAS_3_MASK_TABLE
        inputs = tf.cast(inputs, self.compute_dtype)
        training = self._default_training() if training is None else training
        return self._hidden.module._call(inputs, training, update_statistics, mask, batch_weights, table)

    @property
    def fused(self) -> bool | None:
        """Whether TensorFlow's fused kernel trains inputs like those the layer was built for.

        Before that, None, or False where the argument is False.
        """
        return self._fused

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask for the next layer; not an array, since Keras 2 sets attributes on it."""
        return tf.constant(mask) if isinstance(mask, np.ndarray) else mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        arguments = self._hidden.module.arguments()
        own = config.serialize({name: arguments[name] for name in ARGUMENTS}, self.generation.api)
        return {**super().get_config(), **own}  # type: ignore[misc]

    def _wide_dtype(self) -> tf.DType | None:
        """The variables' dtype; None if the first inputs determine it, as for Keras 2 in TF1 graphs."""
        return None if self.variable_dtype is None else normalization.compute_dtype(tf.as_dtype(self.variable_dtype))

    def _default_training(self) -> Any:
        """False, or in TF1 graphs the learning phase of Keras 2, which its `fit` feeds."""
        if self.generation.major == 2 and _tensorflow.in_tf1_graph():
            return self.generation.api.backend.learning_phase()
        return False

    def _new_weight(self, name: str, value: tf.Tensor) -> Any:
        arguments, major = self._hidden.module.arguments(), self.generation.major
        common = {
            "name": name,
            "shape": tuple(value.shape),
            "dtype": value.dtype.name,
            "initializer": lambda shape, dtype=None, **_: value,
            "trainable": name in weights.AFFINE,
            "experimental_autocast" if major == 2 else "autocast": False,
        }
        if name in weights.AFFINE:
            return self.add_weight(  # type: ignore[attr-defined]
                **common,
                regularizer=arguments["param_regularizers"].get(name),
                constraint=arguments["param_constraints"].get(name),
            )
        # Each replica has its own statistics, and the mean is saved.
        if major == 2:
            by = {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.MEAN}
            return self.add_weight(**common, **by)  # type: ignore[attr-defined]
        # Keras 3 tracks a variable that a layer sets as an attribute; its add_weight has no argument for when to
        # aggregate, nor have the variables of early versions.
        known = inspect.signature(self.generation.api.Variable.__init__).parameters
        aggregation = {"synchronization": "on_read", "aggregation": "mean"}
        return self.generation.api.Variable(**common, **(aggregation if set(aggregation) <= set(known) else {}))


def _passed_on(name: str) -> property:
    return property(lambda layer: getattr(layer._hidden.module, name))


for _name in SETTABLE:
    setattr(Layer, _name, _passed_on(_name))
