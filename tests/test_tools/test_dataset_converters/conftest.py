"""Hand-made sets small enough to count by eye."""

import cv2
import numpy as np
import pytest

TEXT = """\
0--Parade/a.jpg
4
10 20 30 40 0 0 0 0 0 0
1 2 8 9 2 1 1 1 2 1
5 5 0 7 0 0 0 0 0 0
50 40 10 20 1 0 0 0 1 0
1--Empty/b.jpg
0
0 0 0 0 0 0 0 0 0 0
"""


@pytest.fixture
def wider(tmp_path):
    """WIDER FACE layout: a 64 x 80 and an empty 32 x 48 image of val."""
    root = tmp_path / 'wider'
    for name, shape in (('0--Parade/a', (80, 64)), ('1--Empty/b', (32, 48))):
        file = root / 'WIDER_val/images' / f'{name}.jpg'
        file.parent.mkdir(parents=True)
        cv2.imwrite(str(file), np.zeros((*shape, 3), np.uint8))
    (root / 'wider_face_split').mkdir()
    text = root / 'wider_face_split/wider_face_val_bbx_gt.txt'
    text.write_text(TEXT)
    return root


XML = """\
<annotation>
  <size><width>60</width><height>50</height></size>
  <object><name>mask</name><difficult>0</difficult><bndbox>
    <xmin>11</xmin><ymin>21</ymin><xmax>31</xmax><ymax>46</ymax>
  </bndbox></object>
  <object><name>bare</name><difficult>1</difficult><bndbox>
    <xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>11</ymax>
  </bndbox></object>
</annotation>
"""
EMPTY_XML = (
    '<annotation><size><width>60</width><height>50</height></size>'
    '</annotation>'
)


@pytest.fixture
def voc(tmp_path):
    """VOC layout: a jpg with two faces and a png with none."""
    root = tmp_path / 'voc'
    for folder in ('images', 'annotations'):
        (root / folder).mkdir(parents=True)
    for name, text in (('one.jpg', XML), ('two.png', EMPTY_XML)):
        image = np.zeros((50, 60, 3), np.uint8)
        cv2.imwrite(str(root / 'images' / name), image)
        (root / f'annotations/{name[:3]}.xml').write_text(text)
    (root / 'val.txt').write_text('one\ntwo\n')
    return root
