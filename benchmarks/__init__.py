"""Measurements of this project, run as ``python -m benchmarks.NAME``."""
