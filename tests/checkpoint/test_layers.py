"""The layers found in a checkpoint, by the names that many programs and versions gave their variables."""

from __future__ import annotations

import pytest

from tests.checkpoint.models import reference
from tfbn import checkpoint
from tfbn.checkpoint.layers import find
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
    names = ["block10/bn", "block2/bn", "block1/bn"]
    found = find(entries(*[path for name in names for path in in_scope(name, *STATISTICS)]))
    assert [layer.scope for layer in found.layers] == names[::-1]
    lines = str(checkpoint.list_layers(reference("zero_debias"))).splitlines()
    assert lines[0].split() == "scope shape dtype variables zero debias renorm shadows".split()
    assert lines[1].split()[:3] == ["first/BatchNorm", "4", "float32"]
    assert "doubled" in lines[1]
    assert len(lines) == 3
