"""Dark pictures: drawn ones, and parts of real photos."""

import cv2
import pytest

from demo.dark_scene import draw_dark_scene

PHOTOS = ('1482', '234', '252', '644')


@pytest.fixture(scope='session')
def drawn():
    """A drawn night scene, 96 x 128."""
    return draw_dark_scene(1, (96, 128))


@pytest.fixture(scope='session')
def photo(shared):
    """Function that returns the middle of a real dark photo."""

    def cut(name, height=96, width=128):
        file = shared / f'data/darkface/images/{name}.png'
        if not file.is_file():
            pytest.skip(f'no photo {file}')
        image = cv2.imread(str(file))
        y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return image[y : y + height, x : x + width]

    return cut


@pytest.fixture(params=['drawn', *PHOTOS])
def dark(request):
    """A drawn picture, then parts of four photos, 96 x 128."""
    if request.param == 'drawn':
        return request.getfixturevalue('drawn')
    return request.getfixturevalue('photo')(request.param)
