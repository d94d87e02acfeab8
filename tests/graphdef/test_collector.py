import gc

import pytest

from tfbn.graphdef.collector import collector_paused


@pytest.fixture(autouse=True)
def collector():
    enabled = gc.isenabled()
    yield
    (gc.enable if enabled else gc.disable)()


@pytest.mark.parametrize("enabled", [True, False])
def test_collector_is_off_within_and_as_before_afterwards(enabled):
    (gc.enable if enabled else gc.disable)()
    assert collector_paused(gc.isenabled)() is False
    assert gc.isenabled() is enabled


def test_collector_runs_again_after_an_error():
    gc.enable()
    with pytest.raises(ZeroDivisionError):
        collector_paused(divmod)(1, 0)
    assert gc.isenabled()
