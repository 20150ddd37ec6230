"""``mmsrn check-env``: what is installed, and whether it fits.

Only the standard library is needed, for environments that lack the rest.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = (
        "Print versions of everything mmsrn needs, whether mmcv's compiled "
        'operators run, the CPU and GPUs, and the remedy for each problem. '
        'Exit status 1 if something required is wrong.'
    )
    parser.epilog = 'example: %(prog)s'


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        int: 0 if mmsrn can run here, else 1.
    """
    from mmsrn.utils.env import collect_env, format_env

    items = collect_env()
    print(format_env(items))
    if all(x.status != 'error' for x in items):
        print('\nEverything that mmsrn needs is there.')
        return 0
    print('\nmmsrn cannot run yet: see the lines marked with "!".')
    return 1
