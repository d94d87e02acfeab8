"""A process that runs cases under one side, for `worker.Worker`: `python server.py SIDE`. Runs on Python 3.7."""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
import warnings


def _signature(function: object) -> list:
    """Names and defaults of the parameters, in order; the string of a default stands for it."""
    parameters = inspect.signature(inspect.unwrap(function)).parameters.values()
    return [[p.name, default_of(p), p.kind.name] for p in parameters]


def default_of(parameter: inspect.Parameter) -> str:
    return "required" if parameter.default is parameter.empty else re.sub("0x[0-9a-f]+", "0x", repr(parameter.default))


def main(name: str) -> None:
    # TensorFlow writes to the descriptors themselves: keep the pipe under another number, give standard output away.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    warnings.simplefilter("ignore")
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [os.path.dirname(os.path.dirname(here))] + [entry for entry in sys.path if entry != here]
    from tests.parity import backends, programs, protocol, runner

    side, run = backends.load(name), runner.run
    if name == "module":
        from tests.parity import module_side

        run = module_side.result
    side.tf.logging.set_verbosity("ERROR")
    import numpy

    versions = {"tensorflow": side.tf.__version__, "numpy": numpy.__version__, "python": sys.version.split()[0]}
    signatures = {name: _signature(function) for name, function in side.functions.items()}
    protocol.send(replies, {"versions": versions, "signatures": signatures})
    while True:
        try:
            case = protocol.receive(requests)
        except EOFError:
            return
        try:
            result = programs.run(*case["program"], side) if "program" in case else run(case, side)
        except Exception:  # a fault of the harness itself must reach the client as one
            result = {"stage": "harness", "error": {"type": "harness", "bases": [], "text": traceback.format_exc()}}
        protocol.send(replies, result)


if __name__ == "__main__":
    main(sys.argv[1])
