"""The benchmarks: their arithmetic, that both sides of a ratio do the same work, and that the tables come out.

No test asserts a time.
"""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import __main__ as command
from benchmarks import (
    build,
    checkpoints,
    folding,
    graphs,
    hand_written,
    layers,
    measure,
    memory,
    modules,
    networks,
    peers,
    replicas,
    report,
    scaling,
    steps,
    times,
    worker,
)

SHAPE = (8, 5, 6, 4)
# Both sides compute in float32, sums of 240 terms in another order; values are below 10, gradients' sums below 100. In
# bfloat16 outputs and gradients are rounded to 8 bits.
TOLERANCE = {"float32": {"rtol": 2e-5, "atol": 1e-4}, "bfloat16": {"rtol": 1e-2, "atol": 5e-2}}
TINY = {"shape": SHAPE, "batches": (1,), "small_layers": 2, "built_layers": 2}


def silent(what):
    """No progress."""


def is_flag(op):
    """Whether this is the placeholder of is_training."""
    return op.type == "Placeholder" and op.outputs[0].dtype == tf.bool


class TestRatios:
    def test_median_and_quartiles_are_of_the_rounds(self):
        """A round that is slow on both sides changes nothing, which the ratio of medians would not give."""
        found = measure.ratio([2.0, 30.0, 4.0, 5.0, 6.0], [1.0, 10.0, 1.0, 1.0, 1.0])
        assert found == measure.Ratio(4.0, 3.0, 5.0, 5.0, 1.0)

    def test_one_round(self):
        """Its ratio is all there is."""
        assert measure.ratio([3.0], [2.0]) == measure.Ratio(1.5, 1.5, 1.5, 3.0, 2.0)

    def test_rounds_must_be_as_many(self):
        """Ratios are of the same round."""
        with pytest.raises(ValueError, match="not 2 and 1"):
            measure.ratio([1.0, 2.0], [1.0])

    def test_members_take_turns(self):
        """Each group's members run side by side, each first in every other round; the warm-up is not kept."""
        order = []

        def run(name, seconds):
            def call():
                order.append(name)
                return seconds

            return call

        groups = {"x": {"a": run("a", 1.0), "b": run("b", 2.0)}, "y": {"c": run("c", 3.0)}}
        found = measure.interleave(groups, rounds=2, warm_up=1)
        assert found == {"x": {"a": [1.0, 1.0], "b": [2.0, 2.0]}, "y": {"c": [3.0, 3.0]}}
        by_round = ["".join(order[i : i + 3]) for i in (0, 3, 6)]
        assert [one.strip("c") for one in by_round] == ["ba", "ab", "ba"]  # c before or after them, not between

    def test_results_are_freed_off_the_clock(self, monkeypatch):
        """The clock is read before and after the call, and not after tidying."""
        clock = [0.0]
        monkeypatch.setattr(measure.time, "perf_counter", lambda: clock[0])

        def pass_time(seconds):
            clock[0] += seconds

        assert measure.timed(lambda: pass_time(2.0), lambda: pass_time(5.0))() == 2.0


class TestReport:
    ROWS = (
        report.Row("below", 1.0, 1.05, details={"ms": 2.5}),
        report.Row("at the limit", 1.05, 1.05, 1.0),
        report.Row("above", 1.06, 1.05),
        report.Row("without a limit", 9.0, details={"against": "x"}),
        report.Row("absent", None, 1.05, note="no kernel"),
    )

    def test_only_what_is_above_its_limit_is_marked(self):
        """Not what is at it, has none or could not be measured."""
        lines = report.text(report.Table("t", "title", "ratio", self.ROWS, ["a note"])).splitlines()
        assert [line.split("  ")[0] for line in lines if report.MARK in line] == ["above"]
        assert [row.name for row in self.ROWS if row.exceeded] == ["above"]

    def test_every_row_says_what_it_has(self):
        """Figures, limits, aims, details and notes, and a dash for what there is not."""
        lines = report.text(report.Table("t", "title", "ratio", self.ROWS, ["a note"])).splitlines()
        assert lines[0] == "t: title"
        assert lines[2].split() == ["ratio", "limit", "aim", "ms", "against"]
        assert lines[3].split() == ["below", "1.000", "1.05", "-", "2.500", "-"]
        assert lines[-2].split() == ["absent", "-", "1.05", "-", "-", "-", "no", "kernel"]
        assert lines[-1] == "  (a note)"

    def test_check_fails_where_a_limit_is_exceeded(self, monkeypatch, capsys):
        """And only with --check."""
        table = report.Table("graph", "title", "nodes", self.ROWS)
        monkeypatch.setattr(command, "maker", lambda name: lambda settings, progress: table)
        assert command.main(["--only", "graph"]) == 0
        assert command.main(["--only", "graph", "--check"]) == 1

    def test_a_table_that_fails_does_not_take_the_others(self, monkeypatch, capsys):
        """The exit status says that one is missing, and stderr which."""

        def maker(name):
            def make(settings, progress):
                if name == "time":
                    raise RuntimeError("out of order")
                return report.Table(name, "title", "nodes", self.ROWS)

            return make

        monkeypatch.setattr(command, "maker", maker)
        assert command.main(["--only", "time,graph", "--check"]) == 3
        captured = capsys.readouterr()
        assert "graph: title" in captured.out
        assert "time: out of order" in captured.err

    @pytest.mark.parametrize("arguments", [["--only", "tme"], ["--rounds", "0"], ["--rounds", "many"], ["--fast"]])
    def test_wrong_arguments(self, arguments, capsys):
        """The usage, and status 2."""
        with pytest.raises(SystemExit) as raised:
            command.main(arguments)
        assert raised.value.code == 2
        assert "usage: python -m benchmarks" in capsys.readouterr().err


@pytest.mark.slow
class TestSameWork:
    """A path and its baseline must not differ in what they compute, or their ratio says nothing."""

    @pytest.mark.parametrize("name", [name for name, path in steps.PATHS.items() if path.as_the_op])
    def test_outputs_gradients_and_moving_averages_agree(self, name):
        """Of the paths that normalize as the op does."""
        path = steps.PATHS[name]
        try:
            expected = steps.build(path.baseline, SHAPE, own=False).values()
        except tf.errors.OpError:
            if path.dtype != "bfloat16":
                raise
            pytest.skip("the op has no kernel for bfloat16 on this machine")
        found = steps.build(path, SHAPE).values()
        training = ["inputs", "gamma", "beta", *(["weights"] if path.layer == "conv2d" else [])]
        both = ["outputs", *(f"gradient of {name}" for name in training if path.training)]
        both += ["moving_mean", "moving_variance"]
        assert set(expected) == set(both) <= set(found)
        for key in both:
            if name == "zero debias" and key == "moving_mean" or name == "fused=False" and key == "moving_variance":
                continue  # other averages by design: debiased, of the biased variance
            got = found[key].reshape(expected[key].shape)
            np.testing.assert_allclose(got, expected[key], err_msg=key, **TOLERANCE[path.dtype])

    @pytest.mark.parametrize("name", [name for name, path in steps.PATHS.items() if not path.as_the_op])
    def test_other_paths_give_all_of_it_too(self, name):
        """Outputs and gradients that are not zero, and moved averages."""
        found = steps.build(steps.PATHS[name], SHAPE).values()
        for key in ["outputs", "gradient of inputs", "gradient of gamma", "gradient of beta"]:
            assert np.all(np.isfinite(found[key]))
            assert np.any(found[key] != 0), key
        assert np.all(found["moving_mean"] != np.linspace(0.1, 0.3, SHAPE[-1], dtype=np.float32))

    @pytest.mark.parametrize("name", hand_written.LAYERS)
    def test_layers_by_hand_agree(self, name):
        """Outputs, and every variable after a step."""
        results = []
        for maker in (build.own, build.by_hand):
            with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                numbers = np.random.RandomState(3).normal(3.0, 1.7, SHAPE).astype(np.float32)
                outputs, updates = maker(name)()(tf.constant(numbers), "layer")
                updates += tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS)
                flags = [op.outputs[0] for op in tf.compat.v1.get_default_graph().get_operations() if is_flag(op)]
                variables = {v.op.name: v for v in tf.compat.v1.global_variables()}
                session.run(tf.compat.v1.global_variables_initializer())
                found, _ = session.run([outputs, updates], dict.fromkeys(flags, True))
                results.append({"outputs": found, **session.run(variables)})
        own, by_hand = results
        assert own.keys() == by_hand.keys()
        for key, value in by_hand.items():
            np.testing.assert_allclose(own[key], value, err_msg=key, **TOLERANCE["float32"])

    @pytest.mark.parametrize("training", [False, True])
    def test_small_layers_agree(self, training):
        """The same results in the same order."""
        results = []
        for own in (False, True):
            run, tidy = layers.build(2, training, own, 2)
            results.append(run()[: 8 if training else 2])
            tidy()
        for found, expected in zip(*results):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)

    @pytest.mark.parametrize("path", [path for path in modules.TO_THE_OP if "renorm" not in path])
    def test_the_module_and_the_op_in_functions(self, path):
        """Outputs and gradients, over two steps, whose averages differ."""
        made = worker.functions(SHAPE)[1]
        for _ in range(2):
            found, expected = (made[name][0]() for name in (worker.MODULE + path, modules.of_the_op(path)))
            for one, other in zip(tf.nest.flatten(found), tf.nest.flatten(expected)):
                np.testing.assert_allclose(one, other, **TOLERANCE["float32"])


@pytest.mark.slow
class TestTables:
    def test_module(self):
        """Rows next to the op and, where it is installed, to Keras; the same module in both."""
        found = modules.table(measure.Settings(shape=SHAPE, rounds=1), silent)
        assert [row.name for row in found.rows][:6] == [f"{path} to the op" for path in modules.TO_THE_OP]
        assert all(row.value > 0 and row.limit for row in found.rows)
        assert len(found.rows) > 6 or "Keras" in found.notes[-1]

    def test_fold(self):
        """The digits network and both kinds of a ResNet, all batch norms folded, in every size of batch."""
        found = folding.table(measure.Settings(rounds=1, batches=(1, 2), blocks=(1, 2), image=32), silent)
        kinds = ["ResNet-50's shape, fused", "ResNet-50's shape, composed", "digits"]
        assert [row.name for row in found.rows] == [f"{kind}, batch {size}" for kind in kinds for size in (1, 2)]
        for row in found.rows:
            assert row.value > 0
            assert 0 < float(row.details["difference"]) <= 1e-5

    def test_resnet_has_the_shape(self):
        """53 convolutions with a batch norm each, and 25.5 million weights."""
        graph_def, _ = folding.resnet(measure.Settings(), True)
        types = [node.op for node in graph_def.node]
        assert types.count("Conv2D") == types.count("FusedBatchNormV3") == 53
        weights = sum(np.prod(tf.make_ndarray(n.attr["value"].tensor).shape) for n in graph_def.node if n.op == "Const")
        assert 25.4e6 < weights < 25.7e6

    def test_time_small_and_build_with_files(self, tmp_path, capsys, monkeypatch):
        """The command prints them, and writes JSON and a picture with the same figures."""
        monkeypatch.setattr(build, "REGIMES", ("ref",))
        monkeypatch.setattr(times, "REGIMES", ("ref", "v2"))
        arguments = ["--rounds", "2", "--only", "time,small,build"]
        arguments += ["--json", str(tmp_path / "b.json"), "--plot", str(tmp_path / "b.png")]
        assert command.main(arguments, paths=("default", "inference", "is_training placeholder"), **TINY) == 0
        printed = capsys.readouterr().out
        written = json.loads((tmp_path / "b.json").read_text())
        assert [table["name"] for table in written["tables"]] == ["time", "small", "build"]
        assert [len(table["rows"]) for table in written["tables"]] == [6, 2, 4]
        for table in written["tables"]:
            for row in table["rows"]:
                assert row["value"] > 0
                assert row["details"]["low"] <= row["value"] <= row["details"]["high"]
                assert row["exceeded"] == (row["value"] > row["limit"])
                assert f"{row['name']} " in printed
                assert f" {row['value']:.3f} " in printed
        head = (tmp_path / "b.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert all(size > 100 for size in struct.unpack(">II", head[16:]))

    def test_failed_path_is_a_row_with_its_reason(self, monkeypatch):
        """The others are measured."""
        wrong = steps.Path("wrong", 1.0, tensors={"mask": lambda inputs: inputs[0, :, :2]})
        monkeypatch.setattr(steps, "PATHS", {"wrong": wrong, "default": steps.PATHS["default"]})
        found = times.regime_rows("ref", times.measured(["wrong", "default"], SHAPE, 1))
        assert [row.name for row in found] == ["ref: wrong", "ref: default"]
        assert [row.value is None for row in found] == [True, False]
        assert found[0].note.startswith("ValueError")

    def test_scaling(self):
        """The time of each stage at three sizes, and its growth from the smallest to the largest."""
        found = scaling.table(measure.Settings(rounds=1, built_layers=2), silent)
        assert [row.name for row in found.rows] == list(scaling.STAGES)
        for row in found.rows:
            smallest, middle, largest = row.details.values()
            assert 0 < min(smallest, middle, largest)
            assert row.value == pytest.approx(largest / smallest / 4)
            assert row.limit == 1.5

    def test_memory(self):
        """In tensors, the fused family held against the op."""
        found = memory.table(measure.Settings(shape=SHAPE, paths=("default",)), silent)
        (row,) = found.rows
        assert row.value >= 0
        assert row.limit == pytest.approx(row.details["the op"] + 1, abs=1e-3)

    def test_checkpoint(self):
        """Peak and time of a conversion, each with its limit."""
        settings = measure.Settings(rounds=1, tensors=2, largest=2**20)
        peak, ratio = checkpoints.table(settings, silent).rows
        assert 0 < peak.value
        assert peak.limit == 103
        assert ratio.value == pytest.approx(ratio.details["seconds"] / ratio.details["copying"])
        assert ratio.limit == 2

    def test_graph(self, original_python, monkeypatch):
        """Static and dynamic, without and with gradients, next to the original's where that can be had."""
        monkeypatch.setattr(graphs.nodes, "REGIMES", ("resource",))
        found = graphs.table(measure.Settings(quick=True, paths=("default",)), silent)
        assert len(found.rows) == 4
        assert all(isinstance(row.value, int) and row.value > 5 for row in found.rows)
        if original_python:
            assert [row.limit - row.details["original"] for row in found.rows] == [2, 2, 2, 2]
        else:
            assert measure.NO_REFERENCE in found.notes

    @pytest.mark.parametrize("regime, guard", [("ref", 0), ("resource", 2), ("v2", 2)])
    def test_graph_limits(self, regime, guard):
        """The original's count, and the guard's two nodes where variables are resources."""
        ours, theirs = {"default": {"static": [31, 43]}}, {"default": {"static": [31, 40]}}
        forward, both = graphs.regime_rows(regime, ours, theirs)
        assert [forward.limit, both.limit] == [31 + guard, 40 + guard]
        assert [forward.exceeded, both.exceeded] == [False, True]

    def test_graph_without_the_original(self, monkeypatch):
        """Says so, and goes on without limits."""
        monkeypatch.setattr(measure, "reference", lambda: None)
        monkeypatch.setattr(graphs, "counted", lambda regime, names: {"default": {"static": [10, 20]}})
        found = graphs.table(measure.Settings(), silent)
        assert [row.limit for row in found.rows] == [None] * 6
        assert measure.NO_REFERENCE in found.notes

    def test_replicas(self):
        """Each kind of step against what it may cost; where TensorFlow has no collectives for CPUs it says so."""
        found = replicas.table(measure.Settings(quick=True, rounds=1), silent)
        counted = {row.name: (row.value, row.limit) for row in found.rows if row.value is not None}
        if counted:
            assert counted == {
                "2 replicas: forward": (1, 1),
                "2 replicas: with gradient": (2, 2),
                "2 replicas: inference": (0, 0),
            }
            for row in found.rows[:3]:
                assert row.details["bytes per layer"] == row.details["limit of bytes"]
        else:
            assert "without any" in found.rows[0].note

    def test_networks(self, original_python, monkeypatch):
        """Against the ops by hand and, where it can be had, the original: steps, building, nodes and peak."""
        monkeypatch.setattr(networks, "MODES", ("placeholder",))
        settings = measure.Settings(rounds=1, networks=("dcgan",), network_batch=2, network_image=32)
        found = networks.table(settings, silent)
        sides = ["by hand", *(["1.15.5"] if original_python else [])]
        figures = [(side, mode, what) for side in sides for mode in networks.MODES for what in networks.FIGURES]
        assert [row.name for row in found.rows] == [f"dcgan, {mode}: {what} to {side}" for side, mode, what in figures]
        assert all(row.value > 0 for row in found.rows if "peak" not in row.name)

    def test_peers(self, original_python):
        """The original's worker serves steps, or the table says that there is none."""
        if original_python is None:
            pytest.skip("no Python 3.7 for the original")
        settings = measure.Settings(shape=SHAPE, rounds=1, paths=("default",))
        (row,) = peers.of_library("original", "the original", original_python, settings)
        assert row.name == "the original 1.15.5: default"
        assert row.value > 0
        assert row.details["of tfbn"] > 0

    def test_peers_that_do_not_run(self, monkeypatch):
        """Are named with what they said; those that are not there, too."""
        monkeypatch.setattr(measure, "reference", lambda: None)
        monkeypatch.setattr(peers, "LIBRARIES", {"original": "the original", "json": "JSON", "nothing_here": "Nothing"})
        found = peers.table(measure.Settings(shape=SHAPE, rounds=1), silent)
        assert not found.rows
        assert measure.NO_REFERENCE in found.notes
        assert "Nothing is not installed" in found.notes
        assert [note for note in found.notes if note.startswith("JSON did not run")]


class TestCommand:
    def test_help(self):
        """In the help: every table and every option; TensorFlow is not needed for it."""
        printed = measure.child("__main__", "--help")
        for word in [*command.NAMES, "--quick", "--rounds", "--json", "--plot", "--check", "exit status"]:
            assert word in printed

    def test_failing_children_are_errors(self):
        """With what they wrote."""
        with pytest.raises(RuntimeError, match="no_such_module"):
            measure.child("no_such_module")

    def test_measured_paths_are_known(self):
        """What tables name is in the table of paths."""
        names = {
            *times.QUICK,
            *memory.FUSED,
            *memory.COMPOSED,
            *memory.QUICK,
            *steps.OF_THE_ORIGINAL,
            *build.nodes.PATHS,
        }
        assert names <= set(steps.PATHS)
        assert worker.THE_OP == steps.PATHS["default"].baseline.name
        assert worker.THE_OP + " (inference)" == steps.PATHS["inference"].baseline.name
