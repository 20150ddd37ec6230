"""Files of detections: as the published tool reads them, or a clear error."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.evaluation.readers import AnnotationError, parse_detections

ROW = '1 2 3 4 0.5'

values = st.one_of(
    st.integers(-3000, 3000),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
tables = st.lists(st.lists(values, min_size=5, max_size=5), max_size=5)


@given(
    table=tables,
    header=st.booleans(),
    newline=st.sampled_from(['\n', '\r\n', '\r']),
    gap=st.sampled_from([' ', '\t', '  ', ',', ', ', ' ,']),
    pad=st.sampled_from(['', ' ', '\t']),
    end=st.booleans(),
)
def test_round_trip(table, header, newline, gap, pad, end):
    lines = [pad + gap.join(map(repr, row)) + pad for row in table]
    if header:
        lines = ['a name', f'{pad}{len(table)}', *lines]
    text = newline.join(lines) + newline * (end and bool(lines))
    found = parse_detections(text.encode(), 'a.txt', header)
    assert (found.problem, found.remark) == ('', '')
    assert found.rows.shape == (len(table), 5)
    assert np.array_equal(found.rows, np.reshape(table, (-1, 5)).astype(float))


@pytest.mark.parametrize(
    'text, expected',
    [
        ('1 2 3 4 nan', np.nan),
        ('1 2 3 4 NaN', np.nan),
        ('1 2 3 4 -nan', np.nan),
        ('1 2 3 4 inf', np.inf),
        ('1 2 3 4 -Inf', -np.inf),
        ('1 2 3 4 1e400', np.inf),
        ('1 2 3 4 5e-1', 0.5),
        ('1 2 3 4 5D-1', 0.5),
        ('1 2 3 4 .5', 0.5),
        ('1 2 3 4 +5.', 5),
        ('1,2,3,4,0.5,', 0.5),
        ('1 2 3 4 0.5;', 0.5),
    ],
)
def test_numbers(text, expected):
    found = parse_detections(f'a\n1\n{text}\n'.encode(), 'a.txt')
    assert found.rows[0, :4].tolist() == [1, 2, 3, 4]
    assert np.array_equal(found.rows[0, 4], expected, equal_nan=True)
    assert not found.remark


# What GNU Octave makes of these, in the published read_pred.m: an exception
# that it catches, after which the image has no detections.
@pytest.mark.parametrize(
    'text, at, what',
    [
        ('', 1, 'the file is empty'),
        ('a', 1, 'the file ends before the number of detections'),
        ('a\n\n', 2, 'the number of detections is missing'),
        ('a\n-1\n', 2, '-1 is no number of detections'),
        ('a\n1.5\n1 2 3 4 5\n', 2, '1.5 is no number of detections'),
        ('a\nnan\n', 2, 'nan is no number of detections'),
        (f'a\n3\n{ROW}\n{ROW}\n', 2, '3 detections announced, 2 lines follow'),
        ('a\n1', 2, '1 detections announced, 0 lines follow'),
        (f'a\n2\n{ROW}\n1 2 3', 4, '3 of 5 numbers found'),
        (f'a\n2\n{ROW}\n\n{ROW}\n', 4, 'the line is empty'),
        (f'a\n2\n \n{ROW}\n', 3, 'the line is empty'),
    ],
)
@pytest.mark.parametrize('newline', ['\n', '\r\n'])
def test_invalid(text, at, what, newline):
    data = text.replace('\n', newline).encode()
    found = parse_detections(data, 'a.txt')
    assert found.problem == f'a.txt:{at}: {what}'
    assert found.rows.shape == (0, 5)


@pytest.mark.parametrize(
    'text, at, what',
    [
        ('0 0.5 0.5 0.1 0.2\n0 0.4 0.4 0.1 0.2', 2, 'the number of detect'),
        ('a\nb\n', 2, "the number of detections, found 'b'"),
        (f'a\n2\n{ROW}\nx 2 3 4 0.5', 4, "x y w h score, found 'x 2 3"),
        ('a\n1\n1 2 3 4 NAN', 3, 'expected x y w h score'),
        ('a\n1\n1 2 3 4 infinity', 3, 'expected x y w h score'),
        ('a\n1\n1_0 2 3 4 0.5', 3, 'expected x y w h score'),
        ('a\n1\n1 - 2 3 4 0.5', 3, 'expected x y w h score'),
        ('a\n1\n1;2;3;4;0.5', 3, 'expected x y w h score'),
        ('a\n1\n1,,2 3 4 0.5', 3, 'expected x y w h score'),
        ('a\n1\n1 2 3 4 0.5e', 3, 'expected x y w h score'),
        ('a\n1\n1 2 3 4 tensor(0.5)', 3, 'expected x y w h score'),
        ('a\n1\n1 2 3 4 \N{ARABIC-INDIC DIGIT ONE}', 3, 'expected x y w h'),
    ],
)
def test_refused(text, at, what):
    with pytest.raises(AnnotationError, match=re.escape(what)) as info:
        parse_detections(text.encode(), 'a.txt')
    assert str(info.value).startswith(f'a.txt:{at}: expected ')


@pytest.mark.parametrize(
    'line',
    ['9' * 200_000 + 'x', '1 ' * 100_000 + 'x', '1' + ' ' * 200_000 + 'x'],
)
@pytest.mark.parametrize('header', ['a\n1\n', 'a\n', ''])
def test_long_lines_take_no_time(line, header):
    """No way of reading is tried twice."""
    start = time.process_time()
    with pytest.raises(AnnotationError) as info:
        parse_detections(f'{header}{line}\n'.encode(), 'a.txt', bool(header))
    assert time.process_time() - start < 1
    assert len(str(info.value)) < 200


def test_long_numbers():
    found = parse_detections(f'a\n1\n{"9" * 9999} 2 3 4 5'.encode(), 'a.txt')
    assert found.rows[0, 0] == np.inf
    found = parse_detections(f'a\n{"9" * 9999}\n{ROW}'.encode(), 'a.txt')
    assert len(found.problem) < 200 and 'no number of det' in found.problem
    found = parse_detections(f'a\n{"9" * 300}\n{ROW}'.encode(), 'a.txt')
    assert len(found.problem) < 200 and '1 lines follow' in found.problem


def test_what_is_not_read():
    two = parse_detections(f'a\n1\n{ROW}\n{ROW}\n'.encode(), 'a.txt')
    assert len(two.rows) == 1
    assert two.remark == 'a.txt:4: a line after the last of 1'
    wide = parse_detections(f'a\n1\n{ROW} 6\n\n'.encode(), 'a.txt')
    assert wide.rows.tolist() == [[1, 2, 3, 4, 0.5]]
    assert wide.remark == 'a.txt:3: 6 numbers, only five are read'
    # A comma as the decimal point makes six numbers and the score 0.
    comma = parse_detections(b'a\n1\n1 2 3 4 0,5\n', 'a.txt')
    assert comma.rows[0, 4] == 0 and comma.remark
    none = parse_detections(b'a\n0\n', 'a.txt')
    assert len(none.rows) == 0 and not none.problem + none.remark


def test_first_line_may_be_anything():
    for start in (b'\xef\xbb\xbfa', b'\xff\xfe\x00', b'', b'2'):
        found = parse_detections(start + b'\n1\n1 2 3 4 0.5\n', 'a.txt')
        assert len(found.rows) == 1


def test_without_header():
    found = parse_detections(f'{ROW}\n{ROW}\n'.encode(), 'a.txt', False)
    assert len(found.rows) == 2
    nothing = parse_detections(b'', 'a.txt', False)
    assert len(nothing.rows) == 0 and not nothing.problem
    blank = parse_detections(f'{ROW}\n\n'.encode(), 'a.txt', False)
    assert blank.problem == 'a.txt:2: the line is empty'
    with pytest.raises(AnnotationError, match='a.txt:1: expected x1 y1 x2'):
        parse_detections(b'\xef\xbb\xbf1 2 3 4 0.5\n', 'a.txt', False)
    with pytest.raises(AnnotationError, match='a.txt:1: expected x1 y1 x2'):
        parse_detections('1 2 3 4 5\n'.encode('utf-16'), 'a.txt', False)


@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(
                [b'1', b'2', b' ', b'\n', b'\r\n', b'.5', b'-', b'nan', b',',
                 b'a', b'\xff', b'1 2 3 4 0.5', b'\n2\n']
            ),
            max_size=14,
        ).map(b''.join),
    ),
    header=st.booleans(),
)  # fmt: skip
def test_fuzz(data, header):
    """Five columns, or a reason with a line, and nothing else."""
    try:
        found = parse_detections(data, 'a.txt', header)
    except AnnotationError as error:
        assert re.match(r'a\.txt:\d+: expected ', str(error))
        return
    assert found.rows.ndim == 2 and found.rows.shape[1] == 5
    for text in (found.problem, found.remark):
        assert not text or re.match(r'a\.txt:\d+: ', text)
    if found.problem:
        assert not len(found.rows)
    elif not header:
        assert len(found.rows) == len(data.splitlines())
    else:
        assert len(found.rows) == float(data.splitlines()[1].strip())
