#!/usr/bin/env python3
"""Time MSRCR with its fast surround against the direct Gaussian.

The direct Gaussian, which the usual ports call, is cv2.GaussianBlur with
sigma 15, 80 and 250 on doubles. Both sides run in turns in one process; times
are medians, "surround" the blurs alone, "MSRCR" the whole enhancement. PSNR
compares the final 8-bit images; the least of all images counts. Without
--threads everything is done twice, in a process with one thread and in one
with as many as OpenCV and NumPy like.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.arguments import positive  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import write_json  # noqa: E402

FORMS = ('jobson', 'minmax', 'gimp')
DRAWN = 'a drawn picture, 1080 x 720'


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'images',
        nargs='*',
        type=Path,
        metavar='IMAGE',
        help=f'dark photos (default: {DRAWN})',
    )
    parser.add_argument(
        '--form',
        choices=FORMS,
        default='jobson',
        help='of MSRCR (default: jobson)',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=3,
        help='timed runs of each (default: 3)',
    )
    parser.add_argument(
        '--threads',
        type=int,
        metavar='N',
        help='only with N threads; 0: as many as the libraries like',
    )
    parser.add_argument(
        '--min-ratio',
        type=float,
        metavar='R',
        help='exit status 1 if MSRCR is less than R times as fast',
    )
    parser.add_argument(
        '--min-psnr',
        type=float,
        metavar='DB',
        help='exit status 1 if the PSNR is below DB',
    )
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='write the numbers to FILE'
    )
    return parser


def seconds(function: Callable, *args) -> float:
    """Time one call."""
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


def measure(args: argparse.Namespace) -> dict:
    """Measure both ways on all images.

    Args:
        args (argparse.Namespace): The command line.

    Returns:
        dict: Setting, and numbers by image.

    Raises:
        ValueError: If an image cannot be read.
    """
    import cv2
    import numpy as np
    from rich.progress import Progress

    from mmsrn.enhance import gaussian_surround, gimp_sigmas, msrcr
    from mmsrn.testing.dark_scene import draw_dark_scene

    cv2.setNumThreads(args.threads or -1)
    sigmas = gimp_sigmas() if args.form == 'gimp' else (15, 80, 250)

    def direct(image: np.ndarray) -> None:
        for sigma in sigmas:
            cv2.GaussianBlur(image + 1.0, (0, 0), sigma)

    def fast(image: np.ndarray) -> None:
        planes = np.stack(cv2.split(image + np.float32(1)))
        for sigma in sigmas:
            gaussian_surround(planes, sigma)

    result = {
        'form': args.form,
        'threads': cv2.getNumThreads() if args.threads else 'default',
        'opencv': cv2.__version__,
        'numpy': np.__version__,
        'images': {},
    }
    names = args.images or [None]
    with Progress(disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task('Enhancing', total=len(names) * args.iters)
        for name in names:
            image = (
                draw_dark_scene() if name is None else cv2.imread(str(name))
            )
            if image is None:
                raise ValueError(f'{name}: cannot be read as an image')
            times: dict[str, list[float]] = {}
            for _ in range(args.iters):
                for key, function, values in (
                    ('surround', fast, (image,)),
                    ('surround_direct', direct, (image,)),
                    ('msrcr', enhance, (msrcr, image, args.form, 'fast')),
                    (
                        'msrcr_direct',
                        enhance,
                        (msrcr, image, args.form, 'exact'),
                    ),
                ):
                    times.setdefault(key, []).append(
                        seconds(function, *values)
                    )
                bar.advance(task)
            row = {k: statistics.median(v) for k, v in times.items()}
            row['surround_ratio'] = row['surround_direct'] / row['surround']
            row['ratio'] = row['msrcr_direct'] / row['msrcr']
            row['size'] = f'{image.shape[1]} x {image.shape[0]}'
            row['psnr'] = cv2.PSNR(
                msrcr(image, args.form),
                msrcr(image, args.form, blur='exact'),
            )
            result['images'][str(name or DRAWN)] = row
    rows = result['images'].values()
    for key in ('ratio', 'surround_ratio', 'psnr'):
        result[key] = min(row[key] for row in rows)
    return result


def enhance(msrcr: Callable, image, form: str, blur: str) -> None:
    """MSRCR in one way."""
    msrcr(image, form, blur=blur)


def table(result: dict) -> str:
    """Format the numbers for the terminal."""
    lines = [
        'MSRCR {form}, threads: {threads}, OpenCV {opencv}, '
        'numpy {numpy}'.format(**result),
        f'{"":28} {"surround ms":^24} {"MSRCR ms":^24}',
        f'{"image":28} {"direct":>9} {"fast":>7} {"ratio":>6} '
        f'{"direct":>9} {"fast":>7} {"ratio":>6} {"PSNR dB":>8}',
    ]
    lines += [
        f'{Path(name).name[:28]:28} {row["surround_direct"] * 1e3:9.0f} '
        f'{row["surround"] * 1e3:7.0f} {row["surround_ratio"]:6.1f} '
        f'{row["msrcr_direct"] * 1e3:9.0f} {row["msrcr"] * 1e3:7.0f} '
        f'{row["ratio"]:6.1f} {row["psnr"]:8.1f}'
        for name, row in result['images'].items()
    ]
    lines.append(
        'least: surround {surround_ratio:.1f} times, MSRCR {ratio:.1f} times '
        'as fast, PSNR {psnr:.1f} dB'.format(**result)
    )
    return '\n'.join(lines)


def in_processes(argv: list[str]) -> list[dict]:
    """Measure with one thread and with the default, in a process each.

    Libraries read their number of threads once, when they are loaded.
    """
    results = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'result.json')
        for threads in (1, 0):
            command = [sys.executable, __file__, *argv]
            command += ['--threads', str(threads), '--json', str(file)]
            done = subprocess.run(command)
            if not file.is_file():
                sys.exit(done.returncode)
            results += json.loads(file.read_text())
            file.unlink()
    return results


@user_errors()
def main(argv: list[str] | None = None) -> int:
    """Measure and print.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.

    Returns:
        int: 1 if a number is below ``--min-ratio`` or ``--min-psnr``, else 0.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    for image in args.images:
        if not image.is_file():
            raise UserError(f'{image}: no such file')
    if args.threads is None:
        results = in_processes(sys.argv[1:] if argv is None else argv)
    else:
        if args.threads < 0:
            raise UserError(f'--threads {args.threads}: is below 0')
        if args.threads:
            for name in ('OMP', 'OPENBLAS', 'MKL'):
                os.environ[f'{name}_NUM_THREADS'] = str(args.threads)
        try:
            results = [measure(args)]
        except ValueError as error:
            raise UserError(str(error)) from error
        print(table(results[0]), flush=True)
    write_json(args.json, results)
    status = 0
    for result in results:
        for key, least in (('ratio', args.min_ratio), ('psnr', args.min_psnr)):
            if least is not None and result[key] < least:
                print(f'{key} is below {least}', file=sys.stderr)
                status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
