"""Contact sheets of all enhancement methods."""

import cv2
import numpy as np
import pytest

from mmsrn.testing.dark_scene import draw_dark_scene


@pytest.fixture
def tool(load_tool):
    return load_tool('analysis_tools/browse_enhancement.py')


@pytest.fixture
def image(tmp_path):
    file = tmp_path / 'dark.png'
    cv2.imwrite(str(file), draw_dark_scene(0, (60, 90)))
    return file


def test_cells(tool, image):
    from mmsrn.enhance import METHODS, msrcr

    steps = []
    pixels = cv2.imread(str(image))
    cells = tool.make_cells(
        pixels, tool.settings(None), lambda: steps.append(1)
    )
    # MSRCR in three forms, adaptive gamma in two, and the original.
    assert len(cells) == len(METHODS) + 2 + 1 + 1 == len(steps) + 1
    assert cells[0].caption == f'original, mean {pixels.mean():.0f}'
    gimp = next(x for x in cells if x.caption.startswith('msrcr gimp, '))
    assert (gimp.picture == msrcr(pixels, 'gimp')).all()
    assert gimp.caption.endswith(f' ms, mean {gimp.picture.mean():.0f}')


def test_sheet(tool, image, tmp_path, capsys):
    args = [str(image), '--methods', 'gamma', 'linear_gain', 'clahe']
    args += ['--columns', '2', '--width', '150', '--output-dir']
    tool.main([*args, str(tmp_path / 'out')])
    assert 'Sheets: ' in capsys.readouterr().out
    sheet = cv2.imread(str(tmp_path / 'out/dark.png'))
    assert abs(sheet.shape[1] - 300) <= 1
    # Cells in their places: gain 4 is brighter than the original.
    half = sheet.shape[0] // 2
    original, gain = sheet[60:half, 20:130], sheet[half + 40 :, 20:130]
    assert gain.mean() > original.mean() + 40
    assert np.ptp(sheet[:30].astype(int)) > 100  # a title


def test_wrong_arguments(tool, fails, image, tmp_path):
    assert 'x.png: no such file' in fails(tool, 'x.png')
    text = tmp_path / 'a.png'
    text.write_text('no picture')
    assert 'a.png: not an image' in fails(tool, text)
    error = fails(tool, image, '--methods', 'gama')
    assert 'did you mean gamma' in error


def test_help(help_of):
    assert '--columns' in help_of('analysis_tools/browse_enhancement.py')
