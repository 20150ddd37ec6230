"""Command line of the programs that write a changed copy of a data set."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from mmsrn.cli.arguments import positive
from mmsrn.utils.errors import UserError
from mmsrn.utils.one_line import printable

_SHOWN = 20  # photos that failed and are named
#: For their descriptions.
COPY = (
    'All other files (annotations, lists) are copied, so DST is a complete '
    'data set. Links are followed, hidden files are skipped. A second run '
    'makes only files that are missing or older than their source. '
    'DST/processing.json records the settings; a run with other settings is '
    'refused. The exit status is 1 if an image cannot be read or processed.'
)


def add_arguments(
    parser: argparse.ArgumentParser, src: str, jpeg_quality: int
) -> None:
    """Add the arguments that all of them have.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        src (str): What SRC is.
        jpeg_quality (int): The default.
    """
    parser.add_argument('src', type=Path, metavar='SRC', help=src)
    parser.add_argument(
        'dst', type=Path, metavar='DST', help='folder to create or to complete'
    )
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        choices=range(1, 101),
        default=jpeg_quality,
        metavar='Q',
        help='quality of JPEG files, 1 to 100; other formats are lossless '
        f'(default: {jpeg_quality})',
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the number of processes.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
    """
    parser.add_argument(
        '--workers',
        type=positive,
        default=len(os.sched_getaffinity(0)),
        help='number of processes (default: one per core)',
    )


def make_copy(
    args: argparse.Namespace,
    function,
    record: dict,
    **kwargs,
) -> int:
    """Write the copy and print a summary.

    Args:
        args (argparse.Namespace): Of :func:`add_arguments`.
        function (Callable): See ``process_folder``.
        record (dict): See ``process_folder``.
        **kwargs: Further arguments of ``process_folder``.

    Returns:
        int: The exit status: 1 if images failed, else 0.
    """
    from mmsrn.utils.image_folder import process_folder

    try:
        report = process_folder(
            args.src,
            args.dst,
            function,
            record,
            jpeg_quality=args.jpeg_quality,
            **kwargs,
        )
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        raise UserError(
            'interrupted; run the same command to continue'
        ) from None
    print(f'{args.dst}: {report}')
    if not report.failed:
        return 0
    print_failed(
        f'{len(report.failed)} images could not be read or processed and are '
        f'missing in {args.dst}; repair them and run again:',
        [f'{args.src / name}: {x}' for name, x in report.failed.items()],
    )
    return 1


def print_failed(head: str, errors: list[str]) -> None:
    """Print to stderr what failed, the first ones by name.

    Args:
        head (str): A line above.
        errors (list[str]): A line for each photo.
    """
    lines = [f'  {printable(x)}' for x in errors]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f'  and {len(lines) - _SHOWN} more']
    print(head, *lines, sep='\n', file=sys.stderr)
