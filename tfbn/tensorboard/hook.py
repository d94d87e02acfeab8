"""`summaries_hook`: summaries of batch norm layers in a MonitoredTrainingSession."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tfbn.tensorboard.summaries import summaries


def summaries_hook(
    folder: str | os.PathLike[str], every_steps: int = 100, *, layers: Any = None
) -> tf.compat.v1.train.SessionRunHook:
    """A hook that writes `tfbn.summaries` of the graph to a folder for TensorBoard, by the global step.

    In a step that is written, the ops run together with the train op, with its feeds. Give the hook only to the chief:
    `chief_only_hooks` of tf.compat.v1.train.MonitoredTrainingSession.

    Args:
      folder: where the event file goes; TensorBoard's --logdir.
      every_steps: int, at least 1: the first step is written, and then every step after this many. Default 100.
      layers: as in `tfbn.summaries`.

    Returns:
      A tf.compat.v1.train.SessionRunHook.

    Raises:
      ValueError: every_steps below 1; when the session is made, what `tfbn.summaries` raises, and a graph without a
        global step.

    Example:
      >>> import os, tempfile
      >>> import tensorflow.compat.v1 as tf1, tfbn
      >>> folder = tempfile.mkdtemp()
      >>> with tf1.Graph().as_default():
      ...     outputs = tfbn.batch_norm(tf1.constant([[1.0, 5.0], [3.0, 5.0]]), scope="norm")
      ...     train_op = tfbn.create_train_op(tf1.reduce_sum(outputs), tf1.train.GradientDescentOptimizer(0.1))
      ...     hooks = [tfbn.summaries_hook(folder, every_steps=10), tf1.train.StopAtStepHook(20)]
      ...     with tf1.train.MonitoredTrainingSession(hooks=hooks) as session:
      ...         while not session.should_stop():
      ...             _ = session.run(train_op)
      >>> (events,) = os.listdir(folder)
      >>> iterator = tf1.train.summary_iterator(os.path.join(folder, events))
      >>> print([event.step for event in iterator if event.summary.value])
      [1, 11]
    """
    return _Hook(folder, check_every_steps(every_steps), layers)


def check_every_steps(every_steps: int) -> int:
    if isinstance(every_steps, bool) or not isinstance(every_steps, int) or every_steps < 1:
        raise ValueError(f"every_steps: expected an int of at least 1, got {every_steps!r}. 1 writes each step.")
    return every_steps


class _Hook(tf.compat.v1.train.SessionRunHook):
    """As TensorFlow's SummarySaverHook, whose steps may be off by one: a run reads the global step at any time."""

    def __init__(self, folder: str | os.PathLike[str], every_steps: int, layers: Any) -> None:
        self._folder, self._every_steps, self._layers = os.fspath(folder), every_steps, layers

    def begin(self) -> None:
        self._global_step = tf.compat.v1.train.get_global_step()
        if self._global_step is None:
            raise ValueError(
                "summaries_hook: expected a graph with a global step, got one without. Call "
                "tf.compat.v1.train.get_or_create_global_step() where the graph is built, and increment it in the "
                "train op."
            )
        self._summary = summaries(layers=self._layers)
        self._writer = tf.compat.v1.summary.FileWriterCache.get(self._folder)

    def after_create_session(self, session: Any, coord: Any) -> None:
        # A recreated session returns to a checkpoint.
        self._step = self._due = int(session.run(self._global_step)) + 1

    def before_run(self, run_context: Any) -> Any:
        self._writes = self._step >= self._due
        fetches = {"summary": self._summary} if self._writes else {}
        return tf.compat.v1.train.SessionRunArgs({"step": self._global_step, **fetches})

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Writes the summary of the run; sets `_step` to the number of the next step."""
        step = int(run_values.results["step"])
        # The run may have read the step before or after incrementing it; where it matters, read it again.
        if self._writes or step + 2 >= self._due:
            step = int(run_context.session.run(self._global_step))
        if self._writes:
            self._writer.add_summary(run_values.results["summary"], step)
            self._due = step + self._every_steps
        self._step = step + 1

    def end(self, session: Any) -> None:
        self._writer.flush()
