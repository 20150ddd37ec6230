"""The check of a copy of DARK FACE finds what was broken on purpose."""

import shutil

import cv2
import numpy as np
import pytest

FACES = {
    '7': [(3, 4, 9, 12), (20, 1, 30, 9)],
    '12': [],
    '100': [(0, 0, 96, 80)],
}


@pytest.fixture
def tool(load_tool):
    return load_tool('misc/verify_dataset.py')


@pytest.fixture
def copy(tmp_path):
    """A small set in both layouts, images of 96 x 80."""
    root = tmp_path / 'set'
    for folder in ('image', 'label'):
        (root / folder).mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = []
    for name, faces in FACES.items():
        pixels = rng.integers(0, 50, (80, 96, 3), np.uint8)
        cv2.imwrite(str(root / f'image/{name}.png'), pixels)
        rows = [' '.join(map(str, x)) for x in faces]
        text = '\n'.join([str(len(faces)), *rows])
        (root / f'label/{name}.txt').write_text(text)
        # In another order, which means nothing.
        rows = [f'{a} {b} {c - a} {d - b} 1' for a, b, c, d in faces[::-1]]
        lines.append(' '.join([f'{name}.png {len(faces)}', *rows]))
    (root / 'split_mine.txt').write_text('\n'.join(lines))
    return root


def check(tool, root, capsys, *args, any_counts=True):
    """Exit status and what stands below the description."""
    args = [str(root), *args, *['--any-counts'] * any_counts]
    status = tool.main(args)
    return status, capsys.readouterr().out


def test_sound_set(tool, copy, capsys):
    status, out = check(tool, copy, capsys, '--workers', '2')
    assert status == 0 and 'No problems found' in out
    assert 'label: 3 images, 3 faces' in out
    assert 'split_mine.txt: 3 images, 3 faces' in out


def test_counts_and_sizes(tool, copy, capsys):
    (copy / 'split_mine.txt').rename(copy / 'split_5500_500_val.txt')
    status, out = check(tool, copy, capsys, any_counts=False)
    assert status == 1
    assert 'label: 3 images, published 6,000 (-5,997)' in out
    assert 'label: 3 faces, published 43,849 (-43,846)' in out
    assert 'val.txt: 3 images, published 500 (-497)' in out
    assert 'val.txt: 3 faces, published 3,670 (-3,667)' in out
    assert 'size mismatches: 3' in out
    assert '12: the image has 96x80, published 1080x720' in out
    status, out = check(
        tool, copy, capsys, '--splits', '5500_500/val', any_counts=False
    )
    assert status == 1 and 'published 500 ' in out


def test_damaged_images(tool, copy, capsys, tmp_path):
    (copy / 'image/7.png').unlink()
    file = copy / 'image/12.png'
    file.write_bytes(file.read_bytes()[:3000])
    shutil.copy(copy / 'image/100.png', copy / 'image/101.png')
    report = tmp_path / 'report.txt'
    status, _ = check(tool, copy, capsys, '--report', str(report))
    assert status == 1
    lines = report.read_text().splitlines()
    assert lines[0] == 'corrupt images: 1'
    assert lines[1].startswith('  12.png: ')
    assert lines[2:5] == [
        'images without labels: 1',
        f'  101.png: lies in {copy / "image"}',
        'missing images: 1',
    ]
    assert lines[5].startswith('  7.png: ') and len(lines) == 6
    assert check(tool, copy, capsys, '--no-images')[0] == 0


def test_boxes_beyond_the_image(tool, copy, capsys):
    (copy / 'label/100.txt').write_text('2\n0 0 96 80\n-1 3 97 81\n')
    (copy / 'split_mine.txt').unlink()
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'boxes beyond the image: 1' in out
    assert (
        '100: face 2 in label: x1 -1, y1 3, x2 97, y2 81; image of 96x80'
    ) in out


def test_lists_against_labels(tool, copy, capsys):
    """Other numbers or boxes, a pixel more or less aside."""
    (copy / 'label/7.txt').write_text('2\n3 4 8 11\n20 1 29 8\n')
    assert check(tool, copy, capsys)[0] == 0
    (copy / 'label/7.txt').write_text('2\n3 4 7 11\n20 1 29 8\n')
    (copy / 'label/12.txt').write_text('1\n3 4 7 11\n')
    (copy / 'label/100.txt').unlink()
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'lists other than labels: 2' in out
    assert '7: split_mine.txt has other boxes than its label file' in out
    assert '12: split_mine.txt has 0 faces, its label file 1' in out
    assert 'missing labels: 1\n  100: is in split_mine.txt' in out


def test_images_in_both_parts(tool, copy, capsys):
    for name, text in (('train', '7\n12\n'), ('test', '100.png\n12.png')):
        (copy / f'split_5000_1000_{name}.txt').write_text(text)
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'split_5000_1000_test.txt: 2 images\n' in out
    assert 'images in both parts: 1\n  12: stands in split_5000' in out


def test_malformed_files(tool, copy, capsys):
    """All of them are named, and the others checked."""
    (copy / 'label/7.txt').write_text('2\n3 4 8 11\n')
    (copy / 'label/12.txt').write_text('')
    (copy / 'split_other.txt').write_text('7.png 1 3 4\n')
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'unreadable files: 3' in out
    assert '7.txt:1: 2 faces announced, 1 lines follow' in out
    assert '12.txt:1: expected the number of faces' in out
    assert 'split_other.txt:1: 1 faces announced' in out


def test_layout_mistakes(tool, copy, capsys, fails):
    assert f'did you mean {copy}?' in fails(tool, copy.parent)
    assert 'takes 5000_1000/train, ' in fails(tool, copy, '--splits', 'train')
    (copy / 'image').rename(copy / 'images')
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'missing folders: 1' in out
    assert f'rename {copy / "images"} to {copy / "image"}' in out
    status, out = check(tool, copy, capsys, '--splits', '5500_500/val')
    assert 'split_5500_500_val.txt: no such list of images' in out


def test_published_lists(tool, shared, capsys):
    folder = shared / 'data/darkface'
    status, out = check(tool, folder, capsys, '--no-images', any_counts=False)
    assert status == 0
    assert 'split_5000_1000_train.txt: 5,000 images, 36,733 faces' in out
    assert 'split_5500_500_val.txt: 500 images, 3,670 faces' in out


def test_two_label_files_of_one_image(tool, copy, capsys):
    """The first by name counts."""
    small = copy / 'label/7.txt'
    (copy / 'label/7.TXT').write_text(small.read_text())
    if len(list((copy / 'label').iterdir())) < 4:
        pytest.skip('the file system knows one case')
    small.write_text('0')
    status, out = check(tool, copy, capsys)
    assert status == 1 and 'label: 3 images, 3 faces' in out
    assert 'doubled label files: 1' in out
    assert '7.txt: 7 has another one' in out


def test_label_folder_that_cannot_be_read(tool, copy, capsys, monkeypatch):
    def refuse(_):
        raise PermissionError(13, 'Permission denied')

    where = 'mmsrn.evaluation.readers.dark_face_labels.os.listdir'
    with monkeypatch.context() as patch:
        patch.setattr(where, refuse)
        status, out = check(tool, copy, capsys, '--no-images')
    assert status == 1 and 'unreadable files: 1' in out
    # Whoever prints it may break the line.
    assert 'label: cannot be read: Permission denied' in ' '.join(out.split())
