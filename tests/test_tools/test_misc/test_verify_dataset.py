"""The check of a copy of WIDER FACE finds what was broken on purpose."""

import shutil

import cv2
import numpy as np
import pytest

from demo.synthetic_faces import write_synthetic_wider_face


@pytest.fixture
def tool(load_tool):
    return load_tool('misc/verify_dataset.py')


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp('drawn') / 'set'
    write_synthetic_wider_face(root, 6, 4, size=(80, 96), progress=False)
    return root


@pytest.fixture
def copy(drawn, tmp_path):
    """Set to break; its train images by name."""
    root = shutil.copytree(drawn, tmp_path / 'set')
    folder = root / 'WIDER_train/images'
    return root, sorted(folder.rglob('*.jpg'))


def name_of(image):
    return f'{image.parent.name}/{image.name}'


def annotations(root, split='train'):
    return root / f'wider_face_split/wider_face_{split}_bbx_gt.txt'


def test_sound_set(tool, drawn, capsys):
    assert tool.main([str(drawn), '--any-counts', '--workers', '2']) == 0
    out = capsys.readouterr().out
    assert 'train: 6 images' in out and 'val: 4 images' in out
    assert 'No problems found' in out


def test_counts(tool, drawn, capsys):
    assert tool.main([str(drawn), '--no-images']) == 1
    out = capsys.readouterr().out
    assert '6 images, published 12,880 (-12,874)' in out
    assert '4 images, published 3,226 (-3,222)' in out
    lines = annotations(drawn, 'val').read_text().splitlines()
    faces = sum(int(x) for x in lines if x.isdigit())
    assert f'{faces} faces, published 39,708 ({faces - 39708:,})' in out


def test_damaged_images(tool, copy, capsys, tmp_path):
    root, images = copy
    missing, truncated, other, turned, *rest = images
    missing.unlink()
    data = truncated.read_bytes()
    truncated.write_bytes(data[: len(data) // 2])
    other.write_text('not an image')
    # A table says what the size was before somebody scaled this one.
    height, width = cv2.imread(str(turned)).shape[:2]
    table = root / 'wider_face_split/image_sizes.csv'
    table.write_text(f'{turned.stem},{width},{height}\n')
    cv2.imwrite(str(turned), np.zeros((height + 8, width + 4, 3), np.uint8))

    report = tmp_path / 'new/report.txt'
    args = ['--any-counts', '--splits', 'train', '--report', str(report)]
    assert tool.main([str(root), *args]) == 1
    out = capsys.readouterr().out
    lines = report.read_text().splitlines()
    assert lines[0] == 'corrupt images: 2'
    assert [x.split(':')[0].strip() for x in lines[1:3]] == [
        name_of(truncated),
        name_of(other),
    ]
    assert 'truncated' in lines[1]
    assert lines[3] == 'missing images: 1' and name_of(missing) in lines[4]
    assert lines[5] == 'size mismatches: 1'
    assert lines[6] == (
        f'  {name_of(turned)}: the image has {width + 4}x{height + 8}, '
        f'image_sizes.csv says {width}x{height}'
    )
    assert len(lines) == 7
    assert all(line in out for line in lines)


def test_turned_photograph(tool, copy, capsys):
    """A camera's orientation counts, as it does in training."""
    from PIL import Image

    root, images = copy
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(images[0]) as image:
        width, height = image.size
        image.save(images[0], exif=exif)
    assert cv2.imread(str(images[0])).shape[:2] == (width, height)
    table = root / 'wider_face_split/image_sizes.csv'
    table.write_text(f'{images[0].stem},{height},{width}\n')
    tool.main([str(root), '--any-counts', '--splits', 'train'])
    assert 'size mismatches' not in capsys.readouterr().out


def test_boxes_beyond_the_image(tool, copy, capsys):
    root, images = copy
    height, width = cv2.imread(str(images[0])).shape[:2]
    text = annotations(root, 'extra')
    rest = '0 0 0 0 0 0'
    boxes = [
        f'0 0 {width} {height}',  # touches all borders
        f'{width - 5} 3 6 7',
        f'3 {height - 5} 6 6',
        '-1 3 5 5',
        f'{width + 9} 3 0 5',  # no area: left out
    ]
    rows = [f'{box} {rest}' for box in boxes]
    text.write_text('\n'.join([name_of(images[0]), '5', *rows]))
    shutil.copytree(root / 'WIDER_train', root / 'WIDER_extra')
    assert tool.main([str(root), '--splits', 'extra']) == 1
    out = capsys.readouterr().out
    assert 'boxes beyond the image: 3' in out
    found = [x.split('line ')[1] for x in out.splitlines() if ': line' in x]
    image = f'image of {width}x{height}'
    assert found == [
        f'4: x {width - 5}, y 3, w 6, h 7; {image}',
        f'5: x 3, y {height - 5}, w 6, h 6; {image}',
        f'6: x -1, y 3, w 5, h 5; {image}',
    ]
    # Without images and tables only what lies left of or above zero shows.
    assert tool.main([str(root), '--splits', 'extra', '--no-images']) == 1
    out = capsys.readouterr().out
    assert 'boxes beyond the image: 1' in out and 'are unknown' in out


def test_long_lists_are_cut(tool, copy, capsys, monkeypatch):
    monkeypatch.setattr(tool, 'SHOWN', 2)
    root, images = copy
    for image in images:
        image.unlink()
    args = ['--any-counts', '--splits', 'train']
    assert tool.main([str(root), *args]) == 1
    out = capsys.readouterr().out
    assert 'missing images: 6' in out and '... and 4 more' in out
    assert out.count('does not exist') == 2


def test_malformed_annotation(tool, copy, capsys):
    root, _ = copy
    text = annotations(root)
    text.write_text(text.read_text().replace('.jpg\n', '.jpg\nmany\n', 1))
    assert tool.main([str(root), '--any-counts']) == 1
    out = capsys.readouterr().out
    assert f'{text}:2: expected a number of faces' in out
    assert 'val: 4 images' in out  # the other split is checked all the same


def test_layout_mistakes(tool, copy, capsys, fails):
    root, _ = copy
    assert f'did you mean {root}?' in fails(tool, root.parent)
    assert 'data/README.md' in fails(tool, root / 'WIDER_val')
    inner = root / 'unzipped/WIDER_train'
    inner.parent.mkdir()
    (root / 'WIDER_train').rename(inner)
    assert tool.main([str(root), '--any-counts']) == 1
    assert f'move {inner} to {root}' in capsys.readouterr().out
    assert tool.main([str(root), '--splits', 'test']) == 1
    assert 'no such file' in capsys.readouterr().out


def test_published_set(tool, shared, capsys):
    folder = shared / 'data/widerface'
    assert tool.main([str(folder), '--no-images']) == 0
    out = capsys.readouterr().out
    assert 'train: 12,880 images, 159,424 faces' in out
    assert 'val: 3,226 images, 39,708 faces' in out
    assert 'unknown' not in out


def test_table_that_is_none(tool, copy, capsys):
    table = copy[0] / 'wider_face_split/image_sizes.csv'
    table.write_bytes(b'\xff')
    assert tool.main([str(copy[0]), '--any-counts']) == 1
    assert f'{table}: not a table: ' in capsys.readouterr().out


def test_bar_that_ends(tool, drawn, monkeypatch):
    from mmsrn.dataset_checks import images

    ended = []

    def track(found, *_, **__):
        yield from found
        ended.append(True)

    monkeypatch.setattr(images, 'track', track)
    assert tool.main([str(drawn), '--any-counts']) == 0
    assert ended == [True, True]
