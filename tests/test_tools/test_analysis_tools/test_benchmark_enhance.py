"""The benchmark of the fast surround: ratios, PSNR, exit status."""

import json

import cv2
import pytest

from mmsrn.testing.dark_scene import draw_dark_scene


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/benchmark_enhance.py')


@pytest.fixture
def image(tmp_path):
    file = tmp_path / 'dark.png'
    cv2.imwrite(str(file), draw_dark_scene(0, (60, 90)))
    return file


def test_ratio_and_status(tool, image, tmp_path, monkeypatch, capsys):
    # surround fast, direct, MSRCR fast, direct; the median counts.
    times = [1, 20, 2, 30, 3, 50, 5, 90, 2, 30, 3, 45] * 2
    clock = iter(times)
    monkeypatch.setattr(tool, 'seconds', lambda *_: next(clock))
    out = tmp_path / 'new/numbers.json'
    args = [str(image), '--threads', '1', '--iters', '3', '--json', str(out)]
    assert tool.main([*args, '--min-ratio', '15', '--min-psnr', '45']) == 0
    (found,) = json.loads(out.read_text())
    assert (found['surround_ratio'], found['ratio']) == (15, 15)
    row = found['images'][str(image)]
    assert (row['msrcr'], row['msrcr_direct']) == (3, 45)
    assert 60 < found['psnr'] == row['psnr']
    assert 'dark.png' in capsys.readouterr().out
    assert tool.main([*args, '--min-ratio', '15.1']) == 1
    assert 'ratio is below 15.1' in capsys.readouterr().err


def test_real_run(root, image, tmp_path, tool, capfd, monkeypatch):
    """One thread, then the default, each in a process of its own."""
    monkeypatch.setenv('PYTHONPATH', str(root))
    out = tmp_path / 'numbers.json'
    args = [str(image), '--iters', '1', '--json', str(out), '--form', 'gimp']
    assert tool.main(args) == 0
    one, default = json.loads(out.read_text())
    assert (one['threads'], default['threads']) == (1, 'default')
    assert one['form'] == 'gimp' and one['ratio'] > 0
    assert capfd.readouterr().out.count('least: surround') == 2


def test_wrong_arguments(tool, fails, image, tmp_path):
    assert 'x.png: no such file' in fails(tool, 'x.png')
    assert '--threads -1' in fails(tool, image, '--threads', '-1')
    text = tmp_path / 'a.png'
    text.write_text('no picture')
    error = fails(tool, text, '--threads', '1')
    assert 'a.png: cannot be read as an image' in error


def test_help(help_of):
    assert '--min-psnr' in help_of('analysis_tools/benchmark_enhance.py')
