"""The demo of `make demo`: drawn faces, a training, a test, a report."""
