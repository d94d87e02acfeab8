"""tf.contrib.layers.batch_norm for today's TensorFlow.

The public names are loaded on first access, so that importing tfbn costs next to nothing and the parts that need no
TensorFlow run without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

# Each public name and the module of tfbn that defines it; a module that is itself public is its own home.
_HOMES = {
    "BatchNorm": "module",
    "BatchNormalization": "graph.batch_normalization",
    "CompatibilityWarning": "errors",
    "NoLayersWarning": "errors",
    "StatisticsNotSavedError": "errors",
    "TF1Module": "tf1_module",
    "TrainingModeError": "errors",
    "UpdatesNotWiredError": "errors",
    "add_arg_scope": "graph.arg_scope",
    "arg_scope": "graph.arg_scope",
    "arg_scope_func_key": "graph.arg_scope",
    "arg_scoped_arguments": "graph.arg_scope",
    "batch_norm": "graph.batch_norm",
    "batch_normalization": "graph.batch_normalization",
    "check_saver": "training.check_saver",
    "check_updates": "training.check_updates",
    "checkpoint": "checkpoint",
    "create_train_op": "training.train_op",
    "export": "export",
    "fold": "fold",
    "functional": "functional",
    "get_updates": "training.train_op",
    "has_arg_scope": "graph.arg_scope",
    "keras": "keras",
    "layers": "layers",
    "list_layers": "training.list_layers",
    "recalibrate": "recalibrate",
    "summaries": "tensorboard.summaries",
    "summaries_callback": "tensorboard.callback",
    "summaries_hook": "tensorboard.hook",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from tfbn import checkpoint as checkpoint
    from tfbn import export as export
    from tfbn import fold as fold
    from tfbn import functional as functional
    from tfbn import keras as keras
    from tfbn import layers as layers
    from tfbn import recalibrate as recalibrate
    from tfbn.errors import CompatibilityWarning as CompatibilityWarning
    from tfbn.errors import NoLayersWarning as NoLayersWarning
    from tfbn.errors import StatisticsNotSavedError as StatisticsNotSavedError
    from tfbn.errors import TrainingModeError as TrainingModeError
    from tfbn.errors import UpdatesNotWiredError as UpdatesNotWiredError
    from tfbn.graph.arg_scope import add_arg_scope as add_arg_scope
    from tfbn.graph.arg_scope import arg_scope as arg_scope
    from tfbn.graph.arg_scope import arg_scope_func_key as arg_scope_func_key
    from tfbn.graph.arg_scope import arg_scoped_arguments as arg_scoped_arguments
    from tfbn.graph.arg_scope import has_arg_scope as has_arg_scope
    from tfbn.graph.batch_norm import batch_norm as batch_norm
    from tfbn.graph.batch_normalization import (
        BatchNormalization as BatchNormalization,
    )
    from tfbn.graph.batch_normalization import (
        batch_normalization as batch_normalization,
    )
    from tfbn.module import BatchNorm as BatchNorm
    from tfbn.tensorboard.callback import summaries_callback as summaries_callback
    from tfbn.tensorboard.hook import summaries_hook as summaries_hook
    from tfbn.tensorboard.summaries import summaries as summaries
    from tfbn.tf1_module import TF1Module as TF1Module
    from tfbn.training.check_saver import check_saver as check_saver
    from tfbn.training.check_updates import check_updates as check_updates
    from tfbn.training.list_layers import list_layers as list_layers
    from tfbn.training.train_op import create_train_op as create_train_op
    from tfbn.training.train_op import get_updates as get_updates

    __version__: str

else:  # hidden from type checkers, which would otherwise believe that tfbn has every attribute

    def __getattr__(name):
        if name == "__version__":
            from tfbn.version import installed_version

            value = installed_version()
        elif name in _HOMES:
            value = _load(name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__():
        return sorted([*__all__, "__version__"])


def _load(name: str) -> object:
    home = _HOMES[name]
    try:
        module = import_module(f"{__name__}.{home}")
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        from tfbn.requirements import describe_missing

        raise ImportError(f"{__name__}.{name} {describe_missing('tensorflow')}", name="tensorflow") from error
    return module if home == name else getattr(module, name)
