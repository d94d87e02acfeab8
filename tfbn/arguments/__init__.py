"""The checks of arguments and inputs, made before the first variable exists."""
