#!/usr/bin/env python3
"""Enhance all images of a data set, and keep its layout.

DST becomes a complete data set: each image of SRC is enhanced and written
under the same name, every other file (annotations, lists) is copied. Hidden
files and folders are left out; links are followed. Method, parameters and
version stand in DST/enhancement.json. Run again after an interruption, the
same command goes on; images that are there and no older than their source are
skipped.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.utils.atomic_file import atomic_file  # noqa: E402
from mmsrn.utils.launch import fail, positive  # noqa: E402

RECORD = 'enhancement.json'
_SHOWN = 20  # unreadable images that are named
EXAMPLES = """
examples:
  %(prog)s data/darkface data/darkface-msrcr --method msrcr
  %(prog)s data/darkface data/darkface-gimp --method msrcr \\
      --param form=gimp sigmas=[2,102,202] dynamic=2
methods: python -c 'import mmsrn.enhance as e; print(*e.METHODS)';
docs/enhancement.md describes them and their parameters
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('src', type=Path, metavar='SRC', help='folder to read')
    parser.add_argument(
        'dst', type=Path, metavar='DST', help='folder to make or to complete'
    )
    parser.add_argument(
        '--method', required=True, help='name of the method: msrcr, lime, ...'
    )
    parser.add_argument(
        '--param',
        nargs='+',
        action='extend',
        default=[],
        metavar='NAME=VALUE',
        help='parameters of the method (default: as published)',
    )
    parser.add_argument(
        '--quality',
        type=positive,
        default=95,
        help='of JPEG images, 1 to 100 (default: 95); all else is lossless',
    )
    parser.add_argument(
        '--workers',
        type=positive,
        default=len(os.sched_getaffinity(0)),
        help='processes (default: one for each core)',
    )
    return parser


def check_folders(
    parser: argparse.ArgumentParser, src: Path, dst: Path
) -> None:
    """End with a clear message unless the two folders suit each other.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        src (Path): Folder to read.
        dst (Path): Folder to write.
    """
    if not src.is_dir():
        what = 'is not a folder' if src.exists() else 'does not exist'
        fail(parser, f'SRC {src} {what}')
    inner, outer = dst.resolve(), src.resolve()
    if inner == outer:
        fail(parser, f'SRC and DST are the same folder, {src}')
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        fail(
            parser,
            f'{dst} and {src} lie in each other; name a DST beside SRC',
        )
    if (src / RECORD).is_file():
        fail(
            parser,
            f'SRC {src} is enhanced already, {src / RECORD} says how; name '
            'the original images',
        )


def keep_record(
    parser: argparse.ArgumentParser, dst: Path, record: dict
) -> None:
    """Write what is done to the images, or end if other things were.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        dst (Path): Folder of the results.
        record (dict): What to write.
    """
    file = dst / RECORD
    if not file.exists():
        if dst.exists() and (not dst.is_dir() or any(dst.iterdir())):
            fail(
                parser,
                f'DST {dst} is there and has no {RECORD}: it is not of this '
                'tool; name a new folder',
            )
        with atomic_file(file) as partial:
            partial.write_text(json.dumps(record, indent=2) + '\n')
        return
    try:
        before = json.loads(file.read_text())
        keys = [x for x in record if before.get(x) != record[x]]
    except (ValueError, AttributeError):
        fail(parser, f'{file}: not a record of this tool; remove {dst}')
    # Where the images come from may be named in other ways.
    keys = [x for x in keys if x != 'source']
    if keys:
        then = ', '.join(f'{x} {before.get(x)}' for x in keys)
        now = ', '.join(f'{x} {record[x]}' for x in keys)
        fail(
            parser,
            f'DST {dst} was made with {then}, not with {now}; name another '
            'folder, or remove it',
        )


@contextmanager
def locked(parser: argparse.ArgumentParser, file: Path) -> Iterator[None]:
    """Hold a file against other runs; the system frees it in any case."""
    with file.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fail(parser, f'another run is at work on {file.parent}')
        except OSError:
            pass  # a file system without locks
        yield


def enhance_all(args: argparse.Namespace, images: list[Path], params) -> list:
    """Enhance images in parallel.

    Args:
        args (argparse.Namespace): The command line.
        images (list[Path]): Relative to SRC and DST.
        params (dict): Parameters of the method.

    Returns:
        list[str]: What is wrong with each image that could not be read.

    Raises:
        OSError: If something cannot be written.
    """
    from enhance_files import enhance_file, start
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # One thread in each process, also of NumPy's matrix products.
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ[name] = '1'
    problems = []
    columns = (
        TextColumn('Enhancing'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn('left'),
        TimeRemainingColumn(),
    )
    # Not forked: OpenCV's threads do not survive it.
    pool = ProcessPoolExecutor(
        min(args.workers, max(len(images), 1)),
        get_context('spawn'),
        start,
        (args.method, params),
    )
    try:
        with Progress(*columns, speed_estimate_period=600) as bar:
            task = bar.add_task('', total=len(images))
            jobs = [
                pool.submit(
                    enhance_file, args.src / x, args.dst / x, args.quality
                )
                for x in images
            ]
            for job in as_completed(jobs):
                problem = job.result()
                if problem is not None:
                    problems.append(problem)
                bar.advance(task)
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(problems)


def run(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    """Enhance a data set.

    Args:
        parser (argparse.ArgumentParser): The parser of the program.
        args (argparse.Namespace): The command line.

    Returns:
        int: 1 if images could not be read, else 0.
    """
    from dataset_tree import (
        copy_files,
        find_files,
        is_current,
        remove_partial,
    )
    from enhance_files import SUFFIXES

    from mmsrn import __version__
    from mmsrn.enhance import make_enhancer, parameters, parse_params

    params = parse_params(args.param)
    make_enhancer(args.method, **params)
    check_folders(parser, args.src, args.dst)
    files = list(find_files(args.src))
    images = [x for x in files if x.suffix.lower() in SUFFIXES]
    others = [x for x in files if x.suffix.lower() not in SUFFIXES]
    if not images:
        fail(parser, f'SRC {args.src} has no image ({" ".join(SUFFIXES)})')
    record = {
        'method': args.method,
        'params': parameters(args.method) | params,
        'jpeg_quality': args.quality,
        'version': __version__,
        'source': str(args.src),
    }
    record = json.loads(json.dumps(record))  # as it will be read
    keep_record(parser, args.dst, record)
    with locked(parser, args.dst / RECORD):
        remove_partial(args.dst, files)
        copied = copy_files(args.src, args.dst, others)
        todo = [
            x for x in images if not is_current(args.src / x, args.dst / x)
        ]
        problems = enhance_all(args, todo, params) if todo else []
    print(
        f'{args.dst}: {len(todo) - len(problems)} images enhanced, '
        f'{len(images) - len(todo)} were there, {copied} other files copied'
    )
    if problems:
        print(
            f'{len(problems)} images cannot be read and are missing in '
            f'{args.dst}; restore them and run again:',
            file=sys.stderr,
        )
        shown = [f'  {x}' for x in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            shown.append(f'  and {len(problems) - _SHOWN} more')
        print('\n'.join(shown), file=sys.stderr)
    return int(bool(problems))


def main(argv: list[str] | None = None) -> int:
    """Enhance.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if images could not be read, else 0.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.quality > 100:
        fail(parser, f'--quality {args.quality}: is above 100')
    try:
        return run(parser, args)
    except (OSError, TypeError, ValueError) as error:
        fail(parser, str(error))
    except BrokenProcessPool:
        fail(
            parser,
            'a process was killed, perhaps for want of memory; use fewer '
            '--workers. The same command goes on where this one ended',
        )
    except KeyboardInterrupt:
        fail(parser, 'interrupted; the same command goes on')


if __name__ == '__main__':
    sys.exit(main())
