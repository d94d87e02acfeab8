"""TF1's names of variables, in checkpoints that a Saver writes."""

from __future__ import annotations

from contextlib import AbstractContextManager

from tfbn.checkpoint import bundle
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.layers import split
from tfbn.checkpoint.reader import Reader
from tfbn.checkpoint.writer import Writer


class TF1Names(Kind):
    """A kind whose names are the paths, except for zero debias."""

    like_formats: tuple[str, ...] = ("V1", "V2")

    def name_of(self, path: str, is_debias: bool) -> str:
        """Zero debias repeats the scope: `a/a/moving_mean/biased` for `a/biased`."""
        scope, short = split(path)
        return f"{scope}/{scope}/moving_mean/{short}".lstrip("/") if is_debias else path

    def writing(self, target: str, like: Reader | None, force: bool) -> AbstractContextManager[Writer]:
        return bundle.writing(target, force)
