"""The kinds of checkpoints, one file each. Nothing else has to name a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.values import Step
from tfbn.checkpoint.writer import Writer


class Kind:
    """How a kind of checkpoint is recognized, read, named and written; the defaults are those of a plain file.

    Attributes:
      name: what `convert` calls it.
      endings: the endings of its file; empty if its path is the prefix of several files.
      like_formats: the `format` of the checkpoints whose names and shapes a target of this kind can have; empty for a
        kind that is read and not written.
      default_scope: the scope of a layer that the program does not name; '' if there is no such default.
      precedence: of several kinds that recognize a path, the one with the highest reads it; of several that a `like`
        fits, the one with the lowest is written.
      lacks: dict from short names of layer variables that it cannot have to the reason.
    """

    name: str
    endings: tuple[str, ...] = ()
    like_formats: tuple[str, ...] = ()
    default_scope = ""
    precedence = 0
    lacks: Mapping[str, str] = {}

    def recognizes(self, path: str) -> bool:
        """Whether `path` leads to a checkpoint that this kind reads."""
        return path.endswith(self.endings)

    def open(self, path: str) -> Reader:
        """A reader of what it recognizes; raises as `tfbn.checkpoint.open`."""
        raise NotImplementedError

    def check_like(self, like: Reader | None) -> None:
        """Raises ValueError where a target cannot be written without `like`."""

    def name_of(self, path: str, is_debias: bool) -> str:
        """The name in a target of the variable `path`; `is_debias` for a layer's biased and local_step."""
        return path

    def layer_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that a layer's variable of this shape takes."""
        return shape

    def own_steps(self) -> Sequence[Step]:
        """The variables of a target that its source does not have."""
        return ()

    def writing(self, target: str, like: Reader | None, force: bool) -> AbstractContextManager[Writer]:
        """A writer whose checkpoint becomes `target` when the block ends, and is removed when the block raises.

        Args:
          target: a path that is free, or with `force` is replaced.
          like: the checkpoint whose names the target has, or None.
        """
        raise NotImplementedError
