"""The rules of `diagnose`, one for each problem of a layer's statistics. Every threshold is here, with its reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfbn.checkpoint.layers import Layer, split
from tfbn.checkpoint.reader import Entry
from tfbn.errors import Finding
from tfbn.graphdef.short_names import AFFINE, DEBIAS, STATISTICS

# Relative to the layer's median. Training changes gamma by a factor of about ten; a thousandth of the others
# contributes nothing to the outputs.
DEAD_GAMMA = 1e-3
# The square of the above: inputs with a thousandth of the others' standard deviation are noise, or constant.
DEAD_VARIANCE = 1e-6
# Half precision stops a statistic at a relative distance of up to eps / (2 (1 - decay)), because smaller steps round
# away. Below one percent the outputs hardly show it.
HALF_ERROR = 0.01
HALF = {"float16": 2.0**-10, "bfloat16": 2.0**-7}  # their eps
# The share of the statistics that comes from batches and not from the initial values.
WARMED_UP = 0.9
# Trained networks have variances within some three orders of magnitude from layer to layer, residual branches included.
OUTLIER_VARIANCE = 1e4
# And means within some ten standard deviations.
OUTLIER_MEAN = 100.0
# Copies of trained values correlate more than this, even if they follow slowly; separately trained layers do not.
COPIED_CORRELATION = 0.99
MIN_COMPARED = 8  # two or three values agree by chance
NEIGHBOURS = 2  # on each side, in the natural order of names, in which most programs build their layers

_FLOATS = ("bfloat16", "float16", "float32", "float64")
# Names of trained variables, and of those that optimizers keep.
_TRAINED = re.compile(r"(^|[/_])(bias(es)?|b|weights?|w|kernel|beta|gamma)$|(^|/)(optimizer|\.OPTIMIZER_SLOT)/", re.I)
_STATISTIC = re.compile(r"mean|avg|average|mu\b|var|sigma|std|ema\b|moving|running|stat", re.I)


class Arrays(NamedTuple):
    """A layer with its values, in float64 and flat."""

    layer: Layer
    values: dict[str, np.ndarray]  # by short name


@dataclass(frozen=True)
class Network:
    """The network that rules see a layer in."""

    layers: list[Arrays]
    steps: int | None  # from the global step
    decay: float | None
    unclaimed: list[Entry]  # variables that belong to no layer


class Rule(NamedTuple):
    kind: str
    severity: str  # 'error' or 'warning'
    check: Callable[[Arrays, Network], Iterator[str]]  # yields what is wrong
    remedy: str


def _not_finite(one: Arrays, network: Network) -> Iterator[str]:
    for name, array in one.values.items():
        bad = ~np.isfinite(array)
        if bad.any():
            yield f"{name} is NaN or infinite in {_channels(bad)}"


def _negative(one: Arrays, network: Network) -> Iterator[str]:
    for name in ("moving_variance", "moving_stddev", "renorm_stddev"):
        bad = one.values.get(name, np.zeros(0)) < 0
        if bad.any():
            yield f"{name} is negative in {_channels(bad)}"


def _never_updated(one: Arrays, network: Network) -> Iterator[str]:
    if (initial := _initial_values(one)) and not any(True for _ in _never_copied(one, network)):
        yield f"{initial}, as they are initialized"


def _never_copied(one: Arrays, network: Network) -> Iterator[str]:
    if initial := _initial_values(one):
        for other in network.layers:
            if _is_target_of(one, other) and set(STATISTICS) <= set(other.values) and not _initial_values(other):
                yield f"{initial}, as they are initialized, while those of {other.layer.scope} were updated"
                return


def _initial_values(one: Arrays) -> str:
    """Describes statistics that still have their initial values; '' for others."""
    mean, variance = one.values.get("moving_mean"), one.values.get("moving_variance")
    if mean is None or variance is None or mean.any():
        return ""
    if "moving_variance" in one.layer.aliases and not variance.any():  # tf.train.ExponentialMovingAverage starts so
        return "moving_mean and moving_variance are all 0"
    return "moving_mean is all 0 and moving_variance all 1" if (variance == 1).all() else ""


def _is_target_of(one: Arrays, other: Arrays) -> bool:
    """Whether a layer is that of a target network, a copy of `other`'s network, by its scope and its beta and gamma."""
    own, others = one.layer.scope.split("/"), other.layer.scope.split("/")
    if one is other or one.layer.shape != other.layer.shape or len(own) - len(others) not in (0, 1):
        return False
    if len(own) == len(others):
        differing = [mine for mine, theirs in zip(own, others) if mine != theirs]
    else:
        differing = [mine for i, mine in enumerate(own) if own[:i] + own[i + 1 :] == others][:1]
    if len(differing) != 1:
        return False
    return "target" in differing[0].lower() or _follows(one, other)


def _follows(one: Arrays, other: Arrays) -> bool:
    """Whether beta and gamma have changed from their initial values in the same way."""
    initial = {"beta": 0.0, "gamma": 1.0}
    shared = [name for name in AFFINE if {name} <= set(one.values) & set(other.values)]
    changes = [[layer.values[name] - initial[name] for name in shared] for layer in (one, other)]
    own, others = (np.concatenate(arrays) if arrays else np.zeros(0) for arrays in changes)
    if own.size < MIN_COMPARED or own.shape != others.shape or not (np.ptp(own) > 0 and np.ptp(others) > 0):
        return False
    return bool(np.corrcoef(own, others)[0, 1] > COPIED_CORRELATION)


def _missing(one: Arrays, network: Network) -> Iterator[str]:
    absent = [name for name in STATISTICS if name not in one.values]
    if absent and not _candidates(one, network):
        yield f"it has {', '.join(one.values)}, and no {' or '.join(absent)}"


def _unrecognized(one: Arrays, network: Network) -> Iterator[str]:
    absent = [name for name in STATISTICS if name not in one.values]
    if absent and (candidates := _candidates(one, network)):
        listed = ", ".join(candidates[:5]) + (", ..." if len(candidates) > 5 else "")
        yield f"it has {', '.join(one.values)}, and no {' or '.join(absent)} by a known name; these may be: {listed}"


def _candidates(one: Arrays, network: Network) -> list[str]:
    """Variables outside of layers that may be statistics: any in the scope, and elsewhere those with a telling name."""
    size = int(np.prod(one.layer.shape))
    paths = {entry.path for entry in network.unclaimed}
    return [
        entry.path
        for entry in network.unclaimed
        if entry.dtype in _FLOATS
        and int(np.prod(entry.shape)) == size
        and split(entry.path)[0] not in (*paths, *(f"{one.layer.scope}/{name}" for name in one.layer.variables))
        and not _TRAINED.search(entry.path)
        and (entry.path.startswith(f"{one.layer.scope}/") or _STATISTIC.search(split(entry.path)[1]))
    ]


def _frozen(one: Arrays, network: Network) -> Iterator[str]:
    variance, mean = one.values.get("moving_variance"), one.values.get("moving_mean")
    if one.layer.dtype in HALF and variance is not None and mean is not None and mean.any() and (variance == 1).any():
        yield f"moving_variance is {one.layer.dtype} and has not left 1 in {_channels(variance == 1)}"


def _half(one: Arrays, network: Network) -> Iterator[str]:
    decay = 0.999 if network.decay is None else network.decay
    error = HALF.get(one.layer.dtype, 0.0) / 2 / max(1 - decay, 1e-12)
    if error > HALF_ERROR and not any(True for _ in _frozen(one, network)):
        yield f"with decay {decay:g}, statistics of {one.layer.dtype} stop up to {error:.0%} from those of the batches"


def _unpaired(one: Arrays, network: Network) -> Iterator[str]:
    has = [name for name in DEBIAS if name in one.values]
    others = [other for other in network.layers if set(DEBIAS) <= set(other.values)]
    if has == ["local_step"] and one.layer.zero_debias == "attributes":
        return  # a cumulative average counts its steps
    if len(has) == 1:
        absent = next(name for name in DEBIAS if name not in has)
        yield f"of zero debias it has {has[0]}, and no {absent}"
    elif not has and others:
        yield f"it has neither biased nor local_step, which {others[0].layer.scope} has"


def _dead(one: Arrays, network: Network) -> Iterator[str]:
    for name, fraction in (("gamma", DEAD_GAMMA), ("moving_variance", DEAD_VARIANCE)):
        sizes = one.values.get(name, np.zeros(0))
        sizes = np.abs(sizes) if name == "gamma" else sizes[sizes >= 0]  # another rule reports negative ones
        if sizes.size and np.isfinite(sizes).all():
            median = np.median(sizes)
            dead = sizes < fraction * median
            if dead.any():
                yield f"{name} is below {fraction:g} of the layer's median, {median:.3g}, in {_channels(dead)}"


def _cold(one: Arrays, network: Network) -> Iterator[str]:
    """By decay and steps, or by the quotient of zero debias' pair, which is the share whatever the decay."""
    if network.decay is not None and network.steps is not None and not set(DEBIAS) <= set(one.values):
        share = 1 - network.decay**network.steps
        if share < WARMED_UP:
            after = f"after {network.steps} steps with decay {network.decay:g}"
            yield f"{after}, only {share:.0%} of the statistics come from data"
    for name in ("renorm_mean", "renorm_stddev"):
        weight = one.values.get(f"{name}_weight")
        if weight is not None and weight[0] < WARMED_UP:
            yield f"{name} has {weight[0]:.0%} of its weight"
    biased, mean = one.values.get("biased"), one.values.get("moving_mean")
    if biased is not None and mean is not None and biased.shape == mean.shape and mean.any():
        # moving_mean is corrected by this share, moving_variance is not.
        largest = np.argmax(np.abs(mean))
        share = biased[largest] / mean[largest]
        if share < WARMED_UP:
            yield f"only {share:.0%} of moving_variance comes from data, by the quotient of biased and moving_mean"


def _outlier(one: Arrays, network: Network) -> Iterator[str]:
    index = next(i for i, other in enumerate(network.layers) if other is one)
    neighbours = [
        other
        for i, other in enumerate(network.layers)
        if 0 < abs(i - index) <= NEIGHBOURS and not np.isnan(_variance(other))
    ]
    own = _variance(one)
    if np.isnan(own) or len(neighbours) < 2 or any(True for _ in _never_updated(one, network)):
        return
    # Compared with every one of them, so that a layer next to an outlier does not look like one.
    low, high = min(map(_variance, neighbours)), max(map(_variance, neighbours))
    if not low / OUTLIER_VARIANCE <= own <= high * OUTLIER_VARIANCE:
        yield f"its median variance is {own:.3g}, those of the layers around it {low:.3g} to {high:.3g}"
        return  # such a variance distorts the distance as well
    far, limit = _distance(one), max(map(_distance, neighbours))
    if far > OUTLIER_MEAN * max(1.0, limit):
        yield f"its means are {far:.3g} standard deviations from 0, those of the layers around it at most {limit:.3g}"


def _variance(one: Arrays) -> float:
    """The median variance; NaN if it is unusable for comparison."""
    variance = one.values.get("moving_variance", np.zeros(0))
    usable = variance.size and "moving_mean" in one.values and np.isfinite(variance).all() and np.median(variance) > 0
    return float(np.median(variance)) if usable else np.nan


def _distance(one: Arrays) -> float:
    mean, variance = one.values["moving_mean"], one.values["moving_variance"]
    return float(np.median(np.abs(mean)) / np.sqrt(np.median(variance)))


def _channels(which: np.ndarray) -> str:
    places = np.flatnonzero(which)
    listed = ", ".join(map(str, places[:5])) + (", ..." if len(places) > 5 else "")
    return f"{len(places)} of {which.size} channels ({listed})" if which.size > 1 else "its value"


_IN_FLOAT32 = (
    "In half precision small increments round away. Keep the statistics in float32 (param_dtype=tf.float32), and "
    "recompute those of this checkpoint from data."
)

# In order of severity: first what makes outputs wrong.
RULES = (
    Rule(
        "not finite",
        "error",
        _not_finite,
        "Go back to the last finite checkpoint; look for empty batches, for weights that sum to zero and for a loss "
        "that diverged.",
    ),
    Rule(
        "negative variance",
        "error",
        _negative,
        "Two updates raced over one variable, or the average was changed by hand. Recompute the statistics from data, "
        "and continue training with tfbn, whose updates take turns.",
    ),
    Rule(
        "never updated",
        "error",
        _never_updated,
        "Nothing ran the update ops in training: tie tf.get_collection(tf.GraphKeys.UPDATE_OPS) to the train op, or "
        "use tfbn.create_train_op. Recompute the statistics of this checkpoint from data.",
    ),
    Rule(
        "never copied",
        "error",
        _never_copied,
        "A target network got only the trainable variables, and moving statistics are not trainable: copy them too, "
        "with tf.global_variables(scope) of both networks. For this checkpoint, take the statistics of the layer that "
        "it follows.",
    ),
    Rule(
        "missing statistics",
        "error",
        _missing,
        "The Saver was given only the trainable variables: pass it tf.global_variables(), and see tfbn.check_saver. "
        "Recompute the statistics of this checkpoint from data.",
    ),
    Rule("frozen", "error", _frozen, _IN_FLOAT32),
    Rule(
        "unrecognized",
        "warning",
        _unrecognized,
        "Name the variables of the statistics with rename=[(pattern, replacement)] or --rename PATTERN=REPLACEMENT, "
        "such as --rename '/mu$=/moving_mean' --rename '/sigma2$=/moving_variance'. They were not checked.",
    ),
    Rule("half precision", "warning", _half, _IN_FLOAT32),
    Rule(
        "zero debias unpaired",
        "warning",
        _unpaired,
        "Restoring into a graph with zero_debias_moving_mean fails or restarts the average: write the pair with "
        'tfbn.checkpoint.convert(..., zero_debias="synthesize"), or leave it out with "drop".',
    ),
    Rule(
        "slow decay",
        "warning",
        _cold,
        "The statistics still hold their initial values: train longer, lower the decay, or recompute them from data.",
    ),
    Rule(
        "dead channels",
        "warning",
        _dead,
        "These channels carry no signal, or their inputs are constant: prune the channels, or look at the layer before "
        "and its initialization.",
    ),
    Rule(
        "outlier",
        "warning",
        _outlier,
        "Look at the layer's inputs: a wrong scale before it, different preprocessing, or values restored from another "
        "network.",
    ),
)

ORPHAN = Rule(
    "zero debias unpaired",
    "warning",
    lambda one, network: iter(()),
    "The pair is in a scope without a moving_mean: the scope was renamed for one and not for the other. Rename with "
    "tfbn.checkpoint.convert(..., rename=...).",
)


def findings(network: Network, orphans: list[str]) -> list[Finding]:
    """The findings of every rule: errors first, then by rule and by layer."""
    result = [
        Finding(rule.kind, rule.severity, one.layer.scope, problem, rule.remedy)
        for rule in RULES
        for one in network.layers
        for problem in rule.check(one, network)
    ]
    result += [
        Finding(ORPHAN.kind, ORPHAN.severity, path, "no layer has this variable of zero debias", ORPHAN.remedy)
        for path in orphans
    ]
    return sorted(result, key=lambda finding: finding.severity != "error")
