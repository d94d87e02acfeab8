"""What surrounds a call: variable scopes, arg_scope, reuse, names, control flow, how updates are run."""

from __future__ import annotations

from ..case import Case, make
from .encode import AUTO_REUSE, LIVELY, PATHS, RANK_4, RELU, fed, fill, l2, scope, weights

PLAIN = {"decay": 0.9, "scale": True, "param_initializers": {"beta": fill(0.5), "gamma": fill(1.5)}}
SURROUNDINGS = {
    "outer": {"name": "outer"},
    "regularizer": {"name": "outer", "regularizer": 0.25},
    "partitioner": {"name": "outer", "partitioner": 2},
    "partitioner_regularizer": {"name": "outer", "partitioner": 2, "regularizer": 0.25},
    "auto_reuse": {"name": "outer", "reuse": "AUTO_REUSE"},
    "dtype": {"name": "outer", "dtype": "float64"},
    "initializer": {"name": "outer", "initializer": 3.0},
    "use_resource": {"name": "outer", "use_resource": True},
}


def cases() -> list[Case]:
    found = []
    for path in ("function_collection", "core_fused", "core_nonfused", "core_renorm", "legacy_weights"):
        shape, given = PATHS[path]
        arguments = {**PLAIN, **given}
        for name, surroundings in SURROUNDINGS.items():
            fields = {"shape": shape, "surroundings": surroundings, "seed": 12, "steps": 2}
            found.append(make(f"around_{name}/{path}", arguments=arguments, **fields))
        regularized = {**arguments, "param_regularizers": {"beta": l2(0.5)}}
        both = {"surroundings": SURROUNDINGS["regularizer"], "seed": 12, "steps": 2}
        found.append(make(f"around_both_regularizers/{path}", shape=shape, arguments=regularized, **both))
        found += _calls(path, shape, {**LIVELY, **given})
    debiased = {**PLAIN, "zero_debias_moving_mean": True}
    for name in ("outer", "auto_reuse", "partitioner", "use_resource"):
        for fused in (True, False):
            fields = {"shape": RANK_4, "surroundings": SURROUNDINGS[name], "seed": 12, "steps": 2}
            path = "function" if fused else "legacy"
            found.append(make(f"around_{name}/zero_debias_{path}", arguments={**debiased, "fused": fused}, **fields))
    together = {"arguments": {**LIVELY, "scope": "s"}, "calls": "reuse_together", "seed": 13, "steps": 2}
    return [*found, make("reuse_together", **together), *_arg_scopes(), *_wiring()]


def _calls(path: str, shape: list[int], arguments: dict) -> list[Case]:
    named = {**arguments, "scope": "s"}
    two = {"shape": shape, "seed": 13, "steps": 2}
    regularized = {**named, "param_regularizers": {"beta": l2(0.5)}}
    other = {**named, "scope": scope("held")}
    return [
        make(f"reuse/{path}", arguments=named, calls="reuse", **two),
        make(f"reuse/{path}_resource", arguments=named, calls="reuse", resource=True, **two),
        make(f"reuse_regularized/{path}", arguments=regularized, calls="reuse", **two),
        make(f"reuse_scope_object/{path}", arguments=other, calls="reuse", **two),
        make(f"reuse_for_inference/{path}", arguments=named, calls="reuse", second={"is_training": False}, **two),
        make(f"default_names/{path}", arguments=arguments, calls="default_names", **two),
        make(
            f"auto_reuse_twice/{path}",
            arguments={**named, "reuse": AUTO_REUSE},
            calls="same_scope",
            **two,
        ),
    ]


def _arg_scopes() -> list[Case]:
    fields = {"shape": RANK_4, "seed": 14, "steps": 2}
    slim = {"decay": 0.5, "updates_collections": None, "scale": True, "epsilon": 0.1}
    return [
        make("arg_scope/one", arg_scope=[slim], **fields),
        make("arg_scope/explicit_wins", arg_scope=[slim], arguments={"decay": 0.9, "scale": False}, **fields),
        make("arg_scope/nested", arg_scope=[slim, {"decay": 0.8, "activation_fn": RELU}], **fields),
        make("arg_scope/fed", arg_scope=[{"is_training": fed(True, False, False)}, slim], **fields),
        make("arg_scope/scope", arg_scope=[{"scope": "from_arg_scope"}, slim], **fields),
    ]


def _wiring() -> list[Case]:
    """How the collected updates are run, and a layer inside a cond."""
    found = []
    for via in ("group", "control"):
        for path in ("function_collection", "core_fused", "core_renorm", "legacy_weights"):
            shape, given = PATHS[path]
            for kind, is_training in (("static", True), ("fed", fed(True, False, True))):
                arguments = {**LIVELY, **given, "is_training": is_training}
                fields = {"shape": shape, "updates_via": via, "resource": True, "seed": 15, "steps": 2}
                found.append(make(f"updates_via_{via}/{path}_{kind}", arguments=arguments, **fields))
    inline = {"fused": {}, "legacy": {"fused": False}, "weights": {"batch_weights": weights()}}
    for name, arguments in inline.items():
        arguments = {**LIVELY, **arguments, "updates_collections": None}
        fields = {"shape": RANK_4, "arguments": arguments, "calls": "cond", "seed": 16}
        found.append(make(f"cond/{name}_ref", **fields))
        found.append(make(f"cond/{name}_resource", **fields, resource=True))
        found.append(make(f"cond/{name}_resource_v2", **fields, resource=True, control_flow_v2=True))
        found.append(make(f"cond/{name}_ref_v2", **fields, control_flow_v2=True))
    collected = {"fused": {}, "legacy": {"fused": False}, "weights": {"batch_weights": weights()}}
    for name, arguments in collected.items():
        arguments = {**LIVELY, **arguments, "updates_collections": ["my_updates"]}
        for resource in (False, True):
            fields = {"shape": RANK_4, "arguments": arguments, "calls": "cond", "resource": resource, "seed": 16}
            found.append(make(f"cond/collection_{name}{'_resource' if resource else ''}", **fields))
    found.append(make("cond/update_ops", shape=RANK_4, arguments=LIVELY, calls="cond", seed=16))
    regularized = {**LIVELY, "updates_collections": None, "param_regularizers": {"beta": l2(0.25), "gamma": l2(0.5)}}
    for v2 in (False, True):
        fields = {"shape": RANK_4, "arguments": regularized, "calls": "cond", "resource": v2, "control_flow_v2": v2}
        found.append(make(f"cond/regularized_v{1 + v2}", **fields, seed=16))
    return found
