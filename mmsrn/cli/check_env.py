"""``mmsrn check-env``: print versions, problems and remedies.

Needs only the standard library, so it works in broken environments.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Set the parser up.

    Args:
        parser (argparse.ArgumentParser): The parser of the command.
    """
    parser.description = (
        'Print the versions of everything mmsrn needs, the CPU and GPUs, '
        "whether mmcv's compiled operators run, and a remedy for each "
        'problem. The exit status is 1 if a required part is missing or '
        'broken.'
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
        print('\nEverything that mmsrn needs is installed.')
        return 0
    print('\nmmsrn cannot run yet; fix the lines marked with "!".')
    return 1
