"""Handwritten digits in TensorFlow 1 graph mode: train, evaluate with moving statistics, save, restore, plot.

Batch normalization uses the batch's statistics in training and moving statistics in inference. The moving ones are
changed by update ops, which the training step has to run: --updates shows the two ways to do that, and what happens
when it is forgotten; --compare trains once in each way, and draws all three side by side.

Exit status: 0 when all went well, 1 when the accuracy is below 98 % or not the same after restoring (with --updates
forgotten, which is meant to fail, only the latter), 2 for wrong usage, 3 when a package is missing.
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

try:
    import tfbn
    from tfbn.cli.quiet import native_stderr_suppressed

    with native_stderr_suppressed():  # what TensorFlow prints at its start at every log level
        import tensorflow.compat.v1 as tf

        tf.config.list_physical_devices()  # looks for GPUs, and complains where there is none
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure  # without pyplot, which would look for a display
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from tqdm import tqdm
except ModuleNotFoundError as error:
    print(
        f"This example needs {error.name}, which is not installed: pip install 'tfbn[tensorflow,examples]'",
        file=sys.stderr,
    )
    sys.exit(3)

# Who runs the update ops.
MODES = {
    "collection": "Update ops run by the train op",
    "inline": "Update ops run by the layers",
    "forgotten": "Update ops forgotten",
}
BATCH_SIZE = 64
TARGET = 0.98
# A moving average remembers about 1 / (1 - decay) steps. The default, 0.999, is made for long training: after our 420
# steps it would still hold 66 % of the values it started with, 0 and 1. With 0.9 that is gone after 50 steps.
DECAY = 0.9


class Digits(NamedTuple):
    images: np.ndarray  # [n, 8, 8, 1], ink between 0 and 1
    labels: np.ndarray  # [n]


class History(NamedTuple):
    loss: list[float]  # at each step
    distances: list[tuple[float, float]]  # after each step
    checked_at: list[int]  # the steps after which the accuracies were taken
    train_accuracy: list[float]  # of the batches since the last check
    held_out_accuracy: list[float]


def read_digits(seed: int) -> tuple[Digits, Digits]:
    """The training and the held-out digits; a quarter of each class is held out."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype(np.float32)
    split = train_test_split(images, labels, test_size=0.25, stratify=labels, random_state=seed)
    return Digits(split[0], split[2]), Digits(split[1], split[3])


def conv(inputs: tf.Tensor, filters: int, scope: str) -> tuple[tf.Tensor, tf.Tensor]:
    """A 3x3 convolution, batch norm and ReLU; returns the result and what went into the batch norm."""
    with tf.variable_scope(scope):
        shape = [3, 3, inputs.shape[-1], filters]
        weights = tf.get_variable("weights", shape, initializer=tf.variance_scaling_initializer(2.0))
        before = tf.nn.conv2d(inputs, weights, strides=1, padding="SAME")  # no bias: beta is one
        return tfbn.batch_norm(before, activation_fn=tf.nn.relu), before


def network(
    images: tf.Tensor, is_training: tf.Tensor | bool, updates: str, decay: float = DECAY
) -> tuple[tf.Tensor, tf.Tensor]:
    """Three convolutions and two dense layers; returns the logits and the inputs of the first batch norm."""
    where = None if updates == "inline" else tf.GraphKeys.UPDATE_OPS
    with tfbn.arg_scope([tfbn.batch_norm], decay=decay, is_training=is_training, updates_collections=where):
        net, before_first = conv(images, 32, "conv1")
        net, _ = conv(net, 32, "conv2")
        net, _ = conv(tf.nn.max_pool2d(net, 2, 2, "SAME"), 64, "conv3")
        net = tf.reshape(tf.nn.max_pool2d(net, 2, 2, "SAME"), [-1, 2 * 2 * 64])
        with tf.variable_scope("dense"):
            weights = tf.get_variable("weights", [256, 64], initializer=tf.variance_scaling_initializer(2.0))
            net = tfbn.batch_norm(tf.matmul(net, weights), activation_fn=tf.nn.relu)
        with tf.variable_scope("logits"):
            weights = tf.get_variable("weights", [64, 10], initializer=tf.variance_scaling_initializer())
            bias = tf.get_variable("bias", [10], initializer=tf.zeros_initializer())
            return tf.matmul(net, weights) + bias, before_first


def build_training(updates: str, steps: int, decay: float = DECAY) -> SimpleNamespace:
    images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    is_training = tf.placeholder_with_default(False, [], name="is_training")
    logits, before_first = network(images, is_training, updates, decay)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))

    global_step = tf.train.get_or_create_global_step()
    optimizer = tf.train.AdamOptimizer(tf.train.cosine_decay(0.005, global_step, steps))
    # The collection is read after the layers are built, and tied to minimize, not to the optimizer's constructor.
    # With --updates inline it is empty, because the layers run their updates themselves.
    update_ops = [] if updates == "forgotten" else tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = optimizer.minimize(loss, global_step)
    graph = SimpleNamespace(images=images, labels=labels, is_training=is_training, loss=loss, accuracy=accuracy)
    graph.train_op, graph.distances = train_op, statistics_distances(before_first)
    return graph


def statistics_distances(before: tf.Tensor) -> list[tf.Tensor]:
    """How far the moving statistics of conv1 are from those of the images fed, as a root mean square over channels.

    That of the mean is in standard deviations of the channel, that of the variance is relative to the variance. Only of
    the first layer are the inputs the same in training and in inference, so that the two can be compared.
    """
    moving = {v.op.name: v for v in tf.global_variables("conv1/BatchNorm/moving_")}
    mean, variance = tf.nn.moments(before, [0, 1, 2])
    mean_error = (moving["conv1/BatchNorm/moving_mean"] - mean) / tf.sqrt(variance)
    variance_error = moving["conv1/BatchNorm/moving_variance"] / variance - 1
    return [tf.sqrt(tf.reduce_mean(tf.square(error))) for error in (mean_error, variance_error)]


def train(
    session: tf.Session, graph: SimpleNamespace, digits: Digits, held_out: Digits, steps: int, seed: int, progress: bool
) -> History:
    history = History([], [], [], [], [])
    rng = np.random.default_rng(seed)
    order, recent = np.empty(0, int), []
    # In these two is_training keeps its default, False: the moving statistics are used and stay as they are.
    feed_all = {graph.images: digits.images}
    feed_held_out = {graph.images: held_out.images, graph.labels: held_out.labels}
    with tqdm(range(1, steps + 1), unit="step", disable=not progress) as bar:
        for step in bar:
            if len(order) < BATCH_SIZE:
                order = rng.permutation(len(digits.labels))
            batch, order = order[:BATCH_SIZE], order[BATCH_SIZE:]
            feed = {graph.images: digits.images[batch], graph.labels: digits.labels[batch], graph.is_training: True}
            _, loss, accuracy = session.run([graph.train_op, graph.loss, graph.accuracy], feed)
            history.loss.append(float(loss))
            recent.append(accuracy)
            history.distances.append(tuple(map(float, session.run(graph.distances, feed_all))))
            if step % 10 == 0 or step == steps:
                history.checked_at.append(step)
                history.train_accuracy.append(float(np.mean(recent)))
                history.held_out_accuracy.append(float(session.run(graph.accuracy, feed_held_out)))
                bar.set_postfix(loss=f"{loss:.3f}", held_out=f"{history.held_out_accuracy[-1]:.1%}")
                recent = []
    return history


def restored_accuracy(checkpoint: str, updates: str, held_out: Digits) -> float:
    """The accuracy of the checkpoint in a new graph, built for inference only: is_training is False for good."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
        logits, _ = network(images, False, updates)
        tf.train.Saver(tf.global_variables()).restore(session, checkpoint)
        predicted = session.run(tf.argmax(logits, 1), {images: held_out.images})
    return float(np.mean(predicted == held_out.labels))


def plot(history: History, title: str, path: Path) -> None:
    steps = np.arange(1, len(history.loss) + 1)
    figure = Figure(figsize=(16, 5), layout="constrained")
    figure.suptitle(title, fontsize=14)
    left, middle, right = figure.subplots(1, 3)

    left.set(title="Training loss", ylabel="cross-entropy per digit (nats)", yscale="log")
    left.plot(steps, history.loss, color="tab:blue", alpha=0.35, label=f"each batch of {BATCH_SIZE}")
    width = min(20, len(steps))
    average = np.convolve(history.loss, np.ones(width) / width, "valid")
    left.plot(steps[width - 1 :], average, color="tab:blue", label=f"mean of the last {width}")

    least = 100 * min(*history.train_accuracy, *history.held_out_accuracy)
    middle.set(title="Accuracy", ylabel="digits recognised (%)", ylim=(max(0, least - 10), 101))
    plot_accuracies(middle, history)
    middle.axhline(100 * TARGET, color="gray", linestyle="--", linewidth=1, label=f"{TARGET:.0%}")

    mean, variance = np.array(history.distances).T
    right.set(title="Moving statistics of the first layer", yscale="log", ylim=(1e-4, 20))
    right.set_ylabel("distance from those of all training digits\n(root mean square over 32 channels)")
    right.plot(steps, variance, color="tab:red", label="moving variance, relative to the variance")
    right.plot(steps, mean, color="tab:green", label="moving mean, in standard deviations")
    right.plot(steps, DECAY**steps, "k:", label=f"share of the initial value if updated: {DECAY}$^{{step}}$")

    for axes in (left, middle, right):
        axes.set_xlabel("training step")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=10)
    save(figure, path)


def plot_accuracies(axes: Axes, history: History) -> None:
    trained, held_out = 100 * np.array(history.train_accuracy), 100 * np.array(history.held_out_accuracy)
    axes.plot(history.checked_at, trained, ".-", color="tab:blue", label="training: digits of the batches")
    axes.plot(history.checked_at, held_out, ".-", color="tab:orange", label="evaluation: digits never trained on")


def plot_comparison(histories: dict[str, History], path: Path) -> None:
    """The accuracies of each way to run the update ops, side by side."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    panels = figure.subplots(1, len(histories), sharey=True)
    for axes, (updates, history) in zip(panels, histories.items()):
        trained, held_out = history.train_accuracy[-1], history.held_out_accuracy[-1]
        axes.set_title(f"{MODES[updates]}\ntraining {trained:.0%}, evaluation {held_out:.0%}", fontsize=12)
        plot_accuracies(axes, history)
        axes.set(xlabel="training step", ylim=(0, 102))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("digits recognised (%)")
    panels[0].legend(loc="lower right", fontsize=10)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    figure.savefig(partial, format="png", dpi=100)
    os.replace(partial, path)  # no reader sees half a picture


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    runners = "the train op, tied to the collection UPDATE_OPS (default); the layers, by updates_collections=None; none"
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--updates", choices=MODES, default="collection", help=f"who runs the update ops: {runners}")
    ways.add_argument("--compare", action="store_true", help="train once in each of these ways, and compare")
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
    print(f"Trained on {result.training_digits} digits for {result.steps} steps, --updates {result.updates}.")
    print(f"Training accuracy, with batch statistics:  {result.train_accuracy:.1%} of the last batches")
    print(
        f"Held out, with moving statistics:          {result.held_out_accuracy:.1%} of {result.held_out_digits} digits"
    )
    print(f"Restored in a fresh graph for inference:   {result.restored_accuracy:.1%}")
    if result.statistics_untouched:
        print("Why: nothing ran the update ops. Inference uses moving means that are still 0 and variances still 1.")
        print("Remedy: tie tf.get_collection(tf.GraphKeys.UPDATE_OPS) to the train op, as build_training does.")
    if not result.ok:
        print(f"NOT GOOD: expected {TARGET:.0%}, and the same when restored. Try more --steps or another --seed.")
    print(f"Wrote {result.plot} and {result.checkpoint}.* in {result.seconds} s.")


def run(
    updates: str, digits: Digits, held_out: Digits, arguments: argparse.Namespace
) -> tuple[History, SimpleNamespace]:
    """Trains, saves, restores and plots; returns how training went, and what there is to report."""
    started, seed, steps = time.perf_counter(), arguments.seed, arguments.steps
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        graph = build_training(updates, steps)
        saver = tf.train.Saver(tf.global_variables())  # trainable_variables() would leave out the moving statistics
        session.run(tf.global_variables_initializer())
        history = train(session, graph, digits, held_out, steps, seed, not arguments.no_progress)
        means, variances = session.run([tf.global_variables(f".*/moving_{name}") for name in ("mean", "variance")])
        checkpoint = saver.save(session, str(arguments.output_dir / f"digits-{updates}.ckpt"))
    accuracy, restored = history.held_out_accuracy[-1], restored_accuracy(checkpoint, updates, held_out)
    path = arguments.output_dir / f"digits-{updates}.png"
    plot(history, f"{MODES[updates]}: {accuracy:.1%} of the held-out digits recognised", path)

    ok = abs(restored - accuracy) < 1e-6 and (accuracy >= TARGET or updates == "forgotten")
    result = SimpleNamespace(updates=updates, seed=seed, steps=steps, checkpoint=checkpoint, plot=str(path), ok=ok)
    result.training_digits, result.held_out_digits = len(digits.labels), len(held_out.labels)
    result.loss, result.train_accuracy = history.loss[-1], history.train_accuracy[-1]
    result.held_out_accuracy, result.restored_accuracy = accuracy, restored
    result.mean_distance, result.variance_distance = history.distances[-1]
    result.statistics_untouched = all((m == 0).all() and (v == 1).all() for m, v in zip(means, variances))
    result.seconds = round(time.perf_counter() - started, 1)
    if not arguments.json:
        report(result)
    return history, result


def main() -> int:
    arguments = parse_arguments()
    digits, held_out = read_digits(arguments.seed)
    if not arguments.compare:
        _, result = run(arguments.updates, digits, held_out, arguments)
        if arguments.json:
            print(json.dumps(vars(result), indent=2))
        return 0 if result.ok else 1
    runs = {updates: run(updates, digits, held_out, arguments) for updates in MODES}
    path = arguments.output_dir / "digits-compared.png"
    plot_comparison({updates: history for updates, (history, _) in runs.items()}, path)
    results = [result for _, result in runs.values()]
    if arguments.json:
        print(json.dumps({"plot": str(path), "runs": [vars(result) for result in results]}, indent=2))
    else:
        print(f"Wrote {path}, with all three side by side.")
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
