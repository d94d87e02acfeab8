"""The examples of every rule, and a rule that is nothing but a file."""

from __future__ import annotations

import pytest

from tests.migrate import guide
from tests.migrate.helpers import findings, migrated, run
from tfbn.cli import main
from tfbn.migrate import driver, rules


def lines(rule, source, **options):
    """Those of the rule's findings."""
    return [line for name, line in findings(source, compat=rule.chosen, **options) if name == rule.name]


@pytest.mark.parametrize(
    ("rule", "source"),
    [pytest.param(rule, source, id=f"{rule.name}-{n}") for rule in rules.RULES for n, source in enumerate(rule.valid)],
)
def test_valid(rule, source):
    """Neither this rule nor another has anything to say."""
    report = run(source, compat=rule.chosen)
    assert (report.edits, report.findings) == ((), ())


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        pytest.param(rule, before, after, id=f"{rule.name}-{number}")
        for rule in rules.RULES
        for number, (before, after) in enumerate(rule.invalid)
    ],
)
def test_invalid(rule, before, after):
    """`before` becomes `after`, or is reported at its line and stays; neither where the rule is skipped."""
    skipped = run(before, skip=[rule.name], compat=rule.chosen)
    assert rule.name not in {*(edit.rule for edit in skipped.edits), *(finding.kind for finding in skipped.findings)}
    if isinstance(after, str):
        assert migrated(before, compat=rule.chosen) == after
        assert skipped.after.decode() != after
    else:
        assert lines(rule, before) == [after]
        assert migrated(before, only=[rule.name], compat=rule.chosen) == before


def test_every_rule_is_complete():
    """It has a name to select it by, a summary to list, and examples of both kinds."""
    assert len({rule.name for rule in rules.RULES}) == len(rules.RULES)
    for rule in rules.RULES:
        assert rule.summary
        assert " " not in rule.name
        assert rule.valid
        assert rule.invalid
        assert rule.check_file or rule.check_project


TOY = """
from tfbn.errors import Finding
from tfbn.migrate.report import Place
from tfbn.migrate.rule import Rule


def check_file(module, changes):
    for node in module.nodes:
        if getattr(node, "value", None) == "old_toy":
            changes.replace(node, "new_toy", "toys")


def check_project(project):
    message = f"one of {len(project.summaries)} toys"
    return {path: [Finding("toys", "error", Place(1, 1), message, "play")] for path in project.reports}


RULE = Rule(
    name="toys",
    summary="renames old toys",
    valid=["new_toy\\n"],
    invalid=[("x = old_toy\\n", "x = new_toy\\n")],
    check_file=check_file,
    check_project=check_project,
    worth_parsing=lambda raw: b"toy" in raw,
)
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A rule in a file beside the others."""
    folder = tmp_path / "more_rules"
    folder.mkdir()
    (folder / "toy_rule.py").write_text(TOY)
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(folder)])
    monkeypatch.setattr(rules, "RULES", rules.discover())
    (rule,) = (rule for rule in rules.RULES if rule.name == "toys")
    return rule


def test_a_new_rule_is_one_file(toy, tmp_path, capsys):
    """It is discovered, listed, run on files that no other rule would parse, and documented."""
    assert driver.chosen_rules(["toys"]) == {"toys"}
    assert "toys" in driver.chosen_rules()
    (before, after), *_ = toy.invalid
    assert migrated(before, only=["toys"]) == after
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(before)
    found = driver.run([str(tmp_path / "a.py"), str(tmp_path / "b.py")], driver.chosen_rules(), jobs=1)
    assert found.parsed == 2
    assert [report.after.decode() for report in found.reports] == [after, after]
    assert [finding.kind for report in found.reports for finding in report.findings] == ["toys"] * 2
    assert main(["migrate", "--list-rules"]) == 0
    assert "toys                    renames old toys\n" in capsys.readouterr().out
    section = guide.rules_section()
    assert "### toys\n\nRenames old toys.\n\n```diff\n-x = old_toy\n+x = new_toy\n```\n" in section
