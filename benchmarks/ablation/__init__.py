"""Trainings and tests in turn, compared."""
