"""A picture of a checkpoint's statistics: their spread in each layer, with the suspects marked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfbn.checkpoint.diagnose import Diagnosis
from tfbn.files import replacing
from tfbn.lines import show_name

_SUSPECT_COLOR, _FINE_COLOR = "tab:red", "tab:blue"
_MAX_SCOPE_CHARACTERS = 44
_MAX_PIXELS = 65_000  # matplotlib draws fewer than 2**16 of them before its version 3.10


@np.errstate(over="ignore", invalid="ignore")  # of quantiles between values near the largest float
def plot(diagnosis: Diagnosis, path: str | os.PathLike[str]) -> None:
    """Draws, per layer, the spread of moving mean and standard deviation over channels, to a PNG; suspects are red.

    A box shows the median and the middle half of the channels, the whiskers the minimum and the maximum.

    Args:
      diagnosis: what `diagnose` returned.
      path: the file to write, which ends in .png; one that exists is replaced.

    Raises:
      ImportError: no matplotlib.
      ValueError: another ending.
    """
    if Path(path).suffix.lower() != ".png":  # it might be the checkpoint, which would be overwritten
        raise ValueError(f"plot: expected the path of a PNG, which ends in .png, got {os.fspath(path)!r}. Add that.")
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError as error:
        raise ImportError(
            "plot needs matplotlib, and this Python has none. Install it: pip install 'tfbn[tools]'.", name="matplotlib"
        ) from error
    suspects = {finding.layer: finding.kind for finding in reversed(diagnosis)}
    count = len(diagnosis.layers)
    height = 2 + 0.32 * count
    figure = Figure(figsize=(14, height), layout="constrained")
    means, stddevs = figure.subplots(1, 2, sharey=True)
    for place, one in enumerate(diagnosis.layers):
        color = _SUSPECT_COLOR if one.layer.scope in suspects else _FINE_COLOR
        _box(means, place, one.values.get("moving_mean"), color)
        variance = one.values.get("moving_variance")
        _box(stddevs, place, None if variance is None else np.sqrt(np.where(variance > 0, variance, np.nan)), color)
    scopes = [one.layer.scope for one in diagnosis.layers]
    # A prefix that all scopes share is left out of the labels.
    common = os.path.commonprefix(scopes).rpartition("/")[0] if count > 1 else ""
    labels = [_label(scope, len(common) + 1 if common else 0, suspects) for scope in scopes]
    means.set_yticks(range(count), labels, fontsize=9)
    if common:
        means.set_ylabel(f"layers in {_drawable(common)}")
    for label, one in zip(means.get_yticklabels(), diagnosis.layers):
        label.set_color(_SUSPECT_COLOR if one.layer.scope in suspects else "black")
    means.set_ylim(count - 0.4, -0.6)
    means.set_xscale("symlog", linthresh=1.0)
    means.set_xlabel("moving mean (linear from -1 to 1, logarithmic beyond)")
    stddevs.set_xscale("log")
    stddevs.set_xlabel("moving standard deviation (logarithmic)")
    for axes in (means, stddevs):
        axes.grid(axis="x", alpha=0.3)
    named = {one.layer.scope for one in diagnosis.layers}
    marked = sum(scope in suspects for scope in named)
    figure.suptitle(f"Moving statistics over the channels of {count} batch norm layers, {marked} of them suspect")
    handles = [
        Line2D([], [], color=color, linewidth=6, label=label)
        for color, label in (
            (_FINE_COLOR, "nothing found"),
            (_SUSPECT_COLOR, "suspect, with the first rule that says so"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=min(100, _MAX_PIXELS / height))


def _box(axes: Any, place: int, values: np.ndarray | None, color: str) -> None:
    finite = np.zeros(0) if values is None else values[np.isfinite(values)]
    if not finite.size:
        axes.annotate(
            "nothing to draw", (0.01, place), xycoords=("axes fraction", "data"), va="center", color=color, fontsize=8
        )
        return
    low, first, median, third, high = np.quantile(finite, [0, 0.25, 0.5, 0.75, 1])
    axes.plot([low, high], [place, place], color=color, linewidth=1, marker="|", markersize=7)
    axes.plot([first, third], [place, place], color=color, linewidth=7, alpha=0.45, solid_capstyle="butt")
    axes.plot([median], [place], color=color, marker="o", markersize=5)


def _label(scope: str, common: int, suspects: dict[str, str]) -> str:
    """The scope without its first `common` characters, shortened in the middle, and the rule that it violates."""
    short = scope[common:]
    if len(short) > _MAX_SCOPE_CHARACTERS:
        short = f"{short[: _MAX_SCOPE_CHARACTERS // 2 - 2]}...{short[1 - _MAX_SCOPE_CHARACTERS // 2 :]}"
    short = _drawable(short)
    return f"{short}\n{suspects[scope]}" if scope in suspects else short


def _drawable(name: str) -> str:
    """The name for matplotlib, which takes what is between $ for TeX; what its font lacks is as Python writes it."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    drawn = get_font(findfont(FontProperties())).get_charmap()
    shown = "".join(
        character if ord(character) in drawn else character.encode("unicode_escape").decode()
        for character in show_name(name)
    )
    return shown.replace("$", r"\$")
