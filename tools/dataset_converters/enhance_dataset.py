#!/usr/bin/env python3
"""Enhance all images of a dark set."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli import enhance  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Enhance.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if images could not be read, else 0.
    """
    parser = argparse.ArgumentParser()
    enhance.add_arguments(parser)
    return enhance.run(parser.parse_args(argv))


if __name__ == '__main__':
    sys.exit(main())
