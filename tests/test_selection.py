"""The samples that `make quick` and `make test` run."""

import pytest

from tests import selection

FILE = """
import pytest

@pytest.mark.parametrize("case", range(40))
def test_many(case): pass

@pytest.mark.cases(30)
@pytest.mark.parametrize("case", range(40))
def test_more(case): pass

def test_one(): pass

@pytest.mark.slow
def test_first(): pass

@pytest.mark.slow
@pytest.mark.parametrize("case", range(2))
def test_second(case): pass
"""


@pytest.fixture
def collected(pytester, monkeypatch):
    """A function that says which tests the options and a seed leave."""
    pytester.makepyfile(test_file=FILE)
    pytester.makeconftest(
        "from tests import selection\n"
        "def pytest_addoption(parser): selection.add_options(parser)\n"
        "def pytest_collection_modifyitems(config, items): selection.select(config, items)\n"
        "def pytest_configure(config):\n"
        "    config.addinivalue_line('markers', 'cases(n)')\n"
        "    config.addinivalue_line('markers', 'slow')\n"
    )

    def collect(*options, seed=1):
        monkeypatch.setattr(selection, "SEED", seed)
        lines = pytester.runpytest_inprocess("--collect-only", "-q", *options).outlines
        return [line.partition("::")[2] for line in lines if "::" in line]

    return collect


def count(names, function):
    return sum(name.partition("[")[0] == function for name in names)


def test_everything_without_options(collected):
    assert len(collected()) == 84


def test_cases(collected):
    """At most so many of each function, in their order; its marker says otherwise."""
    names = collected("--cases", "8")
    assert [count(names, name) for name in ("test_many", "test_more", "test_one", "test_second")] == [8, 30, 1, 2]
    numbers = [int(name[10:-1]) for name in names if name.startswith("test_many")]
    assert numbers == sorted(numbers)


def test_parts(collected):
    """Two halves make up everything; only what has few cases is in both, unless it is slow."""
    one, other = collected("--part", "1/2"), collected("--part", "2/2")
    assert set(one) & set(other) == {"test_one"}
    assert set(one) | set(other) == set(collected())
    for half in (one, other):
        assert [count(half, name) for name in ("test_many", "test_more")] == [20, 20]


def test_a_single_case(collected):
    """Of every function, whatever its marker says."""
    assert len(collected("--cases", "1")) == 5


def test_functions(collected):
    assert len({name.partition("[")[0] for name in collected("--functions", "2")}) == 2


def test_the_seed_decides(collected):
    """So that all processes of a run take the same sample, and another seed takes another."""
    assert collected("--cases", "8") == collected("--cases", "8")
    assert collected("--cases", "8") != collected("--cases", "8", seed=2)
