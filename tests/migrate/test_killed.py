"""What a run that was killed has left, the next one completes: the files are those of a run that was not disturbed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.migrate.helpers import write
from tests.selection import SEED
from tfbn import cli
from tfbn.migrate import driver

KILLS = int(os.environ.get("TFBN_KILLS", "4"))

# Files that take names from each other, those that lose them first and last by name.
PACKAGE = {
    "compat.py": "import tensorflow as tf\n\nslim = tf.contrib.slim\nlayers = tf.contrib.layers\n",
    "head.py": "import compat\n\n\ndef head(x):\n    return compat.layers.batch_norm(compat.tf.log(x))\n",
    "inner/__init__.py": "from .a import slim\n",
    "inner/a.py": "import tensorflow.contrib.slim as slim\n",
    "inner/b.py": "from inner import slim\n\ny = slim.batch_norm\n",
    "late.py": "from plain import tf\n\n\ndef late(x):\n    return tf.layers.batch_normalization(x)\n",
    "net.py": "from compat import slim, tf\n\n\ndef net(x):\n    return slim.conv2d(tf.log(x), 3, 3)\n",
    "norm.py": "from compat import *\n\n\ndef norm(x):\n    return slim.batch_norm(x)\n",
    "plain.py": "import tensorflow as tf\n\n\ndef plain(x):\n    return tf.nn.relu(x)\n",
    "train.py": "import net\nimport tensorflow as tf\n\nx = tf.placeholder(tf.float32)\ntf.Session().run(net.net(x))\n",
    "zip.py": "from net import slim\nfrom norm import *\n\nz = slim.flatten(layers.batch_norm(1))\n",
}


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


@pytest.mark.process
@pytest.mark.parametrize("options", [[], ["--compat-v1"]], ids=["contrib", "compat-v1"])
def test_interrupted_after_each_file(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["migrate", "--write", *options, "--jobs", "1", "."]
    write(tmp_path, PACKAGE)
    assert cli.main(command) == 0
    expected = contents(tmp_path)
    changed = sum(expected[name] != text for name, text in PACKAGE.items())
    assert changed > 8
    write_file = driver.write
    for count in range(changed):
        remaining = [count]

        def write_some(report, remaining=remaining):
            if not remaining[0]:
                raise KeyboardInterrupt
            remaining[0] -= 1
            return write_file(report)

        write(tmp_path, PACKAGE)
        monkeypatch.setattr(driver, "write", write_some)
        assert cli.main(command) == 130
        monkeypatch.setattr(driver, "write", write_file)
        assert sum(text != PACKAGE[name] for name, text in contents(tmp_path).items()) == count
        assert cli.main(command) == 0
        assert contents(tmp_path) == expected, f"after {count} files"


@pytest.mark.slow
@pytest.mark.process
def test_killed(tmp_path, monkeypatch):
    """By SIGKILL while it writes, as soon as one file is new, TFBN_KILLS times, over 33 files; no other file stays."""
    files = {f"package{number}/{name}": text for number in range(3) for name, text in PACKAGE.items()}
    monkeypatch.chdir(tmp_path)
    command = ["migrate", "--write", "--compat-v1", "--jobs", "1", "."]
    draw = random.Random(SEED)
    write(tmp_path, files)
    assert cli.main(command) == 0
    expected = contents(tmp_path)
    for _ in range(KILLS):
        write(tmp_path, files)
        witness = tmp_path / draw.choice([name for name, text in files.items() if expected[name] != text])
        before = witness.stat().st_ino
        program = [sys.executable, "-m", "tfbn", *command]
        process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while witness.stat().st_ino == before and process.poll() is None:
            time.sleep(0.001)
        process.kill()
        process.wait()
        assert contents(tmp_path) != files
        assert cli.main(command) == 0
        assert contents(tmp_path) == expected
