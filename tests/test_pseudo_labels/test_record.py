"""The record of what teachers said."""

import json

import numpy as np
import pytest

from mmsrn.pseudo_labels import Answer, open_record

TEACHERS = [dict(name='a', sha256='1', scale=[640])]
ANSWER = Answer(
    './a.jpg', [7, 8], 100, 80, [np.float32([[1, 2, 30.123, 40, 0.98767]])]
)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / 'record.jsonl'
    with open_record(file, TEACHERS) as record:
        record.add(ANSWER)
        record.add_list(dict(agree=1), 'text')
    return file


def test_read_again(path):
    before = path.read_bytes()
    with open_record(path, TEACHERS) as record:
        (answer,) = record.answers.values()
        assert (answer.name, answer.version) == ('./a.jpg', [7, 8])
        assert (answer.width, answer.height) == (100, 80)
        assert answer.found[0].tolist() == [[1, 2, 30.12, 40, 0.9877]]
        assert record.is_own(b'text') and not record.is_own(b'texts')
        record.add_list(dict(agree=1), 'text')
    assert path.read_bytes() == before


def test_cut_anywhere(path, tmp_path):
    """A process may be killed within any write."""
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for size in range(len(whole)):
        cut = tmp_path / 'cut.jsonl'
        cut.write_bytes(whole[:size])
        with open_record(cut, TEACHERS) as record:
            assert len(record.answers) == (size >= len(lines[0] + lines[1]))
            record.add(ANSWER)
        with open_record(cut, TEACHERS) as record:
            assert len(record.answers) == 1


def test_newest_answer_counts(path):
    with open_record(path, TEACHERS) as record:
        record.add(Answer('./a.jpg', [9, 9], 5, 6, [np.zeros((0, 5))]))
    with open_record(path, TEACHERS) as record:
        assert record.answers['./a.jpg'].version == [9, 9]


def test_other_teachers(path):
    moved = [dict(TEACHERS[0], name='elsewhere/a')]
    with open_record(path, moved) as record:
        assert record.answers
    for change in (dict(sha256='2'), dict(scale=[320])):
        with pytest.raises(ValueError, match='record.jsonl: is of other te'):
            with open_record(path, [dict(TEACHERS[0], **change)]):
                pass


@pytest.mark.parametrize(
    'line',
    [
        'no json',
        '[]',
        '{"photo":"./b.jpg"}',
        '{"photo":"./b.jpg","version":[1,2],"width":1,"height":1,"found":[]}',
        '{"photo":"b","version":[1,2],"width":1,"height":1,"found":[[[1,2]]]}',
        '{"photo":"b","version":[1,2],"width":1,"height":1,'
        '"found":[[[1,2,3,4,NaN]]]}',
    ],
)
def test_damage(path, line):
    lines = path.read_text().splitlines()
    path.write_text('\n'.join([*lines[:1], line, *lines[1:]]) + '\n')
    with pytest.raises(ValueError, match=r'jsonl:2: .* remove it') as error:
        with open_record(path, TEACHERS):
            pass
    assert '\n' not in str(error.value)


def test_one_run_at_a_time(path):
    with open_record(path, TEACHERS):
        with pytest.raises(OSError, match='another run'):
            with open_record(path, TEACHERS):
                pass


def test_lines_are_json(path):
    first, *others = map(json.loads, path.read_text().splitlines())
    assert first['teachers'] == TEACHERS
    assert others[0]['photo'] == './a.jpg'
    assert others[1]['list']['agree'] == 1
