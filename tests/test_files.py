"""Files take their target's place whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from contextlib import nullcontext
from functools import partial

import pytest

from tfbn import files
from tfbn.files import new_directory, replacing


def test_the_target_is_replaced_at_the_end(tmp_path):
    """Within the block the old content is still there."""
    target = tmp_path / "model.pb"
    target.write_text("old")
    with replacing(target) as new:
        new.write_text("new")
        assert target.read_text() == "old"
        assert new.parent.parent == target.parent  # a rename across file systems would be a copy
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.pb"]


def test_no_folder(tmp_path):
    """It is named, and not the path that would have been written to meanwhile."""
    with pytest.raises(FileNotFoundError, match=r"there is no such folder to write to: '.*nowhere'$"):
        with replacing(tmp_path / "nowhere" / "model.pb"):
            pass


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_error_leaves_state_unchanged(tmp_path, exists, error):
    """No half-written file stays, and the target is untouched."""
    target = tmp_path / "model.pb"
    if exists:
        target.write_text("old")

    def write():
        with replacing(target) as new:
            new.write_text("half")
            raise error("stop")

    with pytest.raises(error, match="stop"):
        write()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"model.pb": "old"} if exists else {})


def test_permissions_are_kept(tmp_path):
    """An executable script stays one; a new file has the permissions that any new file gets."""
    script, ordinary = tmp_path / "train.py", tmp_path / "ordinary.py"
    script.write_text("old")
    ordinary.write_text("")
    script.chmod(0o751)
    for target in [script, tmp_path / "new.py"]:
        with replacing(target) as new:
            new.write_text("new")
    assert stat.S_IMODE(script.stat().st_mode) == 0o751
    assert (tmp_path / "new.py").stat().st_mode == ordinary.stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    """The file that a symbolic link leads to is what changes."""
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.py", tmp_path / "a.py"
    target.write_text("old")
    link.symlink_to(target)
    with replacing(link) as new:
        new.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert os.listdir(tmp_path / "real") == ["a.py"]


@pytest.mark.parametrize(
    "make, got",
    [
        (os.mkfifo, "a pipe, a socket or a device"),
        (os.mkdir, "a folder"),
        (lambda path: path.symlink_to(path.name), "a link that leads back to itself"),
    ],
)
def test_what_is_no_file_stays(make, got, tmp_path):
    """A rename would put a file in the place of /dev/null; also where it appears while the block runs."""
    target = tmp_path / "target"
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(ValueError, match=f"target: expected the path of a file.*, got {got}"))
        stack.enter_context(replacing(target)).write_text("new")
        make(target)
    before = target.lstat().st_ino
    with pytest.raises(ValueError, match=got), replacing(target):
        pytest.fail("it is refused before anything is made")
    assert target.lstat().st_ino == before
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("force", [True, False])
def test_a_target_that_appeared(force, tmp_path):
    """Without force the first of two stays, and the second tells what happened."""
    outcome = nullcontext() if force else pytest.raises(FileExistsError, match=r"^target: expected a .*pb appeared wh")
    with outcome, replacing(tmp_path / "model.pb", force=force) as new:
        new.write_text("second")
        with replacing(tmp_path / "model.pb", force=False) as first:
            first.write_text("first")
    assert (tmp_path / "model.pb").read_text() == ("second" if force else "first")
    assert os.listdir(tmp_path) == ["model.pb"]


def test_remains(tmp_path):
    """A run that is alive keeps its folder, a killed one's goes, and what only has such a name stays."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis").write_text("mine")
    for name in (".a.pb.killed00.partial", ".a.pb.other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "new").write_text("half")
    (tmp_path / ".a.pb.aaaaaaaa.partial").symlink_to(tmp_path / "precious")
    with replacing(tmp_path / "a.pb") as alive:
        alive.write_text("first")
        with replacing(tmp_path / "a.pb") as new:
            new.write_text("second")
        assert alive.read_text() == "first"
    assert sorted(os.listdir(tmp_path)) == [".a.pb.aaaaaaaa.partial", ".a.pb.other", "a.pb", "precious"]
    assert (tmp_path / "precious" / "thesis").read_text() == "mine"


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """Files are written; remains stay, since another run may be at work there."""
    monkeypatch.setattr(files, "fcntl", None)
    (tmp_path / ".a.pb.killed00.partial").mkdir()
    with replacing(tmp_path / "a.pb") as new:
        new.write_text("new")
    assert sorted(os.listdir(tmp_path)) == [".a.pb.killed00.partial", "a.pb"]


def test_a_file_system_that_syncs_no_folders(tmp_path, monkeypatch):
    """That is no error; of a file's bytes it is one, and the target is as it was."""

    def fail(descriptor, of_folders):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == of_folders:
            raise OSError(errno.EINVAL, "Invalid argument")

    (tmp_path / "a.pb").write_text("old")
    for of_folders, outcome in [(False, pytest.raises(OSError, match="Invalid argument")), (True, nullcontext())]:
        monkeypatch.setattr(files.os, "fsync", partial(fail, of_folders=of_folders))
        with outcome, replacing(tmp_path / "a.pb") as new:
            new.write_text("new")
        assert (tmp_path / "a.pb").read_text() == ("new" if of_folders else "old")


def test_a_missing_folder_is_an_error(tmp_path):
    """It is named, as open() would name it."""
    with pytest.raises(FileNotFoundError, match="nowhere"), replacing(tmp_path / "nowhere" / "a.py"):
        pass


class TestNewDirectory:
    def test_it_appears_whole(self, tmp_path):
        """With the permissions of any other directory; an empty one may stand in its place."""
        (tmp_path / "empty").mkdir()
        for name in ("model", "empty"):
            with new_directory(tmp_path / name) as beside:
                beside.mkdir()
                (beside / "saved_model.pb").write_text("half")
                assert not (tmp_path / name / "saved_model.pb").exists()
                (beside / "saved_model.pb").write_text("whole")
            assert (tmp_path / name / "saved_model.pb").read_text() == "whole"
        assert sorted(os.listdir(tmp_path)) == ["empty", "model"]
        (tmp_path / "other").mkdir()
        assert (tmp_path / "model").stat().st_mode == (tmp_path / "other").stat().st_mode

    def test_an_error_leaves_nothing(self, tmp_path):
        def write():
            with new_directory(tmp_path / "model") as beside:
                beside.mkdir()
                raise ValueError("stop")

        with pytest.raises(ValueError, match="stop"):
            write()
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("kind", ["file", "directory"])
    def test_what_is_there_stays(self, tmp_path, kind):
        """And nothing is written first."""
        target = tmp_path / "model"
        (target if kind == "directory" else tmp_path).mkdir(exist_ok=True)
        mine = target / "mine" if kind == "directory" else target
        mine.write_text("old")
        with pytest.raises(ValueError, match="a directory that does not exist yet, got .*model"):
            with new_directory(target):
                pytest.fail("entered")
        assert mine.read_text() == "old"
        assert os.listdir(tmp_path) == ["model"]

    def test_it_appeared(self, tmp_path):
        """The first of two stays."""

        def write():
            with new_directory(tmp_path / "model") as second:
                second.mkdir()
                with new_directory(tmp_path / "model") as first:
                    first.mkdir()
                    (first / "first").touch()

        with pytest.raises(FileExistsError, match=r"^target: expected a .*model appeared while"):
            write()
        assert os.listdir(tmp_path) == ["model"]
        assert os.listdir(tmp_path / "model") == ["first"]

    def test_a_link_stays_a_link(self, tmp_path):
        """It leads to an empty directory, which is replaced."""
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        with new_directory(tmp_path / "link") as beside:
            beside.mkdir()
            (beside / "new").touch()
        assert (tmp_path / "link").is_symlink()
        assert os.listdir(tmp_path / "real") == ["new"]


@pytest.mark.parametrize("given", [".", "", "../current"])
def test_the_current_folder_stays(given, tmp_path, monkeypatch):
    """A shell in a folder that another one has replaced shows nothing."""
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    with pytest.raises(ValueError, match="the current one or a mount, which cannot be replaced. Name a directory in"):
        with new_directory(given):
            pass


def test_a_mount_stays(tmp_path, monkeypatch):
    (tmp_path / "mount").mkdir()
    monkeypatch.setattr(files.os.path, "ismount", lambda path: path == tmp_path / "mount")
    with pytest.raises(ValueError, match=r"got '.*mount', the current one or a mount"):
        with new_directory(tmp_path / "mount"):
            pass
