"""The layers found in a checkpoint, by the names that many programs and versions gave their variables."""

from __future__ import annotations

import pytest

from tests.checkpoint.models import reference
from tfbn import checkpoint
from tfbn.checkpoint.layers import find
from tfbn.checkpoint.list_layers import Layers
from tfbn.checkpoint.reader import Entry

STATISTICS = ("moving_mean", "moving_variance")


def entries(*paths, shape=(4,)):
    return [Entry(path, path, () if "local_step" in path else shape, "float32") for path in paths]


def in_scope(scope, *shorts):
    return [f"{scope}/{short}" for short in shorts]


@pytest.mark.parametrize(
    "name, scope, shape, shorts, zero_debias, renorm, shadows",
    [
        ("contrib", "BatchNorm", (4,), "beta gamma", "", "", ["beta", "gamma"]),
        ("contrib_v1", "BatchNorm", (4,), "beta gamma", "", "", []),
        ("no_scale", "BatchNorm", (4,), "beta", "", "", []),
        ("zero_debias", "BatchNorm", (4,), "beta gamma biased local_step", "doubled", "", []),
        ("renorm", "BatchNorm", (4,), "beta gamma moving_stddev renorm_mean renorm_stddev", "", "from 1.15", []),
        ("layers", "batch_normalization", (4,), "beta gamma", "", "", []),
        ("virtual_batch", "batch_normalization", (1, 1, 1, 1, 4), "beta gamma", "", "", []),
    ],
)
def test_of_the_original(name, scope, shape, shorts, zero_debias, renorm, shadows):
    """Two layers in each, with all that belongs to them, and nothing of the optimizer's."""
    first, second = checkpoint.list_layers(reference(name))
    assert (first.scope, second.scope) == (f"first/{scope}", f"second/{scope}")
    assert first.shape == shape
    assert second.shape == (*shape[:-1], 2)
    assert set(first.variables) == {*STATISTICS, *shorts.split()}
    assert (first.zero_debias, first.renorm) == (zero_debias, renorm)
    assert list(first.shadows) == shadows
    assert first.variables["moving_mean"] == f"first/{scope}/moving_mean"


@pytest.mark.parametrize(
    "pair, naming",
    [
        ("o/i/o/i/moving_mean/{}", "doubled"),
        ("o/i/moving_mean/{}", "single"),
        ("o/i/o/i/moving_mean/{}_1", "suffixed"),
        ("o/i/o/i_1/moving_mean/{}", "suffixed"),
        ("o/i/moving_mean/{}_2", "suffixed"),
        ("o/i/{}", "attributes"),
    ],
)
def test_names_of_the_pair(pair, naming):
    """Versions and calls differ in the scope they repeat, and count what they meet twice."""
    found = find(entries(*in_scope("o/i", *STATISTICS), pair.format("biased"), pair.format("local_step")))
    (layer,) = found.layers
    assert layer.zero_debias == naming
    assert layer.variables["biased"] == pair.format("biased")
    assert layer.variables["local_step"] == pair.format("local_step")
    assert found.orphans == []


def aliases(layer):
    return [layer.scope, *(layer.variables.get(short, "") for short in ("beta", "moving_mean", "moving_variance"))]


EMA = "ExponentialMovingAverage"


@pytest.mark.parametrize(
    "paths, expected",
    [
        (["n/pop_mean", "n/pop_var", "n/beta"], [["n", "n/beta", "n/pop_mean", "n/pop_var"]]),
        (["n/moving_mean", "n/moving_var"], [["n", "", "n/moving_mean", "n/moving_var"]]),
        (["n/mean/EMA", "n/variance/EMA"], [["n", "", "n/mean/EMA", "n/variance/EMA"]]),
        # A variable for a tensor repeats the variable scope, and the name scope may have a number.
        (
            [f"a/n/a/n_1/moments_2/Squeeze{i}/{EMA}" for i in ("", "_1")] + ["a/n/beta"],
            [["a/n", "a/n/beta", f"a/n/a/n_1/moments_2/Squeeze/{EMA}", f"a/n/a/n_1/moments_2/Squeeze_1/{EMA}"]],
        ),
        (["n/mean", "n/variance", "n/offset"], [["n", "n/offset", "n/mean", "n/variance"]]),
        (["observations/mean", "observations/variance"], []),
        (["n/pop_mean", "other/pop_var"], []),
        # Statistics for each domain over one beta.
        (
            ["n/beta", "n/s/moving_mean", "n/s/moving_variance", "n/t/moving_mean", "n/t/moving_variance"],
            [[f"n/{d}", "n/beta", f"n/{d}/moving_mean", f"n/{d}/moving_variance"] for d in "st"],
        ),
        (
            ["n/beta", *(f"n/moving_{name}_{d}" for d in "st" for name in ("mean", "variance"))],
            [[f"n/moving_mean_{d}", "n/beta", f"n/moving_mean_{d}", f"n/moving_variance_{d}"] for d in "st"],
        ),
        (
            ["pop_mean", "pop_var", "pop_mean_1", "pop_var_1", "beta", "beta_1"],
            [["", "beta", "pop_mean", "pop_var"], ["pop_mean_1", "beta_1", "pop_mean_1", "pop_var_1"]],
        ),
    ],
)
def test_other_names(paths, expected):
    """Pairs by the schemes that are known, with beta beside them; one of a pair, or names of other things, is none."""
    assert [aliases(layer) for layer in find(entries(*paths)).layers] == expected


def test_a_pair_has_one_shape():
    assert find([*entries("n/pop_mean"), *entries("n/pop_var", shape=(2,))]).layers == []


def test_shadows_of_a_shared_beta():
    found = find(entries("n/beta", f"n/beta/{EMA}", "n/s/moving_mean", "n/s/moving_variance"))
    assert [(layer.scope, layer.shadows) for layer in found.layers] == [("n/s", {"beta": f"n/beta/{EMA}"})]
    assert found.unclaimed == []


def test_orphans():
    """A pair under the name that the layer had before it was renamed."""
    found = find(entries(*in_scope("new", *STATISTICS), "old/old/moving_mean/biased", "old/old/moving_mean/local_step"))
    assert [layer.variables.keys() & {"biased", "local_step"} for layer in found.layers] == [set()]
    assert found.orphans == ["old/old/moving_mean/biased", "old/old/moving_mean/local_step"]


def test_pairs_of_nested_scopes():
    """A layer whose scope begins with another's."""
    outer, inner = "a", "a/a"
    found = find(
        entries(*in_scope(outer, *STATISTICS), *in_scope(inner, *STATISTICS), "a/a/a/a/moving_mean/biased", shape=(2,))
    )
    assert {layer.scope: "biased" in layer.variables for layer in found.layers} == {"a": False, "a/a": True}


def test_old_renorm():
    """Up to 1.14 averages had weights; one that a cut restore has left without is told by the other."""
    found = find(entries(*in_scope("n", *STATISTICS, "renorm_mean", "renorm_mean_weight", "renorm_stddev")))
    assert [layer.renorm for layer in found.layers] == ["up to 1.14"]


@pytest.mark.parametrize("scope", ["BatchNorm", "net/BatchNorm_3", "conv1/bn", "bn2", "x/batch_normalization_1"])
def test_without_statistics_by_the_name(scope):
    """What a Saver of the trainable variables has left."""
    (layer,) = find(entries(f"{scope}/beta")).layers
    assert (layer.scope, list(layer.variables)) == (scope, ["beta"])


@pytest.mark.parametrize("scope", ["LayerNorm", "layer_normalization", "GroupNorm", "InstanceNorm", "dense", "subnet"])
def test_other_normalizations(scope):
    """Have beta and gamma, and no statistics by nature."""
    assert find(entries(f"{scope}/beta", f"{scope}/gamma")).layers == []


def test_order_and_table():
    """Numbers in names count as numbers; the table has a line for each."""
    named = find(entries("n/pop_mean", "n/pop_var")).layers
    assert "moving_mean (pop_mean), moving_variance (pop_var)" in str(Layers(named))
    names = ["block10/bn", "block2/bn", "block1/bn"]
    found = find(entries(*[path for name in names for path in in_scope(name, *STATISTICS)]))
    assert [layer.scope for layer in found.layers] == names[::-1]
    lines = str(checkpoint.list_layers(reference("zero_debias"))).splitlines()
    assert lines[0].split() == "scope shape dtype variables zero debias renorm shadows".split()
    assert lines[1].split()[:3] == ["first/BatchNorm", "4", "float32"]
    assert "doubled" in lines[1]
    assert len(lines) == 3
