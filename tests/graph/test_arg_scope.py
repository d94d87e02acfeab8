"""arg_scope against contrib's: nesting, re-entry, precedence, errors, and what happens to the stack after an error."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import subprocess
import sys
import threading

import pytest

from tests.graph.scoped import conv, plain, pool
from tfbn.graph import arg_scope as module
from tfbn.graph.arg_scope import (
    add_arg_scope,
    arg_scope,
    arg_scope_func_key,
    current_arg_scope,
)

pytestmark = pytest.mark.usefixtures("leaves_the_stack_empty")


def undecorated(inputs, stride=1): ...


# Defaults and their precedence


def test_a_scope_sets_defaults_and_ends_with_its_block():
    with arg_scope([conv], stride=3):
        assert conv("x") == ("x", 8, 3, "SAME")
    assert conv("x") == ("x", 8, 1, "SAME")


def test_keyword_arguments_of_the_call_win():
    with arg_scope([conv], stride=3, padding="VALID"):
        assert conv("x", stride=5) == ("x", 8, 5, "VALID")


def test_none_and_false_win_like_any_other_value():
    with arg_scope([conv], stride=3, padding="VALID"):
        assert conv("x", stride=None, padding=False) == ("x", 8, None, False)


def test_positional_arguments_pass_through():
    with arg_scope([conv], padding="VALID"):
        assert conv("x", 16, 4) == ("x", 16, 4, "VALID")


def test_positional_argument_conflicts_with_scoped():
    # As the original: TypeError "f() got multiple values for argument 'a'".
    with arg_scope([conv], filters=4), pytest.raises(TypeError, match="multiple values for argument 'filters'"):
        conv("x", 16)


def test_unknown_scoped_argument_fails_in_the_call():
    with arg_scope([conv, pool], name="p"):
        assert pool("x") == ("x", 2, "VALID", "p", 3)
        with pytest.raises(TypeError, match="unexpected keyword argument 'name'"):
            conv("x")


def test_scope_applies_to_its_functions_only():
    other = add_arg_scope(plain)
    with arg_scope((conv, pool), stride=7):
        assert conv("x")[2] == pool("x", name="p")[1] == 7
        assert other("x") == ("x", 1)


def test_inner_scopes_add_to_outer_ones_and_win():
    with arg_scope([conv], filters=2, stride=2):
        with arg_scope([conv], stride=3, padding="VALID"):
            assert conv("x") == ("x", 2, 3, "VALID")
        assert conv("x") == ("x", 2, 2, "SAME")


def test_an_inner_scope_does_not_change_the_outer_one():
    with arg_scope([conv], stride=2) as outer:
        with arg_scope([conv], stride=3) as inner:
            assert inner[arg_scope_func_key(conv)] == {"stride": 3}
        assert outer[arg_scope_func_key(conv)] == {"stride": 2}


def test_each_function_gets_defaults_of_its_own():
    with arg_scope([conv, pool], stride=2) as scope:
        scope[arg_scope_func_key(conv)]["stride"] = 9
        assert conv("x")[2] == 9
        assert pool("x", name="p")[1] == 2


def test_empty_arg_scope_changes_nothing():
    with arg_scope([conv], stride=2), arg_scope([], stride=3):
        assert conv("x")[2] == 2


def test_nested_function_uses_its_own_defaults():
    @add_arg_scope
    def block(inputs, stride=1):
        return stride, conv(inputs)

    with arg_scope([block], stride=2), arg_scope([conv], stride=3):
        assert block("x") == (2, ("x", 8, 3, "SAME"))


# Captured scopes


def test_a_captured_scope_is_entered_again():
    with arg_scope([conv], filters=2), arg_scope([conv, pool], stride=3) as captured:
        pass
    assert conv("x") == ("x", 8, 1, "SAME")
    with arg_scope(captured) as entered:
        assert conv("x") == ("x", 2, 3, "SAME")
        assert entered == captured
        assert entered is not captured


def test_a_captured_scope_replaces_the_enclosing_one():
    with arg_scope([conv], stride=3) as captured:
        pass
    with arg_scope([conv, pool], stride=5, padding="NEITHER"):
        with arg_scope(captured):
            assert conv("x") == ("x", 8, 3, "SAME")
            assert pool("x", name="p") == ("x", 2, "VALID", "p", 3)
        assert conv("x") == ("x", 8, 5, "NEITHER")


def test_an_empty_dict_clears_all_defaults():
    with arg_scope([conv], stride=3), arg_scope({}):
        assert conv("x")[2] == 1


def test_a_captured_scope_can_be_extended():
    with arg_scope([conv], stride=3) as captured:
        pass
    with arg_scope(captured), arg_scope([conv, pool], padding="NEITHER"):
        assert conv("x") == ("x", 8, 3, "NEITHER")
    assert list(captured) == [arg_scope_func_key(conv)]


def test_the_scope_yielded_is_the_one_in_force():
    with arg_scope([conv], stride=3) as scope:
        assert current_arg_scope() is scope


# Errors: type and text as the original's, the stack as it was


@pytest.mark.parametrize("wrong", [conv, "conv", {conv}, None, 3], ids=["function", "str", "set", "None", "int"])
def test_neither_list_nor_dict(wrong):
    # The original: TypeError "list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)".
    with arg_scope([conv], stride=2):
        with (
            pytest.raises(
                TypeError,
                match=r"^list_ops_or_scope must either be a list/tuple or reused scope \(i\.e\. dict\), but got .+\.",
            ),
            arg_scope(wrong, stride=3),
        ):
            raise AssertionError("entered")
        assert conv("x")[2] == 2


@pytest.mark.parametrize(
    "ops", [[undecorated], [conv, undecorated], (undecorated, conv), [conv, "conv"], [conv, 3], [conv, None]]
)
def test_undecorated_functions(ops):
    # The original: ValueError("%s is not decorated with @add_arg_scope", ("__main__", "u")), unformatted, and for a
    # string or a number AttributeError while making that text. Each time it popped the enclosing scope.
    with arg_scope([conv], stride=2):
        with (
            pytest.raises(ValueError, match=r"^list_ops_or_scope: .+ is not decorated with @add_arg_scope\. Decorate"),
            arg_scope(ops, stride=3),
        ):
            raise AssertionError("entered")
        assert conv("x")[2] == 2


def test_an_undecorated_function_is_named():
    with pytest.raises(ValueError, match=rf"but {__name__}\.undecorated is not"), arg_scope([undecorated]):
        pass


def test_keyword_arguments_next_to_a_dict():
    # The original: ValueError "When attempting to re-use a scope by suppling adictionary, kwargs must be empty.", and
    # the enclosing scope was left alone; only the list form popped it.
    with arg_scope([conv], stride=2) as scope:
        with pytest.raises(ValueError, match="kwargs must be empty, but got padding, stride"):
            with arg_scope(scope, stride=3, padding="VALID"):
                raise AssertionError("entered")
        assert conv("x")[2] == 2


def test_errors_keep_the_scope_stack_usable():
    for wrong in (conv, [undecorated]):
        with pytest.raises((TypeError, ValueError)), arg_scope(wrong, stride=3):
            pass
    assert conv("x")[2] == 1
    with arg_scope([conv], stride=2):
        assert conv("x")[2] == 2


def test_error_in_the_block_ends_the_scope():
    with pytest.raises(ZeroDivisionError), arg_scope([conv], stride=2):
        raise ZeroDivisionError
    assert conv("x")[2] == 1


def test_arg_scope_errors_are_raised_on_entry():
    scope = arg_scope([undecorated], stride=3)
    with pytest.raises(ValueError, match="not decorated"):
        scope.__enter__()


# The context manager


def test_arg_scope_decorates_functions():
    @arg_scope([conv], stride=9)
    def network(inputs):
        return conv(inputs)

    # Twice, because a generator can run only once. The original allows this too.
    assert network("x") == network("x") == ("x", 8, 9, "SAME")
    assert conv("x")[2] == 1


def test_the_list_can_be_passed_by_name():
    with arg_scope(list_ops_or_scope=[conv], stride=2):
        assert conv("x")[2] == 2


def test_scopes_may_end_in_any_order():
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(arg_scope([conv], stride=2))
        second.enter_context(arg_scope([conv], padding="VALID"))
        first.close()
        assert conv("x") == ("x", 8, 2, "VALID")
    assert current_arg_scope() == {}


def test_equal_scopes_are_distinguished():
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        outer = first.enter_context(arg_scope({}))
        inner = second.enter_context(arg_scope({}))
        assert outer == inner
        first.close()
        assert current_arg_scope() is inner


# Threads


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(timeout=60)
    assert results, "the thread failed"
    return results[0]


def test_a_thread_started_in_a_scope_sees_it():
    with arg_scope([conv], stride=2):
        assert in_thread(lambda: conv("x")) == ("x", 8, 2, "SAME")
    assert in_thread(lambda: conv("x")) == ("x", 8, 1, "SAME")


def test_thread_inherits_scopes():
    def body():
        with arg_scope([conv], padding="VALID"):
            return conv("x")

    with arg_scope([conv], stride=2):
        assert in_thread(body) == ("x", 8, 2, "VALID")
        assert conv("x") == ("x", 8, 2, "SAME")


def test_threads_do_not_see_each_others_scopes():
    # Replica threads of a distribution strategy take turns like this: each is stopped inside its own scope.
    barrier = threading.Barrier(2)
    results = {}

    def replica(stride):
        with arg_scope([conv], stride=stride):
            barrier.wait(timeout=60)
            inside = conv("x")[2]
            barrier.wait(timeout=60)
        results[stride] = inside, conv("x")[2]

    threads = [threading.Thread(target=replica, args=(stride,)) for stride in (2, 3)]
    with arg_scope([conv], stride=7):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert conv("x")[2] == 7
    assert results == {2: (2, 7), 3: (3, 7)}


def test_scope_may_end_in_another_thread():
    scope = arg_scope([conv], stride=2)
    scope.__enter__()
    in_thread(lambda: scope.__exit__(None, None, None) or "done")
    assert conv("x")[2] == 1


# The module


def test_docstring_examples():
    failed, attempted = doctest.testmod(module)
    assert attempted >= 6
    assert not failed


def test_the_module_needs_no_tensorflow():
    script = """
import importlib.util, sys
sys.modules["tensorflow"] = None
spec = importlib.util.spec_from_file_location("alone", sys.argv[1])
alone = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
f = alone.add_arg_scope(lambda x=1: x)
with alone.arg_scope([f], x=2):
    assert f() == 2
assert not [name for name in sys.modules if name.split(".")[0] in ("tfbn", "keras", "numpy")]
"""
    path = importlib.util.find_spec(module.__name__).origin
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr


def test_all_names_exist():
    assert sorted(module.__all__) == module.__all__
    assert all(hasattr(module, name) for name in module.__all__)
