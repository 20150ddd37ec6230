"""The page of measured speed: what is between its marks, and only that."""

import re

import pytest

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
def tool(load_tool):
    return load_tool('analysis_tools/performance_page.py')


@pytest.fixture
def small(tool, monkeypatch):
    """Two measurements in place of those of the page."""
    options = f'{CONFIG} --device cpu --size 64 --variants dense'
    found = {
        'first': tool.Measurement(f'{options} --threads 1', 'Bars'),
        'second': tool.Measurement(options, 'Bars', needs_data=True),
    }
    monkeypatch.setattr(tool, 'MEASUREMENTS', found)
    return tool


@pytest.fixture
def page(tmp_path):
    path = tmp_path / 'docs/page.md'
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


def arguments(page, *options):
    out = page.parents[1] / 'out'
    return ['--page', str(page), '--out-dir', str(out), *options]


def test_one_command(small, page, monkeypatch, capsys):
    """Tables and picture of one; of the other there are no data."""
    monkeypatch.setattr(small, 'data_folder', lambda: page.parent / 'none')
    small.main(arguments(page, '--iters', '1'))
    printed = capsys.readouterr().out
    assert 'second: stays as it is, for there is no folder' in printed
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
    assert shell.replace('\\\n', '').split()[2:] == [
        *(CONFIG, '--device', 'cpu', '--size', '64', '--variants', 'dense'),
        *('--threads', '1', '--iters', '1', '--warmup', '1'),
    ]
    assert '\n![Bars](images/inference_first.png)\n' in new
    assert (page.parent / 'images/inference_first.png').stat().st_size > 1000
    assert {x.name for x in page.parent.rglob('*')} == {
        *('page.md', 'images', 'inference_first.png')
    }


def test_failures_leave_the_page(small, page, fails, monkeypatch):
    small.MEASUREMENTS['first'] = small.Measurement('--none', 'Bars')
    error = fails(small, *arguments(page, '--only', 'first'))
    assert 'first: tools/analysis_tools/benchmark_inference.py' in error
    assert page.read_text() == PAGE
    page.write_text(PAGE.replace(': second', ': third'))
    error = fails(small, *arguments(page))
    assert 'has no <!-- numbers: second -->' in error
    error = fails(small, '--page', page.parent)
    assert 'is no file' in error


def test_the_page_that_ships(tool):
    """It has a block for every measurement, and no other."""
    text = tool.PAGE.read_text(encoding='utf-8')
    names = re.findall('<!-- numbers: (.+) -->', text)
    assert sorted(names) == sorted(tool.MEASUREMENTS)
    for name in names:
        (block,) = tool.block(name).findall(text)
        assert '<!--' not in block[1]
        (shell,) = re.findall('```bash\n(.*?)```', block[1], re.S)
        words = shell.replace('\\\n', '').split()[2:]
        wanted = tool.MEASUREMENTS[name].command.split()
        assert words[: len(wanted)] == wanted, f'{name}: make benchmark'
    assert text.count('<!-- end -->') == len(names)


def test_options_are_those_of_the_benchmark(tool, load_tool):
    parser = load_tool('analysis_tools/benchmark_inference.py').make_parser()
    for name, measurement in tool.MEASUREMENTS.items():
        args = parser.parse_args(measurement.command.split())
        assert args.device == 'cpu' and len(args.variants) >= 2
        assert (args.test_photos is not None) == measurement.needs_data
        shown = tool.contents(measurement.command, '', '')
        (shell,) = re.findall('```bash\n(.*?)```', shown, re.S)
        words = shell.replace('\\\n', '').split()[2:]
        assert words == measurement.command.split(), name
        assert max(map(len, shell.splitlines())) < 80


def test_folder_of_the_data(tool, root):
    assert tool.data_folder() == root / 'data/facemask'


def test_help(help_of):
    text = help_of('analysis_tools/performance_page.py')
    assert '--only' in text and 'r50-sizes' in text
