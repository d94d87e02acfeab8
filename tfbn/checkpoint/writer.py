"""The interface for writing a checkpoint: `Writer`."""

from __future__ import annotations

import numpy as np

from tfbn.checkpoint.stored import Stored


class Writer:
    """Adds variables to a checkpoint, one at a time.

    Attributes:
      takes_copies: whether it can take the bytes of a variable in another checkpoint, instead of an array.
    """

    takes_copies = False

    def add(self, name: str, array: np.ndarray) -> None:
        raise NotImplementedError

    def copy(self, name: str, origin: Stored) -> None:
        """Adds a variable of another checkpoint as its bytes; only where the writer `takes_copies`."""
        raise NotImplementedError
