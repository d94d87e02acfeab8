"""Finds the batch norm layers of a checkpoint by the names of their variables: contrib's, and those in `naming`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from tfbn.checkpoint import naming
from tfbn.checkpoint.reader import Entry
from tfbn.graphdef.short_names import AFFINE, DEBIAS, OLD_RENORM, RENORM, STATISTICS
from tfbn.tables import natural

SHORT_NAMES = (*AFFINE, *STATISTICS, *RENORM, *OLD_RENORM)
SHADOW = "/ExponentialMovingAverage"
# A scope that counts as batch norm even if it has only beta or gamma.
_NAMED = re.compile(r"(?:.*[/_])?(batch_?norm\w*|bn\w{0,2})", re.IGNORECASE)
_PAIR = re.compile(r"(?P<around>.*?)/?moving_mean/(?P<short>biased|local_step)(?P<number>_\d+)?")
_AMBIGUOUS = "gamma_or_beta"


class Layer(NamedTuple):
    """The variables of one batch norm layer."""

    scope: str  # its path up to the short names; for a further pair of statistics there, the path of the mean
    shape: tuple[int, ...]  # of the statistics: [C], or with a dimension per axis of the inputs and virtual batches
    dtype: str  # of the statistics
    variables: dict[str, str]  # from short names, such as moving_mean, to names in the checkpoint
    shadows: dict[str, str]  # the same for variables with /ExponentialMovingAverage
    zero_debias: str  # how the pair is named: 'single', 'doubled', 'suffixed' or 'attributes'; '' for none
    renorm: str  # 'up to 1.14', 'from 1.15' or ''
    aliases: dict[str, str]  # from short names to paths, where these are not scope and short name


class SearchResult(NamedTuple):
    layers: list[Layer]  # in the natural order of their scopes
    orphans: list[str]  # paths of zero-debias variables that belong to no layer
    unclaimed: list[Entry]  # variables that belong to no layer


def find(entries: Iterable[Entry]) -> SearchResult:
    """Finds the layers among variables."""
    by_path = {entry.path: entry for entry in entries if entry.path}
    variables: dict[str, dict[str, Entry]] = {}
    shadows: dict[str, dict[str, Entry]] = {}
    for path, entry in by_path.items():
        scope, short = split(path.removesuffix(SHADOW))
        if short in (*SHORT_NAMES, _AMBIGUOUS):
            kind = shadows if path.endswith(SHADOW) else variables
            kind.setdefault(scope, {})[short] = entry
    _add_pairs(by_path, variables)
    scopes = {
        scope
        for scope, shorts in variables.items()
        if set(STATISTICS) & set(shorts) or (set(AFFINE) & set(shorts) and _NAMED.fullmatch(scope))
    }
    scopes -= _share_affine(variables, scopes)
    pair_names: dict[str, str] = {}
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
            pair_names[owner] = how
    layers = []
    for scope in scopes:
        own = {short: by_path.get(entry.path + SHADOW) for short, entry in variables[scope].items()}
        all_shadows = {**shadows.get(scope, {}), **{short: entry for short, entry in own.items() if entry}}
        layers.append(_make_layer(scope, variables[scope], all_shadows, pair_names.get(scope, "")))
    claimed = {name for layer in layers for names in (layer.variables, layer.shadows) for name in names.values()}
    return SearchResult(
        sorted(layers, key=lambda layer: natural(layer.scope)),
        sorted(orphans, key=natural),
        [entry for entry in by_path.values() if entry.name not in claimed],
    )


def _add_pairs(by_path: dict[str, Entry], variables: dict[str, dict[str, Entry]]) -> None:
    """Adds the statistics that have other names than contrib's, under the short names."""
    pairs = list(naming.find_pairs(by_path))
    alone = {scope for scope, count in Counter(pair.scope for pair in pairs).items() if count == 1}
    for pair in pairs:
        affine = {
            short: by_path[path]
            for short, names in naming.AFFINE_NAMES.items()
            for name in reversed(names)
            for path in (join(pair.scope, name), join(pair.scope, name + pair.word))
            if path in by_path
        }
        if pair.scheme.needs_affine and not affine:
            continue
        scope = pair.scope if pair.scope in alone or not pair.word else pair.mean.path
        shorts = variables.setdefault(scope, {})
        shorts.update({**affine, "moving_mean": pair.mean, "moving_variance": pair.variance})


def _share_affine(variables: dict[str, dict[str, Entry]], scopes: set[str]) -> set[str]:
    """Gives beta and gamma to the layers right below that have only statistics; returns the scopes left empty.

    Networks for several domains have a scope for the statistics of each.
    """
    without = {scope for scope in scopes if not set(STATISTICS) & set(variables[scope])}
    for scope in scopes - without:
        outer = variables.get(split(scope)[0], {})
        if not set(AFFINE) & set(variables[scope]) and not set(STATISTICS) & set(outer):
            variables[scope].update({short: entry for short, entry in outer.items() if short in AFFINE})
    owned = {entry.name for scope in scopes - without for entry in variables[scope].values()}
    return {scope for scope in without if {entry.name for entry in variables[scope].values()} <= owned}


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


def _make_layer(scope: str, variables: dict[str, Entry], shadows: dict[str, Entry], zero_debias: str) -> Layer:
    order = [name for name in (*SHORT_NAMES, _AMBIGUOUS, *DEBIAS) if name in variables]
    one = variables[next(name for name in (*STATISTICS, *order) if name in variables)]
    old = set(OLD_RENORM) & set(variables)
    return Layer(
        scope,
        one.shape,
        one.dtype,
        {name: variables[name].name for name in order},
        {name: shadows[name].name for name in (*SHORT_NAMES, *DEBIAS) if name in shadows},
        zero_debias,
        "up to 1.14" if old else "from 1.15" if set(RENORM) & set(variables) else "",
        {
            name: variables[name].path
            for name in order
            if name not in DEBIAS and variables[name].path != join(scope, name)
        },
    )


def split(path: str) -> tuple[str, str]:
    """Scope and short name."""
    scope, _, short = path.rpartition("/")
    return scope, short


def join(scope: str, short: str) -> str:
    return f"{scope}/{short}" if scope else short
