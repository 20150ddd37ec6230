"""Bulk detection: against one process, killed, and as photos multiply."""
