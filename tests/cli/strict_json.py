"""JSON as RFC 8259 has it."""

from __future__ import annotations

import json
from typing import Any


def parse_json(text: str) -> Any:
    """The value; raises ValueError for NaN and the infinities, which Python takes and other parsers refuse."""

    def refuse(constant: str) -> None:
        raise ValueError(f"not JSON: {constant}")

    return json.loads(text, parse_constant=refuse)
