"""How long the codemod takes over a tree of many files, most of which have nothing for it.

`python -m benchmarks.migrate` makes the tree, 10,000 files, in a temporary directory; no TensorFlow is needed.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tfbn.migrate import driver

LIMIT = 60.0  # seconds on two cores

# A network with its scopes, as long as such files are; a file of TensorFlow that has nothing for it; and one of none.
NETWORK = """\
import tensorflow as tf
import tensorflow.contrib.slim as slim


def network(inputs, is_training, weight_decay):
    with slim.arg_scope([slim.conv2d], weights_regularizer=slim.l2_regularizer(weight_decay),
                        normalizer_fn=slim.batch_norm, normalizer_params={'is_training': is_training}):
        net = inputs
"""
BLOCK = """\
        net = slim.conv2d(net, {0}, [3, 3], scope='conv{0}')
        with tf.variable_scope('block{0}'):
            branch = slim.batch_norm(net, scope='bn', is_training=is_training)
            net = tf.nn.relu(net + branch[:, ::2] * tf.reduce_mean(branch, [1, 2], keepdims=True))
"""
OTHER = """\
def step_{0}(self, batch, rate=0.1):
    images, labels = self.prepare(batch)[: {0}], [label for label in batch.labels if label is not None]
    logits = tf.nn.relu(tf.matmul(tf.cast(images, tf.float32), self.weights["{0}"]))
    return tf.reduce_mean(tf.nn.softmax(logits)) * rate if labels else logits
"""


def make_tree(root: Path, files: int, matching: float) -> int:
    """Writes files of 2 to 12 kB into folders of 100; returns how many have something to migrate."""
    draw = random.Random(1)
    count = 0
    for number in range(files):
        folder = root / f"package_{number // 100}"
        folder.mkdir(exist_ok=True)
        blocks = range(8, draw.randrange(16, 48))
        if draw.random() < matching:
            count += 1
            text = NETWORK + "".join(map(BLOCK.format, blocks))
        else:
            imports = draw.choice(["import tensorflow as tf\n", "import numpy as tf\n"])
            text = imports + "".join(map(OTHER.format, blocks))
        (folder / f"module_{number}.py").write_text(text)
    return count


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrate", description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--matching", type=float, default=0.02, metavar="SHARE", help="default: 0.02")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes; default: 2")
    parser.add_argument("--check", action="store_true", help=f"exit with 1 above {LIMIT:.0f} s")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        expected = make_tree(Path(folder), given.files, given.matching)
        start = time.monotonic()
        found = driver.run([folder], driver.chosen_rules(), jobs=given.jobs)
        seconds = time.monotonic() - start
    changed = sum(report.changed for report in found.reports)
    print(f"{found.files} files, {found.parsed} parsed, {changed} migrated: {seconds:.1f} s on {given.jobs} processes")
    if changed != expected:
        raise RuntimeError(f"{expected} files have something to migrate, and {changed} were migrated")
    return int(given.check and seconds > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
