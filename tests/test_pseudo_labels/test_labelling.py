"""Lists of labels, with teachers whose answers are known."""

import json

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmsrn.datasets import WiderFaceDataset
from mmsrn.evaluation.readers import read_wider_face_txt
from mmsrn.pseudo_labels import (
    Rule,
    Teacher,
    asking,
    contact_sheet,
    label_photos,
    labelling,
    record_of,
    summary,
)

RULE = Rule((0.6, 0.6), (0.3, 0.3), 2)
TEACHERS = [Teacher('one'), Teacher('other')]
#: What they see in every photo: a face, one that only the first sees, and
#: what is neither worth a record nor within the photo.
ONE = [[10, 10, 30, 40, 0.9], [50, 5, 60, 15, 0.7], [0, 0, 9, 9, 0.05]]
OTHER = [[10, 12, 30, 40, 0.4], [70, 50, 99, 90, 0.2]]
ORIENTATION, TURNED = 0x0112, 6


@pytest.fixture
def photos(tmp_path):
    """Names and files: 80 x 60, one of them without faces."""
    files = {}
    for name in ('./a.jpg', 'sub folder/b.png', 'sub folder/empty.jpg'):
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = 9 if 'empty' in name else 100
        cv2.imwrite(str(path), np.full((60, 80, 3), grey, np.uint8))
        files[name] = path
    return files


@pytest.fixture
def asked(monkeypatch):
    """Names of the photos that teachers were asked about, in this process."""
    names = []

    def look(rows):
        def answer(photo):
            return np.float32([] if photo.mean() < 20 else rows).reshape(-1, 5)

        return answer

    def ask(photos, teachers, workers):
        for job in photos:
            names.append(job[0])
            yield asking._ask(job)

    monkeypatch.setattr(asking, '_looks', dict(one=look(ONE), two=look(OTHER)))
    monkeypatch.setattr(labelling, 'ask_teachers', ask)
    monkeypatch.setattr(
        Teacher, 'settings', lambda x: dict(name=x.name, sha256=x.name)
    )
    return names


def test_list(photos, asked, tmp_path):
    out = tmp_path / 'list.txt'
    found = label_photos(photos, TEACHERS, RULE, out)
    # 10 + (0.9 * 0 + 0.4 * 2) / 1.3 = 10.6.
    faces = '10 11 20 29 0 0 0 0 0 0\n50 5 10 10 0 0 0 1 0 0\n'
    assert out.read_text() == (
        f'./a.jpg\n2\n{faces}sub folder/b.png\n2\n{faces}'
        'sub folder/empty.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n'
    )
    assert [len(x.faces) for x in read_wider_face_txt(out)] == [2, 2, 0]
    assert asked == list(photos) and found.asked == 3 and not found.failed
    text = summary(found.labels.values(), 2)
    assert text.startswith('3 photos, 1 of them without a sure face\n')
    words = [x.split() for x in text.splitlines()[2:]]
    # Sizes of 24 and 10 pixels.
    assert words[0] == ['sure', '2', '0', '0', '2', '0', '0', '0']
    assert words[1] == ['unsure', '2', '0', '2', '0', '0', '0', '0']
    assert text.endswith('seen by teachers: 2 by 1, 2 by 2')
    lines = record_of(out).read_text().splitlines()
    one, other = json.loads(lines[1])['found']
    assert len(one) == 2 and other[1] == [70, 50, 80, 60, 0.2]


def test_trains_as_it_is(photos, asked, tmp_path):
    out = tmp_path / 'list.txt'
    label_photos(photos, TEACHERS, RULE, out)
    dataset = WiderFaceDataset(
        data_root=str(tmp_path),
        ann_file='list.txt',
        data_prefix=dict(img='photos/'),
        pipeline=[dict(type=LoadImageFromFile)],
    )
    assert len(dataset) == 3
    for info in map(dataset.get_data_info, range(3)):
        assert (info['width'], info['height']) == (80, 60)
    instances = dataset.get_data_info(0)['instances']
    assert [x['bbox'] for x in instances] == [
        [10, 11, 30, 40],
        [50, 5, 60, 15],
    ]
    assert [x['ignore_flag'] for x in instances] == [0, 1]
    assert dataset[1]['img'].shape == (60, 80, 3)
    assert dataset.get_data_info(2)['instances'] == []


def test_turned_photos(photos, asked, tmp_path):
    """Boxes are those of the photo as training loads it."""
    path = photos['./a.jpg']
    exif = Image.Exif()
    exif[ORIENTATION] = TURNED
    Image.new('RGB', (80, 60), (100, 100, 100)).save(path, exif=exif)
    out = tmp_path / 'list.txt'
    label_photos({'./a.jpg': path}, TEACHERS, RULE, out)
    answer = json.loads(record_of(out).read_text().splitlines()[1])
    assert (answer['width'], answer['height']) == (60, 80)
    dataset = WiderFaceDataset(
        data_root=str(tmp_path),
        ann_file='list.txt',
        data_prefix=dict(img='photos/'),
        pipeline=[dict(type=LoadImageFromFile)],
    )
    info = dataset.get_data_info(0)
    assert (info['width'], info['height']) == (60, 80)
    assert dataset[0]['img'].shape[:2] == (80, 60)


def test_other_thresholds_ask_nobody(photos, asked, tmp_path):
    out = tmp_path / 'list.txt'
    label_photos(photos, TEACHERS, RULE, out)
    first = out.read_bytes()
    asked.clear()
    alone = Rule((0.6, 0.6), (0.3, 0.3), 1)
    label_photos(photos, TEACHERS, alone, out)
    assert [x[7] for x in read_wider_face_txt(out)[0].faces] == [0, 0]
    label_photos(photos, TEACHERS, RULE, out)
    assert not asked and out.read_bytes() == first
    lines = record_of(out).read_text().splitlines()
    made = [json.loads(x)['list'] for x in lines if '"list"' in x]
    assert [x['agree'] for x in made] == [2, 1, 2]


def test_goes_on(photos, asked, tmp_path):
    """After half of the work, and with photos that are new or changed."""
    whole, out = tmp_path / 'whole.txt', tmp_path / 'list.txt'
    label_photos(photos, TEACHERS, RULE, whole)
    half = dict(list(photos.items())[:1])
    label_photos(half, TEACHERS, RULE, out)
    asked.clear()
    label_photos(photos, TEACHERS, RULE, out)
    assert asked == list(photos)[1:]
    assert out.read_bytes() == whole.read_bytes()
    asked.clear()
    dark = np.zeros((60, 80, 3), np.uint8)
    cv2.imwrite(str(photos['sub folder/b.png']), dark)
    label_photos(photos, TEACHERS, RULE, out)
    assert asked == ['sub folder/b.png']
    assert [len(x.faces) for x in read_wider_face_txt(out)] == [2, 0, 0]


def test_broken_photos(photos, asked, tmp_path):
    out = tmp_path / 'list.txt'
    photos['sub folder/b.png'].write_bytes(b'no photo')
    photos['no/such.jpg'] = tmp_path / 'photos/no/such.jpg'
    photos['two\nlines/a.jpg'] = photos['./a.jpg']
    found = label_photos(photos, TEACHERS, RULE, out)
    names = [x.name for x in read_wider_face_txt(out)]
    assert names == ['./a.jpg', 'sub folder/empty.jpg']
    assert list(found.labels) == names and len(found.failed) == 3
    assert 'is not an image' in found.failed['sub folder/b.png']
    assert 'No such file' in found.failed['no/such.jpg']
    assert 'is no name for a list' in found.failed['two\nlines/a.jpg']


def test_a_teacher_that_fails_on_a_photo(photos, asked, tmp_path, monkeypatch):
    def fail(photo):
        raise RuntimeError('not enough memory')

    monkeypatch.setitem(asking._looks, 'two', fail)
    with pytest.raises(ValueError, match='no photo can .*two: not enough'):
        label_photos(photos, TEACHERS, RULE, tmp_path / 'list.txt')


def test_lists_of_others_stay(photos, asked, tmp_path):
    out = tmp_path / 'list.txt'
    out.write_text('by hand')
    with pytest.raises(ValueError, match='list.txt: was not made from'):
        label_photos(photos, TEACHERS, RULE, out)
    assert not asked and out.read_text() == 'by hand'
    out.unlink()
    label_photos(photos, TEACHERS, RULE, out)
    out.write_text(out.read_text().replace('10 11', '10 12'))
    with pytest.raises(ValueError, match='or was changed since'):
        label_photos(photos, TEACHERS, RULE, out)
    out.unlink()
    with pytest.raises(ValueError, match='is of other teachers'):
        label_photos(photos, TEACHERS[:1], Rule((1,), (1,), 1), out)
    others = {'x/y.jpg': photos['./a.jpg']}
    with pytest.raises(ValueError, match='is of other photos, such as ./a'):
        label_photos(others, TEACHERS, RULE, out)


def test_contact_sheet(photos, asked, tmp_path):
    found = label_photos(photos, TEACHERS, RULE, tmp_path / 'list.txt')
    sheet = contact_sheet(photos, found.labels)
    assert sheet.shape == (418, 3 * 400, 3)
    # 80 pixels became 396.
    x, y = round(20 * 396 / 80), round(40 * 396 / 80)
    assert sheet[y, x].tolist() == [90, 220, 40]
    x, y = round(55 * 396 / 80), round(15 * 396 / 80)
    assert sheet[y, x].tolist() == [0, 140, 255]
    many = {f'{i}/a.jpg': photos['./a.jpg'] for i in range(30)}
    labels = dict.fromkeys(many, found.labels['./a.jpg'])
    assert contact_sheet(many, labels).shape == (4 * 418, 6 * 400, 3)
