"""wrap_function, MetaGraphs across processes, Saver, and everything again with v2 behaviour off."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests import oracle
from tests.graph.regimes import NAMES, REGIMES, graph, session, values

tf1 = tf.compat.v1
HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
V2_OFF = "TFBN_V2_BEHAVIOR"


def run_python(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize(
    "path",
    [
        {},
        {"updates_collections": "updates"},
        {"renorm": True},
        {"fused": False},
        {"zero_debias_moving_mean": True},
        {"batch_weights": np.ones(6)},
        {"param_regularizers": {"beta": tf.nn.l2_loss}},
        {"renorm": True, "updates_collections": "updates"},
    ],
)
def test_wrap_function(path):
    """A plain call leaves collected updates alone; pruning to outputs and updates runs them."""
    batch = oracle.batch([6, 3, 2, 5]).astype(np.float32)

    def build(x):
        return tfbn.batch_norm(x, decay=0.8, scope="bn", **path)

    wrapped = tf1.wrap_function(build, [tf.TensorSpec([None, 3, 2, 5], tf.float32)])
    found = {v.op.name if hasattr(v, "op") else v.name.split(":")[0]: v for v in wrapped.variables}
    updates = wrapped.graph.get_collection("update_ops") + wrapped.graph.get_collection("updates")
    assert len(updates) == 2
    plain = wrapped(tf.constant(batch))
    np.testing.assert_array_equal(found["bn/moving_mean"], np.zeros(5))
    trained = wrapped.prune(wrapped.inputs[:1], [wrapped.outputs, updates])(tf.constant(batch))
    share = 1.0 if "zero_debias_moving_mean" in path else 0.2
    np.testing.assert_allclose(found["bn/moving_mean"], share * oracle.moments(batch)[0], **oracle.AVERAGE)
    if "renorm" not in path:  # whose second step has other averages to correct by
        np.testing.assert_array_equal(trained[0][0], plain)


def test_wrap_function_with_shared_variables():
    """Both calls' updates count, in one order or the other."""
    batches = [oracle.batch([6, 5], seed=seed).astype(np.float32) for seed in (0, 1)]

    def build(x, y):
        return [tfbn.batch_norm(v, decay=0.8, scope="bn", reuse=reuse) for v, reuse in ((x, None), (y, True))]

    wrapped = tf1.wrap_function(build, [tf.TensorSpec([None, 5], tf.float32)] * 2)
    updates = wrapped.graph.get_collection("update_ops")
    wrapped.prune(wrapped.inputs[:2], [wrapped.outputs, updates])(*map(tf.constant, batches))
    (mean,) = (v.numpy() for v in wrapped.variables if v.name.startswith("bn/moving_mean"))
    a, b = (oracle.moments(batch)[0] for batch in batches)
    orders = [0.8 * 0.2 * a + 0.2 * b, 0.8 * 0.2 * b + 0.2 * a]
    assert any(np.allclose(mean, order, **oracle.AVERAGE) for order in orders)


def test_wrap_function_inline():
    batch = oracle.batch([6, 5]).astype(np.float32)
    wrapped = tf1.wrap_function(
        lambda x: tfbn.batch_norm(x, decay=0.8, scope="bn", updates_collections=None),
        [tf.TensorSpec([None, 5], tf.float32)],
    )
    wrapped(tf.constant(batch))
    (mean,) = (v for v in wrapped.variables if v.name.startswith("bn/moving_mean"))
    np.testing.assert_allclose(mean, 0.2 * oracle.moments(batch)[0], **oracle.AVERAGE)


# What the importing process runs: more steps of the same training, from the graph files and the checkpoints alone.
CONTINUE = """
import json
import sys
import numpy as np
import tensorflow as tf
tf1 = tf.compat.v1
for imported, differentiates, folder in json.loads(sys.argv[1]):
    if imported:
        __import__(imported)
    (tf1.enable_control_flow_v2 if folder.endswith("v2") else tf1.disable_control_flow_v2)()
    with tf.Graph().as_default(), tf1.Session() as session:
        saver = tf1.train.import_meta_graph(folder + "/model.meta")
        saver.restore(session, folder + "/model")
        x = np.load(folder + "/batches.npy")
        train, loss = tf1.get_collection("ends")
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        gradient = []
        if differentiates:
            gradient = tf1.gradients(loss, tf1.get_default_graph().get_tensor_by_name("x:0"))
        for batch in x[2:]:
            session.run([train, loss, updates, gradient], {"x:0": batch, "is_training:0": True})
        np.savez(folder + "/after.npz", **{v.op.name: session.run(v) for v in tf1.global_variables()})
    assert imported or "tfbn" not in sys.modules
"""
# By number, the regimes it trains in: half of them, so that each pair of neighbours comes to all.
TRAINED_IN = [[0, 3], [1, 2]]
# Arguments; what has to be imported first; whether new gradients can be built. Paths of TensorFlow's own ops need
# nothing; those with a gradient of ours run without tfbn, and differentiate once its ops are imported.
CONTINUED = [
    ({}, "", "differentiates"),
    ({"renorm": True}, "", ""),
    ({"renorm": True}, "tfbn.ops", "differentiates"),
    ({"updates_collections": None}, "", "differentiates"),
    ({"zero_debias_moving_mean": True, "data_format": "NCHW"}, "", "differentiates"),
    ({"fused": False}, "", ""),
    ({"fused": False}, "tfbn.ops", "differentiates"),
    ({"batch_weights": np.linspace(0.5, 2.0, 6)}, "", ""),
    ({"batch_weights": np.linspace(0.5, 2.0, 6)}, "tfbn.ops", "differentiates"),
]


def train_and_save_halfway(folder, path, resource, v2):
    """The variables after four steps of training; the graph and the variables after two lie in the folder."""
    batches = np.stack([oracle.batch([6, 3, 2, 5], seed=seed) for seed in range(4)]).astype(np.float32)
    np.save(folder / "batches.npy", batches)
    with graph(resource, v2):
        x = tf1.placeholder(tf.float32, [None, 3, 2, 5], name="x")
        is_training = tf1.placeholder(tf.bool, [], name="is_training")
        y = tfbn.batch_norm(x, decay=0.8, scale=True, is_training=is_training, scope="bn", **path)
        loss = tf.reduce_mean((y - 1.0) ** 2)
        train = tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        for end in (train, loss):
            tf1.add_to_collection("ends", end)
        updates = tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)
        saver = tf1.train.Saver()
        with session() as opened:
            for i, batch in enumerate(batches):
                if i == 2:
                    saver.save(opened, str(folder / "model"))
                opened.run([train, updates], {x: batch, is_training: True})
            return values(opened)


@pytest.fixture(scope="module")
def trained_and_continued(tmp_path_factory):
    """By case and regime, the variables after training in one go, and after training continued in another process."""
    # One process continues all of them: most of what it takes is the import of TensorFlow. tfbn.ops comes last.
    root = tmp_path_factory.mktemp("halfway")
    jobs, trained = [], {}
    for number, (path, imported, differentiates) in enumerate(CONTINUED):
        for name, regime in ((NAMES[i], REGIMES[i]) for i in TRAINED_IN[number % 2]):
            folder = root / f"{number}-{name}"
            folder.mkdir()
            trained[number, name] = train_and_save_halfway(folder, path, *regime), folder
            jobs.append((imported, differentiates, str(folder)))
    run_python("-c", CONTINUE, json.dumps(sorted(jobs, key=lambda job: bool(job[0]))))
    return {key: (variables, np.load(folder / "after.npz")) for key, (variables, folder) in trained.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, regime",
    [(number, NAMES[i]) for number in range(len(CONTINUED)) for i in TRAINED_IN[number % 2]],
    ids=[
        "-".join([*path, *rest, NAMES[i]])
        for number, (path, *rest) in enumerate(CONTINUED)
        for i in TRAINED_IN[number % 2]
    ],
)
def test_a_meta_graph_trains_on_in_another_process(trained_and_continued, number, regime):
    expected, found = trained_and_continued[number, regime]
    assert set(found) == set(expected)
    for name, value in expected.items():
        # The same ops on the same values; only the order of a reduction's partial sums may differ between processes.
        # The optimizer's momentum is a sum of gradients below 1 that may cancel.
        np.testing.assert_allclose(found[name], value, **oracle.AVERAGE, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize(
    "path", [{}, {"renorm": True}, {"zero_debias_moving_mean": True}, {"batch_weights": np.ones(6)}]
)
def test_saver_round_trip(path, resource, tmp_path):
    batch = oracle.batch([6, 3, 2, 5])

    def build(is_training):
        x = tf1.placeholder(tf.float32, [6, 3, 2, 5], name="x")
        return tfbn.batch_norm(x, decay=0.8, scale=True, is_training=is_training, scope="bn", **path)

    with graph(resource):
        build(True)
        with session() as opened:
            opened.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS), {"x:0": batch})
            tf1.train.Saver().save(opened, str(tmp_path / "model"))
            state = values(opened)
    with graph(not resource):
        y = build(False)
        with tf1.Session() as opened:
            tf1.train.Saver().restore(opened, str(tmp_path / "model"))
            output = opened.run(y, {"x:0": batch})
    expected = oracle.normalize(batch, state["bn/moving_mean"].astype(float), state["bn/moving_variance"].astype(float))
    np.testing.assert_allclose(output, expected, **oracle.OUTPUT["float32"])


# Two processes that take about as long as each other, for as many workers.
@pytest.mark.slow
@pytest.mark.skipif(os.environ.get(V2_OFF) == "off", reason="this is the process with v2 behaviour off")
@pytest.mark.parametrize(
    "modules",
    [
        ["test_atomic", "test_batch_norm", "test_batch_normalization", "test_variables"],
        ["test_arguments", "test_loops", "test_updates"],
    ],
    ids="-".join,
)
def test_with_v2_behavior_off(modules):
    """disable_v2_behavior() cannot be taken back, so a sample of the modules' tests runs in a process of its own."""
    # Nothing is eager there, so that nothing can refuse it.
    chosen = ["--cases", "2", "-k", "not eager_execution", *(str(HERE / f"{module}.py") for module in modules)]
    out = run_python("-m", "pytest", "-q", "-p", "no:xdist", *chosen, **{V2_OFF: "off"})
    assert " passed" in out.splitlines()[-1]


@pytest.mark.slow
def test_without_onednn():
    """TensorFlow's own kernels, which serve where oneDNN does not: on other processors, or when it is turned off.

    For bfloat16 TensorFlow 2.12 and 2.13 then have no fused kernel: of it the layers themselves are tried.
    """
    ops = [HERE.parent / "ops" / f"test_{name}.py" for name in ("normalize", "numerics", "closed_form_gradient")]
    modules = map(str, [*ops, HERE / "test_gradient_penalty.py", HERE / "test_batch_norm.py"])
    which = "not bfloat16 and not test_batch_norm.py or bfloat16 and test_batch_norm.py"
    chosen = ["--cases", "3", "-k", which, *modules]
    out = run_python("-m", "pytest", "-q", "-p", "no:xdist", *chosen, TF_ENABLE_ONEDNN_OPTS="0")
    assert " passed" in out.splitlines()[-1]
