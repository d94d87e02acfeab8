"""`convert`: a checkpoint rewritten for another program."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tfbn.checkpoint import bundle, plan, stored, values
from tfbn.checkpoint.kinds import Kind
from tfbn.checkpoint.open import KINDS, writable_kinds
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.plan import Plan
from tfbn.checkpoint.reader import Reader
from tfbn.paths import check_not_input
from tfbn.progress import Progress

ZERO_DEBIAS = ("keep", "drop", "synthesize")


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    to: str | None = None,
    *,
    like: str | os.PathLike[str] | None = None,
    rename: Sequence[tuple[str, str]] = (),
    moving_average: bool = False,
    zero_debias: str = "keep",
    fill_affine: bool = False,
    epsilon: float = 0.001,
    allow: Sequence[str] = (),
    dry_run: bool = False,
    force: bool = False,
) -> Plan:
    """Writes the variables of a checkpoint, with the batch norm layers among them, for another program.

    Without `like` the names are derived from those of the source. With `like`, a checkpoint that the other program
    saved, the target has its names, shapes and dtypes. Variables are matched by scope and short name, as `list_layers`
    and `open(...).entries` show them, after `rename`.

    Memory holds at most the largest variable, or 4 MB of small ones. The source is only read. The target is written
    beside its place, synced, and renamed: if the process is killed or power fails, either the whole target or the old
    one remains, and the next run to the same target removes the remains. If two runs write one target, the second
    fails. A weight file that is a link is followed; a link among a checkpoint's files is refused.

    Args:
      source: as for `open`.
      target: path to write: the prefix of a checkpoint, or a file of Keras.
      to: the kind of program that reads it: 'contrib', 'tf.layers' or 'TF1Module' for TF1 names, 'BatchNorm' for
        tf.train.Checkpoint with an attribute for each part of the path, 'Keras' for model.load_weights (or, of a
        `.keras` file, keras.models.load_model), which needs `like`. Default: as `like` is. Between contrib and
        tf.layers default scopes change: BatchNorm_1 becomes batch_normalization_1.
      like: a checkpoint of the other program, of the same kind as the target. Default None.
      rename: pairs of a regular expression and its replacement, as of re.sub, applied in turn to all paths. Default ().
      moving_average: whether variables take the values of their /ExponentialMovingAverage, which is then left out.
        Default False.
      zero_debias: 'keep' the pair of biased and local_step; 'drop' it; 'synthesize' one for layers without, so that the
        next steps do not change. Default 'keep'.
      fill_affine: whether layers without gamma get ones, and without beta zeros. With `like`, layers that have them
        there always do. Default False.
      epsilon: of layers with renorm of TensorFlow up to 1.14, whose state becomes that of 1.15: moving_stddev is
        sqrt(moving_variance + epsilon), renorm_mean and renorm_stddev are divided by their weights. Default 0.001.
      allow: regular expressions of paths that may be lost, or with `like` may stay unmatched and keep their value from
        there. Default ().
      dry_run: whether to write nothing. Default False.
      force: whether a target that exists is replaced. Default False.

    Returns:
      A `Plan`; `print` shows which variable comes from which, what is left out, lost or unmatched.

    Raises:
      ValueError: variables would be lost or stay unmatched, unless with dry_run; an argument out of range; a damaged
        source, in which case nothing is written; a target that is, or links to, a file of the source or of `like`.
      FileExistsError: the target exists, or appeared meanwhile; one of a checkpoint's files is a link.
      FileNotFoundError, ImportError: as `open`; the target's folder is missing.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tempfile.mkdtemp()
      >>> source = tf.train.Checkpoint(norm=tfbn.BatchNorm(2)).write(path + "/model")
      >>> plan = tfbn.checkpoint.convert(source, path + "/tf1", "contrib", rename=[("norm", "net/BatchNorm")])
      >>> [name for name, _ in tf.train.list_variables(path + "/tf1")]
      ['net/BatchNorm/beta', 'net/BatchNorm/moving_mean', 'net/BatchNorm/moving_variance']
    """
    source, target = os.fspath(source), os.fspath(target)
    _check_choice("zero_debias", zero_debias, ZERO_DEBIAS)
    options = values.Options(moving_average, zero_debias, fill_affine, epsilon)
    with open_plan(source, target, to, like, options, rename, allow) as (result, like_reader):
        if not dry_run:
            execute(result, like_reader, force)
        return result


@contextmanager
def open_plan(
    source: str,
    target: str,
    to: str | None,
    like: str | os.PathLike[str] | None,
    options: values.Options,
    rename: Sequence[tuple[str, str]],
    allow: Sequence[str],
) -> Iterator[tuple[Plan, Reader | None]]:
    """The plan and the reader of `like`, with the checkpoints open for the block."""
    if not 0 <= options.epsilon < math.inf:
        raise ValueError(f"epsilon: expected a number of at least 0, got {options.epsilon!r}.")
    with ExitStack() as stack:
        like_reader = None if like is None else stack.enter_context(open_checkpoint(like))
        kind = _choose_kind(to, like_reader)
        _check_ending(kind, target, like_reader)
        reader = stack.enter_context(open_checkpoint(source))
        for read in (reader, like_reader):
            if read is not None:
                check_not_input(target, (read.path, *read.files()), stored.files(target))
        yield plan.make(reader, target, kind, like_reader, options, rename, allow), like_reader


def execute(plan: Plan, like: Reader | None, force: bool) -> None:
    """Writes the target of a plan that loses nothing."""
    bundle.check_free(plan.target, force)
    plan.check()
    progress = Progress("Converting", sum(step.value.size for step in plan.steps), "B")
    with plan.kind.writing(plan.target, like, force) as writer, progress as bar:
        for step in plan.steps:
            origin = step.value.stored if writer.takes_copies else None
            if origin is not None:
                writer.copy(step.name, origin)
            else:
                # Not assigned to a name, which would keep the array while the next one is read.
                writer.add(step.name, step.value.read())
            bar.update(step.value.size)


def _choose_kind(to: str | None, like: Reader | None) -> Kind:
    """The kind of the target, by its name or by `like`."""
    kinds = writable_kinds()
    if to is not None:
        _check_choice("to", to, tuple(kinds))
    elif like is None:
        raise ValueError(
            f"to: expected one of {tuple(kinds)}, or a checkpoint as like, got neither. Pass --to KIND or --like "
            "CHECKPOINT."
        )
    if like is not None:
        possible = [name for name, kind in kinds.items() if like.format in kind.like_formats]
        if not possible:
            raise ValueError(
                f"like: expected a checkpoint or weight file, got the {like.format} {like.path}, which can only be "
                "read. Pass a file in which the other program saves its variables."
            )
        if to is not None and to not in possible:
            raise ValueError(
                f"like: expected a checkpoint of {to}, got {like.path}, which is one of {' or '.join(possible)}."
            )
        to = to or possible[0]
    kind = kinds[str(to)]
    kind.check_like(like)
    return kind


def _check_ending(kind: Kind, target: str, like: Reader | None) -> None:
    """Programs recognize their files by the ending; the prefix of a checkpoint must not have one of those."""
    if kind.endings:
        endings = kind.endings if like is None else (os.path.splitext(like.path)[1],)
        if not target.endswith(endings):
            raise ValueError(f"target: expected a path that ends in {endings[0]} for {kind.name}, got {target}.")
    elif target.endswith(tuple(ending for other in KINDS for ending in other.endings)):
        raise ValueError(f"target: expected the prefix of a checkpoint for {kind.name}, got {target}.")


def _check_choice(name: str, value: str, possible: Sequence[str]) -> None:
    if value not in possible:
        raise ValueError(f"{name}: expected one of {tuple(possible)}, got {value!r}.")
