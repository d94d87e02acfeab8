"""The part of migration_guide/codemod.md that lists the rules, made from the first example of each.

`python -m tests.migrate.guide` writes it into the page; test_guide.py compares.
"""

from __future__ import annotations

import difflib
import textwrap
from pathlib import Path

from tests.migrate.helpers import run
from tfbn.migrate import rules

PAGE = Path(__file__).resolve().parents[2] / "migration_guide" / "codemod.md"
START, END = "## The rules\n", "## What it leaves alone\n"


def rules_section() -> str:
    """Each rule with its summary and what it does to its example, or finds in it."""
    parts = [
        START,
        "`--only` and `--skip` take these names. Edits of import statements are listed under `imports`; they belong to "
        "the rule that makes them necessary.\n",
    ]
    for rule in rules.RULES:
        request = " Only with `--compat-v1`." if rule.chosen else ""
        parts.append(f"### {rule.name}\n")
        parts.append(f"{rule.summary[0].upper()}{rule.summary[1:]}.{request}\n")
        source, result = rule.invalid[0]
        before = source.splitlines(keepends=True)
        after = result.splitlines(keepends=True) if isinstance(result, str) else before
        lines = list(difflib.unified_diff(before, after, n=100))[3:] or [f" {line}" for line in before]
        parts.append(f"```diff\n{''.join(line if line.strip() else chr(10) for line in lines)}```\n")
        for finding in run(source, compat=rule.chosen).findings:
            if finding.kind == rule.name:
                said = f"Line {finding.where.line}: {finding.problem}: {finding.remedy}."
                parts.append(textwrap.fill(said.replace("**", r"\*\*"), 120, break_long_words=False) + "\n")
    return "\n".join(textwrap.fill(part, 120) + "\n" if "\n" not in part[:-1] else part for part in parts) + "\n"


def with_rules(page: str) -> str:
    """The page with the section as it should be."""
    start, end = page.index(START), page.index(END)
    return page[:start] + rules_section() + page[end:]


if __name__ == "__main__":
    PAGE.write_text(with_rules(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
