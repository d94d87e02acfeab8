"""Warnings for arguments that the original, and so tfbn, ignores."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn import _tensorflow
from tfbn.core.settings import Settings
from tfbn.errors import CompatibilityWarning

_RENORM_DECAY = 0.99  # the default
# The keys that have an effect.
_KEYS = {
    "param_initializers": ("beta", "gamma", "moving_mean", "moving_variance"),
    "param_regularizers": ("beta", "gamma"),
    "variables_collections": ("beta", "gamma", "moving_mean", "moving_variance"),
}


# Methods of the original class that its subclasses override, and that have no counterpart here.
_PRIVATE = (
    "_assign_moving_average",
    "_assign_new_value",
    "_calculate_mean_and_var",
    "_fused_batch_norm",
    "_get_training_value",
    "_moments",
    "_renorm_correction_and_moments",
)


class Ignored(NamedTuple):
    """One argument without effect."""

    argument: str
    effect: str
    remedy: str


def warn_ignored_by_contrib(settings: Settings, named: Mapping[str, Any], dtype: tf.DType, has_updates: bool) -> None:
    """Warns of the arguments of `batch_norm`, by name in `named`, that have no effect."""
    path = settings.path
    ignored = list(_ignored(settings, named, "batch_weights, renorm, adjustment or a rank other than 2 and 4"))
    if named["adjustment"] is not None and not path.adjusts:
        ignored.append(
            Ignored(
                "adjustment",
                "is not applied with batch_weights, zero_debias_moving_mean or other updates_collections than "
                "UPDATE_OPS",
                "leave those at their defaults, or leave adjustment out",
            )
        )
    if named["param_regularizers"] and path.regularizers == "ignored":
        ignored.append(
            Ignored(
                "param_regularizers",
                "adds no loss with batch_weights, nor with updates_collections or zero_debias_moving_mean where "
                "fused=False, adjustment or a rank other than 2 and 4 rules out the fused kernel",
                "put the regularizer on the enclosing variable_scope, or add the loss yourself",
            )
        )
    for name, known in _KEYS.items():
        ignored += unknown_keys(name, named[name], known)
    ignored += _split_string(named["variables_collections"])
    half = dtype in (tf.float16, tf.bfloat16)
    if has_updates and path.name == "legacy" and named["param_dtype"] is None and half:
        ignored.append(
            Ignored(
                "inputs",
                f"of a half precision have statistics kept in {dtype.name}, which stop changing once a step is below "
                "their rounding",
                "pass param_dtype=tf.float32 to keep parameters and statistics in float32",
            )
        )
    warn("batch_norm", ignored, "tf.contrib.layers")
    if has_updates and _tensorflow.in_program_order():
        warn("batch_norm", _run_anyway(named["updates_collections"]))


def warn_ignored_by_layers(settings: Settings, named: Mapping[str, Any]) -> None:
    """As `warn_ignored_by_contrib`, for the function and the class of tf.layers."""
    unfused = "renorm, adjustment, virtual_batch_size, or anything but rank 4 and a single axis, 1 or 3"
    warn("batch_normalization", _ignored(settings, named, unfused), "tf.layers")


def _ignored(settings: Settings, named: Mapping[str, Any], unfused: str) -> Iterator[Ignored]:
    """Arguments that both functions ignore; `unfused` says what rules out the fused kernel."""
    if named["fused"] and not settings.path.fused:
        yield Ignored(
            "fused",
            f"does nothing, though True, with {unfused}",
            "leave it out; the moving variance follows the biased estimator there",
        )
    if settings.renorm_clipping is not None:
        return
    if named["renorm_clipping"]:
        yield Ignored("renorm_clipping", "does nothing without renorm", "pass renorm=True, or leave it out")
    for name in ("renorm_decay", "renorm_momentum"):
        value = named.get(name, _RENORM_DECAY)
        if tf.is_tensor(value) or value != _RENORM_DECAY:
            yield Ignored(name, "does nothing without renorm", "pass renorm=True, or leave it out")


def ignored_collections(collections: Any, names: Sequence[str]) -> Iterator[Ignored]:
    """The entries of variables_collections without effect, for a layer with variables of these names."""
    yield from unknown_keys("variables_collections", collections, names)
    yield from _split_string(collections)


def unknown_keys(argument: str, value: Any, known: Sequence[str]) -> Iterator[Ignored]:
    """The keys of a dict that name no variable."""
    unknown = sorted(set(value) - set(known), key=str) if isinstance(value, Mapping) else []
    if unknown:
        yield Ignored(argument, f"has keys without effect: {unknown}", f"use the keys {list(known)}")


def _run_anyway(collections: Any) -> Iterator[Ignored]:
    names = [collections] if isinstance(collections, str) else collections
    if names is not None and tf.compat.v1.GraphKeys.UPDATE_OPS not in names:
        yield Ignored(
            "updates_collections",
            f"of {collections!r} does not keep the updates from being run, for a tf.function runs all that it assigns",
            "leave it out, or pass update_statistics=False where the statistics are to stay",
        )


def _split_string(collections: Any) -> Iterator[Ignored]:
    if isinstance(collections, str):
        effect = f"takes the string {collections!r} for a list of its letters"
        yield Ignored("variables_collections", effect, f"pass [{collections!r}]")


def never_called(attributes: Iterable[str]) -> Iterator[Ignored]:
    """The methods of the original that a subclass of BatchNormalization overrides without an effect."""
    for name in _PRIVATE:
        if name in attributes:
            yield Ignored(
                name, "overrides a method of the original that tfbn does not have and never calls", "override call"
            )


def warn(subject: str, ignored: Iterable[Ignored], origin: str | None = None) -> None:
    """One CompatibilityWarning each, pointing at the line that called into tfbn."""
    for argument, effect, remedy in ignored:
        text = f"{subject}: {argument} {effect}{f', as in {origin}' if origin else ''}; {remedy}."
        warnings.warn(text, CompatibilityWarning, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tfbn":
        depth, frame = depth + 1, frame.f_back
    return depth
