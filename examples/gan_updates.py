"""A GAN on handwritten digits in TensorFlow 1 graph mode: two networks, and each step moves the statistics of one.

The discriminator D is called twice, on real digits and on those of the generator G, and shares its variables. The
collection UPDATE_OPS then holds updates of G and of both calls of D. A step that ran all of them would move the other
network's moving statistics too, and the step of G would ask for real digits that it has no use for. So each step takes
the updates of its own network, by their scope: --updates scopes. What forgetting them does shows --updates forgotten.

Exit status: 0 when all went well, 1 when the digits that G makes in inference are not those it learned to make (with
--updates forgotten, which is meant to fail, only when a step moved what it should not), 2 for wrong usage, 3 when a
package is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets at length

import numpy as np
import tensorflow.compat.v1 as tf

import tfbn

try:
    from matplotlib.figure import Figure  # without pyplot, which would look for a display
    from sklearn.datasets import load_digits
    from tqdm import tqdm
except ModuleNotFoundError as error:
    print(f"This example needs {error.name}, which is not installed: pip install 'tfbn[examples]'", file=sys.stderr)
    sys.exit(3)

BATCH_SIZE = 64
NOISE = 16
DECAY = 0.99  # forgets its start, 0 and 1, within 500 steps
SAMPLES = 500
# How far the digits made by moving statistics may be from those of the same noise made by the batch's, which G was
# trained with: root mean square over pixels, which lie between 0 and 1.
TARGET = 0.1


class History(NamedTuple):
    d_loss: list[float]  # at each step
    g_loss: list[float]
    distances: list[tuple[float, float]]  # after each step


def dense(inputs: tf.Tensor, units: int, scope: str) -> tf.Tensor:
    with tf.variable_scope(scope):
        shape = [inputs.shape[-1], units]
        return tf.matmul(inputs, tf.get_variable("weights", shape, initializer=tf.glorot_uniform_initializer()))


def generator(noise: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Digits, [n, 64], and what goes into the first batch norm."""
    with tf.variable_scope("G"):
        first = dense(noise, 128, "first")
        net = tfbn.batch_norm(first, activation_fn=tf.nn.relu, scope="first/bn")
        net = tfbn.batch_norm(dense(net, 128, "second"), activation_fn=tf.nn.relu, scope="second/bn")
        bias = tf.get_variable("bias", [64], initializer=tf.zeros_initializer())
        return tf.sigmoid(dense(net, 64, "digits") + bias), first


def discriminator(digits: tf.Tensor, reuse: bool = False) -> tf.Tensor:
    """A logit for each digit: positive where it looks real."""
    with tf.variable_scope("D", reuse=reuse):
        net = tf.nn.leaky_relu(dense(digits, 128, "first"), 0.2)
        net = tfbn.batch_norm(dense(net, 64, "second"), scope="second/bn")
        return dense(tf.nn.leaky_relu(net, 0.2), 1, "logit")


def build(updates: str) -> SimpleNamespace:
    real = tf.placeholder(tf.float32, [None, 64], name="real")
    noise = tf.placeholder(tf.float32, [None, NOISE], name="noise")
    is_training = tf.placeholder_with_default(False, [], name="is_training")
    with tfbn.arg_scope([tfbn.batch_norm], decay=DECAY, scale=True, is_training=is_training):
        on_real = discriminator(real)
        generated, first = generator(noise)
        on_generated = discriminator(generated, reuse=True)

    def cross_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=tf.fill(tf.shape(logits), label))
        )

    d_loss = cross_entropy(on_real, 0.9) + cross_entropy(on_generated, 0.0)
    g_loss = cross_entropy(on_generated, 1.0)
    steps = {}
    for scope, loss in (("D", d_loss), ("G", g_loss)):
        steps[scope] = tfbn.create_train_op(
            loss,
            tf.train.AdamOptimizer(5e-4, beta1=0.5),
            global_step=None,
            variables_to_train=tf.trainable_variables(f"{scope}/"),
            # The updates of D are those of both calls, the real digits' first.
            update_ops=[] if updates == "forgotten" else None,
            update_scopes=scope,
        )
    graph = SimpleNamespace(real=real, noise=noise, is_training=is_training, generated=generated)
    graph.d_loss, graph.g_loss, graph.d_step, graph.g_step = d_loss, g_loss, steps["D"], steps["G"]
    # Of the first call only: nothing here needs the generator, nor its noise.
    graph.d_real_updates = [] if updates == "forgotten" else tfbn.get_updates("D", towers="first")
    graph.statistics = {scope: tf.global_variables(f"{scope}/.*/moving_") for scope in "DG"}
    graph.distances = statistics_distances(first)
    return graph


def statistics_distances(before: tf.Tensor) -> list[tf.Tensor]:
    """How far the moving statistics of G's first layer are from those of the noise fed, root mean squares."""
    moving = {v.op.name: v for v in tf.global_variables("G/first/bn/moving_")}
    mean, variance = tf.nn.moments(before, [0])
    mean_error = (moving["G/first/bn/moving_mean"] - mean) / tf.sqrt(variance)
    variance_error = moving["G/first/bn/moving_variance"] / variance - 1
    return [tf.sqrt(tf.reduce_mean(tf.square(error))) for error in (mean_error, variance_error)]


def what_moves(session: tf.Session, graph: SimpleNamespace, digits: np.ndarray, noise: np.ndarray) -> dict[str, str]:
    """The networks whose statistics each kind of step moves, by a bit at least; each is fed what it needs alone."""

    def moved(step: object, feed: dict) -> str:
        before = session.run(graph.statistics)
        session.run(step, {**feed, graph.is_training: True})
        after = session.run(graph.statistics)
        return "".join(n for n in before if any((b != a).any() for b, a in zip(before[n], after[n])))

    return {
        "d_step": moved(graph.d_step, {graph.real: digits, graph.noise: noise}),
        "g_step": moved(graph.g_step, {graph.noise: noise}),
        "d_real_updates": moved(graph.d_real_updates, {graph.real: digits}),
    }


def train(
    session: tf.Session, graph: SimpleNamespace, digits: np.ndarray, steps: int, seed: int, progress: bool
) -> History:
    history = History([], [], [])
    rng = np.random.default_rng(seed)
    many = rng.standard_normal([1000, NOISE])
    with tqdm(range(steps), unit="step", disable=not progress) as bar:
        for _ in bar:
            feed = {graph.is_training: True, graph.noise: rng.standard_normal([BATCH_SIZE, NOISE])}
            g_loss = session.run(graph.g_step, feed)  # no real digits
            feed = {
                graph.is_training: True,
                graph.real: digits[rng.integers(len(digits), size=BATCH_SIZE)],
                graph.noise: rng.standard_normal([BATCH_SIZE, NOISE]),
            }
            d_loss = session.run(graph.d_step, feed)
            history.d_loss.append(float(d_loss))
            history.g_loss.append(float(g_loss))
            history.distances.append(tuple(map(float, session.run(graph.distances, {graph.noise: many}))))
            bar.set_postfix(d=f"{d_loss:.3f}", g=f"{g_loss:.3f}")
    return history


def plot(history: History, samples: np.ndarray, by_batch: np.ndarray, title: str, path: Path) -> None:
    steps = np.arange(1, len(history.d_loss) + 1)
    figure = Figure(figsize=(16, 5), layout="constrained")
    figure.suptitle(title, fontsize=14)
    left, middle, right = figure.subplots(1, 3)

    left.set(title="Losses", ylabel="cross-entropy (nats)", xlabel="step")
    left.plot(steps, history.d_loss, color="tab:blue", linewidth=0.8, label="discriminator, real and generated")
    left.plot(steps, history.g_loss, color="tab:orange", linewidth=0.8, label="generator")

    mean, variance = np.array(history.distances).T
    middle.set(title="Moving statistics of G's first layer", xlabel="step", yscale="log")
    middle.set_ylabel("distance from those of 1,000 noise vectors\n(root mean square over 128 channels)")
    middle.plot(steps, variance, color="tab:red", label="moving variance, relative to the variance")
    middle.plot(steps, mean, color="tab:green", label="moving mean, in standard deviations")
    for axes in (left, middle):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=10)

    right.set(title="Generated by moving statistics; by the batch's")
    right.imshow(np.hstack([mosaic(samples), np.ones([54, 2]), mosaic(by_batch)]), cmap="gray_r", vmin=0, vmax=1)
    right.axis("off")
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=100)
    os.replace(partial, path)  # no reader sees half a picture


def mosaic(digits: np.ndarray) -> np.ndarray:
    """Thirty-six digits in a square, with a white line around each."""
    framed = np.pad(digits[:36].reshape(6, 6, 8, 8), [(0, 0), (0, 0), (0, 1), (0, 1)])
    return framed.transpose(0, 2, 1, 3).reshape(54, 54)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = ("scopes", "forgotten")
    runners = "each step those of its own network (default); none"
    parser.add_argument("--updates", choices=modes, default=modes[0], help=f"who runs the update ops: {runners}")
    parser.add_argument("--steps", type=int, default=2000, help="of each network (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the batches and the noise (default: 0)")
    parser.add_argument("--output-dir", type=Path, default=Path("gan_output"), help="default: gan_output")
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
    print(f"Trained both networks for {result.steps} steps, --updates {result.updates}.")
    for name, fed in (("d_step", "real digits and noise"), ("g_step", "noise alone"), ("d_real_updates", "real alone")):
        print(f"{name + ', fed ' + fed + ':':46}moves the statistics of {result.moved[name] or 'neither'}")
    print(f"Digits made by moving statistics differ from those by the batch's by {result.difference:.3f}.")
    if result.updates == "forgotten":
        print("Why: nothing ran the update ops, so the moving means are still 0 and the variances still 1.")
        print("Remedy: tfbn.create_train_op with update_scopes, as build does.")
    if not result.ok:
        print(
            f"NOT GOOD: expected at most {TARGET}, and D and G to be moved by their own steps alone. Try more --steps."
        )
    print(f"Wrote {result.plot} in {result.seconds} s.")


def main() -> int:
    arguments = parse_arguments()
    started, updates, seed, steps = time.perf_counter(), arguments.updates, arguments.seed, arguments.steps
    digits = (load_digits().data / 16.0).astype(np.float32)
    rng = np.random.default_rng(seed)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        graph = build(updates)
        session.run(tf.global_variables_initializer())
        moved = what_moves(session, graph, digits[:BATCH_SIZE], rng.standard_normal([BATCH_SIZE, NOISE]))
        history = train(session, graph, digits, steps, seed, not arguments.no_progress)
        feed = {graph.noise: rng.standard_normal([SAMPLES, NOISE])}
        samples = session.run(graph.generated, feed)
        by_batch = session.run(graph.generated, {**feed, graph.is_training: True})
    difference = float(np.sqrt(np.mean(np.square(samples - by_batch))))
    path = arguments.output_dir / f"gan-{updates}.png"
    plot(
        history,
        samples,
        by_batch,
        f"--updates {updates}: inference differs from training by {difference:.3f} (seed {seed})",
        path,
    )

    forgotten = updates == "forgotten"
    expected = {"d_step": "", "g_step": "", "d_real_updates": ""}
    if not forgotten:
        expected = {"d_step": "D", "g_step": "G", "d_real_updates": "D"}
    ok = moved == expected and (forgotten or difference <= TARGET)
    result = SimpleNamespace(updates=updates, seed=seed, steps=steps, plot=str(path), moved=moved, ok=ok)
    result.d_loss, result.g_loss = history.d_loss[-1], history.g_loss[-1]
    result.difference = difference
    result.mean_distance, result.variance_distance = history.distances[-1]
    result.seconds = round(time.perf_counter() - started, 1)
    if arguments.json:
        print(json.dumps(vars(result), indent=2))
    else:
        report(result)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
