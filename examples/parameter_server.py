"""Between-graph replication on handwritten digits: a parameter server and two workers, three processes on this machine.

The variables are on the server, the moving statistics among them. Each worker has a graph of its own, trains on its
half of the digits and does not wait for the other. Every update of the moving statistics counts: this program knows
each worker's batches and finds the order in which the server took the updates, one after the other.

Exit status: 0 when all went well, 1 when the accuracy is below 95 % or the statistics are not what the updates make one
after the other, 2 for wrong usage, 3 when a package is missing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import socket
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets at length

import numpy as np
import tensorflow.compat.v1 as tf
from digits_graph import BATCH_SIZE, Digits, read_digits
from tqdm import tqdm

import tfbn

WORKERS = 2
TARGET = 0.95
DECAY = 0.9
PATIENCE = 120.0  # seconds that a worker waits for the other
FINISHED = threading.Event()  # from when on processes may end


class Meeting(NamedTuple):
    """What the processes share."""

    cluster: dict[str, list[str]]
    results: Any  # a queue, of the second worker's
    barrier: Any  # for the workers


def network(images: tf.Tensor, is_training: tf.Tensor) -> tf.Tensor:
    with tfbn.arg_scope([tfbn.batch_norm], decay=DECAY, is_training=is_training):
        # Directly on the pixels, so that the batches, and nothing trained, say what its statistics are to be.
        net = tfbn.batch_norm(tf.reshape(images, [-1, 64]), scope="pixels")
        with tf.variable_scope("dense"):
            weights = tf.get_variable("weights", [64, 64], initializer=tf.variance_scaling_initializer(2.0))
            net = tfbn.batch_norm(tf.matmul(net, weights), activation_fn=tf.nn.relu)
        with tf.variable_scope("logits"):
            weights = tf.get_variable("weights", [64, 10], initializer=tf.variance_scaling_initializer())
            bias = tf.get_variable("bias", [10], initializer=tf.zeros_initializer())
            return tf.matmul(net, weights) + bias


def build() -> SimpleNamespace:
    images = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    is_training = tf.placeholder_with_default(False, [], name="is_training")
    logits = network(images, is_training)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    optimizer = tf.train.AdamOptimizer(0.005)
    # `train_op = tfbn.create_train_op(loss, optimizer)` is the same in one line.
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = optimizer.minimize(loss, tf.train.get_or_create_global_step())
    graph = SimpleNamespace(images=images, labels=labels, is_training=is_training, train_op=train_op)
    graph.accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))
    # What the collection has of a layer like this, of rank 2, are tensors: the statistics right after the update.
    graph.updated = tf.get_collection(tf.GraphKeys.UPDATE_OPS, "pixels/")
    graph.statistics = tf.global_variables("pixels/moving_")
    return graph


def batches(digits: Digits, worker: int, steps: int, seed: int) -> list[Digits]:
    """The batches of a worker: its own half of the digits in a random order, over and over."""
    rng = np.random.default_rng([seed, worker])
    own = np.arange(worker, len(digits.labels), WORKERS)
    passes = -(-steps * BATCH_SIZE // len(own))
    order = np.concatenate([rng.permutation(own) for _ in range(passes)])[: steps * BATCH_SIZE]
    return [Digits(digits.images[part], digits.labels[part]) for part in order.reshape(steps, BATCH_SIZE)]


def serve(meeting: Meeting) -> None:
    """The parameter server: keeps the variables until it is ended."""
    tf.train.Server(meeting.cluster, job_name="ps", task_index=0).join()


def work(meeting: Meeting, worker: int, steps: int, seed: int, progress: bool) -> tuple[list[Any], Any]:
    """The statistics right after each update; and what the first worker, the chief, finds at the end."""
    digits, held_out = read_digits(seed)
    # A worker looks for the server alone: with every process in sight, sessions wait for workers that are not there.
    config = tf.ConfigProto(device_filters=["/job:ps", f"/job:worker/task:{worker}"])
    server = tf.train.Server(meeting.cluster, job_name="worker", task_index=worker, config=config)
    here = f"/job:worker/task:{worker}"
    with tf.Graph().as_default(), tf.device(tf.train.replica_device_setter(worker_device=here, ps_tasks=1)):
        tf.set_random_seed(seed)
        graph = build()
        chief = worker == 0
        if not chief:
            # A session that finds the variables without values looks again only after 30 seconds.
            meeting.barrier.wait()
        with tf.train.MonitoredTrainingSession(server.target, is_chief=chief, config=config) as session:
            if chief:
                meeting.barrier.wait()
            found = []
            for batch in tqdm(batches(digits, worker, steps, seed), unit="step", disable=not progress):
                feed = {graph.images: batch.images, graph.labels: batch.labels, graph.is_training: True}
                found.append(session.run([graph.updated, graph.train_op], feed)[0])
            meeting.barrier.wait()  # now all updates are made
            if not chief:
                return found, None
            feed = {graph.images: held_out.images, graph.labels: held_out.labels}
            return found, session.run([graph.statistics, graph.accuracy, tf.train.get_global_step()], feed)


def second_worker(meeting: Meeting, steps: int, seed: int) -> None:
    """The worker beside the chief; as the server, it stays until it is ended."""
    meeting.results.put(work(meeting, 1, steps, seed, False)[0])
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()


def start(context: Any, target: Any, *arguments: Any) -> Any:
    process = context.Process(target=child, args=(target, *arguments), daemon=True)
    process.start()
    end_with(process.sentinel)
    return process


def child(target: Any, *arguments: Any) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    end_with(parent.sentinel)
    target(*arguments)


def end_with(sentinel: int) -> None:
    """Ends this process when another one does, however that ended, so that no process waits for ever."""

    def wait() -> None:
        multiprocessing.connection.wait([sentinel])
        if not FINISHED.is_set():
            print("A process that this one needs has ended.", file=sys.stderr, flush=True)
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def free_addresses(count: int) -> list[str]:
    sockets = [socket.socket() for _ in range(count)]
    for reserved in sockets:
        reserved.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{reserved.getsockname()[1]}" for reserved in sockets]
    for reserved in sockets:
        reserved.close()
    return addresses


def train(steps: int, seed: int, progress: bool) -> tuple[list[list[Any]], Any]:
    """What both workers found, and what the chief, which is this process, found at the end."""
    context = multiprocessing.get_context("spawn")
    ps, *workers = free_addresses(1 + WORKERS)
    barrier = context.Barrier(WORKERS, timeout=PATIENCE)
    meeting = Meeting({"ps": [ps], "worker": workers}, context.Queue(), barrier)
    processes = [start(context, serve, meeting), start(context, second_worker, meeting, steps, seed)]
    try:
        found, final = work(meeting, 0, steps, seed, progress)
        return [found, meeting.results.get(timeout=PATIENCE)], final
    finally:
        FINISHED.set()
        for process in processes:
            process.kill()
            process.join()


def order_of_updates(start: np.ndarray, found: list[list[np.ndarray]], given: list[list[np.ndarray]]) -> list[int]:
    """Whose update came when, or as far as it can be told: each has to be one step from the value that it found.

    `found` has, of each worker, the values after its updates; `given` the values that those moved towards.
    """
    order, taken, value = [], [0] * len(found), start
    while True:
        for worker, position in enumerate(taken):
            if position < len(found[worker]):
                expected = value * DECAY + given[worker][position] * (1 - DECAY)
                if np.allclose(found[worker][position], expected, rtol=1e-5, atol=1e-6):  # in float32
                    value = found[worker][position]
                    taken[worker] += 1
                    order.append(worker)
                    break
        else:
            return order


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150, help=f"of each worker, of {BATCH_SIZE} digits (default: 150)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    arguments = parser.parse_args()
    for name, least in (("steps", 1), ("seed", 0)):
        if getattr(arguments, name) < least:
            parser.error(
                f"argument --{name}: expected {least} or more, got {getattr(arguments, name)}; give a larger one"
            )
    return arguments


def report(result: SimpleNamespace) -> None:
    print(f"{WORKERS} workers made {result.steps} steps each; the global step is {result.global_step}.")
    for name, order in result.orders.items():
        changes = int(np.count_nonzero(np.diff(order)))
        print(f"{name}: {len(order)} of {WORKERS * result.steps} updates, one after the other, {changes} hand-overs.")
    print(f"Held out, with moving statistics: {result.held_out_accuracy:.1%}")
    if not result.ok:
        print(f"NOT GOOD: expected every update, and {TARGET:.0%}. Try more --steps or another --seed.")
    print(f"Took {result.seconds} s.")


def main() -> int:
    arguments = parse_arguments()
    started, steps, seed = time.perf_counter(), arguments.steps, arguments.seed
    found, (final, accuracy, global_step) = train(steps, seed, not arguments.no_progress)
    digits, _ = read_digits(seed)
    pixels = [[batch.images.reshape(-1, 64) for batch in batches(digits, worker, steps, seed)] for worker in range(2)]
    orders = {}
    for index, (name, initial) in enumerate((("moving_mean", 0.0), ("moving_variance", 1.0))):
        given = [[part.mean(0) if index == 0 else part.var(0, ddof=1) for part in of_worker] for of_worker in pixels]
        after = [[step[index] for step in of_worker] for of_worker in found]
        order = order_of_updates(np.full(64, initial), after, given)
        complete = len(order) == WORKERS * steps and np.array_equal(final[index], after[order[-1]][-1])
        orders[name] = (order, complete)
    result = SimpleNamespace(steps=steps, seed=seed, global_step=int(global_step), held_out_accuracy=float(accuracy))
    result.orders = {name: order for name, (order, _) in orders.items()}
    result.exact = all(complete for _, complete in orders.values()) and result.global_step == WORKERS * steps
    result.ok = result.exact and result.held_out_accuracy >= TARGET
    result.seconds = round(time.perf_counter() - started, 1)
    if arguments.json:
        print(json.dumps(vars(result)))
    else:
        report(result)
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
