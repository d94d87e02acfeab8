"""Batch norm in TF1 graphs: layers with variables and updates in collections, and `arg_scope`."""
