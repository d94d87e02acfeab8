"""Damaged files through every command: a status, no traceback, and nothing written but the target."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import tensorflow as tf

import tfbn
from tests.checkpoint.models import reference
from tests.checkpoint.test_hdf5 import LAYER, archived, weights
from tfbn import _tensorflow, cli

tf1 = tf.compat.v1

# Each command with the files it reads, of which one is damaged, and those it may write. `{}` is the target.
CHECKPOINTS = {
    "model": ("model.index", "model.data-00000-of-00001"),
    "old": ("old",),
    "module": ("module.index", "module.data-00000-of-00001"),
    "exported": ("exported/saved_model.pb", "exported/variables/variables.index"),
    "net.weights.h5": ("net.weights.h5",),
    "net.keras": ("net.keras",),
}
EXPORT = "--outputs outputs --json"
COMMANDS = [
    *(
        (command.format(path), files)
        for path, files in CHECKPOINTS.items()
        for command in (
            "checkpoint list {} --json",
            "checkpoint diagnose {}",
            "checkpoint diff {} other",
            "checkpoint convert {} out --to contrib --allow .*",
            "checkpoint convert other out --like {} --allow .* --force",
        )
    ),
    ("checkpoint convert net.weights.h5 out.weights.h5 --like net.keras", ("net.weights.h5", "net.keras")),
    ("audit model.meta", ("model.meta",)),
    ("audit model.meta --step outputs --checkpoint model --json", ("model.meta", "model.index")),
    (f"export model.meta out.pb {EXPORT}", ("model.meta", *CHECKPOINTS["model"])),
    (f"export model.meta out {EXPORT} --variables keep", ("model.meta", *CHECKPOINTS["model"])),
    ("export exported out.pb --json", ("exported/saved_model.pb", "exported/variables/variables.index")),
    ("export exported out", ("exported/saved_model.pb", "exported/variables/variables.data-00000-of-00001")),
    (f"export frozen.pb out.pbtxt {EXPORT}", ("frozen.pb",)),
    ("fold frozen.pb out.pb --json", ("frozen.pb",)),
    ("fold frozen.pb out.pb --no-verify --lower", ("frozen.pb",)),
    ("fold frozen.pbtxt out.pbtxt", ("frozen.pbtxt",)),
    ("fold frozen.pb out.pb --inputs inputs.npz", ("inputs.npz",)),
    ("migrate --write old.py", ("old.py", "pyproject.toml")),
    ("migrate --check --json .", ("old.py", "old.ipynb", "pyproject.toml")),
    ("migrate --write --compat-v1 old.ipynb old.py", ("old.ipynb", "old.py")),
]
OLD_CODE = """\
import tensorflow as tf
from tensorflow.contrib import layers, slim

def net(x, is_training):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        x = slim.conv2d(x, 8, 3)  # a comment
    return tf.layers.batch_normalization(layers.batch_norm(x, is_training=is_training), training=is_training)
"""
# Values of the wrong kind or size, for a field of a message and for JSON.
ODD_TEXTS = ("", "/", "^", ":", "a:b:c", ":0", "-1", "nothing", "x" * 300, "a\nb", "\u00e9\u2028", "outputs", "../../a")
ODD_NUMBERS = (0, 1, -1, 2, 19, 127, -(2**31), 2**31 - 1)


class Case(NamedTuple):
    command: str
    file: str
    damage: str
    content: bytes

    def __str__(self) -> str:
        return f"tfbn {self.command}\nwith {self.file} damaged by: {self.damage}"


def prepare(folder: Path) -> Path:
    """The whole files, in a folder beside the one that the commands run in."""
    whole = folder / "whole"
    whole.mkdir()
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(0)  # a case follows from its seed
        images = tf1.placeholder(tf.float32, [None, 4, 4, 3], name="images")
        outputs = tf.nn.conv2d(images, tf1.get_variable("kernel", [3, 3, 3, 2]), 1, "SAME")
        flag = tf1.placeholder_with_default(False, [], name="flag")
        outputs = tf.identity(tfbn.batch_norm(outputs, is_training=flag, scope="bn"), name="outputs")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(whole / "model"), write_state=False)
        tf1.saved_model.simple_save(session, str(whole / "exported"), {"images": images}, {"outputs": outputs})
        frozen = tfbn.export.inference_graph(session, ["outputs:0"], is_training=["flag"]).graph_def
    (whole / "frozen.pb").write_bytes(frozen.SerializeToString())
    (whole / "frozen.pbtxt").write_text(str(frozen))
    tf.train.Checkpoint(norm=tfbn.BatchNorm(4, scale=True)).write(str(whole / "module"))
    for ending in ("index", "data-00000-of-00001"):
        shutil.copy(whole / f"module.{ending}", whole / f"other.{ending}")
    shutil.copy(reference("contrib_v1"), whole / "old")
    archived(weights(whole / "net.weights.h5"))
    weights(whole / "net.weights.h5")
    np.savez(whole / "inputs.npz", images=np.random.RandomState(0).normal(1, 2, [2, 4, 4, 3]).astype("float32"))
    (whole / "old.py").write_text(OLD_CODE)
    cell = {"cell_type": "code", "source": OLD_CODE.splitlines(True), "metadata": {}, "outputs": []}
    (whole / "old.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    (whole / "pyproject.toml").write_text('[tool.tfbn]\npaths = ["."]\nexclude = ["out*"]\nselect = []\n')
    return whole


def draw(chance: random.Random, whole: Path) -> Case:
    command, files = chance.choice(COMMANDS)
    file = chance.choice(files)
    content = (whole / file).read_bytes()
    damages = [damage for name, damage in BY_CONTENT.items() if file.endswith(name)] + [change_bytes]
    described, content = chance.choice(damages)(chance, content)
    return Case(command, file, described, content)


def check(case: Case, whole: Path) -> None:
    folder = whole.with_name("work")
    shutil.copytree(whole, folder)
    try:
        (folder / case.file).write_bytes(case.content)
        before = snapshot(folder)
        status, printed = run(case.command.split(), folder)
        written = {name for name, content in snapshot(folder).items() if before.get(name) != content}
        written |= before.keys() - snapshot(folder).keys()
    finally:
        shutil.rmtree(folder)
    assert status in (0, 1, 2), f"status {status}: {printed[-3000:]}"
    assert "Traceback" not in printed, printed[-3000:]
    assert status != 2 or printed.strip(), "status 2, and not a word"
    targets = ("old.py", "old.ipynb") if "--write" in case.command else () if status == 2 else ("out",)
    assert all(name.startswith(targets) for name in written), f"status {status}, and wrote {sorted(written)}"


def run(arguments: list[str], folder: Path) -> tuple[int, str]:
    """The status of a command that runs in a folder, and all that it prints."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), changed_directory(folder):
        status = cli.main(arguments)
    printed.flush()
    return status, printed.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


@contextlib.contextmanager
def changed_directory(folder: Path) -> Any:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change_bytes(chance: random.Random, content: bytes) -> tuple[str, bytes]:
    """Bytes lost, doubled, changed, or those of something else."""
    start = chance.randrange(len(content) + 1)
    end = min(len(content), start + chance.choice([1, 4, 16, 200]))
    noise = bytes(chance.randrange(256) for _ in range(end - start))
    flipped = bytes([content[start % len(content)] ^ (1 << chance.randrange(8))])
    kinds = {
        "cut": content[:start],
        "without its beginning": content[start:],
        "noise": content[:start] + noise + content[end:],
        "zeros": content[:start] + bytes(end - start) + content[end:],
        "lost": content[:start] + content[end:],
        "doubled": content[:end] + content[start:],
        "a bit": content[:start] + flipped + content[start + 1 :],
        "appended": content + noise,
        "empty": b"",
    }
    name = chance.choice(list(kinds))
    return f"{name}, at {start} to {end} of {len(content)}", kinds[name]


def change_message(kind: Callable[[], Any]) -> Callable:
    """A well-formed message, with one to three of its fields changed."""

    def change(chance: random.Random, content: bytes) -> tuple[str, bytes]:
        message, described = kind(), []
        message.ParseFromString(content)
        for _ in range(chance.randint(1, 3)):
            described.append(change_field(chance, message))
        return "; ".join(described), message.SerializeToString()

    return change


def change_field(chance: random.Random, message: Any) -> str:
    """Follows fields down to one, and changes that; says which."""
    path = []
    while True:
        fields = message.ListFields()
        if not fields:
            return f"nothing in {'.'.join(path)}"
        field, value = chance.choice(fields)
        path.append(field.name)
        many = not isinstance(value, (str, bytes)) and hasattr(value, "__len__")
        if many and (not len(value) or chance.random() < 0.15):
            message.ClearField(field.name)
            return f"without {'.'.join(path)}"
        if many:
            key = chance.choice(sorted(value)) if hasattr(value, "keys") else chance.randrange(len(value))
            path.append(str(key))
            if hasattr(value[key], "ListFields"):
                if chance.random() < 0.1:
                    other = value[chance.choice(sorted(value)) if hasattr(value, "keys") else 0]
                    value[key].CopyFrom(other)
                    return f"{'.'.join(path)} as another one"
                if chance.random() < 0.1:
                    del value[key]
                    return f"without {'.'.join(path)}"
                message = value[key]
                continue
            value[key] = odd(chance, value[key])
            return f"{'.'.join(path)} = {value[key]!r}"
        if hasattr(value, "ListFields"):
            message = value
            continue
        with contextlib.suppress(ValueError, TypeError):  # a number that the field cannot have
            setattr(message, field.name, odd(chance, value))
        return f"{'.'.join(path)} = {getattr(message, field.name)!r}"


def odd(chance: random.Random, value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, str):
        return chance.choice([*ODD_TEXTS, f"^{value}", f"{value}:1", value[:-1]])
    if isinstance(value, bytes):
        return change_bytes(chance, value)[1] if value else b"\xff\xfe"
    if isinstance(value, bool):
        return not value
    return type(value)(chance.choice(ODD_NUMBERS))


def change_json(chance: random.Random, content: bytes) -> tuple[str, bytes]:
    """One value of a JSON text in place of another."""
    root = {"": json.loads(content)}
    parent: Any = root
    key: Any = ""
    while parent[key] and isinstance(parent[key], (dict, list)) and chance.random() < 0.9:
        parent = parent[key]
        key = chance.choice(list(parent)) if isinstance(parent, dict) else chance.randrange(len(parent))
    parent[key] = chance.choice([None, [], {}, 7, -1.5, True, "text", [[]], ["\ud800"], {"a": None}, float("nan")])
    return f"{key} = {parent[key]!r}", json.dumps(root[""]).encode()


def change_hdf5(chance: random.Random, content: bytes) -> tuple[str, bytes]:
    """A dataset of another type or shape, or a group in its place."""
    buffer, name = io.BytesIO(content), f"{LAYER}/{chance.randrange(4)}"
    values = (
        np.zeros(0, "f4"),
        np.ones([2, 2]),
        b"text",
        np.full(4, np.nan),
        np.ones(4, "i2"),
        np.zeros(4, "V2"),
        None,
    )
    value = chance.choice(values)
    with h5py.File(buffer, "r+") as file:
        del file[name]
        if value is None:
            file.create_group(name)
        else:
            file[name] = value
    return f"{name} = {value!r}", buffer.getvalue()


def change_archive(chance: random.Random, content: bytes) -> tuple[str, bytes]:
    """A member that is damaged, lost, or there twice, under its own name or another."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    name, inner = members.pop(chance.randrange(len(members)))
    change = chance.choice([change_bytes, change_hdf5 if name.endswith("h5") else change_json])
    described, inner = change(chance, inner)
    members += chance.choice([[(name, inner)], [(name, inner)], [], [(name, inner)] * 2, [(f"{name}/", inner)]])
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        for member, inner in members:
            file.writestr(member, inner)
    return f"{name}: {described}; {len(members)} members", buffer.getvalue()


BY_CONTENT: dict[str, Callable] = {
    ".meta": change_message(tf1.MetaGraphDef),
    "frozen.pb": change_message(tf1.GraphDef),
    "saved_model.pb": change_message(lambda: _tensorflow.saved_model_type()()),
    ".ipynb": change_json,
    ".h5": change_hdf5,
    ".keras": change_archive,
}
