"""What replaces an Estimator: a MonitoredTrainingSession with hooks, checkpoints and restarts, on handwritten digits.

Trains twice: once undisturbed, and once interrupted half-way between two checkpoints and started again. The checkpoints
hold the moving statistics, and the batches follow from the global step, so that both runs end with the same variables.

Exit status: 0 when all went well, 1 when the accuracy is below 95 % or the runs end with different variables, 2 for
wrong usage, 3 when a package is missing.
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
import tensorflow.compat.v1 as tf
from digits_graph import BATCH_SIZE, Digits, network, read_digits

TARGET = 0.95
FOLDERS = ("undisturbed", "interrupted")


class Interrupted(Exception):
    """Stands for whatever ends a training before its time."""


def build_training(steps: int) -> SimpleNamespace:
    images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    # The graph is for training alone: `evaluate` builds its own, as an Estimator does.
    logits, _ = network(images, True, "collection")
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    global_step = tf.train.get_or_create_global_step()
    optimizer = tf.train.AdamOptimizer(tf.train.cosine_decay(0.005, global_step, steps))
    # `train_op = tfbn.create_train_op(loss, optimizer)` is the same in one line.
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.minimize(loss, global_step)
    tf.summary.scalar("loss", loss)
    for variable in tf.global_variables("conv1/.*/moving_"):
        tf.summary.histogram(f"statistics/{variable.op.name}", variable)
    return SimpleNamespace(images=images, labels=labels, loss=loss, global_step=global_step, train_op=train_op)


def batch(digits: Digits, step: int, seed: int) -> Digits:
    """The batch of a step: a function of the global step, and so the same whenever the step is made again."""
    per_pass = len(digits.labels) // BATCH_SIZE
    order = np.random.default_rng([seed, step // per_pass]).permutation(len(digits.labels))
    chosen = order[step % per_pass * BATCH_SIZE :][:BATCH_SIZE]
    return Digits(digits.images[chosen], digits.labels[chosen])


def train(folder: Path, digits: Digits, arguments: argparse.Namespace, until: int | None = None) -> list[int]:
    """Trains from the newest checkpoint in the folder, if there is one; returns the steps that it made.

    Raises Interrupted before the step `until`.
    """
    made: list[int] = []
    with tf.Graph().as_default():
        tf.set_random_seed(arguments.seed)
        graph = build_training(arguments.steps)
        hooks = [
            tf.train.StopAtStepHook(last_step=arguments.steps),
            tf.train.LoggingTensorHook({"step": graph.global_step, "loss": graph.loss}, every_n_iter=50),
        ]
        # These write, so that only one process of a training has them.
        chief_only_hooks = [
            # Of all variables. Saver(tf.trainable_variables()) would leave out the moving statistics.
            tf.train.CheckpointSaverHook(str(folder), save_steps=arguments.save_steps, saver=tf.train.Saver()),
            tf.train.SummarySaverHook(20, output_dir=str(folder), summary_op=tf.summary.merge_all()),
        ]
        options = {"save_checkpoint_secs": None, "save_summaries_steps": None, "save_summaries_secs": None}
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=str(folder),
            hooks=hooks,
            chief_only_hooks=chief_only_hooks,
            log_step_count_steps=0,
            **options,
        ) as session:
            while not session.should_stop():
                # By this way no hook takes it for a step. Asked each time, since a session that is lost and made anew
                # goes back to a checkpoint.
                step = int(session.run_step_fn(lambda step_context: step_context.session.run(graph.global_step)))
                if step == until:
                    raise Interrupted
                made.append(step)
                given = batch(digits, step, arguments.seed)
                session.run(graph.train_op, {graph.images: given.images, graph.labels: given.labels})
    return made


def evaluate(folder: Path, held_out: Digits) -> float:
    """The accuracy of the newest checkpoint, by a graph for inference."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
        logits, _ = network(images, False, "collection")
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(str(folder)))
        predicted = session.run(tf.argmax(logits, 1), {images: held_out.images})
    return float(np.mean(predicted == held_out.labels))


def variables(folder: Path) -> dict[str, Any]:
    """What the newest checkpoint has: weights, moving statistics, the optimizer's slots and the global step."""
    reader = tf.train.load_checkpoint(str(folder))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=210, help=f"of {BATCH_SIZE} digits each (default: 210, 10 epochs)")
    parser.add_argument("--save-steps", type=int, default=50, help="from one checkpoint to the next (default: 50)")
    parser.add_argument("--interrupt-at", type=int, default=130, help="the step that is not made (default: 130)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--output-dir", type=Path, default=Path("monitored_output"), help="default: monitored_output")
    parser.add_argument("--no-progress", action="store_true", help="no log of the session and the losses")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    arguments = parser.parse_args()
    for name, least in (("steps", 2), ("save_steps", 1), ("interrupt_at", 1), ("seed", 0)):
        given = getattr(arguments, name)
        if given < least:
            option = name.replace("_", "-")
            parser.error(f"argument --{option}: expected {least} or more, got {given}; give a larger one")
    if arguments.interrupt_at >= arguments.steps:
        parser.error(
            f"argument --interrupt-at: expected less than --steps {arguments.steps}, got {arguments.interrupt_at}; "
            "give a smaller one"
        )
    for name in FOLDERS:
        if (arguments.output_dir / name).exists():
            parser.error(f"argument --output-dir: expected one without {name}, got {arguments.output_dir}; remove it")
    try:
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output-dir: expected a folder that can be made, got {error}; name another")
    return arguments


def report(result: SimpleNamespace) -> None:
    print(f"Undisturbed: {result.steps} steps.")
    print(
        f"Interrupted before step {result.interrupted_at}; started again at step {result.restarted_at}, a checkpoint."
    )
    if result.different:
        print(f"DIFFERENT at the end: {', '.join(result.different)}")
    else:
        print(
            f"At the end all {result.variables} variables are the same, {result.statistics} moving statistics included."
        )
    print(f"Held out, with moving statistics: {result.held_out_accuracy:.1%} of {result.held_out_digits} digits")
    if result.held_out_accuracy < TARGET:
        print(f"NOT GOOD: expected {TARGET:.0%}. Try more --steps or another --seed.")
    print(f"Checkpoints and summaries are in {result.output_dir}. Took {result.seconds} s.")


def main() -> int:
    arguments = parse_arguments()
    started = time.perf_counter()
    tf.logging.set_verbosity(tf.logging.ERROR if arguments.no_progress else tf.logging.INFO)
    digits, held_out = read_digits(arguments.seed)
    undisturbed, interrupted = (arguments.output_dir / name for name in FOLDERS)
    train(undisturbed, digits, arguments)
    try:
        train(interrupted, digits, arguments, until=arguments.interrupt_at)
    except Interrupted:
        made_again = train(interrupted, digits, arguments)

    one, other = variables(undisturbed), variables(interrupted)
    different = sorted(name for name in one.keys() | other.keys() if not np.array_equal(one.get(name), other.get(name)))
    result = SimpleNamespace(steps=arguments.steps, seed=arguments.seed, output_dir=str(arguments.output_dir))
    result.interrupted_at, result.restarted_at = arguments.interrupt_at, made_again[0]
    result.variables, result.different = len(one), different
    result.statistics = sum("/moving_" in name for name in one)
    result.held_out_accuracy, result.held_out_digits = evaluate(interrupted, held_out), len(held_out.labels)
    result.ok = not different and result.held_out_accuracy >= TARGET
    result.seconds = round(time.perf_counter() - started, 1)
    if arguments.json:
        print(json.dumps(vars(result), indent=2))
    else:
        report(result)
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
