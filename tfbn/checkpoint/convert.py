"""`convert`: a checkpoint rewritten for another program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from tfbn.checkpoint import bundle, keras_file, object_graph, plan, stored, values
from tfbn.checkpoint.plan import Plan, Step
from tfbn.checkpoint.reader import KERAS_ENDINGS, Reader
from tfbn.checkpoint.reader import open as open_checkpoint
from tfbn.files import replacing
from tfbn.progress import Progress

KINDS = ("contrib", "tf.layers", "TF1Module", "BatchNorm", "Keras")
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

    Without `like` the names follow from those of the source. With `like`, a checkpoint that the other program has
    saved, the target has its names, shapes and dtypes. Variables are matched by scope and short name, as `list_layers`
    and `open(...).entries` show them, after `rename`.

    Nothing is held but the largest variable, or 4 MB of small ones. The source is only read. A target is made beside
    its place, and its index renamed last: killed at any moment, this leaves a whole target or none, and what is left
    over the next run to the same target removes.

    Args:
      source: as for `open`.
      target: path to write: the prefix of a checkpoint, or a file of Keras.
      to: what is to read it: 'contrib', 'tf.layers' or 'TF1Module' for TF1 names, 'BatchNorm' for tf.train.Checkpoint
        with an attribute for each part of the path, 'Keras' for model.load_weights (or, of a `.keras` file,
        keras.models.load_model), which needs `like`. Default: as `like` is. Between contrib and tf.layers default
        scopes change: BatchNorm_1 becomes batch_normalization_1.
      like: a checkpoint of the other program, of the same kind as the target. Default None.
      rename: pairs of a regular expression and its replacement, as of re.sub, applied in turn to all paths. Default ().
      moving_average: whether variables take the values of their /ExponentialMovingAverage, which itself is left out.
        Default False.
      zero_debias: 'keep' the pair of biased and local_step; 'drop' it; 'synthesize' one for layers without, with which
        the next steps are as they were. Default 'keep'.
      fill_affine: whether layers without gamma get one of ones, without beta one of zeros. With `like` those get them
        that have them there. Default False.
      epsilon: of layers with renorm of TensorFlow up to 1.14, whose state becomes that of 1.15: moving_stddev is
        sqrt(moving_variance + epsilon), renorm_mean and renorm_stddev are divided by their weights. Default 0.001.
      allow: regular expressions of paths that may be lost, or with `like` may stay unmatched and keep the value they
        have there. Default ().
      dry_run: whether to write nothing. Default False.
      force: whether a target that exists is replaced. Default False.

    Returns:
      A `Plan`; `print` shows which variable comes from which, what is left out, lost or unmatched.

    Raises:
      ValueError: variables would be lost or stay unmatched, unless with dry_run; an argument out of range; a damaged
        source, of which nothing is written; a target that is, or leads by a link to, a file of the source or of `like`.
      FileExistsError: the target exists.
      FileNotFoundError, ImportError: as `open`; no folder to write to.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tempfile.mkdtemp()
      >>> source = tf.train.Checkpoint(norm=tfbn.BatchNorm(2)).write(path + "/model")
      >>> plan = tfbn.checkpoint.convert(source, path + "/tf1", "contrib", rename=[("norm", "net/BatchNorm")])
      >>> [name for name, _ in tf.train.list_variables(path + "/tf1")]
      ['net/BatchNorm/beta', 'net/BatchNorm/moving_mean', 'net/BatchNorm/moving_variance']
    """
    source, target = os.fspath(source), os.fspath(target)
    options = values.Options(moving_average, _checked("zero_debias", zero_debias, ZERO_DEBIAS), fill_affine, epsilon)
    with planned(source, target, to, like, options, rename, allow) as (made, given):
        if not dry_run:
            carry_out(made, given, force)
        return made


@contextmanager
def planned(
    source: str,
    target: str,
    to: str | None,
    like: str | os.PathLike[str] | None,
    options: values.Options,
    rename: Sequence[tuple[str, str]],
    allow: Sequence[str],
) -> Iterator[tuple[Plan, Reader | None]]:
    """The plan, and the reader of `like`, while what they read from is open."""
    with ExitStack() as stack:
        given = None if like is None else stack.enter_context(open_checkpoint(like))
        kind = _kind(to, target, given)
        reader = stack.enter_context(open_checkpoint(source))
        _check_apart(target, reader, given)
        yield plan.make(reader, target, kind, given, options, rename, allow), given


def carry_out(made: Plan, like: Reader | None, force: bool) -> None:
    """Writes the target of a plan that loses nothing."""
    bundle.check_free(made.target, force)
    made.check()
    progress = Progress("Converting", sum(step.value.size for step in made.steps), "B")
    if made.to == "Keras" and like is not None:
        bundle.remove_leftovers(Path(os.path.abspath(made.target)))
        with replacing(made.target) as partial, progress as bar:
            keras_file.write(like.path, partial, _read(made.steps, bar))
        return
    with bundle.writing(made.target, force) as writer, progress as bar:
        for step in made.steps:
            origin = step.value.stored if writer.takes_copies else None
            if origin is not None:
                writer.copy(step.name, origin)
            else:
                # No name for the array here, which would hold it while the next one is read.
                writer.add(step.name, step.value.read())
            bar.update(step.value.size)
        if made.to == "BatchNorm" and like is None:
            graph = object_graph.build({object_graph.path_of(step.name) for step in made.steps})
            writer.add(object_graph.KEY, np.array(graph, dtype=object))


def _read(steps: Iterable[Step], bar: Progress) -> Iterator[tuple[str, np.ndarray]]:
    for step in steps:
        yield step.name, step.value.read()
        bar.update(step.value.size)


def _kind(to: str | None, target: str, like: Reader | None) -> str:
    if to is not None:
        _checked("to", to, KINDS)
    elif like is None:
        raise ValueError(
            f"to: expected one of {KINDS} where no like is given, got None. Say what is to read the target."
        )
    if like is not None:
        if like.format == "SavedModel":
            raise ValueError(
                f"like: expected a checkpoint or weight file, got the SavedModel {like.path}, whose variables are of "
                "use with its graphs alone. Give what tf.train.Checkpoint or the Saver has written."
            )
        fits = {"Keras": ("Keras",), "objects": ("BatchNorm", "TF1Module")}
        possible = fits.get(like.format, ("contrib", "tf.layers", "TF1Module"))
        if to is not None and to not in possible:
            raise ValueError(
                f"like: expected a checkpoint of {to}, got {like.path}, which is one of {' or '.join(possible)}."
            )
        to = to or possible[0]
    elif to == "Keras":
        raise ValueError(
            "like: expected a weight file of the Keras model, got None. Only there is the order of its layers known: "
            "build the model, call model.save_weights, and give that file."
        )
    endings = KERAS_ENDINGS if like is None or to != "Keras" else (os.path.splitext(like.path)[1],)
    if (to == "Keras") != target.endswith(endings):
        raise ValueError(
            f"target: expected {'a path that ends in ' + endings[0] if to == 'Keras' else 'the prefix of a checkpoint'}"
            f" for {to}, got {target}."
        )
    return str(to)


def _check_apart(target: str, *readers: Reader | None) -> None:
    """Compares files: a target can be one file of what is read, or lead to it through a link."""
    replaced = {os.path.realpath(path) for path in (Path(target), *stored.files(target))}
    for reader in readers:
        if reader is not None and replaced & {os.path.realpath(path) for path in (Path(reader.path), *reader.files())}:
            raise ValueError(
                f"target: expected another path than that of what is read, got {target}. Write beside it, and rename."
            )


def _checked(name: str, value: str, possible: Sequence[str]) -> str:
    if value not in possible:
        raise ValueError(f"{name}: expected one of {tuple(possible)}, got {value!r}.")
    return value
