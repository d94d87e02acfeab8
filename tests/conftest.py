"""TFBN_V2_BEHAVIOR=off runs the tests as TF1 code runs: with tf.compat.v1.disable_v2_behavior()."""

import functools
import gc
import os
import sys
from pathlib import Path

import pytest

from tests import selection
from tests.parity import make_reference
from tests.progress import Progress

# Which kernels TensorFlow takes by itself depends on the processor, and without oneDNN a CPU has no NCHW convolutions:
# the tests ask for it, so that they are the same everywhere. test_regimes has the runs without it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# What the processes of tests find: tfbn and tests of this checkout, installed or not; and they start without the Keras
# that TensorFlow imports, half of their time.
TESTS = Path(__file__).parent
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(TESTS / "startup"), str(TESTS.parent), os.environ.get("PYTHONPATH")])
)
# The tests themselves import TensorFlow as users do, in pytest-xdist's processes as well.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "KerasWaits"]


def pytest_addoption(parser):
    selection.add_options(parser)


def pytest_configure(config):
    if os.environ.get("TFBN_V2_BEHAVIOR") == "off":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
    if not hasattr(config, "workerinput") and config.get_verbosity() <= 0 and not config.option.collectonly:
        config.pluginmanager.register(Progress(sys.stderr.isatty()))


def pytest_report_header():
    return f"TFBN_SEED={selection.SEED}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    selection.select(config, items)


def pytest_collection_finish():
    """Leaves what stays for the whole run out of Python's garbage collections, which took 7 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def seeded(request, monkeypatch):
    """Every test draws the same numbers in every run with the same TFBN_SEED, whatever ran before it."""
    if "tensorflow" not in sys.modules:  # tests of the codemod do without
        return
    import tensorflow as tf

    seed = selection.seed_everything(request.node.nodeid)
    create = tf.Graph.__init__

    @functools.wraps(create)
    def create_seeded(graph, *args, **kwargs):
        create(graph, *args, **kwargs)
        if type(graph) is tf.Graph:  # a function's graph has the seed of what is around it
            graph.seed = seed

    monkeypatch.setattr(tf.Graph, "__init__", create_seeded)


@pytest.fixture(scope="session")
def original_python():
    """The interpreter that has TensorFlow 1.15.5; None where there is no Python 3.7 for it, unless CI demands one."""
    try:
        return make_reference.make()
    except make_reference.NoPython37:
        if os.environ.get("CI"):
            raise
        return None
