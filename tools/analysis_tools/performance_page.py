#!/usr/bin/env python3
"""Measure the marked tables of docs/performance.md anew, and write them there.

Each measurement is a run of benchmark_inference.py. What lies between its
marks, `<!-- numbers: NAME -->` and `<!-- end -->`, is replaced: command,
conditions, tables, and the picture beside the page. The page is written after
each measurement. All of them take an hour; let nothing else run.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec('mmsrn') is None:  # cloned, not installed
    sys.path.insert(0, str(ROOT))

from mmsrn.cli.arguments import positive  # noqa: E402
from mmsrn.cli.launch import require_mmdet  # noqa: E402
from mmsrn.utils.errors import UserError, user_errors  # noqa: E402
from mmsrn.utils.output_file import check_writable, output_file  # noqa: E402
from mmsrn.zoo import DEFAULT_MODEL, list_models  # noqa: E402

PAGE = ROOT / 'docs/performance.md'
OUT_DIR = ROOT / 'work_dirs/performance'
TOOL = 'tools/analysis_tools/benchmark_inference.py'
_R50 = 'configs/srn/srn_r50_fpn_1xb32-130e_widerface.py --device cpu'
_SHARES = (
    f'{_R50} --size 480x640 --impose-active 0.005 0.03 0.1 0.3 '
    '--variants published dense auto dense+prepared auto+prepared '
    'auto+prepared+coarse'
)


class Measurement(NamedTuple):
    """A run of benchmark_inference.py.

    Attributes:
        command (str): Its options.
        picture (str): What its picture shows.
        needs_data (bool): Whether it reads the test set of the shipped model.
    """

    command: str
    picture: str
    needs_data: bool = False


MEASUREMENTS = {
    'r50-480x640': Measurement(
        f'{_SHARES} --threads 2',
        'Time of an image against the share of active cells, two threads',
    ),
    'r50-one-thread': Measurement(
        f'{_SHARES} --threads 1',
        'Time of an image against the share of active cells, one thread',
    ),
    'r50-sizes': Measurement(
        f'{_R50} --size 480x640 1000x1000 2000x2000 3000x4000 4096x4096 '
        '--impose-active 0.03 --process-memory --threads 2 '
        '--variants dense auto+prepared',
        'Time of an image and memory of the process against megapixels',
    ),
    DEFAULT_MODEL: Measurement(
        f'{DEFAULT_MODEL} --device cpu --test-photos 17 --threads 1 '
        '--variants published dense auto dense+prepared auto+prepared '
        'auto+prepared+coarse dense+prepared+amp auto+prepared+amp',
        'Time of a photo by stage',
        needs_data=True,
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--only',
        nargs='+',
        choices=list(MEASUREMENTS),
        default=list(MEASUREMENTS),
        metavar='NAME',
        help=f'of {", ".join(MEASUREMENTS)} (default: all)',
    )
    parser.add_argument(
        '--page',
        type=Path,
        default=PAGE,
        help='page with the marks; pictures go to images/ beside it '
        f'(default: {PAGE.relative_to(ROOT)})',
    )
    parser.add_argument(
        '--iters',
        type=positive,
        default=3,
        help='timed predictions of each (default: %(default)s)',
    )
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=OUT_DIR,
        metavar='DIR',
        help='for what benchmark_inference.py writes '
        f'(default: {OUT_DIR.relative_to(ROOT)})',
    )
    return parser


def block(name: str) -> re.Pattern[str]:
    """Make a pattern of the block of a measurement.

    Args:
        name (str): Its name.

    Returns:
        re.Pattern: Groups: the mark before it, the block, the mark after it.
    """
    begin, end = f'<!-- numbers: {re.escape(name)} -->\n', '<!-- end -->'
    return re.compile(f'({begin})(.*?)({end})', re.DOTALL)


def contents(options: str, tables: str, picture: str) -> str:
    """Write a block.

    Args:
        options (str): Of benchmark_inference.py.
        tables (str): What it wrote.
        picture (str): Link to its picture.

    Returns:
        str: Markdown.
    """
    # An option stays in the line of its first value.
    joined = re.sub(r'(--[\w-]+) (?!--)', '\\1\0', options)
    command = textwrap.wrap(
        f'python {TOOL} {joined}',
        width=77,
        subsequent_indent='    ',
        break_on_hyphens=False,
        break_long_words=False,
    )
    shell = ' \\\n'.join(command).replace('\0', ' ')
    return f'\n```bash\n{shell}\n```\n\n{tables}\n{picture}\n\n'


def data_folder() -> Path:
    """Folder of the test set of the shipped model."""
    from mmengine.config import Config

    config = Config.fromfile(
        ROOT / list_models()[DEFAULT_MODEL]['config'],
        import_custom_modules=False,
    )
    return ROOT / config.test_dataloader.dataset.data_root


@user_errors()
def main(argv: list[str] | None = None) -> None:
    """Measure, and write the page.

    Args:
        argv (list[str], optional): Command line; by default that of the
            process.
    """
    parser = make_parser()
    args = parser.parse_args(argv)
    require_mmdet()
    page = args.page.resolve()
    if not page.is_file():
        raise UserError(f'--page {args.page}: is no file')
    for name in args.only:
        if not block(name).search(page.read_text(encoding='utf-8')):
            raise UserError(f'{args.page}: has no <!-- numbers: {name} -->')
    check_writable(args.out_dir, f'--out-dir {args.out_dir}')
    for name in args.only:
        measurement = MEASUREMENTS[name]
        if measurement.needs_data and not data_folder().is_dir():
            print(
                f'{name}: stays as it is, for there is no folder '
                f'{data_folder()}, see data/README.md'
            )
            continue
        options = f'{measurement.command} --iters {args.iters} --warmup 1'
        out = args.out_dir.resolve() / name
        # A process each: what one leaves in memory is not the next one's.
        done = subprocess.run(
            [sys.executable, TOOL, *options.split(), '--out-dir', out],
            cwd=ROOT,
        )
        if done.returncode != 0:
            raise UserError(f'{name}: {TOOL} ended with {done.returncode}')
        image = Path('images', f'inference_{name}.png')
        with output_file(page.parent / image) as partial:
            shutil.copyfile(out / 'benchmark.png', partial)
        new = contents(
            options,
            (out / 'benchmark.md').read_text(encoding='utf-8'),
            f'![{measurement.picture}]({image.as_posix()})',
        )
        text = page.read_text(encoding='utf-8')
        text = block(name).sub(lambda x, new=new: x[1] + new + x[3], text)
        with output_file(page) as partial:
            partial.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
