"""Wiring the updates into a training step, and auditing the result."""
