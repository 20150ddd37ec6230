"""``mmsrn detect``: sources that it cannot use, or only in part."""

import csv
import json
import os

import cv2
import numpy as np

from mmsrn.apis import face_detector
from tests.test_cli.squares import A, B, C


def test_bad_files_are_left_out_and_named_at_the_end(
    mmsrn, made, paint, film, tmp_path
):
    paint('a.png', A)
    paint('z.png', B)
    (tmp_path / 'bad.png').write_bytes(b'no photo')
    data = paint('cut.png', C).read_bytes()
    (tmp_path / 'cut.png').write_bytes(data[: len(data) // 2])
    (tmp_path / 'empty.mp4').touch()
    data = film('short.avi', frames=16).read_bytes()
    (tmp_path / 'short.avi').write_bytes(data[: len(data) * 3 // 4])
    given = ['a.png', 'bad.png', 'no.png', 'cut.png', 'empty.mp4']
    given += ['short.avi', 'z.png']
    args = ('--json', 'faces.json', '--out', 'drawn', '--batch-size', 3)
    done = mmsrn('detect', *given, *args)
    assert (done.status, done.out) == (1, '')
    records = json.loads((tmp_path / 'faces.json').read_text())
    kept = len(records) - 2
    assert 1 < kept < 15
    names = [x['name'] for x in records]
    assert names == ['a.png', *['short.avi'] * kept, 'z.png']
    drawn = sorted(x.name for x in (tmp_path / 'drawn').iterdir())
    assert drawn == ['a.png', 'short.mp4', 'z.png']
    counts, head, *lines = done.err.splitlines()
    told = f'2 photos, {kept} frames, {kept + 2} faces in '
    assert counts.startswith(told)
    assert head == (
        'mmsrn detect: 5 sources could not be read, or only in part:'
    )
    assert sorted(x.split(':')[0] for x in lines) == [
        *('  bad.png', '  cut.png', '  empty.mp4', '  no.png', '  short.avi')
    ]
    assert any(f'the first {kept} frames were used' in x for x in lines)


def test_nothing_to_do_loads_no_model(mmsrn, made, paint):
    paint('a.png')
    done = mmsrn('detect', 'no.png', 'no.mp4', '--json', 'faces.json')
    assert (done.status, made) == (1, [])
    assert done.err.splitlines() == [
        'mmsrn detect: 2 sources could not be read, or only in part:',
        '  no.png: no such file or folder',
        '  no.mp4: no such file or folder',
    ]
    assert not os.path.exists('faces.json')


def test_one_odd_photo_ends_nothing(mmsrn, made, paint, tmp_path):
    """It is named, and all others are there."""
    odd = os.fsdecode(b'in/\xff.png')
    wide, long = 'in/wide.webp', f'in/{"n" * 250}.png'
    paint('in/a.png', A)
    os.link('in/a.png', odd)
    os.link('in/a.png', long)
    picture = np.full((2, 17_000, 3), 255, np.uint8)
    data = cv2.imencode('.png', picture)[1].tobytes()
    (tmp_path / wide).write_bytes(data)  # kinds are told by content
    paint('in/z.png', B)
    args = ('--json', 'f.json', '--csv', 'f.csv', '--wider', 'w', '--out', 'o')
    done = mmsrn('detect', 'in', *args)
    assert done.status == 1
    *_, head, first = done.err.splitlines()
    assert head.endswith('1 source could not be read, or only in part:')
    assert first.startswith('  o/wide.webp: cannot encode a picture of 17')
    names = [x['name'] for x in json.load(open('f.json'))]
    assert names == ['in/a.png', long, wide, 'in/z.png', odd]
    with open('f.csv', encoding='utf-8', newline='') as file:
        rows = [x[0] for x in csv.reader(file)]
    assert rows == ['photo', 'in/a.png', long, 'in/z.png', 'in/\\udcff.png']
    assert len(os.listdir('w')) == 5 and len(os.listdir('o')) == 4
    # Names of results may be longer than those of photos, and too long.
    os.rename(long, f'in/{"n" * 251}.jp2')
    done = mmsrn('detect', 'in', '--out', 'o2', '--csv', 'f.csv')
    assert done.status == 1 and 'name too long' in done.err
    assert len(os.listdir('o2')) == 3


def test_photo_that_is_cut_off(mmsrn, made, paint):
    data = cv2.imencode('.jpg', cv2.imread(str(paint('a.png', A))))[1]
    with open('a.jpg', 'wb') as file:
        file.write(data.tobytes()[:-18])
    done = mmsrn('detect', 'a.jpg', '--json', '-')
    (record,) = json.loads(done.out)
    assert len(record['faces']) == 1 and 'incomplete' in record
    assert done.status == 1 and '  a.jpg: is incomplete (' in done.err
    done = mmsrn('detect', 'a.jpg', '--strict', '--json', '-')
    assert (done.status, json.loads(done.out)) == (1, [])


def test_what_is_left_out_is_told(mmsrn, made, paint, tmp_path):
    paint('in/a.png', A, B)
    (tmp_path / 'in/note.txt').touch()
    done = mmsrn('detect', 'in')
    assert done.status == 0 and done.out.startswith('in/a.png: 2 faces')
    assert done.err == (
        'mmsrn detect: in: skipped 1 file without the suffix of a photo: 1 '
        '.txt\n'
    )


def test_limit_of_faces_is_told(mmsrn, made, paint, monkeypatch):
    made_as = face_detector._make_backend

    def limited(*args):
        backend = made_as(*args)
        backend.max_faces = 2
        return backend

    monkeypatch.setattr(face_detector, '_make_backend', limited)
    paint('a.png', A, B)
    paint('b.png', A)
    done = mmsrn('detect', 'a.png', 'b.png')
    assert (done.status, done.err) == (
        0,
        'mmsrn detect: 1 picture may have more faces than the limit of 2 '
        '(first: a.png); raise it with --max-faces\n',
    )
