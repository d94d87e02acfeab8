"""Finds the batch norm layers of a checkpoint by the names of their variables, whatever wrote it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.reader import open as open_checkpoint
from tfbn.checkpoint.tables import natural, shown, table

AFFINE = ("beta", "gamma")
STATISTICS = ("moving_mean", "moving_variance")
RENORM = ("moving_stddev", "renorm_mean", "renorm_stddev")
OLD_RENORM = ("renorm_mean_weight", "renorm_stddev_weight")  # of TensorFlow up to 1.14
DEBIAS = ("biased", "local_step")
SHORT_NAMES = (*AFFINE, *STATISTICS, *RENORM, *OLD_RENORM)
SHADOW = "/ExponentialMovingAverage"
# A scope that says batch norm even where nothing but beta or gamma is in it.
_NAMED = re.compile(r"(?:.*[/_])?(batch_?norm\w*|bn\w{0,2})", re.IGNORECASE)
_PAIR = re.compile(r"(?P<around>.*?)/?moving_mean/(?P<short>biased|local_step)(?P<number>_\d+)?")
_AMBIGUOUS = "gamma_or_beta"


class Layer(NamedTuple):
    """The variables of one batch norm layer."""

    scope: str
    shape: tuple[int, ...]  # of the statistics: [C], or with a dimension per axis of the inputs and virtual batches
    dtype: str  # of the statistics
    variables: dict[str, str]  # from short names, such as moving_mean, to names in the checkpoint
    shadows: dict[str, str]  # the same for those with /ExponentialMovingAverage
    zero_debias: str  # how the pair is named: 'single', 'doubled', 'suffixed' or 'attributes'; '' for none
    renorm: str  # 'up to 1.14', 'from 1.15' or ''


class Found(NamedTuple):
    layers: list[Layer]  # in the natural order of their scopes
    orphans: list[str]  # paths of zero-debias variables that belong to no layer


class Layers(list):
    """A list of `Layer`, printed as a table."""

    HEADER = ("scope", "shape", "dtype", "variables", "zero debias", "renorm", "shadows")

    def __str__(self) -> str:
        rows = [
            (
                layer.scope or "-",
                shown(layer.shape),
                layer.dtype,
                ", ".join(layer.variables),
                layer.zero_debias or "-",
                layer.renorm or "-",
                ", ".join(layer.shadows) or "-",
            )
            for layer in self
        ]
        return table([self.HEADER, *rows])

    __repr__ = __str__


def list_layers(path: str | os.PathLike[str] | Reader) -> Layers:
    """Lists the batch norm layers of a checkpoint: of contrib and slim, tf.layers, Keras, `BatchNorm` or `TF1Module`.

    A layer is a scope that holds a moving_mean or a moving_variance; or beta or gamma alone, under a name that says
    batch norm.

    Args:
      path: as for `open`, or what `open` returned.

    Returns:
      A list with a record for each layer, in the natural order of the scopes; `print` shows it as a table. The fields:
      scope; shape and dtype of the statistics; variables and shadows, dicts from short names to names in the
      checkpoint, the latter for what tf.train.ExponentialMovingAverage made; zero_debias, how the pair of biased and
      local_step is named ('single', 'doubled', 'suffixed', 'attributes' or ''); renorm ('up to 1.14', 'from 1.15', '').

    Raises:
      FileNotFoundError, ValueError, ImportError: as `open`.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> path = tf.train.Checkpoint(norm=tfbn.BatchNorm(2, renorm=True)).write(tempfile.mkdtemp() + "/model")
      >>> (layer,) = tfbn.checkpoint.list_layers(path)
      >>> print(layer.scope, layer.shape, layer.renorm, layer.variables["beta"])
      norm (2,) from 1.15 norm/beta/.ATTRIBUTES/VARIABLE_VALUE
    """
    if isinstance(path, Reader):
        return Layers(find(path.entries.values()).layers)
    with open_checkpoint(path) as reader:
        return Layers(find(reader.entries.values()).layers)


def find(entries: Iterable[Entry]) -> Found:
    """The layers among variables."""
    by_path = {entry.path: entry for entry in entries if entry.path}
    variables: dict[str, dict[str, Entry]] = {}
    shadows: dict[str, dict[str, Entry]] = {}
    for path, entry in by_path.items():
        scope, short = split(path.removesuffix(SHADOW))
        if short in (*SHORT_NAMES, _AMBIGUOUS):
            kind = shadows if path.endswith(SHADOW) else variables
            kind.setdefault(scope, {})[short] = entry
    scopes = {
        scope
        for scope, found in variables.items()
        if set(STATISTICS) & set(found) or (set(AFFINE) & set(found) and _NAMED.fullmatch(scope))
    }
    naming: dict[str, str] = {}
    orphans: list[str] = []
    for path, entry in by_path.items():
        parted = _pair_of(path, scopes)
        if parted is None:
            continue
        owner, short, how = parted
        if owner is None:
            orphans.append(path)
        else:
            variables[owner][short] = entry
            naming[owner] = how
    layers = [_layer(scope, variables[scope], shadows.get(scope, {}), naming.get(scope, "")) for scope in scopes]
    return Found(sorted(layers, key=lambda layer: natural(layer.scope)), sorted(orphans, key=natural))


def _pair_of(path: str, scopes: set[str]) -> tuple[str | None, str, str] | None:
    """Scope, short name and naming of a zero-debias variable; no scope for an orphan, None for other variables."""
    found = _PAIR.fullmatch(path)
    if found is None:
        scope, short = split(path)
        return (scope, short, "attributes") if short in DEBIAS and scope in scopes else None
    around = found["around"]
    if around in scopes:
        return around, found["short"], "suffixed" if found["number"] else "single"
    for scope in scopes:
        inner = around.removeprefix(f"{scope}/")
        if inner != around and re.fullmatch(rf"{re.escape(scope)}(_\d+)?", inner):
            suffixed = found["number"] or inner != scope
            return scope, found["short"], "suffixed" if suffixed else "doubled"
    return None, found["short"], ""


def _layer(scope: str, variables: dict[str, Entry], shadows: dict[str, Entry], naming: str) -> Layer:
    order = [name for name in (*SHORT_NAMES, _AMBIGUOUS, *DEBIAS) if name in variables]
    one = variables[next(name for name in (*STATISTICS, *order) if name in variables)]
    old = set(OLD_RENORM) & set(variables)
    return Layer(
        scope,
        one.shape,
        one.dtype,
        {name: variables[name].name for name in order},
        {name: shadows[name].name for name in (*SHORT_NAMES, *DEBIAS) if name in shadows},
        naming,
        "up to 1.14" if old else "from 1.15" if set(RENORM) & set(variables) else "",
    )


def split(path: str) -> tuple[str, str]:
    """Scope and short name."""
    scope, _, short = path.rpartition("/")
    return scope, short


def join(scope: str, short: str) -> str:
    return f"{scope}/{short}" if scope else short
