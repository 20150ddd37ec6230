"""Damaged annotations and images: read, or one error of ours."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from mmsrn.datasets.coco_json import read_coco
from mmsrn.datasets.voc_xml import (
    list_names,
    parse_voc_xml,
    stated_size,
    tidy_objects,
)
from mmsrn.datasets.yolo_data_yaml import read_data_yaml
from mmsrn.datasets.yolo_labels import read_labels
from mmsrn.evaluation.readers import read_wider_face_txt
from mmsrn.utils.image_files import decode_image, decode_incomplete_jpeg
from mmsrn.utils.image_header import read_header

COCO = json.dumps(
    dict(
        images=[dict(id=1, file_name='a/b.jpg', width=60, height=50)],
        categories=[dict(id=1, name='face')],
        annotations=[
            dict(id=7, image_id=1, category_id=1, bbox=[1, 2.5, 30, 40])
        ],
    )
).encode()
VOC = b"""<?xml version="1.0" encoding="utf-8"?>
<annotation><size><width>60</width><height>50.0</height></size>
<object><name>face</name><difficult>0</difficult><bndbox><xmin>1</xmin>
<ymin>2</ymin><xmax>30</xmax><ymax>4e1</ymax></bndbox></object></annotation>
"""
YAML = b'path: .\ntrain: .\nnames:\n  0: face\n  1: mask\n'
LABELS = b'0 0.5 0.5 0.1 0.25\n1 0.25 0.125 0.5 0.25 0.5 0.75\n'
WIDER = b'e/a.jpg\n2\n1 2 30 40\n5.5 6 7 8 0 0 0 0 0 0\nb.jpg\n0\n0 0 0 0\n'
PIECES = (b'"', b'<', b'>', b'[', b'{', b'-', b'9' * 400, b'nan', b'1e400')
PIECES += (b'\n', b'\0', b'\xff', b'null', b'&#0;', b'  ', b'/', b': ', b'*')


def image(kind):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind, exif=exif)
    return buffer.getvalue()


def mutated(good, seed, number):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        data = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(len(data) + 1)
            if rng.random() < 0.5:
                piece = PIECES[rng.integers(len(PIECES))]
            else:
                piece = rng.integers(0, 256, 1, np.uint8).tobytes()
            data[at : at + rng.integers(0, 6)] = piece
        yield bytes(data[: rng.integers(1, 2 * len(data))])


def read_voc(data, path):
    root = parse_voc_xml(data)
    stated_size(root)
    tidy_objects(root, lambda name: name)


def from_file(read, *args):
    def run(data, path):
        path.write_bytes(data)
        return read(path, *args)

    return run


TEXTS = {
    'coco': (COCO, lambda data, path: read_coco(path, data)),
    'voc': (VOC, read_voc),
    'list': (
        b'a\nimages/b.jpg 1\nc.xml\n',
        lambda data, path: list_names(data, lambda name: False),
    ),
    'yaml': (YAML, from_file(read_data_yaml, 'train')),
    'labels': (LABELS, from_file(read_labels)),
    'wider': (WIDER, from_file(read_wider_face_txt)),
}


@pytest.mark.parametrize('kind', TEXTS)
def test_texts(tmp_path, kind):
    good, read = TEXTS[kind]
    path = tmp_path / 'x'
    read(good, path)
    wrong = 0
    for data in mutated(good, len(good), 400):
        try:
            read(data, path)
        except ValueError as error:
            assert len(str(error)) < 700 + len(str(path))
            wrong += 1
    assert 0 < wrong


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF', 'WEBP', 'AVIF'])
@pytest.mark.filterwarnings('ignore')
def test_images(kind, capfd):
    """OpenCV writes of them to standard error."""
    good = image(kind)
    for data in mutated(good, 1, 200):
        for read in (read_header, decode_image, decode_incomplete_jpeg):
            try:
                read(data)
            except (OSError, ValueError):
                pass
