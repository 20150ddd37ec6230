"""Every data set and result of shared/cases: what becomes of it.

Photos for the detector have tests of their own.
"""

import shutil
import time

import numpy as np
import pytest
from mmdet.registry import DATASETS
from PIL import Image

import mmsrn.datasets  # noqa: F401
from mmsrn.evaluation.protocols import WIDER_FACE
from mmsrn.evaluation.readers import (
    AnnotationError,
    parse_detections,
    read_wider_face_set,
    read_wider_face_txt,
)
from mmsrn.evaluation.results import Reading, evaluate_path
from mmsrn.utils.image_files import read_image
from mmsrn.utils.image_header import read_header

FIRST = 'maksssksksss0'


def plain_names(root):
    """Names of a list, however it is written."""
    text = (root / 'train.txt').read_text(encoding='utf-8-sig')
    lines = (x.split() for x in text.splitlines())
    return [x[0].removesuffix('.jpg') for x in lines if x]


@pytest.fixture
def lay_out(shared, tmp_path):
    """Function that makes the whole set of a case, of which there is the
    list, and the labels of the first photo."""

    def run(case, all_alike=False):
        real = shared / 'data/facemask'
        folder = shared / 'cases/voc_xml' / case
        shutil.copyfile(folder / 'train.txt', tmp_path / 'train.txt')
        names = plain_names(tmp_path)
        for kind, suffix in (('images', 'jpg'), ('annotations', 'xml')):
            (tmp_path / kind).mkdir()
            for name in names:
                file = f'{kind}/{name}.{suffix}'
                shutil.copyfile(real / file, tmp_path / file)
        for name in names if all_alike else [FIRST]:
            shutil.copyfile(
                folder / f'annotations/{FIRST}.xml',
                tmp_path / f'annotations/{name}.xml',
            )
        return tmp_path

    return run


def build(root, **kwargs):
    dataset = DATASETS.build(
        dict(
            type='VOCFaceDataset',
            data_root=str(root),
            ann_file='train.txt',
            data_prefix=dict(sub_data_root=''),
            class_map={'*': 'face'},
            filter_cfg=dict(filter_empty_gt=True),
        )
        | kwargs
    )
    return [dataset.get_data_info(i) for i in range(len(dataset))]


# Of the first photo, 512 x 366; VOC counts from 1.
BOXES = [[78, 104, 108, 141], [184, 99, 225, 143], [324, 89, 359, 140]]


@pytest.mark.parametrize(
    'case',
    [
        'v_blank_lines_end',
        'v_bom_list',
        'v_float_size',
        'v_gbk_decl',
        'v_namespace_xml',
        'v_suffix_in_list',
        'v_unspecified_difficult',
        'v_voc_imagesets_class_list',
        'v_zero_size',
    ],
)
def test_voc_that_is_right(lay_out, told, case):
    root = lay_out(case)
    infos = build(root)
    assert [x['img_id'] for x in infos] == plain_names(root)
    assert infos[0]['img_id'] == FIRST
    first = infos[0]
    assert (first['width'], first['height']) == (512, 366)
    assert [x['bbox'] for x in first['instances']] == BOXES
    assert not any(x['ignore_flag'] for x in first['instances'])
    assert not told


def test_voc_suffix_in_mixed_letters(lay_out, told):
    root = lay_out('v_mixed_suffix_Jpg')
    (root / f'images/{FIRST}.jpg').rename(root / f'images/{FIRST}.Jpg')
    first = build(root)[0]
    assert first['img_path'].endswith(f'{FIRST}.Jpg')
    assert [x['bbox'] for x in first['instances']] == BOXES and not told


def test_voc_same_stem_twice(lay_out, told):
    """The xml says which of the two it is of."""
    root = lay_out('v_same_stem_twice')
    path = root / f'images/{FIRST}.jpg'
    Image.open(path).save(path.with_suffix('.png'))
    first = build(root)[0]
    assert first['img_path'].endswith(f'{FIRST}.jpg')
    assert [x['bbox'] for x in first['instances']] == BOXES
    (text,) = told
    assert f'left out: 1 ({FIRST}.png)' in text


def test_voc_labels_of_another_size(lay_out, told):
    root = lay_out('v_bigger_size_in_xml')
    path = root / f'images/{FIRST}.jpg'
    Image.open(path).resize((256, 183)).save(path)
    first, *others = build(root)
    num = len(others) + 1
    assert (first['width'], first['height']) == (256, 183)
    assert f': 1 of {num} images have another size than the ann' in told[0]
    assert f'{FIRST}: 512 x 366 stated, 256 x 183 found' in told[0]
    (root / 'train.txt').write_text(f'{FIRST}\n')
    with pytest.raises(AnnotationError, match='1 of 1 images have another'):
        build(root)


def test_voc_labels_from_before_exif(lay_out, told):
    root = lay_out('v_exif_unrotated_labels')
    path = root / f'images/{FIRST}.jpg'
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)
    first, *others = build(root)
    num = len(others) + 1
    assert (first['width'], first['height']) == (366, 512)
    assert f': 1 of {num} images have another size' in told[0]
    assert '1 are turned by EXIF, which the annotations do not' in told[0]


def test_voc_box_outside(lay_out):
    with pytest.raises(ValueError) as info:
        build(lay_out('v_outside_box'))
    text = str(info.value)
    assert f'{FIRST}.xml: object 1: its box [79, 105, 600, 142]' in text
    assert 'lies outside the image, 512 x 366 pixels' in text


def test_voc_without_objects(lay_out):
    root = lay_out('v_no_objects_everywhere', all_alike=True)
    with pytest.raises(AnnotationError) as info:
        build(root)
    text = 'train.txt: no images left: classes asked for: face; found: no'
    assert text in str(info.value)
    infos = build(root, test_mode=True)
    assert len(infos) == len(plain_names(root))
    assert not any(x['instances'] for x in infos)


@pytest.mark.parametrize(
    'case, expected',
    [
        ('backslash', {'party/a.jpg': [(1, 2, 30, 40)]}),
        (
            'blank_line_between',
            {'party/a.jpg': [(1, 2, 30, 40)], 'party/b.jpg': [(1, 2, 30, 40)]},
        ),
        ('float_box', {'party/a.jpg': [(1.5, 2, 30.25, 40)]}),
        ('four_columns', {'party/a.jpg': [(1, 2, 30, 40)]}),
        ('root_image', {'a.jpg': [(1, 2, 30, 40)]}),
        (
            'zero_two_fillers',
            {'party/a.jpg': [], 'party/b.jpg': [(1, 2, 30, 40)]},
        ),
    ],
)
def test_wider_txt(shared, tmp_path, case, expected):
    path = shared / f'cases/wider_txt/{case}.txt'
    found = read_wider_face_txt(path)
    assert {x.name: [y[:4] for y in x.faces] for x in found} == expected
    assert all(y[4:] == (0,) * 6 for x in found for y in x.faces)
    # Published files are not like this.
    official = tmp_path / 'wider_face_val_bbx_gt.txt'
    shutil.copyfile(path, official)
    with pytest.raises(AnnotationError, match='with the original file'):
        read_wider_face_txt(official)


@pytest.mark.parametrize(
    'case, ap, text',
    [
        ('p_good', 1, None),
        ('p_deep', 1, None),
        ('p_flat', 1, 'party/maksssksksss1 is called maksssksksss1.txt'),
        ('p_jpgtxt', 1, 'is called party/maksssksksss1.jpg.txt'),
        ('p_nohead', 1, '3 of 3 prediction files lack the lines'),
        ('p_xyxy', 0, '--box-format xyxy reads them'),
        ('p_cxcywh', 0, '--box-format cxcywh reads them'),
        ('p_scorefirst', 0, '--box-format score-xywh reads them'),
        ('p_norm_xywh', 0, '--box-format xywh-shares with --images FOLDER'),
        ('p_resized', 0, '--box-format xywh-longN --images FOLDER reads'),
    ],
)
def test_wider_results(shared, case, ap, text):
    """The official number stays what it is."""
    cases = shared / 'cases'
    truth = read_wider_face_set(cases / 'wider_txt/val_bbx_gt.txt')
    path = str(cases / 'wider_results' / case)
    result = evaluate_path(path, case, truth, WIDER_FACE)
    assert result.evaluation.ap['all'] == pytest.approx(ap, abs=0.01)
    assert len(result.warnings) == (text is not None)
    assert text is None or text in result.warnings[0]
    if '--box-format' in (text or ''):
        name = text.split()[1].replace('longN', 'long640')
        from mmsrn.evaluation.box_formats import BoxFormat

        reading = Reading(
            box_format=BoxFormat.parse(name),
            images=str(shared / 'data/facemask/images'),
        )
        right = evaluate_path(path, case, truth, WIDER_FACE, reading=reading)
        assert right.evaluation.ap['all'] == pytest.approx(1)
        assert not right.warnings


def test_line_of_many_digits(shared):
    path = shared / 'cases/dumps/redos_0--P_a.txt'
    start = time.process_time()
    with pytest.raises(AnnotationError, match=':3: expected x y w h score'):
        parse_detections(path.read_bytes(), str(path))
    assert time.process_time() - start < 1


@pytest.mark.parametrize('name', ['orient6.webp', 'orient6.png'])
def test_images_on_their_side(shared, name):
    path = shared / 'cases/dumps' / name
    header = read_header(path)
    assert header.orientation == 6
    image = read_image(path)
    assert header.size == image.shape[1::-1]
    with Image.open(path) as stored:
        pixels = np.asarray(stored.convert('RGB'))[..., ::-1]
    np.testing.assert_array_equal(image, np.rot90(pixels, -1))
