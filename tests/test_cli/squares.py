"""Squares that pictures show: x, y, side."""

A, B, C = (5, 5, 20), (40, 10, 30), (10, 40, 15)
