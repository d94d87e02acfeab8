"""Checkpoints of TensorFlow 1 and 2 and of Keras: their batch norm layers, what is wrong with these, and conversion.

`open` reads any of them, `list_layers` finds the layers, `diagnose` judges their statistics and `plot` draws them,
`convert` rewrites them for another program, `diff` compares two.

Each is imported on first use: reading only the index of a checkpoint needs no TensorFlow.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["convert", "diagnose", "diff", "list_layers", "open", "plot"]

if TYPE_CHECKING:
    from tfbn.checkpoint.convert import convert
    from tfbn.checkpoint.diagnose import diagnose
    from tfbn.checkpoint.diff import diff
    from tfbn.checkpoint.list_layers import list_layers
    from tfbn.checkpoint.open import open
    from tfbn.checkpoint.plot import plot

else:

    class _Checkpoint(ModuleType):
        """Keeps its functions: importing their modules, which have the same names, would replace them."""

        def __getattr__(self, name):
            if name not in __all__:
                raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
            try:
                value = getattr(import_module(f"{__name__}.{name}"), name)
            except ModuleNotFoundError as error:
                if error.name != "tensorflow":
                    raise
                from tfbn.requirements import describe_missing

                raise ImportError(f"{__name__}.{name} {describe_missing('tensorflow')}", name="tensorflow") from error
            setattr(self, name, value)
            return value

        def __setattr__(self, name, value):
            if name not in __all__ or not isinstance(value, ModuleType):
                super().__setattr__(name, value)

        def __dir__(self):
            return sorted(__all__)

    sys.modules[__name__].__class__ = _Checkpoint
