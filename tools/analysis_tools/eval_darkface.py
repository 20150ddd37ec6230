#!/usr/bin/env python3
"""Evaluate results on DARK FACE as the published Octave tool does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.eval import evaluate  # noqa: E402


def main(argv: list[str] | None = None) -> None:
    """Evaluate.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    evaluate('darkface', argv)


if __name__ == '__main__':
    main()
