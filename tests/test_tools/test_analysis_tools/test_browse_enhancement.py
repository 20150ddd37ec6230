"""Contact sheets of all enhancement methods."""

import cv2
import pytest

from demo.dark_scene import draw_dark_scene


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

    pixels = cv2.imread(str(image))
    cells = tool.enhance_all(pixels, None)
    # MSRCR in three forms, adaptive gamma in two, and the original.
    assert len(cells) == len(METHODS) + 2 + 1 + 1
    assert next(iter(cells)) == f'original, mean {pixels.mean():.0f}'
    (gimp,) = (x for x in cells if x.startswith('msrcr gimp, '))
    assert (cells[gimp] == msrcr(pixels, 'gimp')).all()
    assert gimp.endswith(f' ms, mean {cells[gimp].mean():.0f}')


def test_sheet(tool, image, tmp_path, capsys):
    args = [str(image), '--methods', 'gamma', 'linear_gain', 'clahe']
    tool.main([*args, '--output-dir', str(tmp_path / 'out')])
    assert 'Sheets: ' in capsys.readouterr().out
    sheet = cv2.imread(str(tmp_path / 'out/dark.png'))
    assert sheet.shape[1] == 4 * 540


def test_wrong_arguments(tool, fails, image, tmp_path):
    assert 'x.png: No such file' in fails(tool, 'x.png')
    text = tmp_path / 'a.png'
    text.write_text('no picture')
    assert 'a.png: is not an image' in fails(tool, text)
    error = fails(tool, image, '--methods', 'gama')
    assert 'did you mean gamma' in error


def test_help(help_of):
    assert '--methods' in help_of('analysis_tools/browse_enhancement.py')
