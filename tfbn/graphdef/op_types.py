"""The types of ops by what they do, so that each list stands once."""

from __future__ import annotations

from typing import Any

VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
PLACEHOLDERS = ("Placeholder", "PlaceholderWithDefault", "PlaceholderV2")
ASSIGNMENTS = ("Assign", "AssignSub", "AssignAdd")
# Ops that pass on their first input unchanged, including a variable's handle or reference.
PASSING = frozenset(
    (
        "Identity",
        "Switch",
        "RefSwitch",
        "RefIdentity",
        "Enter",
        "RefEnter",
        "Merge",
        "RefMerge",
        "NextIteration",
        "Exit",
    )
)
FUSED = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "_FusedBatchNormEx")
GLOBAL = "BatchNormWithGlobalNormalization"
ROOTS = ("Rsqrt", "Sqrt", "Pow")
SWITCHES = ("Switch", "RefSwitch")
MERGES = ("Merge", "RefMerge")
SELECTS = ("Select", "SelectV2")
REDUCTIONS = ("Mean", "Sum")
RESHAPES = (
    *("Reshape", "Squeeze", "ExpandDims", "Transpose", "BroadcastTo", "Tile"),
    *("Cast", "Snapshot", "StopGradient", "PreventGradient", "CheckNumerics"),
)
QUOTIENTS = ("RealDiv", "Div", "DivNoNan")
SUMS = ("Add", "AddV2", "Sub")
ARITHMETIC = (
    *QUOTIENTS,
    *SUMS,
    *ROOTS,
    "AddN",
    "FloorDiv",
    "Mul",
    "MulNoNan",
    "Neg",
    "Square",
    "SquaredDifference",
    "Maximum",
    "Minimum",
    "NotEqual",
    "Reciprocal",
    "Inv",
)
# Elementwise, of one value: schedules of a momentum, positive parametrizations of gamma.
FUNCTIONS = ("Abs", "Exp", "Log", "Log1p", "Expm1", "Sigmoid", "Tanh", "Softplus", "Relu", "Floor", "Ceil", "Round")
COUNTS = ("Const", "Shape", "ShapeN", "Size", "Prod", "Rank", "Range", "OnesLike", "ZerosLike")


def assigns(type: str) -> bool:
    """Whether ops of this type assign a variable, as moving averages are."""
    return type in ASSIGNMENTS or (type.startswith("Assign") and type.endswith("VariableOp"))


def normalizes_by_batch(type: str, attr: Any) -> bool:
    """Whether an op of this type is a fused batch norm in training mode."""
    # The attribute defaults to True, and a graph exported without defaults lacks it.
    return type in FUSED and ("is_training" not in attr or attr["is_training"].b)
