"""The GAN example, run as users run it: both modes, exit statuses, JSON, picture."""

from __future__ import annotations

import importlib.util
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "gan_updates.py"


def load():
    spec = importlib.util.spec_from_file_location("gan_updates", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(monkeypatch, *arguments):
    """The example in this process, which has loaded TensorFlow already; its exit status."""
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), *map(str, arguments)])
    return load().main()


def check_picture(path):
    picture = path.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (1600, 500)
    assert len(picture) > 40_000


def test_as_a_program(tmp_path):
    """Two hundred steps, a tenth of the default, are enough for inference to agree with training."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--steps", "200", "--output-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert [line.rpartition(" ")[2] for line in lines[1:4]] == ["D", "G", "D"]
    assert "200/200" in done.stderr  # the progress bar
    assert "step/s" not in done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["gan-scopes.png"]
    check_picture(tmp_path / "gan-scopes.png")


def test_each_step_moves_its_own_network(tmp_path, monkeypatch, capsys):
    options = ["--steps", 100, "--seed", 1, "--output-dir", tmp_path / "made", "--json", "--no-progress"]
    assert call(monkeypatch, *options) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert "step/s" not in shown.err
    assert result["moved"] == {"d_step": "D", "g_step": "G", "d_real_updates": "D"}
    assert (result["updates"], result["steps"], result["seed"], result["ok"]) == ("scopes", 100, 1, True)
    assert result["difference"] < 0.1
    assert 0 < result["d_loss"] < 3
    assert 0 < result["g_loss"] < 3
    assert result["plot"] == str(tmp_path / "made" / "gan-scopes.png")


def test_too_few_steps_are_not_good(tmp_path, monkeypatch, capsys):
    assert call(monkeypatch, "--steps", 1, "--output-dir", tmp_path, "--no-progress") == 1
    assert "NOT GOOD" in capsys.readouterr().out


def test_forgotten_updates_say_why(tmp_path, monkeypatch, capsys):
    options = ["--updates", "forgotten", "--steps", 100, "--output-dir", tmp_path, "--no-progress"]
    assert call(monkeypatch, *options) == 0
    shown = capsys.readouterr().out
    assert shown.count("moves the statistics of neither") == 3
    assert "Why: nothing ran the update ops" in shown
    assert "NOT GOOD" not in shown
    check_picture(tmp_path / "gan-forgotten.png")


@pytest.mark.parametrize(
    "options, text",
    [
        (["--updates", "maybe"], "invalid choice: 'maybe'"),
        (["--steps", "0"], "argument --steps: expected 1 or more, got 0"),
        (["--seed", "-1"], "argument --seed: expected 0 or more, got -1"),
        (["--output-dir", str(EXAMPLE / "below")], "argument --output-dir: expected a folder that can be made, got"),
    ],
)
def test_wrong_usage(options, text, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, *options)
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["matplotlib.figure", "sklearn.datasets", "tqdm"])
def test_missing_extras(missing, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SystemExit) as stopped:
        load()
    assert stopped.value.code == 3
    assert "pip install 'tfbn[examples]'" in capsys.readouterr().err
