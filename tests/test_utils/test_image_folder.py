"""A folder of images becomes another one, in parts and in parallel."""

import json
import os
from functools import partial

import cv2
import numpy as np
import pytest

from mmsrn.utils.image_folder import RECORD, process_folder
from mmsrn.version import __version__

KIND = {'kind': 'inverted'}


def invert(image, name, offset=0):
    assert image.dtype == np.uint8 and image.shape[2] == 3
    return 255 - offset - image // 2


def by_name(image, name):
    return np.full_like(image, len(name))


@pytest.fixture
def src(tmp_path):
    root = tmp_path / 'src'
    rng = np.random.default_rng(0)
    for name in ('a.png', 'deep/er/b.png', 'deep/c.png'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (8, 9, 3), np.uint8)
        cv2.imwrite(str(root / name), image)
    (root / 'train.txt').write_text('a\n')
    (root / 'deep/a.xml').write_text('<a/>')
    (root / '.hidden').write_text('x')
    return root


def tree(root):
    return {
        x.relative_to(root).as_posix(): x.read_bytes()
        for x in root.rglob('*')
        if x.is_file()
    }


@pytest.mark.parametrize('workers', [1, 3])
def test_layout_and_pixels(src, tmp_path, workers):
    dst = tmp_path / 'new/dst'
    report = process_folder(
        src, dst, partial(invert, offset=3), KIND | {'m': 1}, workers
    )
    assert (report.made, report.kept, report.copied) == (3, 0, 2)
    assert not report.failed
    assert set(tree(dst)) == {*tree(src), RECORD} - {'.hidden'}
    for name in ('a.png', 'deep/er/b.png', 'deep/c.png'):
        before, after = (cv2.imread(str(x / name)) for x in (src, dst))
        np.testing.assert_array_equal(after, 252 - before // 2)
    assert (dst / 'deep/a.xml').read_text() == '<a/>'
    assert json.loads((dst / RECORD).read_text()) == {
        'kind': 'inverted',
        'm': 1,
        'jpeg_quality': 95,
        'version': __version__,
        'source': str(src.resolve()),
        'source_processing': None,
    }


def test_functions_get_the_path_below_the_folder(src, tmp_path):
    process_folder(src, tmp_path / 'dst', by_name, KIND)
    image = cv2.imread(str(tmp_path / 'dst/deep/er/b.png'))
    assert (image == len('deep/er/b.png')).all()


def test_resumes(src, tmp_path):
    dst = tmp_path / 'dst'
    process_folder(src, dst, invert, KIND)
    whole = tree(dst)
    (dst / 'a.png').unlink()
    (dst / 'train.txt').unlink()
    report = process_folder(src, dst, invert, KIND)
    assert (report.made, report.kept, report.copied) == (1, 2, 1)
    assert tree(dst) == whole

    cv2.imwrite(str(src / 'a.png'), np.zeros((4, 4, 3), np.uint8))
    late = (dst / 'a.png').stat().st_mtime + 5
    os.utime(src / 'a.png', (late, late))
    assert process_folder(src, dst, invert, KIND).made == 1
    assert cv2.imread(str(dst / 'a.png')).shape == (4, 4, 3)


def test_results_of_images_that_were_damaged_since_go(src, tmp_path):
    dst = tmp_path / 'dst'
    process_folder(src, dst, invert, KIND)
    (src / 'a.png').write_text('no image')
    late = (dst / 'a.png').stat().st_mtime + 5
    os.utime(src / 'a.png', (late, late))
    assert list(process_folder(src, dst, invert, KIND).failed) == ['a.png']
    assert not (dst / 'a.png').exists()


@pytest.mark.parametrize('workers', [1, 2])
def test_damaged_images_are_named(src, tmp_path, workers):
    good = (src / 'a.png').read_bytes()
    (src / 'deep/c.png').write_bytes(good[: len(good) // 2])
    (src / 'none.jpg').write_text('no image')
    dst = tmp_path / 'dst'
    report = process_folder(src, dst, invert, KIND, workers)
    assert list(report.failed) == ['deep/c.png', 'none.jpg']
    assert 'truncated' in report.failed['deep/c.png']
    assert (
        report.failed['none.jpg']
        == 'is not an image, or has an unknown format'
    )
    assert report.made == 2 and not (dst / 'deep/c.png').exists()
    assert (
        str(report) == '2 images made, 0 already there, 2 other files copied'
    )


def test_functions_may_fail(src, tmp_path):
    def function(image, name):
        if name == 'a.png':
            raise ValueError('too\nsmall')
        return image

    report = process_folder(src, tmp_path / 'dst', function, KIND)
    assert report.failed == {'a.png': 'too small'}


def test_want_of_memory_is_one_image_s(src, tmp_path):
    def function(image, name):
        if name == 'a.png':
            raise MemoryError
        if name == 'deep/c.png':  # as PyTorch does
            raise RuntimeError('out of memory')
        return image

    report = process_folder(src, tmp_path / 'dst', function, KIND)
    assert report.failed == {
        'a.png': 'MemoryError',
        'deep/c.png': 'out of memory',
    }
    assert report.made == 1


def test_settings_do_not_mix(src, tmp_path):
    dst = tmp_path / 'dst'
    process_folder(src, dst, invert, KIND | {'gamma': 2, 'k': [1, 2]})
    before = tree(dst)
    process_folder(
        src, dst, invert, KIND | {'gamma': 2, 'k': (1, 2)}
    )  # the same
    with pytest.raises(ValueError, match='gamma: 2 before, 3 now.*another'):
        process_folder(src, dst, by_name, KIND | {'gamma': 3, 'k': [1, 2]})
    with pytest.raises(ValueError, match='jpeg_quality: 95 before, 50 now'):
        process_folder(
            src,
            dst,
            by_name,
            KIND | {'gamma': 2, 'k': [1, 2]},
            jpeg_quality=50,
        )
    with pytest.raises(ValueError) as error:
        process_folder(src, dst, invert, KIND | {'method': 'new', 'l': 3})
    # Parameters of two methods are not compared.
    assert '(method: none before, new now)' in str(error.value)
    assert tree(dst) == before


def test_sets_do_not_mix(src, tmp_path):
    dst = tmp_path / 'dst'
    process_folder(src, dst, invert, KIND)
    (tmp_path / 'link').symlink_to(src)
    assert process_folder(tmp_path / 'link', dst, invert, KIND).kept == 3
    other = src.rename(tmp_path / 'other')
    with pytest.raises(ValueError, match=f'source: {src} before, {other} now'):
        process_folder(other, dst, invert, KIND)


def test_refused_folders(src, tmp_path):
    with pytest.raises(ValueError, match='no such folder'):
        process_folder(tmp_path / 'none', tmp_path / 'dst', invert, KIND)
    for inside in (src, src / 'new'):
        with pytest.raises(ValueError, match='source itself|contain each'):
            process_folder(src, inside, invert, KIND)
    with pytest.raises(ValueError, match='contain each'):
        process_folder(src, tmp_path, invert, KIND)
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other/photo.txt').write_text('')
    with pytest.raises(ValueError, match='did not make them'):
        process_folder(src, tmp_path / 'other', invert, KIND)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='has no image'):
        process_folder(tmp_path / 'empty', tmp_path / 'dst', invert, KIND)
    assert not (tmp_path / 'dst').exists()


def test_colours_of_jpeg_are_not_subsampled(src, tmp_path):
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, ::2, 2] = 200
    cv2.imwrite(str(src / 'e.jpg'), image)
    process_folder(
        src, tmp_path / 'dst', lambda *_: image, KIND, jpeg_quality=100
    )
    after = cv2.imread(str(tmp_path / 'dst/e.jpg')).astype(int)
    assert abs(after - image).max() <= 3


def test_pipes_are_left_out(src, tmp_path):
    """Whoever opens one waits for a writer."""
    for name in ('pipe.png', 'pipe.txt'):
        os.mkfifo(src / name)
    assert not process_folder(
        src, tmp_path / 'dst', invert, {'kind': 'x'}
    ).failed
    assert not list((tmp_path / 'dst').rglob('pipe.*'))
