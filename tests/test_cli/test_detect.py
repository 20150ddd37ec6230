"""``mmsrn detect``: everything it writes."""

import csv
import io
import json
import re

import cv2
import numpy as np

from tests.test_cli.squares import A, B, C


def boxes(*squares):
    """What the network finds, the surest first."""
    return [
        [x, y, x + side, y + side]
        for x, y, side in sorted(squares, key=lambda s: -s[2])
    ]


def test_a_line_for_each_photo(mmsrn, made, paint):
    paint('a.png', A, B)
    paint('b.png', C)
    paint('none.png')
    done = mmsrn('detect', 'a.png', 'b.png', 'none.png')
    assert (done.status, done.err) == (0, '')
    lines = [x.rpartition(', ')[::2] for x in done.out.splitlines()]
    assert [x[0] for x in lines] == [
        'a.png: 2 faces, best score 0.30',
        'b.png: 1 face, best score 0.15',
        'none.png: 0 faces',
    ]
    for _, seconds in lines:
        assert 0 <= float(seconds.removesuffix(' s')) < 60


def test_names_that_break_lines(mmsrn, made, paint):
    paint('a\nb: 9 faces.png', C)
    paint('c.png', C)
    done = mmsrn('detect', './c.png', 'a\nb: 9 faces.png', 'no\nfile.png')
    assert done.status == 1
    assert [x.split(',')[0] for x in done.out.splitlines()] == [
        'c.png: 1 face',
        r'a\nb: 9 faces.png: 1 face',
    ]
    assert done.err.splitlines()[1:] == [
        r'  no\nfile.png: no such file or folder'
    ]


def test_model_is_not_overwritten(mmsrn, paint, tmp_path):
    paint('a.png')
    model = tmp_path / 'm.onnx'
    model.write_bytes(b'model')
    done = mmsrn('detect', 'a.png', '--model', 'm.onnx', '--csv', './m.onnx')
    assert done.status == 2 and '--csv ./m.onnx: is read too' in done.err
    assert model.read_bytes() == b'model'


def test_json(mmsrn, made, paint, tmp_path):
    paint('in/a.png', A, B)
    paint('in/sub/none.png')
    done = mmsrn('detect', 'in', '--json', 'new/faces.json')
    assert (done.status, done.out) == (0, '')
    assert re.fullmatch(
        r'2 photos, 2 faces in \d+\.\d s: [\d,.]+ per second\n', done.err
    )
    text = (tmp_path / 'new/faces.json').read_text()
    assert text.count('\n') == 4  # brackets, and an object in each line
    first, second = json.loads(text)
    assert set(first.pop('timing')) == {'read', 'enhance', 'detect'}
    assert first == dict(
        name='in/a.png',
        width=80,
        height=60,
        enhancement=None,
        faces=[
            dict(box=box, score=score)
            for box, score in zip(boxes(A, B), (0.3, 0.2))
        ],
    )
    assert (second['name'], second['faces']) == ('in/sub/none.png', [])


def test_csv(mmsrn, made, paint, film, tmp_path):
    paint('a, "b".png', A, B)
    paint('none.png')
    film('c.avi', frames=2)
    args = ('a, "b".png', 'none.png', 'c.avi', '--csv', 'faces.csv')
    assert mmsrn('detect', *args).status == 0
    with open('faces.csv', newline='') as file:
        head, *rows = csv.reader(file)
    assert head == ['photo', 'frame', 'time', 'x1', 'y1', 'x2', 'y2', 'score']
    assert [x[:3] for x in rows] == [
        ['a, "b".png', '', ''],
        ['a, "b".png', '', ''],
        ['c.avi', '0', '0.0'],
        ['c.avi', '1', '0.04'],
    ]
    values = [[float(v) for v in x[3:]] for x in rows[:2]]
    expected = [[*x, s] for x, s in zip(boxes(A, B), (0.3, 0.2))]
    np.testing.assert_allclose(values, expected)


def test_to_stdout(mmsrn, made, paint):
    paint('a.png', A)
    done = mmsrn('detect', 'a.png', '--json', '-')
    assert json.loads(done.out)[0]['faces'][0]['box'] == boxes(A)[0]
    assert re.fullmatch(r'1 photo, 1 face in .+ per second\n', done.err)
    rows = list(
        csv.reader(io.StringIO(mmsrn('detect', 'a.png', '--csv', '-').out))
    )
    assert len(rows) == 2 and rows[1][0] == 'a.png'
    done = mmsrn('detect', 'a.png', '--csv', '-', '--json', '-')
    assert (done.status, done.err.count('\n')) == (2, 1)


def test_pictures(mmsrn, made, paint, tmp_path):
    for name in ('in/1/x.png', 'in/2/x.png', 'in/2/y.webp', 'in/z.jpg'):
        paint(name, B)
    assert mmsrn('detect', 'in', '--out', 'drawn').status == 0
    drawn = sorted((tmp_path / 'drawn').rglob('*.*'))
    names = [str(x.relative_to(tmp_path / 'drawn')) for x in drawn]
    assert names == ['1/x.png', '2/x.png', '2/y.webp', 'z.jpg']
    photo, picture = cv2.imread('in/1/x.png'), cv2.imread('drawn/1/x.png')
    changed = (photo != picture).any(axis=2)
    assert changed[10, 45:65].all()  # the upper edge of the box
    assert not changed[:, :30].any() and not changed[20:35, 50:60].any()


def test_wider_face_text_is_what_the_evaluation_reads(
    mmsrn, made, paint, tmp_path
):
    paint('images/0--Parade/a.png', A, B)
    paint('images/0--Parade/b.png')
    assert mmsrn('detect', 'images', '--wider', 'pred').status == 0
    text = (tmp_path / 'pred/0--Parade/a.txt').read_text()
    assert text == (
        'a\n2\n40.00 10.00 30.00 30.00 0.3000\n5.00 5.00 20.00 20.00 0.2000\n'
    )
    assert (tmp_path / 'pred/0--Parade/b.txt').read_text() == 'b\n0\n'
    gt = '0--Parade/a.png\n2\n40 10 30 30 0 0 0 0 0 0\n5 5 20 20 0 0 0 0 0 0\n'
    (tmp_path / 'gt.txt').write_text(gt)
    args = ('pred', '--gt', 'gt.txt', '--json', 'ap.json')
    assert mmsrn('eval', 'widerface', *args).status == 0
    assert json.loads((tmp_path / 'ap.json').read_text())['all'] == 1
