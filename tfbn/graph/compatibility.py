"""Warnings for arguments that the original, and so tfbn, silently does without."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.core import policy
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


def ignored(row: policy.Row, question: policy.Question, given: Mapping[str, Any], unfused: str) -> Iterator[Ignored]:
    """What a call of either function gives in vain; `given` holds its arguments by name, `unfused` says what rules out
    the fused kernel."""
    if given["fused"] and not row.fused:
        yield Ignored(
            "fused",
            f"does nothing, though True, with {unfused}",
            "leave it out; the moving variance follows the biased estimator there",
        )
    if question.renorm:
        return
    if given["renorm_clipping"]:
        yield Ignored("renorm_clipping", "does nothing without renorm", "pass renorm=True, or leave it out")
    for name in ("renorm_decay", "renorm_momentum"):
        value = given.get(name, _RENORM_DECAY)
        if tf.is_tensor(value) or value != _RENORM_DECAY:
            yield Ignored(name, "does nothing without renorm", "pass renorm=True, or leave it out")


def ignored_by_contrib(
    row: policy.Row, question: policy.Question, given: Mapping[str, Any], moves: bool
) -> Iterator[Ignored]:
    """What a call of batch_norm alone gives in vain; `moves` says whether it has updates."""
    if question.adjustment and not row.adjusts:
        yield Ignored(
            "adjustment",
            "is not applied with batch_weights, zero_debias_moving_mean or other updates_collections than UPDATE_OPS",
            "leave those at their defaults, or leave adjustment out",
        )
    if given["param_regularizers"] and row.regularizers == "ignored":
        yield Ignored(
            "param_regularizers",
            "adds no loss with batch_weights, nor with updates_collections or zero_debias_moving_mean where "
            "fused=False, adjustment or a rank other than 2 and 4 rules out the fused kernel",
            "put the regularizer on the enclosing variable_scope, or add the loss yourself",
        )
    for name, known in _KEYS.items():
        yield from unknown_keys(name, given[name], known)
    yield from split_string(given["variables_collections"])
    if moves and row.name == "legacy" and given["param_dtype"] is None and question.dtype in (tf.float16, tf.bfloat16):
        yield Ignored(
            "inputs",
            f"of a half precision have statistics kept in {question.dtype.name}, which stop moving once a step is "
            "below their rounding",
            "pass param_dtype=tf.float32 to keep parameters and statistics in float32",
        )


def ignored_collections(collections: Any, names: Sequence[str]) -> Iterator[Ignored]:
    """What variables_collections of a layer with variables of these names holds in vain."""
    yield from unknown_keys("variables_collections", collections, names)
    yield from split_string(collections)


def unknown_keys(argument: str, value: Any, known: Sequence[str]) -> Iterator[Ignored]:
    unknown = sorted(set(value) - set(known), key=str) if isinstance(value, Mapping) else []
    if unknown:
        yield Ignored(argument, f"has keys without effect: {unknown}", f"use the keys {list(known)}")


def split_string(collections: Any) -> Iterator[Ignored]:
    if isinstance(collections, str):
        effect = f"takes the string {collections!r} for a list of its letters"
        yield Ignored("variables_collections", effect, f"pass [{collections!r}]")


def never_called(attributes: Iterable[str]) -> Iterator[Ignored]:
    """What a subclass of BatchNormalization overrides in vain."""
    for name in _PRIVATE:
        if name in attributes:
            yield Ignored(
                name, "overrides a method of the original that tfbn does not have and never calls", "override call"
            )


def warn(subject: str, found: Iterable[Ignored], origin: str | None = None) -> None:
    """One CompatibilityWarning each, pointing at the line that called into tfbn."""
    for argument, effect, remedy in found:
        text = f"{subject}: {argument} {effect}{f', as in {origin}' if origin else ''}; {remedy}."
        warnings.warn(text, CompatibilityWarning, stacklevel=_depth_of_caller())


def _depth_of_caller() -> int:
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "tfbn":
        depth, frame = depth + 1, frame.f_back
    return depth
