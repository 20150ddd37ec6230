"""The official WIDER FACE text: round trip, every mistake, real files."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.evaluation.readers import (
    AnnotationError,
    FaceImage,
    read_wider_face_txt,
    wider_face_text,
)

ZEROS = '0 0 0 0 0 0 0 0 0 0'
FACE = '345 211 4 4 2 0 0 0 2 0'

names = st.from_regex(r'\d\d?--\w{1,8}/\w[\w ()-]{0,9}\.jpg', fullmatch=True)
faces = st.tuples(
    *[st.integers(-9, 4000)] * 4, *[st.integers(0, 2)] * len('beiiop')
)
sets = st.lists(
    st.tuples(names, st.lists(faces, max_size=4), st.booleans()),
    min_size=1,
    max_size=6,
    unique_by=lambda image: image[0],
)


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return tmp_path_factory.mktemp('wider') / 'wider_face_val_bbx_gt.txt'


def layout(images):
    """The lines of a file, and what a reader must find in them."""
    lines, expected = [], []
    for name, boxes, filler in images:
        expected.append(FaceImage(name, boxes, len(lines) + 1))
        lines += [name, str(len(boxes))]
        lines += [' '.join(map(str, box)) for box in boxes]
        # The line of zeros of an image without faces may be missing.
        lines += [ZEROS] * (not boxes and filler)
    return lines, expected


@given(
    images=sets,
    newline=st.sampled_from(['\n', '\r\n']),
    bom=st.booleans(),
    pads=st.tuples(*[st.sampled_from(['', ' ', '\t', '  '])] * 2),
    end=st.sampled_from(['', '\n', '\r\n', '\n\n \n']),
)
def test_round_trip(file, images, newline, bom, pads, end):
    lines, expected = layout(images)
    text = newline.join(f'{pads[0]}{x}{pads[1]}' for x in lines) + end
    file.write_bytes(text.encode('utf-8-sig' if bom else 'utf-8'))
    assert read_wider_face_txt(file) == expected


@given(images=sets)
def test_written_and_read(file, images):
    # With the line of zeros, as in the published files.
    lines, expected = layout([(name, x, True) for name, x, _ in images])
    text = wider_face_text(expected)
    assert text.splitlines() == lines
    file.write_text(text, encoding='utf-8')
    assert read_wider_face_txt(file) == expected


@pytest.mark.parametrize(
    'name', ['a.jpg', ' e/a.jpg', 'e/a.jpg ', 'e\n/a.jpg', 'e\u2028/a.jpg', '']
)
def test_names_that_cannot_be_written(name):
    with pytest.raises(ValueError, match='is no name for a list'):
        wider_face_text([FaceImage(name, [], 0)])


@pytest.mark.parametrize(
    'lines, at, what',
    [
        (['a.jpg', '1', FACE], 1, "expected 'event/image.jpg'"),
        (['a/', '1', FACE], 1, "expected 'event/image.jpg'"),
        (['/a.jpg', '1', FACE], 1, "expected 'event/image.jpg'"),
        (['', 'e/a.jpg', '1', FACE], 1, "expected 'event/image.jpg'"),
        (['e/a.jpg', '1', FACE, '', 'e/b.jpg', '0'], 4, "'event/image.jpg'"),
        (['e/a.jpg', '1', FACE, FACE], 4, "expected 'event/image.jpg'"),
        (['e/a.jpg', '0', ZEROS, ZEROS], 4, "expected 'event/image.jpg'"),
        (['e/a.jpg', '0', 'e/a.jpg', '0'], 3, 'stands in line 1 already'),
        (['e/a.jpg'], 1, 'ends before the number of faces of e/a.jpg'),
        (['e/a.jpg', 'e/b.jpg', '0'], 2, 'expected a number of faces'),
        (['e/a.jpg', 'e/b.jpg', 'e/a.jpg'], 3, 'stands in line 1 already'),
        (['e/a.jpg', '-1', FACE], 2, "number of faces, found '-1'"),
        (['e/a.jpg', '1.0', FACE], 2, "number of faces, found '1.0'"),
        (['e/a.jpg', '\N{SUPERSCRIPT TWO}'], 2, 'expected a number of faces'),
        (['e/a.jpg', '9' * 5000, FACE], 2, 'expected a number of faces'),
        (['e/a.jpg', '3', FACE, FACE], 4, 'ends after 2 of 3 faces'),
        (['e/a.jpg', '999', FACE], 3, 'ends after 1 of 999 faces'),
        (['e/a.jpg', '2', FACE, 'e/b.jpg', '0'], 4, 'expected 10 integers'),
        (['e/a.jpg', '1', FACE + ' 0'], 3, 'expected 10 integers'),
        (['e/a.jpg', '1', FACE[:-2]], 3, 'expected 10 integers (x y w h'),
        (['e/a.jpg', '1', FACE.replace('4', '4.5')], 3, '10 integers'),
        (['e/a.jpg', '1', FACE.replace(' ', ',')], 3, 'expected 10 integers'),
        (['e/a.jpg', '1', ' '.join(['1_0'] * 10)], 3, 'expected 10 integers'),
        (['e/a.jpg', '1', ' '.join(['9' * 5000] * 10)], 3, '10 integers'),
        (['e/a.jpg', '0', FACE], 3, 'e/a.jpg has 0 faces, but here is one'),
        (['e/a.jpg', '0', '0 0'], 3, 'expected 10 integers'),
    ],
)
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
def test_malformed(file, lines, at, what, newline):
    file.write_bytes(newline.join([*lines, '']).encode())
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        read_wider_face_txt(file)
    assert str(info.value).startswith(f'{file}:{at}: ')


@pytest.mark.parametrize(
    'lines, expected',
    [
        (['a.jpg', '1', FACE], [('a.jpg', 1)]),
        (['a.jpg', '0', 'b.PNG', '1', FACE], [('a.jpg', 0), ('b.PNG', 1)]),
        (['e\\a.jpg', '1', FACE], [('e/a.jpg', 1)]),
        (
            ['', 'e/a.jpg', '1', '', FACE, '', 'b.jpg', '0', ''],
            [('e/a.jpg', 1), ('b.jpg', 0)],
        ),
        (
            ['a.jpg', '0', ZEROS, ZEROS, '0 0 0 0', 'e/b.jpg', '1', FACE],
            [('a.jpg', 0), ('e/b.jpg', 1)],
        ),
        (['a.jpg', 'b.jpg'], [('a.jpg', 0), ('b.jpg', 0)]),
    ],
)
def test_sets_of_ones_own(tmp_path, file, lines, expected):
    """Which published files are not like."""
    path = tmp_path / 'mine.txt'
    for target in (path, file):
        target.write_text('\n'.join(lines))
    found = read_wider_face_txt(path)
    assert [(x.name, len(x.faces)) for x in found] == expected
    assert all(y == tuple(map(int, FACE.split())) for x in found for y in x[1])
    for image in found:
        line = lines[image.line - 1].replace('\\', '/')
        assert line == image.name
    with pytest.raises(AnnotationError):
        read_wider_face_txt(file)


@pytest.mark.parametrize(
    'line, box',
    [
        ('1 2 30 40', (1, 2, 30, 40)),
        ('1.5 2.0 30.25 40. 0 0 0 0 0 0', (1.5, 2, 30.25, 40)),
        ('-1 2 -3 4', (-1, 2, -3, 4)),
    ],
)
def test_boxes_of_ones_own(tmp_path, line, box):
    path = tmp_path / 'mine.txt'
    path.write_text(f'a.jpg\n1\n{line}\n')
    ((face,),) = (x.faces for x in read_wider_face_txt(path))
    assert face == (*box, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    'lines, at, what',
    [
        (['a.jpg', '1', '1 2 3'], 3, 'expected 10 integers (x y w h blur'),
        (['a.jpg', '1', '1 2 3 4 0.9'], 3, 'pose, or x y w h alone), found'),
        (['a.jpg', '1', '1 2 3 nan'], 3, 'expected 10 integers'),
        (['a.jpg', '1', '1 2 3 4e9'], 3, 'expected 10 integers'),
        (['a.jpg', '', '1', f'{FACE[:-1]}0.5'], 4, 'expected 10 integers'),
        (['a', '1', FACE], 1, "expected 'event/image.jpg', found 'a'"),
        (['a.jpg', '0', FACE], 3, 'a.jpg has 0 faces, but here is one'),
        (['a.jpg', '', '2', FACE], 4, 'ends after 1 of 2 faces of a.jpg'),
        (['', 'a.jpg', ''], 2, 'ends before the number of faces of a.jpg'),
        (['e/a.jpg', '0', '', 'e\\a.jpg', '0'], 4, 'stands in line 1 alre'),
    ],
)
def test_malformed_sets_of_ones_own(tmp_path, lines, at, what):
    path = tmp_path / 'mine.txt'
    path.write_text('\n'.join(lines))
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        read_wider_face_txt(path)
    assert str(info.value).startswith(f'{path}:{at}: ')
    assert str(info.value).endswith('; docs/data.md shows the layout')


def test_list_of_names(file):
    """Of the test split, whose faces are not published."""
    file.write_bytes(b'e/a b.jpg\r\nf/c.jpg\r\n')
    assert read_wider_face_txt(file) == [
        ('e/a b.jpg', [], 1),
        ('f/c.jpg', [], 2),
    ]


@pytest.mark.parametrize(
    'content, what',
    [
        (None, 'no such file'),
        ('folder', 'Is a directory'),
        (b'', 'the file is empty'),
        (b'\xef\xbb\xbf\r\n \r\n', 'the file is empty'),
        (b'e/a.jpg\n\xff\n', 'byte 8 is not UTF-8'),
        ('e/a.jpg'.encode('utf-16')[:-1], 'is not UTF-8'),
    ],
)
def test_no_annotations(tmp_path, content, what):
    path = tmp_path / 'gt.txt'
    if content == 'folder':
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(AnnotationError, match=what) as info:
        read_wider_face_txt(path)
    assert str(info.value).startswith(f'{path}: ')


def check_only_annotation_errors(file, content):
    """Read a file of any content; what is accepted can be written again."""
    file.write_bytes(content)
    try:
        images = read_wider_face_txt(file)
    except AnnotationError as error:
        assert str(error).startswith(str(file))
        return
    lines, expected = layout([(x.name, x.faces, True) for x in images])
    file.write_text('\n'.join(lines), encoding='utf-8')
    assert read_wider_face_txt(file) == expected


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_content(file, content):
    check_only_annotation_errors(file, content)


pieces = st.sampled_from(
    [
        *'0123/ -x\n\r\0\ufeff\u2028\u0663',
        'e/a.jpg',
        '\n0\n',
        ZEROS,
        '9' * 5000,
    ]
)


@given(sets, st.lists(st.tuples(st.integers(0), st.integers(0, 30), pieces)))
def test_damaged_file(file, images, edits):
    """Cut and replace parts of a good file."""
    text = '\n'.join(layout(images)[0])
    for start, length, piece in edits:
        start %= len(text) + 1
        text = text[:start] + piece + text[start + length :]
    check_only_annotation_errors(file, text.encode())


@pytest.mark.parametrize(
    'split, num_images, num_faces',
    [('train', 12_880, 159_424), ('val', 3_226, 39_708)],
)
def test_published_counts(shared, split, num_images, num_faces):
    folder = shared / 'data/widerface/wider_face_split'
    path = folder / f'wider_face_{split}_bbx_gt.txt'
    images = read_wider_face_txt(path)
    assert len(images) == num_images
    assert sum(len(image.faces) for image in images) == num_faces
    # Nothing got lost or moved: the faces are the lines of ten numbers.
    lines = path.read_text().splitlines()
    rows = [x.split() for x in lines if len(x.split()) == 10]
    found = [[str(v) for v in face] for x in images for face in x.faces]
    assert found == rows
    assert all(lines[x.line - 1] == x.name for x in images)


def test_utf_16_of_powershell(tmp_path):
    """In sets of one's own; the published files are not like this."""
    text = 'a.jfif\r\n1\r\n1\t2\t3\t4\r\n'.encode('utf-16')
    path = tmp_path / 'gt.txt'
    path.write_bytes(text)
    (image,) = read_wider_face_txt(path)
    assert image.name == 'a.jfif' and image.faces[0][:4] == (1, 2, 3, 4)
    path = path.rename(tmp_path / 'wider_face_val_bbx_gt.txt')
    with pytest.raises(AnnotationError, match='is not UTF-8'):
        read_wider_face_txt(path)
