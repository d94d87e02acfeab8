"""Every command that writes: after a power cut, a kill, a full disk or a second run, the old target or the new one."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.checkpoint.test_bundle import write
from tests.checkpoint.test_hdf5 import weights
from tests.cli import kill
from tests.power_cut import Disk, tree
from tests.selection import SEED
from tfbn import cli, files

tf1 = tf.compat.v1
CHECKOUT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("TFBN_KILLS", "4"))
RANDOM = np.random.default_rng(11)
ARRAYS = {f"net/norm/{short}": RANDOM.random(3000, np.float32) + 0.5 for short in ("moving_mean", "moving_variance")}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """What the commands read."""
    folder = tmp_path_factory.mktemp("sources")
    write(folder / "model", ARRAYS)
    write(folder / "wide", {name: array.astype(np.float64) for name, array in ARRAYS.items()})
    weights(folder / "fresh.weights.h5")
    with tf.Graph().as_default(), tf1.Session() as session:
        images = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="images")
        kernel = tf1.get_variable("kernel", [3, 3, 3, 40])
        outputs = tfbn.batch_norm(tf.nn.conv2d(images, kernel, 1, "SAME"), is_training=False)
        tf.identity(outputs, name="outputs")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(folder / "graph"))
        frozen = tfbn.export.inference_graph(session, ["outputs:0"]).graph_def
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    (folder / "old.py").write_text("from tensorflow.contrib.layers import batch_norm\n" + "# filled\n" * 500)
    return folder


# Of each command the target's name, and the arguments of a run; with `{}` for the folder of what it reads.
EXPORT = ["export", "{}/graph.meta"]
COMMANDS = {
    "copied": ("target", ["checkpoint", "convert", "{}/model", "target", "--to", "contrib"]),
    "changed": ("target", ["checkpoint", "convert", "{}/model", "target", "--like", "{}/wide"]),
    "Keras": (
        "target.weights.h5",
        ["checkpoint", "convert", "{}/fresh.weights.h5", "target.weights.h5", "--like", "{}/fresh.weights.h5"],
    ),
    "plot": ("target.png", ["checkpoint", "diagnose", "{}/model", "--plot", "target.png"]),
    "export": ("target.pb", [*EXPORT, "target.pb", "--outputs", "outputs"]),
    "SavedModel": ("target", [*EXPORT, "target", "--outputs", "outputs", "--variables", "keep"]),
    "fold": ("target.pb", ["fold", "{}/frozen.pb", "target.pb"]),
    "migrate": ("target.py", ["migrate", "--write", "target.py"]),
}
# Without an old target, which migrate always has; and over one, where a SavedModel is refused.
RUNS = [(name, False) for name in COMMANDS if name != "migrate"]
RUNS += [(name, True) for name in COMMANDS if name != "SavedModel"]


@pytest.fixture
def command(request, sources, tmp_path, monkeypatch):
    """Runs a command in an empty folder, or with `over` in one that has an older target."""
    monkeypatch.chdir(tmp_path)
    target, arguments = COMMANDS[request.param]

    def run(over=False):
        if request.param == "migrate":
            shutil.copy(sources / "old.py", tmp_path / target)
        elif over and request.param in ("copied", "changed"):
            write(tmp_path / target, {name: -array for name, array in ARRAYS.items()}, force=True)
        elif over:
            (tmp_path / target).write_bytes(b"old")
        force = ["--force"] if over and arguments[1] == "convert" else []
        return lambda: cli.main([text.format(sources) for text in arguments] + force)

    return run


@pytest.mark.parametrize("command, over", RUNS, indirect=["command"])
def test_power_cut(command, over, tmp_path, monkeypatch):
    """Nothing, the old target or the new one, at every moment; and the new one once the command has ended."""
    run = command(over)
    disk = Disk(tmp_path)
    monkeypatch.setattr(files, "os", disk)
    assert run() in (0, 1)
    monkeypatch.undo()
    old, new = disk.start, tree(tmp_path)
    committed = max(new)  # of several files the index, the last in the order of names

    def is_whole(state, expected):
        return bool(expected) and expected.items() <= state.items()

    assert new != old
    possible, last = disk.states()
    assert len(possible) > 3
    for state in possible:
        assert is_whole(state, new) or is_whole(state, old) or not (old or committed in state), sorted(state)
    assert all(is_whole(state, new) for state in last)


# How many calls that change files, sync or name them a run has at the least.
CALLS = {"copied": 8, "changed": 8}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_killed(name, sources, tmp_path):
    """By SIGKILL, at each call that changes a file or syncs it, and TFBN_KILLS times at random moments.

    The target is absent, or the old one, or the new one; the next run removes what stayed, and ends as if nothing had
    happened.
    """
    target, arguments = COMMANDS[name]
    place, older = tmp_path / "place", tmp_path / "older" / target
    for folder in (place, older.parent):
        folder.mkdir()
    if name in ("copied", "changed"):
        write(older, {key: -array for key, array in ARRAYS.items()})
    elif name == "migrate":
        shutil.copy(sources / "old.py", older)
    else:
        older.write_bytes(b"old")
    given = {
        "arguments": [text.format(sources) for text in arguments] + (["--force"] if arguments[1] == "convert" else []),
        "target": str(place / target),
        "older": None if name == "SavedModel" else str(older),  # which is refused there
        "always": name == "migrate",
        "share": 10_000,
        "kills": KILLS,
        "seed": SEED,
    }
    process = subprocess.run(
        [sys.executable, kill.__file__, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=120 + 10 * KILLS,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert set(result["without"]) == (set() if name == "migrate" else {"absent", "new"}), result
    assert set(result["over"]) == (set() if name == "SavedModel" else {"old", "new"}), result
    assert result["last"] == "new"
    assert result["calls"] >= CALLS.get(name, 4)
    assert all(file.startswith("target") for file in result["files"])


class FullDisk:
    """Stands for the module `os`: of the calls that need room, the one with number `at` finds none."""

    def __init__(self, at):
        self.at = at

    def __getattr__(self, name):
        call = getattr(os, name)
        return functools.partial(self._count, call) if name in ("chmod", "fsync", "replace") else call

    def _count(self, call, *arguments):
        self.at -= 1
        if self.at == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return call(*arguments)


@pytest.mark.parametrize("command, over", RUNS, indirect=["command"])
def test_no_room(command, over, tmp_path, monkeypatch, capfd):
    """At any call that syncs or names a file: status 2 with the reason, and the folder as it was.

    After the rename that commits, it has the new target, and the reason says so.
    """
    run = command(over)
    before, states = tree(tmp_path), []
    for at in itertools.count(1):
        monkeypatch.setattr(files, "os", disk := FullDisk(at))
        status = run()
        monkeypatch.setattr(files, "os", os)
        after, printed = tree(tmp_path), capfd.readouterr().err
        assert not any(name.endswith(".partial") for name in os.listdir(tmp_path))
        if disk.at > 0:
            break
        assert status == 2
        assert re.match(r"(tfbn \w+: )?\S*target[^\n]*: .*No space left on device\n", printed), printed
        states.append(("whole, but a power cut may bring back" in printed, after))
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        run = command(over)
    assert status in (0, 1)
    assert len(states) >= 4
    for committed, state in states:
        assert after.items() <= state.items() if committed else state == before
    assert [committed for committed, _ in states] == sorted(committed for committed, _ in states)
    assert states[-1][0]


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_full_disk(command, request, tmp_path, capsys):
    """Status 2 with the reason, and the folder as it was: here each file may have so many bytes and no more."""
    name = request.node.callspec.params["command"]
    run = command(over=name != "SavedModel")
    before = tree(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 4000, random.Random(SEED).randrange(4500)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            status = run()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert status == 2
        printed = capsys.readouterr().err
        assert re.search(r"^(tfbn \w+: )?(target: )?target[\w.]*( cannot be written)?: .*File too large", printed, re.M)
        assert len(printed.splitlines()) <= (1 if name != "migrate" else 2), printed
        assert tree(tmp_path) == before
        assert len(os.listdir(tmp_path)) == len(before)
    assert run() in (0, 1)


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
def test_a_target_that_is_a_link(command, request, tmp_path, capfd):
    """It is followed; but for a checkpoint, whose files stand together, it is refused."""
    name = request.node.callspec.params["command"]
    target = tmp_path / COMMANDS[name][0]
    run = command(over=name != "SavedModel")
    (tmp_path / "elsewhere").mkdir()
    link = target.with_name("target.index") if name in ("copied", "changed") else target
    real = tmp_path / "elsewhere" / link.name
    if name == "SavedModel":
        real.mkdir()
    else:
        link.rename(real)
    link.symlink_to(real)
    before = tree(real.parent)
    if link != target:
        assert run() == 2
        assert "target.index is a link to" in capfd.readouterr().err
        assert tree(real.parent) == before
    else:
        assert run() in (0, 1)
        assert tree(real.parent).keys() == before.keys()
        assert tree(real.parent) != before
    assert link.is_symlink()


@pytest.mark.parametrize("command", ["copied", "changed", "Keras", "SavedModel"], indirect=True)
def test_two_at_once(command, tmp_path, monkeypatch, capfd):
    """One is whole, the other says that the target appeared and blames no source, and of their folders none stays."""
    run = command()
    working_folder, statuses = files.working_folder, []

    @contextlib.contextmanager
    def meeting(place):
        monkeypatch.setattr(files, "working_folder", working_folder)
        with working_folder(place) as folder:
            statuses.append(run())
            after_first.update(tree(tmp_path))
            yield folder

    after_first = {}
    monkeypatch.setattr(files, "working_folder", meeting)
    statuses.append(run())
    assert statuses == [0, 2]
    assert re.search(r"target: expected .*, got target.* appeared while", capfd.readouterr().err)
    assert tree(tmp_path) == after_first
    assert len(os.listdir(tmp_path)) == len(after_first)


IN_PLACE = [
    ("fold frozen.pb frozen.pb", "frozen.pb"),
    ("fold frozen.pb ./elsewhere/../frozen.pb", "frozen.pb"),
    ("fold frozen.pb link.pb", "frozen.pb"),
    ("fold link.pb frozen.pb", "frozen.pb"),
    ("fold frozen.pb inputs.npz --inputs inputs.npz", "inputs.npz"),
    ("export frozen.pb linked/frozen.pb --outputs outputs", "frozen.pb"),
    ("export saved saved/saved_model.pb", "saved/saved_model.pb"),
    ("export saved/saved_model.pb linked/saved/saved_model.pb", "saved/saved_model.pb"),
    ("export frozen.pb weights.pb --outputs outputs --checkpoint weights.pb", "weights.pb"),
    ("checkpoint diagnose weights.png --plot weights.png", "weights.png"),
]


@pytest.mark.parametrize("line, kept", IN_PLACE)
def test_the_source_is_no_target(line, kept, sources, tmp_path, monkeypatch, capsys):
    """By whatever path: it is refused, and stays."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(sources / "frozen.pb", tmp_path / "frozen.pb")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.pb").symlink_to("frozen.pb")
    (tmp_path / "linked").symlink_to(tmp_path)
    np.savez(tmp_path / "inputs.npz", images=np.ones([1, 4, 4, 3], np.float32))
    first_form = CHECKOUT / "tests" / "checkpoint" / "data" / "contrib_v1"
    for name in ("weights.pb", "weights.png"):
        shutil.copy(first_form, tmp_path / name)
    assert cli.main(["export", "frozen.pb", "saved", "--outputs", "outputs"]) == 0
    capsys.readouterr()
    before = (tmp_path / kept).read_bytes()
    assert cli.main(line.split()) == 2
    assert re.search("target: expected another path than that of its input, got .*", capsys.readouterr().err)
    assert (tmp_path / kept).read_bytes() == before


@pytest.mark.parametrize("command", COMMANDS, indirect=True)
@pytest.mark.parametrize("over", [False, True])
def test_names_of_any_length(command, over, request, sources, tmp_path):
    """Of the longest that there are, the folder beside the target has no room for the name."""
    name = request.node.callspec.params["command"]
    if over and name == "SavedModel":
        pytest.skip("is refused over another")
    run, target = command(over), COMMANDS[name][0]
    longest = 255 - (len(".data-00000-of-00002") if name in ("copied", "changed") else 0)
    new = "x" * (longest - len(target)) + target
    for path in tmp_path.iterdir():
        path.rename(path.with_name(path.name.replace(target, new)))
    arguments = [text.format(sources).replace(target, new) for text in COMMANDS[name][1]]
    assert run  # which has made the old target
    assert cli.main([*arguments, *(["--force"] if over and arguments[1] == "convert" else [])]) in (0, 1)
    assert all(path.name.startswith("xxx") for path in tmp_path.iterdir())
    assert any(path.name.startswith(new) for path in tmp_path.iterdir())


@pytest.mark.parametrize("command", ["copied", "changed"], indirect=True)
def test_a_folder_among_the_files(command, tmp_path, capfd):
    run = command(over=True)
    (tmp_path / "target.data-00000-of-00001").unlink()
    (tmp_path / "target.data-00000-of-00001").mkdir()
    before = tree(tmp_path)
    assert run() == 2
    assert "target: expected the path of files, got target: " in capfd.readouterr().err
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", ["copied", "changed", "SavedModel"], indirect=True)
def test_a_name_that_is_not_utf8(command, request, sources, tmp_path, capfd):
    """TensorFlow writes no such path; what Python writes has it."""
    command()
    arguments = COMMANDS[request.node.callspec.params["command"]][1]
    given = ["\udcff" if text == "target" else text.format(sources) for text in arguments]
    assert cli.main(given) == 2
    assert r"target: expected a path in UTF-8, as TensorFlow writes no other, got '\udcff'" in capfd.readouterr().err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["copied"], indirect=True)
def test_old_data_that_stays(command, tmp_path, monkeypatch, capfd):
    """As where it is immutable: the new checkpoint is whole, and the line says what is left."""
    run = command(over=True)
    unlink = os.unlink

    def refuse(path):
        if "data" in str(path):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path)

    monkeypatch.setattr(files, "os", types.SimpleNamespace(**{**vars(os), "unlink": refuse}))
    assert run() == 2
    text = (
        "it is written and whole, but target.data-00000-of-00001 of before cannot be removed: Operation not permitted"
    )
    assert text in capfd.readouterr().err
    with tfbn.checkpoint.open(tmp_path / "target") as reader:
        assert all(np.array_equal(reader[name], array) for name, array in ARRAYS.items())
