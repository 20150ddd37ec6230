"""The page of measured speed: what is between its marks, and only that."""

import re

import pytest

from benchmarks.speed import page as tool
from benchmarks.speed.options import make_parser

CONFIG = 'configs/srn/srn_mobilenetv2_fpn_1xb16-10e_facemask.py'
PAGE = """# Speed

<!-- numbers: first -->
old
<!-- end -->
Between.
<!-- numbers: second -->
old, too
<!-- end -->
"""


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Two measurements in place of those of the page."""
    options = f'{CONFIG} --device cpu --size 64 --variants dense'
    found = {
        'first': (f'{options} --threads 1', 'Bars'),
        'second': (options, 'Bars'),
    }
    monkeypatch.setattr(tool, 'MEASUREMENTS', found)
    monkeypatch.setattr(tool, 'OUT_DIR', tmp_path / 'out')
    return tool


@pytest.fixture
def page(tmp_path):
    path = tmp_path / 'docs/page.md'
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


def test_one_command(small, page):
    """Tables and picture of one; the other stays."""
    small.main(['--page', str(page), '--only', 'first', '--iters', '1'])
    before, new, after = re.split(
        '<!-- numbers: first -->\n|<!-- end -->\nBetween.', page.read_text()
    )
    assert (
        before + after
        == PAGE.split('<!-- numbers: first -->')[0]
        + (PAGE.split('Between.')[1])
    )
    assert 'old' not in new and '| `dense` |' in new
    (shell,) = re.findall('```bash\n(.*?)```', new, re.S)
    assert shell.replace('\\\n', '').split()[3:] == [
        *(CONFIG, '--device', 'cpu', '--size', '64', '--variants', 'dense'),
        *('--threads', '1', '--iters', '1', '--warmup', '1'),
    ]
    assert '\n![Bars](images/inference_first.png)\n' in new
    assert (page.parent / 'images/inference_first.png').stat().st_size > 1000
    assert {x.name for x in page.parent.rglob('*')} == {
        *('page.md', 'images', 'inference_first.png')
    }


def test_failures_leave_the_page(small, page, fails, monkeypatch):
    small.MEASUREMENTS['first'] = ('--none', 'Bars')
    error = fails(small, '--page', page, '--only', 'first')
    assert '--none --iters 3 --warmup 1: ended with 2' in error
    assert page.read_text() == PAGE
    page.write_text(PAGE.replace(': second', ': third'))
    error = fails(small, '--page', page)
    assert 'has no <!-- numbers: second -->' in error
    error = fails(small, '--page', page.parent)
    assert 'is no file' in error


def test_the_page_that_ships():
    """It has a block for every measurement, and no other."""
    text = tool.PAGE.read_text(encoding='utf-8')
    names = re.findall('<!-- numbers: (.+) -->', text)
    assert sorted(names) == sorted(tool.MEASUREMENTS)
    for name in names:
        (block,) = tool.block(name).findall(text)
        assert '<!--' not in block[1]
        (shell,) = re.findall('```bash\n(.*?)```', block[1], re.S)
        words = shell.replace('\\\n', '').split()[3:]
        wanted = tool.MEASUREMENTS[name][0].split()
        assert words[: len(wanted)] == wanted, f'{name}: make benchmark'
    assert text.count('<!-- end -->') == len(names)


def test_options_are_those_of_the_benchmark():
    for name, (options, _) in tool.MEASUREMENTS.items():
        args = make_parser().parse_args(options.split())
        assert args.device == 'cpu' and len(args.variants) >= 2
        shown = tool.contents(options, '', '')
        (shell,) = re.findall('```bash\n(.*?)```', shown, re.S)
        words = shell.replace('\\\n', '').split()
        assert words == ['python', '-m', 'benchmarks.speed', *options.split()]
        assert max(map(len, shell.splitlines())) < 80, name
