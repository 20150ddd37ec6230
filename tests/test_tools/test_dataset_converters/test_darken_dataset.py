"""A dark copy of a set."""

import json

import cv2
import numpy as np
import pytest

from mmsrn.cli.main import main as mmsrn
from mmsrn.datasets import VOCFaceDataset
from mmsrn.low_light import LowLightRanges, darken_named


@pytest.fixture
def tool(load_tool):
    return load_tool('dataset_converters/darken_dataset.py')


@pytest.fixture
def lit(voc):
    for i, file in enumerate(sorted((voc / 'images').iterdir())):
        image = np.full((50, 60, 3), 150 + i, np.uint8)
        cv2.imwrite(str(file), image)
    return voc


def run(tool, *args):
    return tool.main([str(x) for x in args])


def pixels(root):
    files = sorted((root / 'images').iterdir())
    return {x.name: cv2.imread(str(x)) for x in files}


def test_a_set_of_its_own(tool, lit, tmp_path, capsys):
    dst = tmp_path / 'dark'
    run(tool, lit, dst, '--workers', 1, '--exposure', 0.01, 0.02)
    assert '2 images made' in capsys.readouterr().out
    ranges = LowLightRanges(exposure=(0.01, 0.02))
    lit_pixels, dark_pixels = pixels(lit), pixels(dst)
    assert lit_pixels.keys() == dark_pixels.keys()
    name = 'two.png'  # without loss
    np.testing.assert_array_equal(
        dark_pixels[name],
        darken_named(lit_pixels[name], f'images/{name}', ranges, 0),
    )
    record = json.loads((dst / 'processing.json').read_text())
    assert record['method'] == 'low_light' and record['seed'] == 0
    assert record['exposure'] == [0.01, 0.02]
    dataset = VOCFaceDataset(
        data_root=str(dst),
        ann_file='val.txt',
        data_prefix=dict(sub_data_root=''),
        img_subdir='images',
        ann_subdir='annotations',
        class_map={'*': 'face'},
        test_mode=True,
    )
    assert len(dataset) == 2


def test_order_and_processes_do_not_matter(tool, lit, tmp_path):
    for name, workers in (('a', 1), ('b', 2)):
        run(tool, lit, tmp_path / name, '--seed', 7, '--workers', workers)
    (tmp_path / 'b/images/one.jpg').unlink()
    run(tool, lit, tmp_path / 'b', '--seed', 7, '--workers', 1)
    one, other = pixels(tmp_path / 'a'), pixels(tmp_path / 'b')
    for name, image in one.items():
        np.testing.assert_array_equal(image, other[name])


def test_errors(tool, lit, tmp_path, fails, capsys):
    assert 'no such folder' in fails(tool, tmp_path / 'none', tmp_path / 'x')
    assert 'exposure' in fails(tool, lit, tmp_path / 'x', '--exposure', 2, 1)
    dst = tmp_path / 'dark'
    run(tool, lit, dst, '--workers', 1)
    wrong = fails(tool, lit, dst, '--seed', 3)
    assert 'seed: 0 before, 3 now' in wrong and wrong.count('\n') == 1
    capsys.readouterr()
    (lit / 'images/three.jpg').write_text('no image')
    assert run(tool, lit, dst, '--workers', 1) == 1
    wrong = capsys.readouterr().err.splitlines()
    assert len(wrong) == 2 and wrong[0].startswith(
        '1 images could not be read'
    )
    assert wrong[1].startswith(f'  {lit}/images/three.jpg: ')


def test_dark_copy_is_not_darkened_again(tool, lit, tmp_path, fails):
    """It may be enhanced; the record tells both."""
    dark, bright = tmp_path / 'dark', tmp_path / 'bright'
    run(tool, lit, dark, '--workers', 1)
    options = ['--method', 'linear_gain', '--workers', '1']
    assert mmsrn(['enhance', str(dark), str(bright), *options]) == 0
    record = json.loads((bright / 'processing.json').read_text())
    assert record['kind'] == 'enhanced'
    assert record['source_processing']['kind'] == 'darkened'
    again = fails(tool, bright, tmp_path / 'darkest')
    assert 'is already darkened' in again


def test_help(help_of):
    text = help_of('dataset_converters/darken_dataset.py')
    assert '--lamp-strength LOW HIGH' in text and 'DST' in text.upper()
