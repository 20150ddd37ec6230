"""Time, work and memory of predictions."""
