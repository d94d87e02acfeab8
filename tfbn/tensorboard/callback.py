"""`summaries_callback`: summaries of batch norm layers while a Keras model is fitted."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from tfbn.keras.generation import find_generation
from tfbn.tensorboard.hook import check_every_steps
from tfbn.tensorboard.summaries import summaries


def summaries_callback(
    folder: str | os.PathLike[str], batch: Any, every_steps: int = 100, *, layers: Any = None, keras: Any = None
) -> Any:
    """A callback of Keras that writes `tfbn.summaries` of the model to a folder for TensorBoard, by the step.

    Every `every_steps` steps of the optimizer the model is called once more, as in training, always with the same
    batch, so that the summaries can be compared from step to step. Training is not affected.

    Args:
      folder: where the event file goes; TensorBoard's --logdir.
      batch: inputs of the model, without labels, such as a few hundred of the training data.
      every_steps: int, at least 1: how many steps there are between two summaries. Default 100.
      layers: as in `tfbn.summaries`, by the layers' paths in the model.
      keras: as in `tfbn.keras.layer_class`: the Keras of the model, by default tf.keras.

    Returns:
      A keras.callbacks.Callback, for fit.

    Raises:
      ValueError: every_steps below 1; in fit, what `tfbn.summaries` raises.
      ImportError, RuntimeError, TypeError: as `tfbn.keras.layer_class`.

    Example:
      >>> import os, tempfile
      >>> import numpy as np, tensorflow as tf, tfbn
      >>> folder = tempfile.mkdtemp()
      >>> inputs = np.random.RandomState(0).normal(5.0, 2.0, [64, 3]).astype("float32")
      >>> model = tf.keras.Sequential([tfbn.keras.BatchNorm(decay=0.5, name="norm")])
      >>> model.compile("sgd", "mse")
      >>> callback = tfbn.summaries_callback(folder, inputs, every_steps=2)
      >>> history = model.fit(inputs, inputs, batch_size=16, verbose=0, callbacks=[callback])
      >>> (events,) = os.listdir(folder)
      >>> iterator = tf.compat.v1.train.summary_iterator(os.path.join(folder, events))
      >>> print([event.step for event in iterator if event.summary.value])
      [2, 4]
    """
    check_every_steps(every_steps)
    base = find_generation(keras).api.callbacks.Callback

    class SummariesCallback(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__()
            self._writer: Any = None
            self._written = 0

        def on_train_begin(self, logs: Any = None) -> None:
            self._writer = tf.summary.create_file_writer(os.fspath(folder))
            self._written = self._step()

        def on_train_batch_end(self, batch_number: int, logs: Any = None) -> None:
            step = self._step()
            # By division, because a callback does not see every step if the model runs several at a time.
            if step // every_steps > self._written // every_steps:
                self._written = step
                serialized = summaries(self.model, batch, layers=layers)
                with self._writer.as_default(step=step):
                    tf.summary.experimental.write_raw_pb(serialized)

        def on_train_end(self, logs: Any = None) -> None:
            self._writer.close()

        def _step(self) -> int:
            return int(self.model.optimizer.iterations.numpy())

    return SummariesCallback()
