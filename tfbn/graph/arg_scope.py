"""Default arguments for layer functions, set for a block of code: the `arg_scope` of `tf.contrib.framework` and slim.

A scope is a plain dict, `{key of a function: {argument: value}}`, so that it can be captured, stored and entered again.
Nothing here needs TensorFlow.

Threads: the original kept one stack for the whole process, on which a thread could remove what another had entered.
Here each thread has its own stack. A thread that is in no scope sees the innermost scope of the main thread, so that
layers built by threads that were started inside a scope, as distribution strategies do, still get its defaults.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
from collections.abc import Iterator
from typing import Any, Callable, TypeVar, Union, cast

__all__ = [
    "add_arg_scope",
    "arg_scope",
    "arg_scope_func_key",
    "arg_scoped_arguments",
    "current_arg_scope",
    "has_arg_scope",
]

Scope = dict[str, dict[str, Any]]
OpsOrScope = Union[
    Scope, list[Callable[..., Any]], tuple[Callable[..., Any], ...]
]  # no `X | Y` at run time before 3.10
F = TypeVar("F", bound=Callable[..., Any])

# The empty scope at the bottom is never removed: other threads read the last element without a lock.
_MAIN_STACK: list[Scope] = [{}]

# The functions are kept with their argument names because a key holds the address of its function: were the function
# freed, an undecorated one could get its address, and with it its key.
_DECORATED: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {}


class _ThreadStack(threading.local):
    """The open scopes of the current thread, innermost last."""

    def __init__(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        self.scopes: list[Scope] = _MAIN_STACK if is_main else []


_LOCAL = _ThreadStack()


def current_arg_scope() -> Scope:
    """Returns the innermost open scope.

    It is the scope itself and not a copy; changing it changes the defaults in force.

    Returns:
      A dict from the key of a function to its default arguments; empty outside every scope.

    Example:
      >>> current_arg_scope()
      {}
    """
    return _LOCAL.scopes[-1] if _LOCAL.scopes else _MAIN_STACK[-1]


def arg_scope_func_key(op: Callable[..., Any]) -> str:
    """Returns the key under which scopes hold the arguments of a function.

    A decorated function and the function it was made from have the same key; different functions have different keys.
    Functions made from a decorated one by `functools.wraps` share its key, and so its defaults.

    Args:
      op: any callable, decorated or not.

    Returns:
      The key, a string. It contains an address: it means nothing in another process.

    Example:
      >>> def dense(inputs, units=8):
      ...     return units
      >>> arg_scope_func_key(add_arg_scope(dense)) == arg_scope_func_key(dense)
      True
    """
    key = getattr(op, "_key_op", None)
    if key is not None:
        return cast(str, key)
    if isinstance(op, types.MethodType):
        # Python makes a new bound method at every access, so its own address identifies nothing.
        return f"{arg_scope_func_key(op.__func__)} of {id(op.__self__):#x}"
    # Not str(op), which two objects of one class with a __repr__ can share.
    return f"<{getattr(op, '__qualname__', type(op).__qualname__)} at {id(op):#x}>"


@contextlib.contextmanager
def arg_scope(list_ops_or_scope: OpsOrScope, **kwargs: Any) -> Iterator[Scope]:
    """Sets default arguments for functions within a `with` block, or within a function that it decorates.

    With a list of functions, adds `kwargs` to the defaults that each of them has in the enclosing scope; the inner
    value wins where both give one. With a dict, captured from an earlier scope, its defaults replace those of the
    enclosing scope, for all functions. A keyword argument in a call wins over every scope. A positional argument does
    not: where a scope sets the same argument, Python raises TypeError for the argument given twice.

    Arguments are not checked on entry: one that a function does not take fails when that function is called. An error
    on entry leaves the open scopes as they were.

    Args:
      list_ops_or_scope: a list or tuple of functions decorated with `add_arg_scope`; or a dict, as this yields.
      **kwargs: the defaults. None may be given with a dict.

    Returns:
      A context manager whose value is the new scope, a dict.

    Raises:
      TypeError: on entry, if `list_ops_or_scope` is not a list, a tuple or a dict.
      ValueError: on entry, if one of the functions is not decorated, or if keyword arguments come with a dict.

    Example:
      >>> @add_arg_scope
      ... def conv(inputs, stride=1, padding="SAME"):
      ...     return stride, padding
      >>> with arg_scope([conv], stride=2):
      ...     with arg_scope([conv], padding="VALID") as captured:
      ...         conv("x"), conv("x", stride=3)
      ((2, 'VALID'), (3, 'VALID'))
      >>> with arg_scope(captured):
      ...     conv("x")
      (2, 'VALID')
    """
    if isinstance(list_ops_or_scope, dict):
        if kwargs:
            raise ValueError(
                "list_ops_or_scope: when a dict is given to re-use a scope, kwargs must be empty, but got "
                f"{', '.join(sorted(kwargs))}. Enter the dict alone and open a second arg_scope, with a list of "
                "functions, inside it."
            )
        scope = list_ops_or_scope.copy()
    elif isinstance(list_ops_or_scope, (list, tuple)):
        scope = current_arg_scope().copy()
        for op in list_ops_or_scope:
            if not has_arg_scope(op):
                raise ValueError(
                    f"list_ops_or_scope: expected functions that take arguments from a scope, but {_describe(op)} is "
                    "not decorated with @add_arg_scope. Decorate it where it is defined, or leave it out of the list."
                )
            key = arg_scope_func_key(op)
            scope[key] = {**scope.get(key, {}), **kwargs}
    else:
        raise TypeError(
            "list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict), but got "
            f"{_describe(list_ops_or_scope)}. Put a single function into a list: arg_scope([function], ...)."
        )
    scopes = _LOCAL.scopes
    scopes.append(scope)
    try:
        yield scope
    finally:
        # By identity, and on the stack that it was put on: blocks inside generators can end in another order than they
        # began, and in another thread.
        index = next(i for i in reversed(range(len(scopes))) if scopes[i] is scope)
        del scopes[index]


def add_arg_scope(func: F) -> F:
    """Lets a function take default arguments from `arg_scope`.

    The result keeps the name, docstring and signature of `func`, and has it as `__wrapped__`.

    Args:
      func: the function, method or other callable to decorate.

    Returns:
      A function that calls `func` with the arguments of the current scope, overridden by the call's own.

    Example:
      >>> @add_arg_scope
      ... def dropout(inputs, keep_prob=0.5):
      ...     return keep_prob
      >>> with arg_scope([dropout], keep_prob=0.8):
      ...     dropout("x")
      0.8
    """
    key = arg_scope_func_key(func)

    @functools.wraps(func)
    def func_with_args(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **{**current_arg_scope().get(key, {}), **kwargs})

    func_with_args._key_op = key  # type: ignore[attr-defined]  # the original's name; code in the wild reads it
    _DECORATED.setdefault(key, (func, _scoped_names(func)))
    return cast(F, func_with_args)


def has_arg_scope(func: Callable[..., Any]) -> bool:
    """Tells whether a function takes arguments from `arg_scope`.

    It is also true of the function that was decorated, since both have the same key.

    Args:
      func: any callable.

    Returns:
      Whether `func` has been given to `add_arg_scope`.

    Example:
      >>> has_arg_scope(print)
      False
    """
    return arg_scope_func_key(func) in _DECORATED


def arg_scoped_arguments(func: Callable[..., Any]) -> tuple[str, ...]:
    """Returns the names of the arguments that a scope is meant to set for a function.

    These are the arguments with a default and the keyword-only ones; for a function that has neither, all those that
    can be passed by keyword.

    Args:
      func: a function decorated with `add_arg_scope`.

    Returns:
      The names, in the order of the signature; () for a callable that has no signature.

    Raises:
      AssertionError: if `func` is not decorated.

    Example:
      >>> @add_arg_scope
      ... def pool(inputs, size=2, *, padding="SAME"):
      ...     return inputs
      >>> arg_scoped_arguments(pool)
      ('size', 'padding')
    """
    if not has_arg_scope(func):
        raise AssertionError(
            f"func: expected a function that takes arguments from a scope, but {_describe(func)} is not decorated with "
            "@add_arg_scope. Ask has_arg_scope first, or decorate the function."
        )
    return _DECORATED[arg_scope_func_key(func)][1]


def _scoped_names(func: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return ()
    by_keyword = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    # The original reads these off the code object and loses one name for every local variable of the function: it
    # answers () for its own batch_norm. Its answer for a function without defaults, all names, is kept.
    optional = [p for p in by_keyword if p.default is not p.empty or p.kind is p.KEYWORD_ONLY]
    return tuple(p.name for p in optional or by_keyword)


def _describe(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    return f"{getattr(value, '__module__', None)}.{name}" if name else repr(value)
