"""The rules: each file of this folder has one as RULE, or several as RULES. Nothing else has to name them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from tfbn.migrate.rule import Rule


def discover() -> tuple[Rule, ...]:
    """The rules of all files, in the order in which they are listed and run.

    First those marked `first`, then those that rewrite, then those that only report; each group by name.
    """
    return tuple(sorted(_rules(), key=lambda rule: (not rule.first, not rule.rewrites, rule.name)))


def _rules() -> Iterator[Rule]:
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        yield from getattr(module, "RULES", None) or [module.RULE]


RULES = discover()
