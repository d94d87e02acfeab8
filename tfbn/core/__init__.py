"""Shared by all front ends: the table of policies, the settings, and the arithmetic composed of `tfbn.ops`."""
