"""What TensorBoard shows of batch norm: handwritten digits with the update ops run, and with the update ops forgotten.

Trains the network of digits_graph.py twice in a MonitoredTrainingSession, with tfbn.summaries_hook in both, reads the
event files back, and plots how far the moving statistics of each layer are from those of the batch.

Exit status: 0 when the distances fall where the update ops run, and stay where they are forgotten, 1 when they do not,
2 for wrong usage, 3 when a package is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported, or it greets at length

import numpy as np
import tensorflow.compat.v1 as tf
from digits_graph import BATCH_SIZE, Digits, Figure, build_training, read_digits, save, tqdm

import tfbn

RUNS = {"collection": "Update ops run by the train op", "forgotten": "Update ops forgotten"}
DISTANCES = {"mean_distance": "of the mean, in standard deviations", "variance_distance": "of the variance, relative"}
NEAR = 0.5  # more than the noise from batch to batch, less than moving statistics that stay as they are initialized

Series = dict[str, dict[int, float]]  # by tag and by step


def train(updates: str, digits: Digits, arguments: argparse.Namespace, folder: Path) -> None:
    """Trains with the hook, which writes to the folder."""
    rng = np.random.default_rng(arguments.seed)
    with tf.Graph().as_default():
        tf.set_random_seed(arguments.seed)
        graph = build_training(updates, arguments.steps)
        hooks = [tfbn.summaries_hook(folder, every_steps=arguments.every_steps)]
        with tf.train.MonitoredTrainingSession(chief_only_hooks=hooks, log_step_count_steps=0) as session:
            for _ in tqdm(range(arguments.steps), unit="step", disable=arguments.no_progress):
                chosen = rng.choice(len(digits.labels), BATCH_SIZE, replace=False)
                feed = {graph.images: digits.images[chosen], graph.labels: digits.labels[chosen]}
                session.run(graph.train_op, {**feed, graph.is_training: True})


def read(folder: Path) -> Series:
    """The scalars of the event file in the folder."""
    (events,) = folder.glob("events.out.tfevents.*")
    series: Series = {}
    for event in tf.train.summary_iterator(str(events)):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                series.setdefault(value.tag, {})[event.step] = value.simple_value
    return series


def plot(runs: dict[str, Series], path: Path) -> None:
    figure = Figure(figsize=(12, 5), layout="constrained")
    figure.suptitle("How far the moving statistics are from those of the batch", fontsize=14)
    for axes, (name, title) in zip(figure.subplots(1, 2), DISTANCES.items()):
        for (updates, series), style in zip(runs.items(), ("-", "--")):
            tags = [tag for tag in series if tag.endswith(name)]
            for tag, color in zip(tags, ("tab:blue", "tab:orange", "tab:green", "tab:red")):
                label = f"{tag.split('/')[1]}, {RUNS[updates].lower()}"
                axes.plot(list(series[tag]), list(series[tag].values()), style, color=color, label=label)
        axes.set(title=f"{name}: {title}", xlabel="training step", yscale="log")
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=9)
    save(figure, path)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=210, help=f"of {BATCH_SIZE} digits each (default: 210)")
    parser.add_argument("--every-steps", type=int, default=5, help="from one summary to the next (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the weights and the batches (default: 0)")
    parser.add_argument("--output-dir", type=Path, default=Path("summaries_output"), help="default: summaries_output")
    parser.add_argument("--no-progress", action="store_true", help="no progress bar")
    parser.add_argument("--json", action="store_true", help="print a JSON object instead of sentences")
    arguments = parser.parse_args()
    for name, least in (("steps", 1), ("every_steps", 1), ("seed", 0)):
        value = getattr(arguments, name)
        if value < least:
            option = name.replace("_", "-")
            parser.error(f"argument --{option}: expected {least} or more, got {value}; give a larger one")
    for name in RUNS:
        if (arguments.output_dir / name).exists():
            parser.error(f"argument --output-dir: expected one without {name}, got {arguments.output_dir}; remove it")
    try:
        arguments.output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --output-dir: expected a folder that can be made, got {error}; name another")
    return arguments


def report(result: SimpleNamespace) -> None:
    for updates, distances in result.largest.items():
        mean, variance = distances.values()
        print(f"{RUNS[updates]}, {result.steps} steps: in the worst layer the moving mean is off by {mean:.2f}")
        print(f"  standard deviations, and the moving variance by {variance:.0%}.")
    if not result.ok:
        print(f"NOT GOOD: expected distances below {NEAR} with the update ops alone. Try more --steps, another --seed.")
    print(f"Wrote {result.plot} in {result.seconds} s; in TensorBoard: tensorboard --logdir {result.folder}")


def main() -> int:
    arguments = parse_arguments()
    started, folder = time.perf_counter(), arguments.output_dir
    digits, _ = read_digits(arguments.seed)
    runs = {}
    for updates in RUNS:
        train(updates, digits, arguments, folder / updates)
        runs[updates] = read(folder / updates)
    plot(runs, folder / "summaries.png")

    result = SimpleNamespace(steps=arguments.steps, seed=arguments.seed, folder=str(folder))
    result.plot = str(folder / "summaries.png")
    # The mean of the last ten, because batches differ.
    result.largest = {
        updates: {
            name: max(
                float(np.mean(list(by_step.values())[-10:])) for tag, by_step in series.items() if tag.endswith(name)
            )
            for name in DISTANCES
        }
        for updates, series in runs.items()
    }
    near = {updates: max(distances.values()) < NEAR for updates, distances in result.largest.items()}
    result.ok = near == {"collection": True, "forgotten": False}
    result.seconds = round(time.perf_counter() - started, 1)
    if arguments.json:
        print(json.dumps(vars(result), indent=2))
    else:
        report(result)
    return 0 if result.ok else 1


if __name__ == "__main__":
    sys.exit(main())
