"""VOC-style sets: classes folded into one, and what can be wrong in them."""

import os
import re

import pytest
from mmdet.registry import DATASETS
from PIL import Image

from mmsrn.utils import register_all_modules

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs'),
]
SIZE = (60, 50)  # width, height


def item(name, box, difficult=None):
    corners = ''.join(
        f'<{key}>{value}</{key}>'
        for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box)
    )
    text = f'<name>{name}</name><bndbox>{corners}</bndbox>'
    if difficult is not None:
        text += f'<difficult>{difficult}</difficult>'
    return f'<object>{text}</object>'


SIZES = '<size><width>60</width><height>50</height></size>'


def xml(*items, size=SIZES):
    return f'<annotation>{size}{"".join(items)}</annotation>'


MASK = item('mask', (11, 21, 31, 46), 0)
BARE = item('bare', (1, 1, 9.7, 11), 1)
FACE = item('face', (2, 3, 4, 5))


@pytest.fixture(scope='module', autouse=True)
def registries():
    register_all_modules()


@pytest.fixture
def write(tmp_path):
    """Function that writes a set, given xml by file name of the image."""

    def run(**files):
        for folder in ('images', 'annotations'):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, text in files.items():
            stem, _, suffix = name.partition('_')
            image = tmp_path / f'images/{stem}.{suffix or "jpg"}'
            Image.new('RGB', SIZE).save(image)
            (tmp_path / f'annotations/{stem}.xml').write_text(text)
        names = [name.partition('_')[0] for name in files]
        (tmp_path / 'val.txt').write_text(''.join(f'{x}\n' for x in names))
        return tmp_path

    return run


def build(root, **kwargs):
    args = dict(
        type='VOCFaceDataset',
        data_root=str(root),
        ann_file='val.txt',
        data_prefix=dict(sub_data_root=''),
        class_map={'*': 'face'},
    )
    return DATASETS.build({**args, **kwargs})


def instances(root, **kwargs):
    return build(root, **kwargs).get_data_info(0)['instances']


@pytest.mark.parametrize(
    'class_map',
    [
        {'*': 'face'},
        {'mask': 'face', 'bare': 'face'},
        {'mask': 'face', '*': 'face'},
    ],
)
def test_folded_classes(write, class_map):
    """VOC counts pixels from 1; difficult faces do not count."""
    found = instances(write(one=xml(MASK, BARE, FACE)), class_map=class_map)
    assert found == [
        dict(bbox=[10, 20, 30, 45], bbox_label=0, ignore_flag=0),
        dict(bbox=[0, 0, 8, 10], bbox_label=0, ignore_flag=1),
        dict(bbox=[1, 2, 3, 4], bbox_label=0, ignore_flag=0),
    ]


def test_a_name_goes_before_the_star(write):
    found = instances(
        write(one=xml(MASK, BARE, FACE)),
        class_map={'*': 'other', 'mask': 'covered'},
        metainfo=dict(classes=('covered', 'other')),
    )
    # `*` stands for every name that the map lacks, classes included.
    assert [x['bbox_label'] for x in found] == [0, 1, 1]


def test_no_map(write):
    assert len(instances(write(one=xml(FACE)), class_map=None)) == 1
    root = write(one=xml(FACE, MASK))
    with pytest.raises(ValueError) as info:
        build(root, class_map=None)
    assert f'{root}/annotations/one.xml: class ' in str(info.value)
    assert "'mask'" in str(info.value) and 'class_map' in str(info.value)
    with pytest.raises(ValueError, match="class 'head' is not one of"):
        build(root, class_map={'*': 'head'})


def test_through_the_pipeline(write):
    dataset = build(write(one=xml(MASK, BARE)), pipeline=PIPELINE)
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 50, 60)
    sample = sample['data_samples']
    assert sample.gt_instances.bboxes.tensor.tolist() == [[10, 20, 30, 45]]
    assert sample.ignored_instances.bboxes.tensor.tolist() == [[0, 0, 8, 10]]
    assert dataset.metainfo['classes'] == ('face',)


def test_image_formats(write):
    """mmdet takes every image for a .jpg."""
    files = dict(a=xml(), b_png=xml(), c_JPG=xml(), d_jpeg=xml())
    dataset = build(write(**files), pipeline=PIPELINE, test_mode=True)
    paths = [dataset.get_data_info(i)['img_path'] for i in range(4)]
    names = [path.rsplit('/', 1)[1] for path in paths]
    assert names == ['a.jpg', 'b.png', 'c.JPG', 'd.jpeg']
    assert all(dataset[i]['inputs'].shape == (3, 50, 60) for i in range(4))


def test_size_from_the_image(write):
    info = build(write(one=xml(FACE, size=''))).get_data_info(0)
    assert (info['width'], info['height']) == SIZE


def test_boxes_without_area(write):
    flat = item('face', (5, 5, 5, 9)), item('face', (5, 9, 7, 8))
    found = instances(write(one=xml(*flat, FACE)))
    assert [x['bbox'] for x in found] == [[1, 2, 3, 4]]


def test_boxes_that_reach_over_by_a_pixel(write):
    box = item('face', (0, 0, 62, 52))
    found = instances(write(one=xml(box)))
    assert [x['bbox'] for x in found] == [[0, 0, 60, 50]]


@pytest.mark.parametrize('content', [b'', b'no image'])
def test_unreadable_image_without_size(write, content):
    root = write(one=xml(FACE, size=''))
    image = root / 'images/one.jpg'
    image.write_bytes(content)
    with pytest.raises(ValueError) as info:
        build(root)
    assert str(info.value).startswith(f'{root}/annotations/one.xml: ')
    assert f'{image} is not a readable image' in str(info.value)


@pytest.mark.parametrize(
    'content, what',
    [
        (b'one\ntwo 2\n', 'annotations/two 2.xml: no such .*val.txt:2 lists'),
        (b'one.jpg\n\none.png 1\n', 'val.txt:3: one stands in line 1 alrea'),
        (b'one\ntwo\none\n', 'val.txt:3: one stands in line 1 already'),
        (b'one\n\xff\n', 'val.txt: not a list in UTF-8'),
        (b'', 'val.txt: the file is empty'),
        (b'one\nthree\n', 'three.xml: no such file, but .*val.txt:2 lists'),
    ],
)
def test_bad_list(write, content, what):
    root = write(one=xml(FACE), two=xml())
    (root / 'val.txt').write_bytes(content)
    with pytest.raises(ValueError, match=what):
        build(root)


def test_windows_line_ends(write):
    root = write(one=xml(FACE), two=xml())
    (root / 'val.txt').write_bytes(b'one\r\ntwo\r\n')
    assert len(build(root, test_mode=True)) == 2


@pytest.mark.parametrize(
    'filter_cfg, test_mode, expected',
    [
        (None, False, 2),
        (dict(filter_empty_gt=True), False, 1),
        (dict(filter_empty_gt=True), True, 2),
        (dict(min_size=51), False, 0),
        (dict(min_size=50), False, 2),
    ],
)
def test_filter(write, filter_cfg, test_mode, expected):
    root = write(one=xml(MASK), two=xml())
    kwargs = dict(filter_cfg=filter_cfg, test_mode=test_mode)
    assert len(build(root, serialize_data=False, **kwargs)) == expected


def test_small_boxes_are_ignored(write):
    root = write(one=xml(MASK, FACE))
    found = instances(root, filter_cfg=dict(bbox_min_size=5))
    assert [x['ignore_flag'] for x in found] == [0, 1]


@pytest.mark.parametrize(
    'text, what',
    [
        (xml(MASK)[:-3], 'not well-formed xml'),
        ('', 'not well-formed xml'),
        (xml(MASK.replace('<name>mask</name>', '')), 'object 1 has no name'),
        (xml(FACE, MASK.replace('mask', '')), 'object 2 has no name'),
        (xml(MASK.replace('11', '')), "xmin is no number but ''"),
        (xml(MASK.replace('46', 'low')), "ymax is no number but 'low'"),
        (xml(MASK.replace('46', 'nan')), "ymax is no number but 'nan'"),
        (xml(MASK.replace('46', 'inf')), "ymax is no number but 'inf'"),
        (xml(re.sub('<bndbox.*/bndbox>', '', MASK)), 'no number but None'),
        (xml(FACE, item('mask', (1, 1, 9, 9), '?')), 'object 2: difficult is'),
        (xml(item('mask', (1, 1, 9, 9), 'no')), "'no'"),
        (xml(size='<size><width>6</width></size>'), 'height in size must be'),
        (xml(size='<size><width>6'), 'not well-formed xml'),
        (xml(size='<size><width>x</width></size>'), 'width in size must be a'),
        (xml(size='<size><width>x</width></size>'), "not 'x'"),
        (xml(size=SIZES.replace('60', 'inf')), "not 'inf'"),
        (xml(size=SIZES.replace('50', '-5')), 'height in size must be a'),
        (xml(FACE, item('face', (1, 1, 99999, 9))), 'object 2: its box [1, 1'),
        (xml(item('face', (1, 1, 68, 9))), 'outside the image, 60 x 50 pix'),
        (xml(item('face', (1, 1, 9, 57))), 'outside the image'),
        (xml(item('face', (-6, 1, 9, 9))), 'outside the image'),
        (xml(item('face', (1, -6, 9, 9))), 'outside the image'),
        (xml(item('face', (63, 1, 65, 9))), 'outside the image'),
        ('<html></html>', 'begins with <html>, not with <annotation>'),
    ],
)
def test_bad_xml(write, text, what):
    root = write(one=text)
    with pytest.raises(ValueError) as info:
        build(root)
    assert str(info.value).startswith(f'{root}/annotations/one.xml: ')
    assert what in str(info.value)


def test_missing_files(write):
    root = write(one=xml(MASK), two=xml(MASK))
    (root / 'images/two.jpg').unlink()
    with pytest.raises(ValueError, match='images/two: no such image .*val.t'):
        build(root)
    (root / 'annotations/two.xml').unlink()
    with pytest.raises(ValueError, match='two.xml: no such file.*ann_subdir'):
        build(root)
    with pytest.raises(ValueError, match='one.xml: no such file'):
        build(root, ann_subdir='xml')
    with pytest.raises(ValueError, match='photos/one: no such image.*img_su'):
        build(root, img_subdir='photos')
    with pytest.raises(ValueError, match='train.txt: no such list of images'):
        build(root, ann_file='train.txt')


@pytest.mark.parametrize('split, total', [('train', 683), ('val', 170)])
def test_real_set(shared, split, total):
    folder = shared / 'data/facemask'
    dataset = build(folder, ann_file=f'{split}.txt', test_mode=True)
    assert len(dataset) == total
    found = 0
    for i in range(total):
        info = dataset.get_data_info(i)
        found += len(info['instances'])
        for x in info['instances']:
            x1, y1, x2, y2 = x['bbox']
            assert 0 <= x1 < x2 <= info['width'], info['xml_path']
            assert 0 <= y1 < y2 <= info['height'], info['xml_path']
    names = (folder / f'{split}.txt').read_text().split()
    texts = [
        (folder / f'annotations/{name}.xml').read_text() for name in names
    ]
    assert found == sum(text.count('<object>') for text in texts)


@pytest.mark.parametrize(
    'content',
    [
        b'\xef\xbb\xbfone\ntwo\n',
        'one\r\ntwo\r\n'.encode('utf-16'),
        b'one\n\ntwo\n\n \n',
        b'one.jpg\ntwo.JPG\n',
        b'./images/one.jpg\nJPEGImages/two\n',
        b'C:\\data\\images\\one.jpg\nimages\\two.jpg\n',
        b'one 1\ntwo -1\n',
        b'one  1\ntwo\t0\n',
        b'images/one.jpg annotations/one.xml\nimages/two.jpg two.xml\n',
    ],
)
def test_lists_of_other_tools(write, content):
    root = write(one=xml(MASK), two=xml(FACE))
    (root / 'val.txt').write_bytes(content)
    dataset = build(root)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [x['img_id'] for x in infos] == ['one', 'two']
    assert [len(x['instances']) for x in infos] == [1, 1]


def test_names_that_look_like_those_of_lists(write):
    root = write(**{'photo 1': xml(MASK), 'photo': xml(FACE, FACE)})
    (root / 'val.txt').write_text('photo 1\nphoto\n')
    dataset = build(root)
    found = [len(dataset.get_data_info(i)['instances']) for i in (0, 1)]
    assert found == [1, 2]


def test_one_stem_in_two_folders(write):
    root = write(one=xml(MASK))
    for kind, name in (('images', 'one.jpg'), ('annotations', 'one.xml')):
        for folder in ('a', 'b'):
            (root / kind / folder).mkdir()
            text = (root / kind / name).read_bytes()
            (root / kind / folder / name).write_bytes(text)
        (root / kind / name).unlink()
    (root / 'val.txt').write_text('a/one\nb/one.jpg\n')
    dataset = build(root)
    paths = [dataset.get_data_info(i)['img_path'] for i in (0, 1)]
    assert [x[-9:] for x in paths] == ['a/one.jpg', 'b/one.jpg']
    (root / 'val.txt').write_text('one\n')
    with pytest.raises(ValueError, match='val.txt: one may mean a/one.xml or'):
        build(root)


def test_xml_in_capital_letters(write):
    root = write(one=xml(MASK))
    path = root / 'annotations/one.xml'
    path.rename(path.with_suffix('.XML'))
    assert len(instances(root)) == 1


def test_decomposed_letters(write):
    """As macOS writes them, where the list has one letter."""
    root = write(**{'cafe\u0301': xml(MASK)})
    (root / 'val.txt').write_text('caf\xe9\n', encoding='utf-8')
    assert len(instances(root)) == 1


@pytest.mark.parametrize('suffix', ['Jpg', 'TIF', 'webp', 'avif', 'gif'])
def test_more_formats(write, suffix):
    root = write(**{f'one_{suffix}': xml(FACE)})
    info = build(root).get_data_info(0)
    assert info['img_path'].endswith(f'one.{suffix}')


def test_two_images_of_one_stem(write, told):
    text = xml('<filename>{}</filename>', FACE)
    root = write(one=text.format('one.png'))
    Image.new('RGB', (9, 9)).save(root / 'images/one.png')
    with pytest.raises(ValueError, match='size than the annotations say'):
        build(root)
    Image.new('RGB', SIZE).save(root / 'images/one.png')
    assert build(root).get_data_info(0)['img_path'].endswith('one.png')
    assert 'and are left out: 1 (one.jpg)' in told[-1]
    for name in ('', 'two.jpg'):
        (root / 'annotations/one.xml').write_text(text.format(name))
        with pytest.raises(ValueError, match='one.xml: one.... and one.*both'):
            build(root)


@pytest.mark.parametrize(
    'size', ['60.0 50.0', '0 0', '60 0', ' ', '59.6 50.4', '61 50']
)
def test_stated_sizes(write, told, size):
    """That of the image counts."""
    width, _, height = size.partition(' ')
    size = SIZES.replace('60', width).replace('50', height)
    others = dict(two=xml(FACE), three=xml(FACE))
    root = write(one=xml(FACE, size=size), **others)
    info = build(root).get_data_info(0)
    assert (info['width'], info['height']) == SIZE
    expected = '1 of 3 images have another size' if width == '61' else ''
    assert len(told) == bool(expected) and expected in ''.join(told)


def turned(root, name, turn=6):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new('RGB', SIZE).save(root / f'images/{name}.jpg', exif=exif)


def test_boxes_from_before_exif_turned_the_image(write, told):
    box = item('face', (40, 10, 59, 50))
    root = write(one=xml(box), two=xml(FACE), three=xml(FACE))
    turned(root, 'one')
    info = build(root).get_data_info(0)
    assert (info['width'], info['height']) == SIZE[::-1]
    assert info['instances'][0]['bbox'] == [39, 9, 50, 49]
    assert '1 of 3 images have another size than the annotations' in told[0]
    assert 'one: 60 x 50 stated, 50 x 60 found' in told[0]
    assert (
        '1 are turned by EXIF, which the annotations do not know:' in (told[0])
    )
    turned(root, 'three', 3)
    told.clear()
    build(root)
    assert 'not know, and maybe 1 more of the same size: ' in told[0]
    turned(root, 'two')
    with pytest.raises(ValueError, match='2 of 3 images have another size'):
        build(root)
    # Labelled upright, and stated so.
    upright = '<size><width>50</width><height>60</height></size>'
    for name in ('one', 'two'):
        path = root / f'annotations/{name}.xml'
        path.write_text(xml(FACE, size=upright))
    told.clear()
    build(root)
    assert not told


def test_encodings_and_namespaces(write):
    text = xml('<folder>\u56fe\u7247</folder>', FACE)
    root = write(one=text)
    path = root / 'annotations/one.xml'
    for encoding in ('gbk', 'utf-16', 'latin-1', 'no-such'):
        head = f'<?xml version="1.0" encoding="{encoding}"?>\n'
        known = 'utf-8' if encoding == 'no-such' else encoding
        path.write_bytes((head + text).encode(known, errors='replace'))
        assert len(instances(root)) == 1, encoding
    path.write_bytes(text.encode('gbk'))  # and no word of it
    assert len(instances(root)) == 1
    for tag in ('<annotation xmlns="http://x">', '<annotation xmlns:y="z">'):
        path.write_text(text.replace('<annotation>', tag), encoding='utf-8')
        assert len(instances(root)) == 1
    path.write_bytes(b'\xef\xbb\xbf' + text.encode())
    assert len(instances(root)) == 1


@pytest.mark.parametrize('difficult', ['', ' ', 'Unspecified', 'False', '0'])
def test_nobody_said_difficult(write, difficult):
    root = write(one=xml(item('face', (1, 1, 9, 9), difficult)))
    assert instances(root)[0]['ignore_flag'] == 0


def test_what_is_cut_and_dropped_is_told(write, told):
    boxes = (5, 1, 64, 9), (30, 20, 10, 40), (3, 4, 3, 9), (1, 1, 61, 51)
    root = write(one=xml(*(item('face', x) for x in boxes)), two=xml(FACE))
    found = instances(root)
    assert [x['bbox'] for x in found] == [[4, 0, 60, 8], [0, 0, 60, 50]]
    assert [x.partition('val.txt: ')[2] for x in told] == [
        'boxes reach out of their image and are cut: 1 (one)',
        'boxes with exchanged corners or a negative side are dropped: 1 (one)',
        'boxes without area are dropped: 1 (one)',
    ]


@pytest.mark.parametrize('name', ['Face', 'FACE', ' face '])
def test_other_spelling_of_a_class(write, name):
    root = write(one=xml(item(name, (1, 1, 9, 9))))
    assert instances(root, class_map=None)[0]['bbox_label'] == 0


def test_one_class_without_a_comma(write):
    root = write(one=xml(FACE))
    with pytest.raises(ValueError, match=r"a comma, classes=\('face',\)"):
        build(root, metainfo=dict(classes='face'))


def test_no_image_left(write):
    root = write(one=xml(), two=xml())
    with pytest.raises(ValueError) as info:
        build(root, filter_cfg=dict(filter_empty_gt=True))
    assert str(info.value).startswith(f'{root}/val.txt: no images left: c')
    assert 'asked for: face; found: no object at all' in str(info.value)
    root = write(one=xml(MASK))
    with pytest.raises(ValueError, match='found: mask 1 times; filter_cfg'):
        build(root, filter_cfg=dict(min_size=99))


def test_utf_16_whatever_is_declared(write):
    root = write(a=xml(MASK))
    text = f'<?xml version="1.0" encoding="utf-8"?>{xml(MASK)}'
    (root / 'annotations/a.xml').write_bytes(text.encode('utf-16'))
    info = instances(root, class_map={'*': 'face'})
    assert info[0]['bbox'] == [10, 20, 30, 45]


@pytest.mark.parametrize(
    'text',
    [
        xml(f'<objects>{MASK}</objects>'),
        xml(MASK).replace('object', 'Object').replace('bndbox', 'BndBox'),
        xml(MASK).replace('annotation', 'Annotation'),
    ],
)
def test_tags_of_other_tools(write, text):
    """An object that is not seen is a face that is learnt as background."""
    info = instances(write(a=text), class_map={'*': 'face'})
    assert info[0]['bbox'] == [10, 20, 30, 45]


def test_class_that_is_left_out(write):
    root = write(a=xml(MASK, BARE))
    info = instances(root, class_map={'mask': 'face', 'bare': None})
    assert [x['bbox'] for x in info] == [[10, 20, 30, 45]]


@pytest.mark.parametrize('name', ['images/a.jpg', 'annotations/a.xml'])
def test_pipe_in_place_of_a_file(write, name):
    root = write(a=xml(FACE))
    (root / name).unlink()
    os.mkfifo(root / name)
    with pytest.raises(ValueError, match='no such'):
        build(root)


def test_boxes_in_shares_of_the_image(write):
    share = item('face', (0.1, 0.2, 0.5, 1.0))
    root = write(a=xml(share), b=xml(share, share))
    what = 'val.txt: all 3 boxes are between 0 and 1, and seem to be shares'
    with pytest.raises(ValueError, match=what):
        build(root)
    root = write(a=xml(share), b=xml(FACE))
    assert [x['bbox'] for x in build(root).get_data_info(1)['instances']] == [
        [1, 2, 3, 4]
    ]
