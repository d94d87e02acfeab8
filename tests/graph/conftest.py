"""What several files about arg_scope ask for."""

import pytest

from tfbn.graph import arg_scope


@pytest.fixture
def leaves_the_stack_empty():
    """Fails a test that leaves a scope open, or finds one."""
    assert arg_scope.current_arg_scope() == {}
    yield
    assert arg_scope.current_arg_scope() == {}
    assert len(arg_scope._MAIN_STACK) == 1
