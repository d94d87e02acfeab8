"""How programs name the moving statistics of their batch norm layers: a table with a row for each scheme."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tfbn.checkpoint.reader import Entry


class Scheme(NamedTuple):
    """The suffixes after a layer's scope in the paths of its two statistics.

    A `*` stands for nothing, or for an underscore and a word, the same in both: a number, or the name of a domain.
    """

    mean: str
    variance: str
    needs_affine: bool = False  # common names: they count only beside beta or gamma


SCHEMES = (
    Scheme("moving_mean*", "moving_variance*"),  # contrib, slim, tf.layers, Keras, tfbn
    Scheme("moving_mean*", "moving_var*"),
    Scheme("moving_mean/average", "moving_variance/average"),  # Sonnet 2
    Scheme("moving_avg*", "moving_var*"),
    Scheme("pop_mean*", "pop_var*"),
    Scheme("pop_mean*", "pop_variance*"),
    Scheme("population_mean*", "population_variance*"),
    Scheme("running_mean*", "running_var*"),  # PyTorch
    Scheme("running_mean*", "running_variance*"),
    Scheme("global_mean*", "global_var*"),
    Scheme("global_mean*", "global_variance*"),
    Scheme("ema_mean*", "ema_var*"),
    Scheme("mean_ema/average", "var_ema/average"),
    Scheme("mean/EMA", "variance/EMA"),  # tensorpack
    # The shadows that ExponentialMovingAverage.apply makes for what tf.nn.moments returned, in several versions.
    *(
        Scheme(f"moments*/{mean}/ExponentialMovingAverage", f"moments*/{variance}/ExponentialMovingAverage")
        for mean, variance in (
            ("Squeeze", "Squeeze_1"),
            ("normalize/mean", "normalize/variance"),
            ("moments_1/mean", "moments_1/variance"),  # before the next, which would take `moments` for the scope
            ("mean", "variance"),
        )
    ),
    Scheme("mean*", "variance*", needs_affine=True),  # Caffe, deeplab
    Scheme("mean*", "var*", needs_affine=True),
)
# Names of beta and gamma, beside statistics with the names above.
AFFINE_NAMES = {"beta": ("beta", "offset"), "gamma": ("gamma", "scale")}
KNOWN = ", ".join(dict.fromkeys(f"{scheme.mean} and {scheme.variance}".replace("*", "") for scheme in SCHEMES))

# Part of every one of the names, to skip the many variables that are no statistics.
_STATISTIC = re.compile("mean|var|avg|[Aa]verage")
# A variable created for a tensor is named by the variable scope, then the tensor's name with its name scope.
_DOUBLED = re.compile(r"(?P<scope>.+)/(?P=scope)(?:_\d+)?")


class Pair(NamedTuple):
    """The two statistics of a layer, by one of the schemes."""

    scheme: Scheme
    scope: str
    word: str  # matched by the `*`
    mean: Entry
    variance: Entry


def find_pairs(by_path: Mapping[str, Entry]) -> Iterator[Pair]:
    """Pairs of statistics of one shape, each variable in one pair at most."""
    paths = [path for path in by_path if _STATISTIC.search(path)]
    paired: set[str] = set()
    for scheme in SCHEMES:
        means, variances = (_matches(pattern, paths) for pattern in scheme[:2])
        for place, mean in means.items():
            variance = variances.get(place)
            if variance is None or by_path[mean].shape != by_path[variance].shape or {mean, variance} & paired:
                continue
            paired |= {mean, variance}
            doubled = _DOUBLED.fullmatch(place[0]) if "moments" in scheme.mean else None
            scope = doubled["scope"] if doubled else place[0]
            yield Pair(scheme, scope, place[1], by_path[mean], by_path[variance])


def _matches(pattern: str, paths: Iterable[str]) -> dict[tuple[str, str], str]:
    """The paths that end with the pattern, by their scope and what its `*` matches."""
    tail = re.escape(pattern).replace(r"\*", r"(?P<word>(?:_\w+)?)")
    regex = re.compile(rf"(?:(?P<scope>.*)/)?{tail}")
    matches = filter(None, map(regex.fullmatch, paths))
    return {(match["scope"] or "", match.groupdict().get("word", "")): match[0] for match in matches}
