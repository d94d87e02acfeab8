"""The bar counts where somebody can see it, and never gets in the way."""

from __future__ import annotations

import re
import sys

import pytest

from tfbn.progress import Progress


@pytest.mark.parametrize(("unit", "total", "count"), [("files", 4, "4/4 files"), ("B", 4000, "4.0/4.0 kB")])
def test_it_counts_on_standard_error(capsys, unit, total, count):
    """Description, count and total are there; standard output is for results."""
    with Progress("Copying", total, unit, show=True) as bar:
        bar.update(3 * total // 4)
        bar.update(total // 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(rf"Copying .* 100% {count} 0:00:0\d 0:00:00", err), err


def test_no_terminal_no_bar(capsys):
    """Logs are not filled with bars."""
    with Progress("Copying", 4) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_rich_is_not_needed(capsys, monkeypatch):
    """The work goes on without a bar."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with Progress("Copying", 4, show=True) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")
