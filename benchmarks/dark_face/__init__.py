"""Experiments on dark photos, compared."""
