"""The picture of a checkpoint's statistics."""

from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from tfbn import checkpoint
from tfbn.checkpoint.bundle import writing


@pytest.fixture
def diagnosis(tmp_path):
    """Of a layer that is well, one that was never updated, one with NaN, and one without statistics."""
    random = np.random.default_rng(0)
    layers = {
        "well": {"moving_mean": random.normal(1, 2, 8), "moving_variance": random.uniform(1, 2, 8)},
        "still": {"moving_mean": np.zeros(8), "moving_variance": np.ones(8)},
        "broken": {"moving_mean": np.full(8, np.nan), "moving_variance": np.full(8, -1.0)},
        "bare_bn": {"beta": np.zeros(8)},
    }
    with writing(str(tmp_path / "model"), False) as writer:
        for name, variables in layers.items():
            for short, array in variables.items():
                writer.add(f"net/{name}/{short}", array)
    return checkpoint.diagnose(tmp_path / "model")


def draw(diagnosis, folder):
    """The figure of the picture that is drawn to a file in the folder."""
    from matplotlib.figure import Figure

    drawn = []
    savefig = Figure.savefig
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Figure, "savefig", lambda figure, *args, **kw: (drawn.append(figure), savefig(figure, *args, **kw))
        )
        checkpoint.plot(diagnosis, folder / "picture.png")
    return drawn[0]


def test_picture(diagnosis, tmp_path):
    """A PNG of some size, in which every layer has a label and the suspects have their rule."""
    drawn = draw(diagnosis, tmp_path)
    head = (tmp_path / "picture.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert all(size > 200 for size in struct.unpack(">II", head[16:]))
    labels = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert labels == ["bare_bn\nmissing statistics", "broken\nnot finite", "still\nnever updated", "well"]
    colors = [label.get_color() for label in drawn.axes[0].get_yticklabels()]
    assert colors == ["tab:red"] * 3 + ["black"]


def test_without_matplotlib(diagnosis, tmp_path, monkeypatch):
    """The error has the remedy."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"plot needs matplotlib, .*pip install 'tfbn\[tools\]'"):
        checkpoint.plot(diagnosis, tmp_path / "picture.png")


@pytest.mark.parametrize("name", ["model.index", "net.h5", "picture", ""])
def test_another_ending(name, diagnosis, tmp_path):
    """It might be the checkpoint, which would be a picture then."""
    (tmp_path / "model.index").write_bytes(b"index")
    with pytest.raises(ValueError, match=r"plot: expected the path of a PNG, .*\.png, got '.*" + name):
        checkpoint.plot(diagnosis, str(tmp_path / name) if name else name)
    assert (tmp_path / "model.index").read_bytes() == b"index"


NAMES = [
    *(
        "a$b",
        "$\\frac",
        "$\\frac$",
        "$$",
        "\\$x$",
        "a_b^c",
        "{x}",
        "}{",
        "\\",
        "\\\\",
        "$x_{$",
        "%s{0}",
        "_legend",
        "$" * 100,
    ),
    *("\u5c42\u4e00", "\U0001f600", "e\u0301", "\u202eabc", "a\nb", "\ud7ff", "\u05d0", "<b>&amp;", " ", "x" * 300),
]


@pytest.mark.filterwarnings("error:Glyph")
def test_any_names(tmp_path):
    """TeX that is none, what the font lacks, and what ends a line: every name is drawn, without a warning."""
    with writing(str(tmp_path / "model"), False) as writer:
        for name in NAMES:
            for short, value in (("moving_mean", 0.5), ("moving_variance", 2.0)):
                writer.add(f"net$\\frac{{/{name}/{short}", np.linspace(value, value + 1, 8))
    drawn = draw(checkpoint.diagnose(tmp_path / "model"), tmp_path)
    labels = {label.get_text() for label in drawn.axes[0].get_yticklabels()}
    assert len(labels) == len(NAMES)
    assert {r"\u5c42\u4e00", r"\$\frac", r"a\$b"} <= labels


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_extreme_values(tmp_path):
    largest = np.finfo(np.float64).max
    layers = {
        "large": ([largest] * 8, [largest] * 8),
        "small": ([5e-324] * 8, [5e-324] * 8),
        "both": ([-largest, largest], [1e-320, largest]),
        "infinite": ([np.inf] * 8, [-np.inf] * 8),
        "empty": ([], []),
    }
    with writing(str(tmp_path / "model"), False) as writer:
        for name, values in layers.items():
            for short, array in zip(("moving_mean", "moving_variance"), values):
                writer.add(f"net/{name}/{short}", np.asarray(array, np.float64))
    draw(checkpoint.diagnose(tmp_path / "model"), tmp_path)


def test_many_layers(diagnosis, tmp_path, monkeypatch):
    """More than matplotlib has pixels for at the usual size."""
    monkeypatch.setattr(sys.modules[checkpoint.plot.__module__], "_MAX_PIXELS", 300)
    draw(diagnosis, tmp_path)
    width, height = struct.unpack(">II", (tmp_path / "picture.png").read_bytes()[16:24])
    assert 290 <= height <= 300
