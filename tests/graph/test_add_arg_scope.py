"""add_arg_scope: what it decorates, the keys it gives, and the arguments it says can be scoped."""

from __future__ import annotations

import functools
import gc
import inspect

import pytest

from tests.graph.scoped import conv, plain, pool
from tfbn.graph.arg_scope import (
    add_arg_scope,
    arg_scope,
    arg_scope_func_key,
    arg_scoped_arguments,
    has_arg_scope,
)

pytestmark = pytest.mark.usefixtures("leaves_the_stack_empty")


def test_the_decorated_function_keeps_its_identity():
    function = add_arg_scope(plain)
    assert function.__name__ == "plain"
    assert function.__qualname__ == "plain"
    assert function.__module__ == plain.__module__
    assert function.__wrapped__ is plain
    assert conv.__doc__ == "Stands for a layer."
    assert str(inspect.signature(conv)) == "(inputs, filters=8, stride=1, padding='SAME')"


def test_attributes_of_the_function_are_kept():
    def function():
        return None

    function.marker = "kept"
    assert add_arg_scope(function).marker == "kept"


def test_methods():
    class Network:
        def __init__(self, name):
            self.name = name

        @add_arg_scope
        def layer(self, stride=1):
            return self.name, stride

    a, b = Network("a"), Network("b")
    for op in (Network.layer, a.layer):
        with arg_scope([op], stride=4):
            assert (a.layer(), b.layer(stride=5)) == (("a", 4), ("b", 5))


def test_bound_methods_can_be_decorated():
    class Network:
        def layer(self, stride=1):
            return stride

    a, b = Network(), Network()
    layer_of_a, layer_of_b = add_arg_scope(a.layer), add_arg_scope(b.layer)
    with arg_scope([a.layer], stride=4):
        assert (layer_of_a(), layer_of_b()) == (4, 1)


@pytest.mark.parametrize(
    "decorate", [functools.partial, lambda f: type("Callable", (), {"__call__": staticmethod(f)})()]
)
def test_callables_that_are_not_functions(decorate):
    # The original: AttributeError, no '__defaults__'.
    function = add_arg_scope(decorate(plain))
    assert arg_scoped_arguments(function) == ("stride",)
    with arg_scope([function], stride=4):
        assert function("x") == ("x", 4)


def test_partial_of_decorated_function_takes_scoped_defaults():
    partial = functools.partial(conv, filters=2)
    assert not has_arg_scope(partial)
    with arg_scope([conv], filters=3, stride=4):
        assert partial("x") == ("x", 2, 4, "SAME")


def test_decorating_twice_changes_nothing():
    twice = add_arg_scope(conv)
    assert arg_scope_func_key(twice) == arg_scope_func_key(conv)
    assert arg_scoped_arguments(twice) == ("filters", "stride", "padding")
    with arg_scope([conv], stride=4):
        assert twice("x", padding="VALID") == ("x", 8, 4, "VALID")


def test_a_wrapper_shares_the_key_of_what_it_wraps():
    @functools.wraps(conv)
    def logged(*args, **kwargs):
        return conv(*args, **kwargs)

    with arg_scope([logged], stride=4):
        assert logged("x") == conv("x") == ("x", 8, 4, "SAME")


# Keys


def test_decorated_function_keeps_its_key():
    # The original's attribute: code in the wild has getattr(op, "_key_op", str(op)).
    assert arg_scope_func_key(conv) == arg_scope_func_key(conv.__wrapped__) == conv._key_op
    assert isinstance(conv._key_op, str)
    assert has_arg_scope(conv)
    assert has_arg_scope(conv.__wrapped__)
    assert not has_arg_scope(len)


def test_functions_of_one_name_have_keys_of_their_own():
    def make():
        def layer(inputs, stride=1):
            return stride

        return layer

    first, second = add_arg_scope(make()), add_arg_scope(make())
    assert arg_scope_func_key(first) != arg_scope_func_key(second)
    with arg_scope([first], stride=2):
        assert (first("x"), second("x")) == (2, 1)


def test_objects_of_one_repr_have_keys_of_their_own():
    # The original's str(op) would be the same.
    class Layer:
        def __call__(self, stride=1):
            return stride

        def __repr__(self):
            return "Layer"

    first, second = Layer(), Layer()
    scoped_first, scoped_second = add_arg_scope(first), add_arg_scope(second)
    with arg_scope([first], stride=2):
        assert (scoped_first(), scoped_second()) == (2, 1)


def test_keys_are_unique_per_function():
    keys = set()
    for _ in range(100):
        # Each is freed before the next is made, which then tends to get its address.
        exec("def layer(inputs, stride=1): ...", namespace := {})
        keys.add(arg_scope_func_key(add_arg_scope(namespace["layer"])))
        del namespace
    gc.collect()
    assert len(keys) == 100
    for _ in range(100):
        exec("def layer(inputs, stride=1): ...", namespace := {})
        assert not has_arg_scope(namespace["layer"])


# arg_scoped_arguments


def all_keyword(*, a, b=1): ...
def no_default(x, y): ...
def varied(x, a=1, *args, b, c=2, **kwargs): ...
def nothing(*args, **kwargs): ...
def with_locals(x, a=1, b=2):
    c = d = e = a
    return b, c, d, e


# Marked: the original's answer, observed with TensorFlow 1.15.5. Elsewhere it lost one name for every local variable,
# *args, **kwargs and keyword-only argument: () for with_locals, for varied and for its own batch_norm.
@pytest.mark.parametrize(
    "function, expected",
    [
        (conv, ("filters", "stride", "padding")),  # the original's
        (no_default, ("x", "y")),  # the original's
        (nothing, ()),  # the original's
        (with_locals, ("a", "b")),
        (varied, ("a", "b", "c")),
        (all_keyword, ("a", "b")),
        (pool, ("stride", "padding", "name")),
        (dict.update, ()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_arg_scoped_arguments(function, expected):
    add_arg_scope(function)
    assert arg_scoped_arguments(function) == expected


def test_arg_scoped_arguments_of_an_undecorated_function():
    def layer(inputs): ...

    # The original's assert statement: AssertionError, without a text.
    with pytest.raises(AssertionError, match=r"^func: .*layer is not decorated with @add_arg_scope\. Ask"):
        arg_scoped_arguments(layer)


def test_keyword_only_arguments_are_scoped():
    with arg_scope([pool], name="p", padding="SAME"):
        assert pool("x") == ("x", 2, "SAME", "p", 3)
