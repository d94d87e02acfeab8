"""The names of the variables of a batch norm layer within its scope."""

from __future__ import annotations

STATISTICS = ("moving_mean", "moving_variance")
AFFINE = ("beta", "gamma")
RENORM = ("moving_stddev", "renorm_mean", "renorm_stddev")
OLD_RENORM = ("renorm_mean_weight", "renorm_stddev_weight")  # of TensorFlow up to 1.14
DEBIAS = ("biased", "local_step")


def split_name(name: str) -> tuple[str, str]:
    """Scope and short name; for a part of a partitioned variable, those of the whole."""
    scope, _, short = name.rpartition("/")
    if short.startswith("part_"):
        scope, _, short = scope.rpartition("/")
    return scope, short
