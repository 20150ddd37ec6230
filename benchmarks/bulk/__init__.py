"""Bulk detection: against one process, and as photos multiply."""
