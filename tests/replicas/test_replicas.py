"""`synchronized=True` under MirroredStrategy and MultiWorkerMirroredStrategy, against one device with the whole batch.

Each strategy runs all of its cases in processes of its own: two and four logical CPUs, two and four processes.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.replicas import cases, launch

pytestmark = pytest.mark.slow

FEW = ["plain", "renorm", "mask", "all at once", "functional", "a tensor is_training", "far"]
KINDS = {
    "mirrored2": list(cases.CASES),
    "mirrored4": FEW,
    "workers2": [*FEW, "batch_weights", "zero debias", "float16", "second derivatives"],
    "workers4": ["plain", "all at once", "far"],
}
PAIRS = [(kind, name) for kind, names in KINDS.items() for name in [*names, "eager"]]
ALL = {**cases.CASES, "eager": cases.Case()}


@pytest.fixture(scope="module")
def chosen(request):
    """By kind, the names of the cases that this run has tests of."""
    names = {kind: [] for kind in KINDS}
    for item in request.session.items:
        if item.function is test_numbers:
            names[item.callspec.params["kind"]].append(item.callspec.params["name"])
    names["mirrored2"] += ["no samples"] * ("no samples" not in names["mirrored2"])  # of which another test asks
    return {kind: [name for name in of_kind if name != "eager"] or ["plain"] for kind, of_kind in names.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory, chosen):
    """A function from a kind to what its replicas found: by case, what and step, a list with an entry for each."""

    def run(kind):
        number = int(kind[-1])
        folder = tmp_path_factory.mktemp(kind)
        processes = number if kind.startswith("workers") else 1
        files = [folder / f"{index}.npz" for index in range(processes)]
        configs = launch.clusters(number) if processes > 1 else [None]
        program = ["-m", "tests.replicas.program", "workers" if processes > 1 else kind]
        launch.together([[*program, file, ";".join(chosen[kind])] for file in files], configs)
        merged = {}
        for file in files:
            for key, value in np.load(file).items():
                merged.setdefault(key.rpartition("/")[0], []).append(value)
        assert {len(values) for values in merged.values()} == {number}
        return merged, str(files[0]) + ".checkpoint"

    return launch.once(run)


@pytest.fixture(scope="module")
def exact():
    """A function from a case to what one device finds in float64."""
    return launch.once(lambda name: cases.run({name: ALL[name]}, tf.distribute.get_strategy(), dtype="float64"))


@pytest.fixture(scope="module")
def plain():
    """A function from a case to what one device finds in the case's own precision."""
    return launch.once(lambda name: cases.run({name: ALL[name]}, tf.distribute.get_strategy()))


def of_case(values, name):
    """Of what one device found, by what and step."""
    own = {key: value for key, value in values.items() if key.startswith(name + "/")}
    return {key.partition("/")[2].rpartition("/")[0]: value for key, value in own.items()}


def whole(what, parts):
    """Of outputs and their like the replicas' parts in order; of parameters the sum of gradients."""
    if what.endswith("/variable"):
        return parts[0]
    return sum(parts) if what.startswith(("dgamma", "dbeta")) else np.concatenate(parts)


@pytest.mark.parametrize("kind, name", PAIRS)
def test_numbers(found, exact, plain, kind, name):
    """Outputs, gradients and statistics: three times as far from float64 as one device at the most.

    The statistics of all replicas are the same to the last bit.
    """
    merged, expected, alone = found(kind)[0], of_case(exact(name), name), of_case(plain(name), name)
    floor = 1e-14 if ALL[name].dtype == "float64" else 6e-7  # of the largest: ten roundings
    assert len(expected) >= 9
    for what, value in expected.items():
        parts = merged[f"{name}/{what}"]
        if value.size:
            scale = np.abs(value).max() or 1.0
            error, of_one = (np.abs(each - value).max() / scale for each in (whole(what, parts), alone[what]))
            assert error <= max(3 * of_one, floor), (what, error, of_one)
        if what.endswith("/variable"):
            for other in parts[1:]:
                np.testing.assert_array_equal(parts[0], other, err_msg=what)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint(found, chosen, kind, tmp_path):
    """Under the names of one device's, with the replicas' values; it restores into layers without a strategy."""
    merged, path = found(kind)
    names = {name: cases.CASES[name] for name in chosen[kind]}
    own = str(tmp_path / "own")
    cases.run(names, tf.distribute.get_strategy(), checkpoint=own)
    ours, theirs = tf.train.load_checkpoint(own), tf.train.load_checkpoint(path)
    assert theirs.get_variable_to_shape_map() == ours.get_variable_to_shape_map()
    for name in set(names) - {"functional"}:
        for what in ("moving_mean", "moving_variance"):
            saved = theirs.get_tensor(f"{name.replace(' ', '_')}/{what}/.ATTRIBUTES/VARIABLE_VALUE")
            np.testing.assert_array_equal(saved, merged[f"{name}/{what}/variable"][0])


def test_an_empty_step_changes_nothing(found):
    """Nor does it give NaN: a step in which no replica has samples, after one that they had."""
    merged = found("mirrored2")[0]
    after_one = cases.run({"one": cases.CASES["renorm"]}, tf.distribute.get_strategy(), steps=1)
    for key, value in after_one.items():
        if "/variable/" in key:
            what = key.split("/")[1]
            np.testing.assert_allclose(merged[f"no samples/{what}/variable"][0], value, rtol=2e-6)


@pytest.mark.parametrize("name", ALL)
def test_one_replica_is_the_plain_layer(plain, name):
    """Without a strategy, and under one of a single device: the same bits."""
    for strategy in (tf.distribute.get_strategy(), tf.distribute.OneDeviceStrategy("CPU:0")):
        for key, value in cases.run({name: ALL[name]}, strategy, synchronized=True).items():
            np.testing.assert_array_equal(value, plain(name)[key], err_msg=key)
