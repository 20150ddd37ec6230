#!/usr/bin/env python3
"""Print what is installed, whether it fits, and the remedy if it does not."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path


def main() -> int:
    """Print the report.

    Returns:
        int: 0 if mmsrn can run here, else 1.
    """
    argparse.ArgumentParser(
        description='Print versions of everything mmsrn needs, whether '
        "mmcv's compiled operators run, the CPU and GPUs, and the remedy "
        'for each problem. Exit status 1 if something required is wrong.'
    ).parse_args()
    if importlib.util.find_spec('mmsrn') is None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from mmsrn.utils.env import collect_env, env_is_usable, format_env

    items = collect_env()
    print(format_env(items))
    if env_is_usable(items):
        print('\nEverything that mmsrn needs is there.')
        return 0
    print('\nmmsrn cannot run yet: see the lines marked with "!".')
    return 1


if __name__ == '__main__':
    sys.exit(main())
