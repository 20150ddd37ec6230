"""Measure the marked tables of docs/performance.md anew, and write them there.

Each measurement is a run of ``python -m benchmarks.speed``. What lies between
its marks, `<!-- numbers: NAME -->` and `<!-- end -->`, is replaced: command,
conditions, tables, and the picture beside the page. The page is written after
each measurement. All of them take an hour; let nothing else run.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from mmsrn.cli.arguments import positive
from mmsrn.utils.errors import UserError, user_errors
from mmsrn.utils.output_file import output_file

from .detectors import ROOT
from .tables import markdown

PAGE = ROOT / 'docs/performance.md'
OUT_DIR = Path('work_dirs/performance')
_R50 = 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py --device cpu'
_SHARES = (
    f'{_R50} --size 480x640 --impose-active 0.005 0.03 0.1 0.3 '
    '--variants published dense auto dense+prepared auto+prepared '
    'auto+prepared+coarse'
)
#: Options of each measurement, and what its picture shows.
MEASUREMENTS = {
    'r50-480x640': (
        f'{_SHARES} --threads 2',
        'Time of an image against the share of active cells, two threads',
    ),
    'r50-one-thread': (
        f'{_SHARES} --threads 1',
        'Time of an image against the share of active cells, one thread',
    ),
    'r50-sizes': (
        f'{_R50} --size 480x640 1000x1000 2000x2000 3000x4000 4096x4096 '
        '--impose-active 0.03 --process-memory --threads 2 '
        '--variants dense auto+prepared',
        'Time of an image and memory of the process against megapixels',
    ),
    'srn_mobilenetv2': (
        'srn_mobilenetv2 --device cpu --test-photos 17 --threads 1 '
        '--variants published dense auto dense+prepared auto+prepared '
        'auto+prepared+coarse dense+prepared+amp auto+prepared+amp',
        'Time of a photo by stage',
    ),
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.speed.page',
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
    return parser


def block(name: str) -> re.Pattern[str]:
    """Make a pattern of the block of a measurement."""
    begin, end = f'<!-- numbers: {re.escape(name)} -->\n', '<!-- end -->'
    return re.compile(f'({begin})(.*?)({end})', re.DOTALL)


def contents(options: str, tables: str, picture: str) -> str:
    """Write a block."""
    # An option stays in the line of its first value.
    joined = re.sub(r'(--[\w-]+) (?!--)', '\\1\0', options)
    command = textwrap.wrap(
        f'python -m\0benchmarks.speed {joined}',
        width=77,
        subsequent_indent='    ',
        break_on_hyphens=False,
        break_long_words=False,
    )
    shell = ' \\\n'.join(command).replace('\0', ' ')
    return f'\n```bash\n{shell}\n```\n\n{tables}\n{picture}\n\n'


def run(options: str, folder: Path) -> None:
    """Measure in a process of its own, so that its memory is its own."""
    command = [sys.executable, '-m', 'benchmarks.speed', *options.split()]
    done = subprocess.run([*command, '--out-dir', folder], cwd=ROOT)
    if done.returncode != 0:
        raise UserError(f'{options}: ended with {done.returncode}')


@user_errors('benchmarks.speed.page')
def main(argv: list[str] | None = None) -> None:
    """Measure, and write the page."""
    parser = make_parser()
    args = parser.parse_args(argv)
    page = args.page.resolve()
    if not page.is_file():
        raise UserError(f'--page {args.page}: is no file')
    for name in args.only:
        if not block(name).search(page.read_text(encoding='utf-8')):
            raise UserError(f'{args.page}: has no <!-- numbers: {name} -->')
    for name in args.only:
        options, shows = MEASUREMENTS[name]
        options += f' --iters {args.iters} --warmup 1'
        folder = OUT_DIR.resolve() / name
        try:
            run(options, folder)
        except ValueError as error:
            raise UserError(str(error)) from error
        result = json.loads((folder / 'benchmark.json').read_text('utf-8'))
        image = Path('images', f'inference_{name}.png')
        with output_file(page.parent / image) as partial:
            shutil.copyfile(folder / 'benchmark.png', partial)
        picture = f'![{shows}]({image.as_posix()})'
        new = contents(options, markdown(result), picture)
        text = page.read_text(encoding='utf-8')
        text = block(name).sub(lambda x, new=new: x[1] + new + x[3], text)
        with output_file(page) as partial:
            partial.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
