"""Whether something happens: known while ops are built, or evaluated by each run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Flag:
    """A bool where it is known now, else a scalar tensor or variable.

    A tensor is a boolean, or a number that is 0 for False.
    """

    value: Any

    def __bool__(self) -> bool:
        raise TypeError(
            "Flag: expected a value that is known when the graph is built, got one that each run evaluates."
        )

    @property
    def always(self) -> bool:
        """Whether it is known to be True."""
        return self.value is True

    @property
    def never(self) -> bool:
        """Whether it is known to be False."""
        return self.value is False

    @property
    def tensors(self) -> list[Any]:
        """The tensor that a run evaluates, if there is one."""
        return [] if isinstance(self.value, bool) else [self.value]

    def boolean(self) -> Flag:
        """The same flag, its tensor cast to a boolean."""
        return self if isinstance(self.value, bool) else Flag(tf.cast(self.value, tf.bool))

    def __and__(self, other: Flag) -> Flag:
        if self.never or other.never:
            return Flag(False)
        if self.always or other.always:
            flag = other if self.always else self
            return flag if flag.always else Flag(tf.convert_to_tensor(flag.value))
        return Flag(tf.logical_and(self.boolean().value, other.boolean().value))

    def cast(self, dtype: tf.DType) -> tf.Tensor:
        """1 for True and 0 for False; a number other than 0, which stands for True, is kept."""
        return tf.cast(self.value, dtype)

    def where(self, value: tf.Tensor, otherwise: tf.Tensor) -> tf.Tensor:
        """`value` where it is True, `otherwise` where it is False."""
        return value if self.always else tf.where(self.boolean().value, value, otherwise)
