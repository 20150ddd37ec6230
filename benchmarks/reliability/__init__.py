"""What becomes of damaged files, kills and crowds: docs/reliability.md."""
