"""Each attack ends with a line that says why, or with a whole result; nothing else is written, and no code is run."""

import re

import pytest

from tests.cli import attacks
from tfbn import cli

RUNS = [(name, command, text) for name, (_, said) in attacks.ATTACKS.items() for command, text in said.items()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("attacks")
    attacks.make(path)
    return path


@pytest.mark.parametrize("name, command, text", RUNS, ids=[f"{name} {command.split()[0]}" for name, command, _ in RUNS])
def test_attack(name, command, text, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = {path: path.lstat().st_mtime_ns for path in folder.iterdir()}
    status = cli.main(command.format(name).split())
    printed = "".join(capsys.readouterr())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", printed)
    target = folder / "out.pb"
    if text is None:
        assert status == 0, printed
        assert target.exists() == ("out.pb" in command)
        target.unlink(missing_ok=True)
    else:
        assert status == 2, printed
        assert re.search(text, printed)
        assert len(printed) < 1500
    assert {path: path.lstat().st_mtime_ns for path in folder.iterdir()} == before
