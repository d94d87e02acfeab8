"""Handwritten digits with tf.function: the network of digits_graph.py as tf.Modules; train, evaluate, save, restore.

Nothing has to run updates here: a training call of tfbn.BatchNorm moves its statistics by itself, and is_training says
which call is one. The picture is that of digits_graph.py.

Exit status: 0 when all went well, 1 when the accuracy is below 98 % or not the same after restoring, 2 for wrong usage,
3 when a package is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets at length

import numpy as np
import tensorflow as tf
from digits_graph import BATCH_SIZE, DECAY, TARGET, Digits, History, plot, read_digits, tqdm

import tfbn


class Layer(tf.Module):
    """A convolution of 3x3 or a matrix product, batch norm and ReLU."""

    def __init__(self, shape: list[int], name: str, **of_norm: Any) -> None:
        super().__init__(name)
        deviation = np.sqrt(2.0 / np.prod(shape[:-1]))
        self.weights = tf.Variable(tf.random.normal(shape, stddev=deviation), name="weights")
        self.norm = tfbn.BatchNorm(shape[-1], decay=DECAY, **of_norm)  # no bias: beta is one

    def before(self, inputs: tf.Tensor) -> tf.Tensor:
        """What goes into the batch norm."""
        return tf.nn.conv2d(inputs, self.weights, 1, "SAME") if inputs.shape.rank == 4 else inputs @ self.weights

    def __call__(self, inputs: tf.Tensor, is_training: bool) -> tf.Tensor:
        return tf.nn.relu(self.norm(self.before(inputs), is_training))


class Network(tf.Module):
    """Three convolutions and two dense layers; `of_norm` goes to their batch norms."""

    def __init__(self, **of_norm: Any) -> None:
        super().__init__()
        self.conv1 = Layer([3, 3, 1, 32], "conv1", **of_norm)
        self.conv2 = Layer([3, 3, 32, 32], "conv2", **of_norm)
        self.conv3 = Layer([3, 3, 32, 64], "conv3", **of_norm)
        self.dense = Layer([2 * 2 * 64, 64], "dense", **of_norm)
        self.weights = tf.Variable(tf.random.normal([64, 10], stddev=0.125), name="weights")
        self.bias = tf.Variable(tf.zeros([10]), name="bias")

    def __call__(self, images: tf.Tensor, is_training: bool) -> tf.Tensor:
        net = self.conv2(self.conv1(images, is_training), is_training)
        net = self.conv3(tf.nn.max_pool2d(net, 2, 2, "SAME"), is_training)
        net = tf.reshape(tf.nn.max_pool2d(net, 2, 2, "SAME"), [-1, 2 * 2 * 64])
        return self.dense(net, is_training) @ self.weights + self.bias

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1])])
    def predict(self, images: tf.Tensor) -> tf.Tensor:
        """The digits, by the moving statistics."""
        return tf.argmax(self(images, is_training=False), 1)


class Adam(tf.Module):
    """The optimizer of arXiv:1412.6980, with a rate that falls along a cosine."""

    def __init__(self, variables: tuple[tf.Variable, ...], steps: int) -> None:
        super().__init__()
        self.variables_, self.steps, self.step = variables, steps, tf.Variable(0.0, trainable=False)
        self.moments = [[tf.Variable(tf.zeros_like(v), trainable=False) for v in variables] for _ in range(2)]

    def apply(self, gradients: list[tf.Tensor]) -> None:
        rate = 0.0025 * (1 + tf.cos(np.pi * self.step / self.steps))
        self.step.assign_add(1.0)
        rate *= tf.sqrt(1 - 0.999**self.step) / (1 - 0.9**self.step)
        for variable, gradient, first, second in zip(self.variables_, gradients, *self.moments):
            first.assign_sub((first - gradient) * 0.1)
            second.assign_sub((second - gradient**2) * 0.001)
            variable.assign_sub(rate * first / (tf.sqrt(second) + 1e-8))


def training_step(network: Network, optimizer: Adam) -> tf.types.experimental.GenericFunction:
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1]), tf.TensorSpec([None], tf.int64)])
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, optimizer.variables_))
        return loss, tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))

    return step


@tf.function
def statistics_distances(layer: Layer, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As in digits_graph.py: how far the moving statistics are from those of the images."""
    mean, variance = tf.nn.moments(layer.before(images), [0, 1, 2])
    mean_error = (layer.norm.moving_mean - mean) / tf.sqrt(variance)
    variance_error = layer.norm.moving_variance / variance - 1
    return tf.sqrt(tf.reduce_mean(mean_error**2)), tf.sqrt(tf.reduce_mean(variance_error**2))


def accuracy(network: Network, digits: Digits) -> float:
    return float(np.mean(network.predict(digits.images).numpy() == digits.labels))


def train(network: Network, digits: Digits, held_out: Digits, steps: int, seed: int, progress: bool) -> History:
    history, rng = History([], [], [], [], []), np.random.default_rng(seed)
    order, recent = np.empty(0, int), []
    step = training_step(network, Adam(network.trainable_variables, steps))
    with tqdm(range(1, steps + 1), unit="step", disable=not progress) as bar:
        for number in bar:
            if len(order) < BATCH_SIZE:
                order = rng.permutation(len(digits.labels))
            batch, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
            loss, of_batch = step(digits.images[batch], digits.labels[batch])
            history.loss.append(float(loss))
            recent.append(float(of_batch))
            history.distances.append(tuple(map(float, statistics_distances(network.conv1, digits.images))))
            if number % 10 == 0 or number == steps:
                history.checked_at.append(number)
                history.train_accuracy.append(float(np.mean(recent)))
                history.held_out_accuracy.append(accuracy(network, held_out))
                bar.set_postfix(loss=f"{loss:.3f}", held_out=f"{history.held_out_accuracy[-1]:.1%}")
                recent = []
    return history


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=420, help=f"of {BATCH_SIZE} digits each (default: 420, 20 epochs)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--output-dir", type=Path, default=Path("digits_output"), help="default: digits_output")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    arguments = parser.parse_args()
    for name, least in (("steps", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(
                f"argument --{name}: expected {least} or more, got {getattr(arguments, name)}; give a larger one"
            )
    try:
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output-dir: expected a folder that can be made, got {error}; name another")
    return arguments


def report(result: SimpleNamespace) -> None:
    print(f"Trained on {result.training_digits} digits for {result.steps} steps.")
    print(f"Training accuracy, with batch statistics:  {result.train_accuracy:.1%} of the last batches")
    print(
        f"Held out, with moving statistics:          {result.held_out_accuracy:.1%} of {result.held_out_digits} digits"
    )
    print(f"Restored into a fresh network:             {result.restored_accuracy:.1%}")
    if not result.ok:
        print(f"NOT GOOD: expected {TARGET:.0%}, and the same when restored. Try more --steps or another --seed.")
    print(f"Wrote {result.plot} and {result.checkpoint}.* in {result.seconds} s.")


def main() -> int:
    arguments = parse_arguments()
    started, seed, steps = time.perf_counter(), arguments.seed, arguments.steps
    digits, held_out = read_digits(seed)
    tf.random.set_seed(seed)
    network = Network()
    history = train(network, digits, held_out, steps, seed, not arguments.no_progress)
    checkpoint = tf.train.Checkpoint(network=network).write(str(arguments.output_dir / "digits-module.ckpt"))
    fresh = Network()
    tf.train.Checkpoint(network=fresh).read(checkpoint).assert_consumed()
    reached, restored = history.held_out_accuracy[-1], accuracy(fresh, held_out)
    path = arguments.output_dir / "digits-module.png"
    plot(history, f"BatchNorm: {reached:.1%} of the held-out digits recognised (decay {DECAY}, seed {seed})", path)

    ok = abs(restored - reached) < 1e-6 and reached >= TARGET
    result = SimpleNamespace(seed=seed, steps=steps, checkpoint=checkpoint, plot=str(path), ok=ok)
    result.training_digits, result.held_out_digits = len(digits.labels), len(held_out.labels)
    result.loss, result.train_accuracy = history.loss[-1], history.train_accuracy[-1]
    result.held_out_accuracy, result.restored_accuracy = reached, restored
    result.mean_distance, result.variance_distance = history.distances[-1]
    result.seconds = round(time.perf_counter() - started, 1)
    if arguments.json:
        print(json.dumps(vars(result), indent=2))
    else:
        report(result)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
