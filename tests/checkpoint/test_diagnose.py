"""Each rule finds what it is for, at its threshold and not below; a healthy checkpoint gives nothing."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfbn
from tests.checkpoint.models import reference
from tests.examples.program import load
from tfbn import checkpoint
from tfbn.checkpoint import naming, rules
from tfbn.checkpoint.bundle import writing

CHANNELS = 8


def healthy(seed=0, dtype=np.float32):
    random = np.random.default_rng(seed)
    return {
        "gamma": random.uniform(0.5, 1.5, CHANNELS).astype(dtype),
        "beta": random.normal(0.0, 0.3, CHANNELS).astype(dtype),
        "moving_mean": random.normal(1.0, 2.0, CHANNELS).astype(dtype),
        "moving_variance": random.uniform(0.5, 4.0, CHANNELS).astype(dtype),
    }


@pytest.fixture
def diagnose(tmp_path):
    """Writes layers, dicts by scope, and judges them."""

    def judge(layers, decay=None, **more):
        with writing(str(tmp_path / "model"), force=True) as writer:
            for scope, variables in layers.items():
                for short, array in variables.items():
                    writer.add(f"{scope}/{short}", np.asarray(array))
            for name, array in more.items():
                writer.add(name, np.asarray(array))
        return checkpoint.diagnose(tmp_path / "model", decay)

    return judge


def kinds(found):
    return [(finding.kind, finding.layer) for finding in found]


def changed(seed=0, dtype=np.float32, **channels):
    """A healthy layer but for the first values of some variables."""
    layer = healthy(seed, dtype)
    for short, value in channels.items():
        layer[short] = layer[short].copy()
        layer[short][: np.size(value)] = value
    return layer


MEDIAN_GAMMA = float(np.median(healthy()["gamma"]))
MEDIAN_VARIANCE = float(np.median(healthy()["moving_variance"]))
MU_AND_SIGMA = {"beta": healthy()["beta"], "mu": healthy()["moving_mean"], "sigma": healthy()["moving_variance"]}
STILL = {**healthy(), "moving_mean": np.zeros(CHANNELS, np.float32), "moving_variance": np.ones(CHANNELS, np.float32)}


@pytest.mark.parametrize(
    "layer, kind, severity, problem",
    [
        (STILL, "never updated", "error", "moving_mean is all 0 and moving_variance all 1"),
        (
            changed(moving_mean=np.nan),
            "not finite",
            "error",
            r"moving_mean is NaN or infinite in 1 of 8 channels \(0\)",
        ),
        (changed(moving_variance=[np.inf, np.inf]), "not finite", "error", r"in 2 of 8 channels \(0, 1\)"),
        (changed(gamma=np.nan), "not finite", "error", "gamma is NaN"),
        (changed(moving_variance=-1e-7), "negative variance", "error", r"negative in 1 of 8 channels \(0\)"),
        ({"beta": healthy()["beta"]}, "missing statistics", "error", "has beta, and no moving_mean or moving_variance"),
        (
            MU_AND_SIGMA,
            "unrecognized",
            "warning",
            r"has beta, and no .* by a known name; these may be: .*/mu, .*/sigma$",
        ),
        ({"moving_mean": healthy()["moving_mean"]}, "missing statistics", "error", "and no moving_variance"),
        (
            changed(gamma=0.5e-3 * MEDIAN_GAMMA),
            "dead channels",
            "warning",
            "gamma is below 0.001 of the layer's median",
        ),
        (changed(moving_variance=0.0), "dead channels", "warning", "moving_variance is below 1e-06 of the layer's"),
        (changed(dtype=np.float16, moving_variance=1.0), "frozen", "error", "is float16 and has not left 1 in 1 of 8"),
        (
            healthy(dtype=np.float16),
            "half precision",
            "warning",
            "with decay 0.999, statistics of float16 stop up to 49%",
        ),
        (
            healthy(dtype=tf.bfloat16.as_numpy_dtype),
            "half precision",
            "warning",
            "with decay 0.999, statistics of bfloat16 stop up to 391%",
        ),
    ],
)
def test_rules(layer, kind, severity, problem, diagnose):
    """With the layer's name and a remedy; and its healthy neighbour is not blamed."""
    (finding,) = diagnose({"net/BatchNorm": layer, "net/BatchNorm_1": healthy(1)})
    assert (finding.kind, finding.severity, finding.layer) == (kind, severity, "net/BatchNorm")
    assert re.search(problem, finding.problem)
    assert finding.remedy in {rule.remedy for rule in rules.RULES}


@pytest.mark.parametrize(
    "layer",
    [
        healthy(),
        changed(gamma=1.1e-3 * MEDIAN_GAMMA),
        changed(moving_variance=1.1e-6 * MEDIAN_VARIANCE),
        {**healthy(), "gamma": np.zeros(CHANNELS, np.float32)},  # as residual branches are initialized
        {**healthy(), "moving_variance": np.ones(CHANNELS, np.float32)},  # of inputs that are standardized already
    ],
)
def test_below_the_thresholds(layer, diagnose):
    """Nothing is found in what is unusual and may well be meant."""
    assert diagnose({"net/BatchNorm": layer}) == []


def renamed(layer, mean, variance):
    """A layer with other names for the statistics."""
    names = {"moving_mean": mean, "moving_variance": variance}
    return {names.get(short, short): array for short, array in layer.items()}


class TestOtherNames:
    @pytest.mark.parametrize("place", ["net/bn/ema/{}", "net/statistics/{}_bn"])
    def test_missing_by_the_names_that_are_known(self, place, diagnose):
        """Trained variables of the same size are no reason to doubt; something that sounds like a statistic is."""
        trained = {"conv/biases": healthy()["beta"], "ln/beta": healthy()["beta"], "bn/beta/Adam": healthy()["beta"]}
        layers = {"net/bn": {"beta": healthy()["beta"]}, "net": trained}
        assert kinds(diagnose(layers)) == [("missing statistics", "net/bn")]
        assert kinds(diagnose(layers, **{place.format("mean"): healthy()["beta"]})) == [("unrecognized", "net/bn")]

    @pytest.mark.parametrize("scheme", naming.SCHEMES, ids=lambda scheme: scheme.mean)
    def test_naming_schemes_are_diagnosed_alike(self, scheme, diagnose):
        """Healthy, negative, and as it was initialized."""
        names = [name.replace("*", "") for name in scheme[:2]]
        assert diagnose({"a": renamed(healthy(), *names)}) == []
        assert kinds(diagnose({"a": renamed(changed(moving_variance=-1.0), *names)})) == [("negative variance", "a")]
        zeros = dict.fromkeys(("moving_mean", "moving_variance"), np.zeros(CHANNELS, np.float32))
        expected = [] if names[1] == "moving_variance" else [("never updated", "a")]
        assert kinds(diagnose({"a": renamed({**healthy(), **zeros}, *names)})) == expected


class TestNeverCopied:
    """A target network that takes beta and gamma of another, and not its statistics."""

    FOLLOWING = {**STILL, "beta": 0.9 * healthy()["beta"], "gamma": 0.1 + 0.9 * healthy()["gamma"]}

    @pytest.mark.parametrize(
        "target, main, expected",
        [
            ("target/bn", "main/bn", "never copied"),
            ("target_actor/bn", "actor/bn", "never copied"),
            ("target/q/bn", "q/bn", "never copied"),
            ("slow/bn", "fast/bn", "never copied"),  # by the values alone
            ("slow/bn1", "fast/bn2", "never updated"),  # another place in the network
        ],
    )
    def test_found(self, target, main, expected, diagnose):
        (finding,) = diagnose({main: healthy(), target: self.FOLLOWING})
        assert (finding.kind, finding.severity, finding.layer) == (expected, "error", target)
        if expected == "never copied":
            assert finding.problem.endswith(f"as they are initialized, while those of {main} were updated")

    def test_trained_apart(self, diagnose):
        """A discriminator whose updates were forgotten is no copy of the generator; nor has a fresh layer any."""
        other = {**STILL, "beta": healthy(5)["beta"], "gamma": healthy(5)["gamma"]}
        assert kinds(diagnose({"G/bn": healthy(), "D/bn": other})) == [("never updated", "D/bn")]
        layers = {"main/bn": STILL, "target/bn": self.FOLLOWING}
        assert kinds(diagnose(layers)) == [("never updated", "main/bn"), ("never updated", "target/bn")]


class TestZeroDebias:
    PAIR = {"moving_mean/biased": healthy()["moving_mean"], "moving_mean/local_step": np.float32(1000)}

    def test_paired(self, diagnose):
        assert diagnose({"a": {**healthy(), **self.PAIR}}) == []

    @pytest.mark.parametrize("left", ["biased", "local_step"])
    def test_half_a_pair(self, left, diagnose):
        layer = {**healthy(), f"moving_mean/{left}": self.PAIR[f"moving_mean/{left}"]}
        (finding,) = diagnose({"a": layer})
        assert finding.kind == "zero debias unpaired"
        assert f"it has {left}, and no" in finding.problem

    def test_none_where_others_have_one(self, diagnose):
        (finding,) = diagnose({"a": {**healthy(), **self.PAIR}, "b": healthy(1)})
        assert (finding.layer, finding.kind) == ("b", "zero debias unpaired")
        assert finding.problem == "it has neither biased nor local_step, which a has"

    def test_orphans(self, diagnose):
        """Of a layer that was renamed without them."""
        found = diagnose({"a": healthy(), "old/old": self.PAIR})
        assert kinds(found) == [
            ("zero debias unpaired", "old/old/moving_mean/biased"),
            ("zero debias unpaired", "old/old/moving_mean/local_step"),
        ]

    def test_a_cumulative_average_counts_alone(self, tmp_path):
        """local_step without biased is what decay=None keeps."""
        norm = tfbn.BatchNorm(3, decay=None)
        norm(tf.constant(np.random.default_rng(0).normal(2.0, 1.0, [16, 3]), tf.float32))
        assert checkpoint.diagnose(tf.train.Checkpoint(norm=norm).write(str(tmp_path / "model"))) == []


class TestSlowDecay:
    @pytest.mark.parametrize(
        "decay, steps, found", [(0.999, 2302, 0), (0.999, 2301, 1), (0.9997, 1000, 1), (0.9, 22, 0)]
    )
    def test_by_the_global_step(self, decay, steps, found, diagnose):
        """Where 1 - decay**steps is below 90 %."""
        result = diagnose({"a": healthy()}, decay, global_step=np.int64(steps))
        assert kinds(result) == [("slow decay", "a")] * found
        if found:
            share = 1 - decay**steps
            assert (
                result[0].problem
                == f"after {steps} steps with decay {decay:g}, only {share:.0%} of the statistics come from data"
            )

    def test_unknown_decay(self, diagnose):
        """Then the global step says nothing."""
        assert diagnose({"a": healthy()}, global_step=np.int64(3)) == []

    @pytest.mark.parametrize("value", [np.array([3]), np.float32(3)])
    def test_no_count_of_steps(self, diagnose, value):
        """One of that name is a whole number alone."""
        assert diagnose({"a": healthy()}, 0.999, global_step=value) == []

    def test_by_the_pair(self, diagnose):
        """Without knowing the decay: their quotient is 1 - decay**steps."""
        layer = healthy()
        pair = {"moving_mean/biased": layer["moving_mean"] * np.float32(0.3), "moving_mean/local_step": np.float32(50)}
        (finding,) = diagnose({"a": {**layer, **pair}})
        assert finding.kind == "slow decay"
        assert finding.problem.startswith("only 30% of moving_variance comes from data")

    def test_by_the_weights_of_old_renorm(self, diagnose):
        layer = {**healthy(), "renorm_mean": healthy(1)["moving_mean"], "renorm_mean_weight": np.float32(0.5)}
        assert [finding.problem for finding in diagnose({"a": layer})] == ["renorm_mean has 50% of its weight"]

    def test_decay_out_of_range(self):
        with pytest.raises(ValueError, match=r"^decay: expected a number in \[0, 1\], got 1.5"):
            checkpoint.diagnose(reference("contrib"), 1.5)


class TestOutliers:
    def layers(self, **change):
        """Six layers, of which the fourth has its variable multiplied."""
        made = {f"conv{i}": healthy(i) for i in range(6)}
        for short, factor in change.items():
            made["conv3"][short] = made["conv3"][short] * np.float32(factor)
        return made

    @pytest.mark.parametrize("factor, found", [(1e5, 1), (1e-5, 1), (1e3, 0), (1e-3, 0)])
    def test_variance(self, factor, found, diagnose):
        """Ten thousand times that of all layers around it, or a ten thousandth."""
        result = diagnose(self.layers(moving_variance=factor))
        assert kinds(result) == [("outlier", "conv3")] * found

    @pytest.mark.parametrize("factor, found", [(1e4, 1), (20, 0)])
    def test_mean(self, factor, found, diagnose):
        """A hundred deviations from 0, and a hundred times as far as all of them."""
        result = diagnose(self.layers(moving_mean=factor))
        assert kinds(result) == [("outlier", "conv3")] * found
        if found:
            assert "deviations from 0" in result[0].problem

    def test_means_of_zero_around_it(self, diagnose):
        """A mean of a few deviations is no outlier beside layers whose means are all but zero."""
        made = self.layers()
        for scope, variables in made.items():
            variables["moving_mean"] = np.full(CHANNELS, 3.0 if scope == "conv3" else 1e-3, np.float32)
        assert diagnose(made) == []

    def test_too_few_neighbours(self, diagnose):
        """With two layers there is no telling which is the odd one."""
        layers = self.layers(moving_variance=1e9)
        assert diagnose({"conv2": layers["conv2"], "conv3": layers["conv3"]}) == []


def test_order_and_text(diagnose):
    """Errors first; the table has a line for each finding, and each remedy once."""
    found = diagnose({"a": changed(gamma=0.0), "b": changed(moving_variance=-1.0), "c": changed(moving_variance=-2.0)})
    assert [finding.severity for finding in found] == ["error", "error", "warning"]
    text = str(found)
    assert [line.split()[0] for line in text.splitlines()[:4]] == ["severity", "error", "error", "warning"]
    assert text.count(found[0].remedy) == 1
    assert str(diagnose({"a": healthy()})) == "No problem in 1 batch norm layer."


def test_without_layers(diagnose):
    """Says what it has instead."""
    with pytest.raises(
        ValueError,
        match=r"layers, got one in which none is recognized. It has\n  d/w\nA layer is recognized by",
    ):
        diagnose({"d": {"w": [1.0]}})


@pytest.mark.parametrize(
    "name", ["contrib", "contrib_v1", "no_scale", "layers", "layers_renorm", "renorm", "virtual_batch"]
)
def test_of_the_original(name):
    """What TensorFlow 1.15.5 trained is healthy."""
    assert checkpoint.diagnose(reference(name)) == []


def test_of_the_original_after_few_steps():
    """20 steps with decay 0.9 and zero debias: 88 % of the variance comes from data, as 1 - 0.9**20 has it."""
    found = checkpoint.diagnose(reference("zero_debias"))
    assert [finding.problem.split()[:2] for finding in found] == [["only", "88%"]] * 2


@pytest.mark.slow
@pytest.mark.parametrize("updates, found", [("collection", []), ("forgotten", ["never updated"] * 4)])
def test_the_digits(updates, found, tmp_path, monkeypatch):
    """The example's checkpoint is healthy, by its decay and steps as well; that of forgotten updates is not."""
    arguments = ["--updates", updates, "--steps", "40", "--no-progress", "--output-dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["digits_graph.py", *arguments])
    load("digits_graph.py").main()
    diagnosis = checkpoint.diagnose(tmp_path / f"digits-{updates}.ckpt", decay=0.9)
    assert [finding.kind for finding in diagnosis] == found
