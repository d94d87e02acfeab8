"""Checkpoints of TensorFlow 1 and 2 and of Keras: their batch norm layers, what is wrong with these, and conversion.

`open` reads any of them, `list_layers` finds the layers, `diagnose` judges their statistics and `plot` draws them,
`convert` rewrites them for another program, `diff` compares two.
"""

from tfbn.checkpoint.convert import convert
from tfbn.checkpoint.diagnose import diagnose
from tfbn.checkpoint.diff import diff
from tfbn.checkpoint.list_layers import list_layers
from tfbn.checkpoint.open import open
from tfbn.checkpoint.plot import plot

__all__ = ["convert", "diagnose", "diff", "list_layers", "open", "plot"]
