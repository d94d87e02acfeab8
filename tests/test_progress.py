"""The bar counts where somebody can see it, and never gets in the way."""

from __future__ import annotations

import sys

from tfbn.progress import Progress


def test_it_counts_on_standard_error(capsys):
    """Description, count and total are there; standard output is for results."""
    with Progress("Copying", 4, show=True) as bar:
        bar.update(3)
        bar.update()
    out, err = capsys.readouterr()
    assert out == ""
    assert "Copying: 100%" in err
    assert "4/4" in err


def test_no_terminal_no_bar(capsys):
    """Logs are not filled with bars."""
    with Progress("Copying", 4) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")


def test_tqdm_is_not_needed(capsys, monkeypatch):
    """The work goes on without a bar."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Progress("Copying", 4, show=True) as bar:
        bar.update()
    assert capsys.readouterr() == ("", "")
