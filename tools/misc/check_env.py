#!/usr/bin/env python3
"""Print what is installed, whether it fits, and the remedy if it does not."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmsrn.cli import check_env


def main() -> int:
    """Print the report.

    Returns:
        int: 0 if mmsrn can run here, else 1.
    """
    parser = argparse.ArgumentParser()
    check_env.add_arguments(parser)
    return check_env.run(parser.parse_args())


if __name__ == '__main__':
    sys.exit(main())
