"""The example of every rule is what the rule does: the guide shows it."""

from __future__ import annotations

import pytest

from tests.migrate.helpers import findings, migrated
from tfbn.migrate.rules import BY_NAME, RULES


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_example(rule):
    """`before` becomes `after`; where nothing changes the rule reports something."""
    assert migrated(rule.before, compat=rule.chosen) == rule.after
    if rule.before == rule.after:
        assert rule.name in {name for name, _ in findings(rule.before)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_skipped_rules_do_nothing(rule):
    """Neither edits nor findings of the rule are left."""
    names = {name for name, _ in findings(rule.before, skip=[rule.name], compat=rule.chosen)}
    assert rule.name not in names
    if rule.before != rule.after:
        assert migrated(rule.before, skip=[rule.name]) != rule.after


def test_names_are_unique_and_have_a_summary():
    """They are what --only and --skip take."""
    assert len(BY_NAME) == len(RULES)
    assert all(rule.summary and " " not in rule.name for rule in RULES)
