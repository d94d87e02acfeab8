"""`TF1Module`, which restores checkpoints by name and by object; written by name."""

from __future__ import annotations

from tfbn.checkpoint.tf1_names import TF1Names


class TF1Module(TF1Names):
    name = "TF1Module"
    like_formats = ("V1", "V2", "objects")
