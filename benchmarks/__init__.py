"""Time, memory and graph size of tfbn's layers as ratios to TensorFlow's own op: `python -m benchmarks --help`."""
