"""YOLO's labels: layouts, and what can be wrong in them."""

import re

import pytest
from mmdet.registry import DATASETS
from PIL import Image

import mmsrn.datasets  # noqa: F401
from mmsrn.evaluation.readers import AnnotationError

SIZE = (100, 50)
LINE = '0 0.25 0.5 0.1 0.2'  # centre 25, 25; 10 x 10 pixels
BOX = pytest.approx([20, 20, 30, 30])
YAML = """\
path: {root}
train: images/train
val: images/val
names:
  0: Face
"""


@pytest.fixture
def root(tmp_path):
    """A set of two splits, one image without labels each."""
    for split, names in (('train', 'abc'), ('val', 'de')):
        for folder in ('images', 'labels'):
            (tmp_path / folder / split).mkdir(parents=True)
        for name in names:
            image = tmp_path / f'images/{split}/{name}.jpg'
            Image.new('RGB', SIZE).save(image)
            label = tmp_path / f'labels/{split}/{name}.txt'
            label.write_text(f'{LINE}\n')
        label.unlink()
    (tmp_path / 'data.yaml').write_text(YAML.format(root=tmp_path))
    return tmp_path


def build(root, **kwargs):
    args = dict(type='YOLOFaceDataset', data_root=str(root))
    return DATASETS.build(args | kwargs)


def boxes(root, **kwargs):
    dataset = build(root, **kwargs)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert all((x['width'], x['height']) == SIZE for x in infos)
    return {x['img_id']: [y['bbox'] for y in x['instances']] for x in infos}


def test_layout(root):
    assert boxes(root) == {'a': [BOX], 'b': [BOX], 'c': []}
    assert boxes(root, split='val') == {'d': [BOX], 'e': []}


@pytest.mark.parametrize(
    'text',
    [
        'train: images/train\nnames: [face]\n',
        'path: .\ntrain: [images/train]\nnc: 1\nnames: {0: face}\n',
        'train: ../images/train\nnames: [face]\n',  # as Roboflow writes it
        'path: ../elsewhere\ntrain: images\\train\nnames: ["FACE"]\n',
        'train: list.txt\nnames: [face]\n',
    ],
)
def test_ways_to_write_the_yaml(root, text):
    (root / 'data.yaml').write_text(text)
    lines = './images/train/a.jpg\n\nimages\\train\\b.jpg\n'
    (root / 'list.txt').write_text(f'{lines}{root}/images/train/c.jpg\n')
    assert boxes(root) == {'a': [BOX], 'b': [BOX], 'c': []}


def test_labels_beside_the_images(root):
    for path in (root / 'labels/train').iterdir():
        path.rename(root / 'images/train' / path.name)
    expected = {'a': [BOX], 'b': [BOX], 'c': []}
    assert boxes(root) == expected
    # And nothing else but a folder of both.
    kwargs = dict(ann_file='', data_prefix=dict(img='images/train'))
    assert boxes(root, **kwargs, class_map={'0': 'face'}) == expected
    with pytest.raises(AnnotationError, match="a.txt: class '0' is not one"):
        build(root, **kwargs)


def test_classes(root):
    (root / 'labels/train/a.txt').write_text(f'{LINE}\n1{LINE[1:]}\n')
    text = YAML.format(root=root) + '  1: mask\n'
    (root / 'data.yaml').write_text(text)
    assert boxes(root, class_map={'*': 'face'})['a'] == [BOX, BOX]
    with pytest.raises(AnnotationError) as info:
        build(root)
    assert "labels/train/a.txt: class 'mask' is not one of" in str(info.value)
    assert "class_map={'mask': 'face'}" in str(info.value)


def test_boxes_at_the_edge_and_polygons(root):
    lines = [
        '0 0.98 0.5 0.1 0.2',  # half a face
        '0 0.2 0.2 0.3 0.2 0.3 0.6 0.25 0.4',
        '0 1.001 1 0.01 0.01',
        '',
        '0 0.5 0.5 0 0.1',
    ]
    (root / 'labels/train/a.txt').write_text('\r\n'.join(lines))
    assert boxes(root)['a'] == [
        pytest.approx([93, 20, 100, 30]),
        pytest.approx([20, 10, 30, 30]),
        pytest.approx([99.6, 49.75, 100, 50]),
    ]


def test_upright_sizes(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', SIZE[::-1]).save(root / 'images/train/a.jpg', exif=exif)
    assert boxes(root)['a'] == [BOX]


@pytest.mark.parametrize(
    'line, what',
    [
        ('0 0.5 0.5 0.1', 'expected class, centre x, centre y, width, height'),
        ('0 0.5 0.5 0.1 0.1 0.9', 'six of results, which are no labels'),
        ('0 0.5 0.5 0.1 x', "found '0 0.5 0.5 0.1 x'"),
        ('0.5 0.5 0.5 0.1 0.1', '0.5 is no class'),
        ('-1 0.5 0.5 0.1 0.1', '-1 is no class'),
        ('0 50 25 10 10', 'shares of the image, 0 to 1, not 50 25 10 10; are'),
        ('0 nan 0.5 0.1 0.1', 'shares of the image'),
        ('0 0.5 0.5 -0.1 0.1', 'shares of the image'),
    ],
)
def test_bad_labels(root, line, what):
    path = root / 'labels/train/b.txt'
    path.write_text(f'{LINE}\n{line}\n')
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        build(root)
    assert str(info.value).startswith(f'{path}:2: ')


@pytest.mark.parametrize(
    'text, what',
    [
        (None, 'data.yaml: cannot be read: No such'),
        ('a: [', 'data.yaml: not yaml: '),
        ('3', 'data.yaml: has no train: and no names:'),
        ('val: x', 'data.yaml: train: must name a folder .* not None'),
        ('train: [3]', 'data.yaml: train: must name a folder'),
        ('train: no/such', 'no/such nor .* exists; correct path'),
        ('train: images/train\nnames: 3', 'data.yaml: names: must be a list'),
        ('train: list.txt', 'list.txt:2: x.jpg: no such image'),
        ('train: labels/val', 'labels/val: has no image'),
    ],
)
def test_bad_yaml(root, text, what):
    path = root / 'data.yaml'
    path.unlink()
    if text is not None:
        path.write_text(text)
    (root / 'list.txt').write_text('images/train/a.jpg\nx.jpg\n')
    with pytest.raises(AnnotationError, match=what) as info:
        build(root)
    assert '\n' not in str(info.value)


def test_no_labels_at_all(root):
    for path in (root / 'labels/train').iterdir():
        path.unlink()
    with pytest.raises(AnnotationError) as info:
        build(root)
    assert 'none of 3 images has labels; those of' in str(info.value)
    assert f'would be {root}/labels/train/a.txt' in str(info.value)
    assert len(build(root, test_mode=True)) == 3
    (root / 'labels/train/a.txt').write_text('')
    with pytest.raises(AnnotationError, match='asked for: face; found: no ob'):
        build(root, filter_cfg=dict(filter_empty_gt=True))


@pytest.mark.parametrize(
    'name', ['labels/train/a.TXT', 'Labels/train/a.txt', 'images/train/A.Txt']
)
def test_labels_in_other_letters(root, name):
    (root / 'labels/train/b.txt').unlink()
    label = root / 'labels/train/a.txt'
    if name.startswith('Labels'):
        (root / 'labels').rename(root / 'Labels')
    else:
        label.rename(root / name)
    assert boxes(root) == {'a': [BOX], 'b': [], 'c': []}


def test_labels_with_decomposed_letters(root):
    (root / 'images/train/a.jpg').rename(root / 'images/train/\u00e9.jpg')
    (root / 'labels/train/a.txt').rename(root / 'labels/train/e\u0301.txt')
    assert boxes(root)['\u00e9'] == [BOX]


def test_utf_16(root):
    files = [*root.rglob('*.txt'), root / 'data.yaml']
    for path in files:
        path.write_bytes(path.read_text().encode('utf-16'))
    assert boxes(root) == {'a': [BOX], 'b': [BOX], 'c': []}


POINTS = ' 0.22 0.45 0.28 0.45 0.25 0.5 0.22 0.55 0.28 0.55'


def test_key_points(root):
    """Ten numbers behind a box are five points, or a polygon of seven."""
    for name in 'ab':
        path = root / f'labels/train/{name}.txt'
        path.write_text(f'{LINE}{POINTS}\n')
    with pytest.raises(AnnotationError, match=r'say kpt_shape: \[5, 2\] in'):
        build(root)
    yaml = root / 'data.yaml'
    text = yaml.read_text()
    yaml.write_text(f'{text}kpt_shape: [5, 2]\n')
    assert boxes(root) == {'a': [BOX], 'b': [BOX], 'c': []}
    yaml.write_text(f'{text}kpt_shape: [5, 3]\n')
    with pytest.raises(
        AnnotationError, match='a.txt:1: expected 5 values and'
    ):
        build(root)
    yaml.write_text(f'{text}kpt_shape: five\n')
    with pytest.raises(AnnotationError, match='kpt_shape: must be two numb'):
        build(root)


@pytest.mark.parametrize('line', [LINE, f'{LINE}{POINTS}'])
def test_key_points_that_nothing_states(root, line):
    """Faces without landmarks have boxes alone."""
    for path, text in (('a', f'{LINE}{POINTS}'), ('b', line)):
        (root / f'labels/train/{path}.txt').write_text(f'{text}\n')
    kind = 'all lines but boxes' if line == LINE else 'all lines'
    with pytest.raises(AnnotationError, match=f'{kind} have 15 values'):
        build(root)
    kwargs = dict(ann_file='', data_prefix=dict(img='images/train'))
    what = re.escape('[5, 2] in a data.yaml with train: and names:, and name')
    with pytest.raises(AnnotationError, match=what):
        build(root, **kwargs, class_map={'0': 'face'})


def test_polygons_of_many_sizes(root):
    path = root / 'labels/train/a.txt'
    path.write_text(f'{LINE}{POINTS}\n0 0.2 0.2 0.3 0.2 0.3 0.6\n')
    assert len(boxes(root)['a']) == 2


BOMB = 'a: &a [x, x, x]\n' + ''.join(
    f'{b}: &{b} [{", ".join([f"*{a}"] * 10)}]\n'
    for a, b in zip('abcdefgh', 'bcdefghi')
)


@pytest.mark.parametrize(
    'text, what',
    [
        ('train: 5\n', 'train: must name a folder of images'),
        ('train: {a: b}\n', 'train: must name a folder of images'),
        (f'train: {"x" * 300}\n', 'neither '),
        (f'{BOMB}train: *i\n', 'not yaml: it has aliases'),
        (
            f'{BOMB}train: images/train\nnames: [*i]\n',
            'not yaml: it has aliases',
        ),
        ('train: !!python/name:os.system\n', 'not yaml: '),
    ],
)
def test_odd_yaml(root, text, what):
    (root / 'data.yaml').write_text(text)
    with pytest.raises(AnnotationError, match=f'data.yaml: {what}'):
        build(root)


def test_list_with_a_long_name(root):
    (root / 'data.yaml').write_text('train: list.txt\nnames: [face]\n')
    (root / 'list.txt').write_text(f'{"x" * 300}.jpg\n')
    with pytest.raises(AnnotationError, match='list.txt:1: x+.jpg: no such'):
        build(root)


def test_class_that_is_left_out(root):
    (root / 'labels/train/a.txt').write_text(f'{LINE}\n1{LINE[1:]}\n')
    assert boxes(root, class_map={'1': None})['a'] == [BOX]


def test_folder_that_cannot_be_read(root, monkeypatch):
    """In one line, as all else that is wrong with data."""

    def refuse(_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('mmsrn.utils.folder_tree.os.scandir', refuse)
    with pytest.raises(ValueError, match='train: cannot be read: Permission'):
        build(root)
