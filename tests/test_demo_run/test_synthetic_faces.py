"""Drawn sets: layout of the folder, determinism, folders of others."""

import json

import cv2
import pytest

from demo import synthetic_faces
from demo.synthetic_faces import write_synthetic_wider_face as write


def read_split(root, split):
    """An independent reader of the official layout."""
    text = root / 'wider_face_split' / f'wider_face_{split}_bbx_gt.txt'
    lines = text.read_text().splitlines()
    found, i = {}, 0
    while i < len(lines):
        name, count = lines[i], int(lines[i + 1])
        rows = lines[i + 2 : i + 2 + max(count, 1)]
        found[name] = [list(map(int, row.split())) for row in rows]
        if not count:
            assert found[name] == [[0] * 10]
        i += 2 + max(count, 1)
    return found


def test_layout(tmp_path):
    root = tmp_path / 'set'
    assert write(root, 30, 4, size=(100, 130), seed=5, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ['set']
    for split, num in (('train', 30), ('val', 4)):
        found = read_split(root, split)
        assert len(found) == num
        images = root / f'WIDER_{split}' / 'images'
        assert {
            str(p.relative_to(images)) for p in images.rglob('*.jpg')
        } == set(found)
        for name, rows in found.items():
            assert 'synthetic' in name.split('/')[0]
            image = cv2.imread(str(images / name))
            h, w = image.shape[:2]
            assert 100 <= min(h, w) and max(h, w) <= 130
            for x, y, bw, bh, *_ in rows:
                assert len(rows[0]) == 10
                assert x + bw <= w and y + bh <= h


def test_rewriting(tmp_path):
    root = tmp_path / 'set'
    args = {'num_val': 1, 'size': (60, 80), 'progress': False}
    assert write(root, 2, **args)
    before = {p: p.read_bytes() for p in root.rglob('*.jpg')}
    assert not write(root, 2, **args)  # complete: kept
    assert write(root, 3, **args)  # other parameters: drawn again
    after = {p: p.read_bytes() for p in root.rglob('*.jpg')}
    # A larger set starts with the smaller one.
    assert before.items() < after.items()
    assert (
        json.loads((root / synthetic_faces.MARKER).read_text())['num_train']
        == 3
    )


@pytest.mark.parametrize('size', [(200, 160), (0, 40)])
def test_sizes_that_are_no_range(tmp_path, size):
    with pytest.raises(ValueError, match='give the smallest side first'):
        write(tmp_path / 'set', 1, 1, size=size)
    assert not (tmp_path / 'set').exists()


def test_foreign_folder_is_kept(tmp_path):
    (tmp_path / 'precious').write_text('data')
    with pytest.raises(FileExistsError, match='no synthetic data set'):
        write(tmp_path, 1, 1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ['precious']


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cv2, 'imwrite', lambda *args: False)
    with pytest.raises(OSError, match='could not write'):
        write(tmp_path / 'set', 1, 1, progress=False)
    assert not list(tmp_path.iterdir())
