"""Synchronized training on handwritten digits: two processes, each with half of every batch, that act as one.

Every layer of the network of digits_module.py normalizes by the statistics of the whole batch, and so the two train as
one process with the whole batch would: `--workers 1` ends with the same moving statistics, up to rounding.

Without TF_CONFIG in its environment the program starts the processes on this machine. With it, it is one of them, as on
a cluster. The first saves a checkpoint every few steps. When a process is lost the others end within a minute; started
again, all go on from the last checkpoint.

Exit status: 0 when all went well, 1 when the accuracy is below 95 %, 2 for wrong usage, 3 when a package is missing, 4
when another process was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets at length

import numpy as np
import tensorflow as tf
from digits_graph import BATCH_SIZE, Digits, read_digits, tqdm
from digits_module import Network, accuracy

TARGET = 0.95
LOST = 4
# How TensorFlow says that a process does not answer: it noticed, or a collective took longer than SILENCE.
SIGNS = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.CancelledError)
SIGNS += (tf.errors.InternalError,)
SILENCE = 45.0  # seconds


def strategy_of_workers() -> tf.distribute.Strategy:
    """All processes of TF_CONFIG; by itself TensorFlow would wait for ever for one that is stuck."""
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=SILENCE)
    return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)


def batch(digits: Digits, step: int, seed: int) -> Digits:
    """That of a step: the same for all processes, and after a restart."""
    each = len(digits.labels) // BATCH_SIZE
    order = np.random.default_rng([seed, step // each]).permutation(len(digits.labels))
    part = order[step % each * BATCH_SIZE :][:BATCH_SIZE]
    return Digits(digits.images[part], digits.labels[part])


class Momentum(tf.Module):
    """Gradient descent with momentum. Its variables are there from the start, and so are restored before a step."""

    def __init__(self, variables: tuple[tf.Variable, ...]) -> None:
        super().__init__()
        self.variables_ = variables
        self.velocities = [tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in variables]

    def apply(self, gradients: list[tf.Tensor]) -> None:
        """A step by the sums of all replicas' gradients; each of them calls this."""
        tf.distribute.get_replica_context().merge_call(self._apply, args=(gradients,))

    def _apply(self, strategy: tf.distribute.Strategy, gradients: list[Any]) -> None:
        pairs = list(zip(gradients, self.variables_))
        sums = strategy.extended.batch_reduce_to(tf.distribute.ReduceOp.SUM, pairs)
        for variable, velocity, gradient in zip(self.variables_, self.velocities, sums):
            strategy.extended.update(variable, self._move, args=(velocity, gradient))

    @staticmethod
    def _move(variable: tf.Variable, velocity: tf.Variable, gradient: tf.Tensor) -> None:
        velocity.assign(0.9 * velocity + gradient)
        variable.assign_sub(0.05 * velocity)


def training_step(strategy: tf.distribute.Strategy, network: Network, optimizer: Momentum) -> Callable:
    def of_replica(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(images, is_training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            # By the size of the whole batch: the replicas' gradients are added up.
            loss = tf.reduce_sum(losses) / BATCH_SIZE
        optimizer.apply(tape.gradient(loss, optimizer.variables_))
        return loss

    @tf.function
    def of_all(images: Any, labels: Any) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(of_replica, (images, labels)), axis=None)

    return of_all


def deal(strategy: tf.distribute.Strategy, values: np.ndarray) -> Any:
    """Each replica's share of the batch; they may be of different sizes."""
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(values[context.replica_id_in_sync_group :: context.num_replicas_in_sync])
    )


def work(arguments: argparse.Namespace) -> int:
    """What each process does; the first, the chief, reports."""
    started, seed, steps = time.perf_counter(), arguments.seed, arguments.steps
    tf.config.experimental.enable_op_determinism()  # sums in a fixed order: a restart ends with the same bits
    strategy = strategy_of_workers()
    chief = strategy.cluster_resolver.task_id in (0, None)
    digits, held_out = read_digits(seed)
    tf.random.set_seed(seed)
    with strategy.scope():
        network = Network(synchronized=True)
        optimizer = Momentum(network.trainable_variables)
    step = tf.Variable(0, trainable=False)  # of each process
    checkpoint = tf.train.Checkpoint(network=network, optimizer=optimizer, step=step)
    manager = tf.train.CheckpointManager(checkpoint, arguments.output_dir, max_to_keep=2)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    run, first = training_step(strategy, network, optimizer), int(step.numpy())
    loss = np.nan
    for number in tqdm(range(first, steps), unit="step", disable=arguments.no_progress or not chief):
        of_step = batch(digits, number, seed)
        loss = float(run(deal(strategy, of_step.images), deal(strategy, of_step.labels)))
        step.assign_add(1)
        # The chief alone: synchronized statistics are the same everywhere, so that no other process has to be asked.
        if chief and ((number + 1) % arguments.save_every == 0 or number + 1 == steps):
            manager.save(number + 1)
    if chief:
        result = SimpleNamespace(seed=seed, steps=steps, replicas=strategy.num_replicas_in_sync, resumed_at=first)
        result.loss, result.held_out_accuracy = loss, accuracy(network, held_out)
        result.moving_mean = network.conv1.norm.moving_mean.numpy().tolist()
        result.checkpoint, result.ok = manager.latest_checkpoint, result.held_out_accuracy >= TARGET
        result.seconds = round(time.perf_counter() - started, 1)
        report(result, arguments.json)
        return 0 if result.ok else 1
    return 0


def report(result: SimpleNamespace, as_json: bool) -> None:
    if as_json:
        print(json.dumps(vars(result)), flush=True)
        return
    print(f"{result.replicas} replicas trained from step {result.resumed_at} to {result.steps}.")
    print(f"Held out, with moving statistics: {result.held_out_accuracy:.1%}")
    if not result.ok:
        print(f"NOT GOOD: expected {TARGET:.0%}. Try more --steps or another --seed.")
    print(f"Wrote {result.checkpoint}.* in {result.seconds} s.", flush=True)


def end_with_parent() -> None:
    """Ends with its parent: standard input reaches its end when the parent process has ended."""

    def wait() -> None:
        sys.stdin.read()
        os._exit(LOST)

    threading.Thread(target=wait, daemon=True).start()


def start_workers(number: int) -> int:
    """The processes, on this machine; the worst exit status of them."""
    sockets = [socket.socket() for _ in range(number)]
    for reserved in sockets:
        reserved.bind(("127.0.0.1", 0))
    cluster = {"worker": [f"127.0.0.1:{reserved.getsockname()[1]}" for reserved in sockets]}
    for reserved in sockets:
        reserved.close()
    processes = []
    for index in range(number):
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        command = [sys.executable, *sys.argv, "--end-with-parent"]
        processes.append(subprocess.Popen(command, env={**os.environ, "TF_CONFIG": config}, stdin=subprocess.PIPE))
    try:
        statuses = [process.wait() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return max(LOST if status < 0 else status for status in statuses)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="processes to start, without TF_CONFIG (default: 2)")
    parser.add_argument("--steps", type=int, default=210, help=f"of {BATCH_SIZE} digits each (default: 210, 10 epochs)")
    parser.add_argument("--save-every", type=int, default=50, help="steps between checkpoints (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--output-dir", type=Path, default=Path("digits_output/replicas"), help="of the checkpoints")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    parser.add_argument("--end-with-parent", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name, least in (("workers", 1), ("steps", 1), ("save_every", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(
                f"argument --{name.replace('_', '-')}: expected {least} or more, got {getattr(arguments, name)}; give "
                "a larger one"
            )
    try:
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output-dir: expected a folder that can be made, got {error}; name another")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    if "TF_CONFIG" not in os.environ:
        return start_workers(arguments.workers)
    if arguments.end_with_parent:
        end_with_parent()
    try:
        return work(arguments)
    except SIGNS as error:
        lines = error.message.splitlines()
        reason = next((line for line in lines if "Collective ops" in line), lines[-1])
        print(f"Another process was lost: {type(error).__name__}: {reason}", file=sys.stderr)
        print(
            f"Start all again; they go on from the last checkpoint in {arguments.output_dir}.",
            file=sys.stderr,
            flush=True,
        )
        # TensorFlow would wait for the lost one once more.
        os._exit(LOST)


if __name__ == "__main__":
    sys.exit(main())
