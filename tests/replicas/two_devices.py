"""What front ends that are not synchronized do on two replicas, as JSON: `python -m tests.replicas.two_devices`.

In a process of its own, for one that has used TensorFlow gets no second CPU.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import tensorflow as tf

import tfbn
from tests.keras.generations import ALL

X = np.arange(24, dtype="float32").reshape(8, 3) ** 1.5


def strategy() -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def module() -> list[Any]:
    """The moving mean after a step, read outside of the replicas, and how many variables are trained when frozen."""
    both = strategy()
    with both.scope():
        norm = tfbn.BatchNorm(decay=0.5)
    halves = np.split(X, 2)
    inputs = both.experimental_distribute_values_from_function(lambda c: halves[c.replica_id_in_sync_group])
    tf.function(lambda x: both.run(norm, [x]))(inputs)
    norm.trainable = False
    return [norm.moving_mean.numpy().tolist(), len(norm.trainable_variables)]


def keras_layers() -> list[Any]:
    """The moving means after a step of fit, of the layer and among the weights of the model, for each Keras."""
    found = []
    for keras in ALL:
        with strategy().scope():
            layer = tfbn.keras.layer_class(keras)(decay=0.5, scale=True)
            model = keras.Sequential([keras.layers.InputLayer([3]), layer])
            model.compile("sgd", "mse")
        model.fit(tf.data.Dataset.from_tensor_slices((X, X)).batch(8), verbose=0)
        found += [layer.moving_mean.numpy().tolist(), model.get_weights()[2].tolist()]
    return found


def tf1_module() -> list[Any]:
    """What a TF1Module says in the scope of the strategy and in a replica, and how many variables it has then."""
    both, norm = strategy(), tfbn.TF1Module(tfbn.batch_norm)

    def refusal(call: Any) -> str:
        try:
            call()
        except RuntimeError as error:
            return str(error)
        return "none"

    with both.scope():
        scope = refusal(lambda: norm.build(tf.TensorSpec([None, 3])))
    run = refusal(lambda: both.run(tf.function(norm), [tf.ones([2, 3])]))
    return [scope, run, len(norm.tf1_variables)]


if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    print(json.dumps({call.__name__: call() for call in (module, keras_layers, tf1_module)}))
