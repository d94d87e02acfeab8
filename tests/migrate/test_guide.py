"""The guide says of the codemod what is so."""

from __future__ import annotations

import re

from tests import docs
from tests.docs import BLOCKS, PAGES
from tests.migrate import guide
from tests.migrate.helpers import migrated

PAGE = PAGES["migration_guide/codemod.md"]


def test_rules_are_as_the_page_has_them():
    """`python -m tests.migrate.guide` makes it so."""
    assert guide.with_rules(PAGE) == PAGE


def test_diffs_are_of_the_rules_section():
    """Those are the ones that the test above checks."""
    start, end = (PAGE[: PAGE.index(mark)].count("\n") + 1 for mark in (guide.START, guide.END))
    for page, blocks in BLOCKS.items():
        for block in blocks:
            if block.language == "diff":
                assert page == "migration_guide/codemod.md"
                assert start < block.line < end


def test_the_readmes_example():
    """What stands there before becomes what stands there after."""
    ((before, after),) = docs.pairs(BLOCKS["README.md"])
    assert migrated(before.code, compat=True) == after.code


def test_every_option_is_explained():
    """Each that the command has, and no other."""
    import argparse

    from tfbn.cli import migrate

    parser = argparse.ArgumentParser()
    migrate.add_arguments(parser)
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    assert set(re.findall(r"`(--[a-z0-9-]+)", PAGE)) == options - {"--help"}
