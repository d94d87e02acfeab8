"""Finds the batch norm layers of a checkpoint by the names of their variables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tfbn.checkpoint.reader import Entry
from tfbn.checkpoint.tables import natural

AFFINE = ("beta", "gamma")
STATISTICS = ("moving_mean", "moving_variance")
RENORM = ("moving_stddev", "renorm_mean", "renorm_stddev")
OLD_RENORM = ("renorm_mean_weight", "renorm_stddev_weight")  # of TensorFlow up to 1.14
DEBIAS = ("biased", "local_step")
SHORT_NAMES = (*AFFINE, *STATISTICS, *RENORM, *OLD_RENORM)
SHADOW = "/ExponentialMovingAverage"
# A scope that is of batch norm even if it has beta or gamma alone.
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


class SearchResult(NamedTuple):
    layers: list[Layer]  # in the natural order of their scopes
    orphans: list[str]  # paths of zero-debias variables that belong to no layer


def find(entries: Iterable[Entry]) -> SearchResult:
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
        for scope, shorts in variables.items()
        if set(STATISTICS) & set(shorts) or (set(AFFINE) & set(shorts) and _NAMED.fullmatch(scope))
    }
    naming: dict[str, str] = {}
    orphans: list[str] = []
    for path, entry in by_path.items():
        debias = _parse_debias(path, scopes)
        if debias is None:
            continue
        owner, short, how = debias
        if owner is None:
            orphans.append(path)
        else:
            variables[owner][short] = entry
            naming[owner] = how
    layers = [_make_layer(scope, variables[scope], shadows.get(scope, {}), naming.get(scope, "")) for scope in scopes]
    return SearchResult(sorted(layers, key=lambda layer: natural(layer.scope)), sorted(orphans, key=natural))


def _parse_debias(path: str, scopes: set[str]) -> tuple[str | None, str, str] | None:
    """Scope, short name and naming of a zero-debias variable; no scope for an orphan, None for other variables."""
    match = _PAIR.fullmatch(path)
    if match is None:
        scope, short = split(path)
        return (scope, short, "attributes") if short in DEBIAS and scope in scopes else None
    around = match["around"]
    if around in scopes:
        return around, match["short"], "suffixed" if match["number"] else "single"
    for scope in scopes:
        inner = around.removeprefix(f"{scope}/")
        if inner != around and re.fullmatch(rf"{re.escape(scope)}(_\d+)?", inner):
            suffixed = match["number"] or inner != scope
            return scope, match["short"], "suffixed" if suffixed else "doubled"
    return None, match["short"], ""


def _make_layer(scope: str, variables: dict[str, Entry], shadows: dict[str, Entry], naming: str) -> Layer:
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
