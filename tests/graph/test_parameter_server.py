"""Workers with graphs of their own, and the statistics on a parameter server: every worker's every update counts."""

import contextlib
import socket
import threading

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import graph
from tests.graph.test_atomic import PATHS, updates

tf1 = tf.compat.v1
DECAY, STEPS = 0.9, 30
# In float64, and the same for both workers: then nothing but an update lost or made from a stale read can change what
# a number of them leaves, and by 1 % and more of what is left to go.
BATCH = oracle.batch([8, 5])
EXACT = {"rtol": 1e-12}  # 60 updates of some five roundings


@pytest.fixture(scope="module")
def cluster():
    """The addresses of a parameter server and two workers, which run until this process ends."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(3)]
        for reserved in sockets:
            reserved.bind(("127.0.0.1", 0))
        ps, *workers = [f"127.0.0.1:{reserved.getsockname()[1]}" for reserved in sockets]
    addresses = tf.train.ClusterSpec({"ps": [ps], "worker": workers})
    for job, index in (("ps", 0), ("worker", 0), ("worker", 1)):
        tf.distribute.Server(addresses, job_name=job, task_index=index)
    return addresses


@contextlib.contextmanager
def worker(cluster, index, resource):
    """A graph as between-graph replication has it, the variables on the server, and a session."""
    config = tf1.ConfigProto(device_filters=["/job:ps", f"/job:worker/task:{index}"])
    address = f"grpc://{cluster.task_address('worker', index)}"
    setter = tf1.train.replica_device_setter(cluster=cluster, worker_device=f"/job:worker/task:{index}")
    with graph(resource) as opened, tf1.device(setter), tf1.Session(address, opened, config) as session:
        yield session


def build(**kwargs):
    """What a step runs."""
    x = tf.constant(BATCH)
    outputs = tfbn.batch_norm(x, **{"decay": DECAY, "scope": "bn", **kwargs})
    return tf.group(outputs, *updates())


def after(path):
    """The statistics after all updates of both workers."""
    left = DECAY ** (2 * STEPS)
    mean, variance = oracle.moments(BATCH)
    if path in ("function-fused", "inline", "zero-debias"):
        variance = oracle.unbiased(BATCH, variance)
    found = {"moving_mean": (1 - left) * mean, "moving_variance": left + (1 - left) * variance}
    if path == "zero-debias":
        found = {**found, "bn/moving_mean/local_step": 2.0 * STEPS, "bn/moving_mean/biased": found["moving_mean"]}
        found["moving_mean"] = mean
    if path == "core-renorm":
        stddev = left + (1 - left) * np.sqrt(variance + 1e-3)
        found.update(
            {"moving_stddev": stddev, "moving_variance": stddev**2 - 1e-3, "renorm_mean": found["moving_mean"]}
        )
        found["renorm_stddev"] = stddev
    return {f"bn/{name}": value for name, value in found.items()}


@pytest.mark.parametrize("resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize("path", PATHS)
def test_every_update_counts(path, resource, cluster):
    # A number's difference from 1 is taken in float32.
    kwargs = {**PATHS[path], "decay": np.float64(DECAY), "renorm_decay": np.float64(DECAY)}
    if path != "core-renorm":
        del kwargs["renorm_decay"]
    with contextlib.ExitStack() as opened:
        steps = []
        for index in range(2):
            session = opened.enter_context(worker(cluster, index, resource))
            steps.append(session.make_callable(build(**kwargs)))
        chief = session
        chief.run(tf1.global_variables_initializer())
        together = threading.Barrier(2)

        def work(step):
            together.wait(60)
            for _ in range(STEPS):
                step()

        threads = [threading.Thread(target=work, args=(step,)) for step in steps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = {v.op.name: chief.run(v) for v in tf1.global_variables()}
    for name, value in after(path).items():
        np.testing.assert_allclose(found[name], value, **EXACT, err_msg=name)


def test_only_remote_statistics_start_with_a_mutex():
    for device, locked in (("", False), ("/cpu:0", False), ("/job:ps/task:0", True)):
        with graph() as opened, tf.device(device):
            build()
            # On the server: while the mutex is held, nothing travels.
            held = [op for op in opened.get_operations() if op.name.startswith("bn/AssignMovingAvg/")]
            assert bool([op for op in held if op.type == "MutexLock"]) == locked
            if locked:
                assert {tf.DeviceSpec.from_string(op.device).job for op in held} == {"ps"}
