"""A checkpoint written by the original restores into tfbn, and the other way round, with equal inference outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import make_reference
from .checkpoint_roundtrip import PATHS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def interpreters():
    try:
        return {"original": make_reference.make(), "tfbn": sys.executable}
    except make_reference.NoPython37 as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{error}. CI needs Python 3.7")
        print(f"CHECKPOINTS WERE NOT EXCHANGED with the original: {error}", file=sys.__stderr__)
        pytest.skip(str(error))


def run(interpreters, side, action, folder):
    done = subprocess.run(
        [interpreters[side], "-m", "tests.parity.checkpoint_roundtrip", side, action, str(folder)],
        cwd=ROOT,
        env={**make_reference.environment(), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(("writer", "reader"), [("original", "tfbn"), ("tfbn", "original")])
def test_checkpoints_cross(writer, reader, interpreters, tmp_path):
    """Ref variables restore as resources, and resources as ref variables: a checkpoint knows names, shapes, dtypes."""
    run(interpreters, writer, "train", tmp_path)
    run(interpreters, reader, "infer", tmp_path)
    for path in PATHS:
        written, read = (np.load(tmp_path / f"{path}.{side}.npy") for side in (writer, reader))
        assert np.abs(written).max() > 0.1
        # Two releases' float32 convolutions and normalizations of numbers of order one, some forty roundings deep.
        np.testing.assert_allclose(read, written, rtol=1e-5, atol=1e-5, err_msg=path)
