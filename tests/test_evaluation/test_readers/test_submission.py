"""Folders and zips of results: where they lie, what is wrong with them."""

import os
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsrn.evaluation.readers import (
    AnnotationError,
    EvaluationWarning,
    read_submission,
    submission_files,
    write_submission,
)

NAMES = ['0--Parade/0_Parade_1', '0--Parade/0_Parade_2', '1--Dance/1_Dance_7']


@pytest.fixture
def results():
    return {
        name: np.array([[i, 2, 3.5, 4, 0.25], [5, 6, 7, 8, 1 / 3]])
        for i, name in enumerate(NAMES)
    }


def same(first, second):
    assert first.keys() == second.keys()
    for name, rows in first.items():
        assert np.array_equal(rows, second[name], equal_nan=True)


def unpack(path, folder):
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize('below', ['', 'mine', 'a/b'])
@pytest.mark.parametrize('packed', [True, False])
def test_layouts(tmp_path, results, below, packed):
    inner = write_submission(tmp_path / 'inner.zip', results)
    folder = unpack(inner, tmp_path / 'all' / below) and tmp_path / 'all'
    (folder / '.git/0--Parade').mkdir(parents=True)
    (folder / '.git/0--Parade/0_Parade_1.txt').write_text('old')
    (folder / 'readme.txt').write_text('hello')
    path = folder
    if packed:
        path = tmp_path / 'outer.zip'
        with zipfile.ZipFile(path, 'w') as archive:
            for file in folder.rglob('*'):
                if '.git' not in file.parts:
                    archive.write(file, file.relative_to(folder))
            archive.writestr('__MACOSX/0--Parade/0_Parade_1.txt', 'x')
    same(read_submission(path, NAMES), results)


@given(
    rows=st.lists(st.lists(st.floats(), min_size=5, max_size=5), max_size=4),
    header=st.booleans(),
)
def test_writing_loses_nothing(tmp_path_factory, rows, header):
    table = np.array(rows, np.float64).reshape(-1, 5)
    path = tmp_path_factory.mktemp('zip') / 'new/out.zip'
    write_submission(path, {'e/a': table, 'e/b': np.ones((1, 5))}, header)
    found = read_submission(path, ['e/a', 'e/b'], header)
    same(found, {'e/a': table, 'e/b': np.ones((1, 5))})


def test_written_text(tmp_path, results):
    path = write_submission(tmp_path / 'out.zip', results)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f'{name}.txt' for name in NAMES]
        text = archive.read(f'{NAMES[2]}.txt').decode()
    assert text == '1_Dance_7\n2\n2 2 3.5 4 0.25\n5 6 7 8 0.3333333333333333\n'
    write_submission(tmp_path / 'dark.zip', {'12': results[NAMES[0]]}, False)
    with zipfile.ZipFile(tmp_path / 'dark.zip') as archive:
        assert (
            archive.read('12.txt').decode().splitlines()[0] == '0 2 3.5 4 0.25'
        )


@pytest.fixture
def folder(tmp_path, results):
    path = write_submission(tmp_path / 'good.zip', results)
    return unpack(path, tmp_path / 'good')


def test_invalid_files(folder):
    first, second, third = (folder / f'{name}.txt' for name in NAMES)
    second.write_text('')
    third.write_text('x\n2\n1 2 3 4 0.5\n1 2 3\n')
    with pytest.warns(EvaluationWarning) as caught:
        found = read_submission(folder, NAMES)
    (warning,) = map(str, (x.message for x in caught))
    assert '2 of 3 prediction files are invalid' in warning
    assert f'(first: {second}:1: the file is empty)' in warning
    assert [len(found[name]) for name in NAMES] == [2, 0, 0]
    with pytest.raises(AnnotationError, match='the file is empty'):
        read_submission(folder, NAMES, strict=True)
    first.write_text('x')
    with pytest.raises(AnnotationError, match='1.txt:1: .* ends before'):
        read_submission(folder, NAMES)  # not one of them can be read


def test_more_than_is_read(folder):
    file = folder / f'{NAMES[0]}.txt'
    file.write_text('x\n1\n1 2 3 4 0.5\n1 2 3 4 0.5\n')
    with pytest.warns(EvaluationWarning, match=re.escape(f'{file}:4: a line')):
        read_submission(folder, NAMES)
    with pytest.raises(AnnotationError, match='a line after the last of 1'):
        read_submission(folder, NAMES, strict=True)


def test_files_of_other_images(folder):
    (folder / '0--Parade/notes.txt').write_text('any text')
    with pytest.warns(EvaluationWarning, match='1 files are of no image .*no'):
        assert len(read_submission(folder, NAMES)) == 3


def test_refused_file(folder):
    file = folder / f'{NAMES[0]}.txt'
    file.write_bytes(b'x\n1\n1 2 \xff 4 0.5\n')
    with pytest.raises(AnnotationError) as info:
        read_submission(folder, NAMES)
    assert str(info.value).startswith(f'{file}:3: expected x y w h score')


def test_two_sets(folder, tmp_path):
    for name in ('x', 'y'):
        unpack(tmp_path / 'good.zip', tmp_path / 'both' / name)
    with pytest.raises(AnnotationError, match='several sets of .*: x, y; '):
        read_submission(tmp_path / 'both', NAMES)
    # But what lies directly in the folder is what was meant.
    unpack(tmp_path / 'good.zip', tmp_path / 'both')
    assert len(read_submission(tmp_path / 'both', NAMES)) == 3


@pytest.mark.parametrize(
    'make, what',
    [
        (lambda p: None, 'no such file or folder'),
        (lambda p: p.write_bytes(b''), 'neither a folder nor a readable zip'),
        (lambda p: p.write_bytes(b'PK\x03\x04 cut'), 'neither a folder nor'),
        (lambda p: p.mkdir(), 'no result of an image .*there is no text fil'),
        (
            lambda p: (p.mkdir(), (p / '0_Parade_9.txt').touch()),
            'such as 0--Parade/0_Parade_1.txt, .* are 1 text files, such as 0',
        ),
        (
            lambda p: (p.mkdir(), (p / '0_Parade_1.txt').touch()),
            '0_Parade_1.txt:1: the file is empty',
        ),
        (os.mkfifo, 'neither a file nor folder'),
    ],
)
def test_nothing_there(tmp_path, make, what):
    path = tmp_path / 'results'
    make(path)
    with pytest.raises(AnnotationError, match=what) as info:
        read_submission(path, NAMES)
    assert str(info.value).startswith(str(path))


def test_damaged_zip(tmp_path, results):
    path = write_submission(tmp_path / 'good.zip', results)
    data = bytearray(path.read_bytes())
    data[60:70] = bytes(10)
    path.write_bytes(data)
    with pytest.raises(AnnotationError, match='good.zip/.* cannot be read: '):
        read_submission(path, NAMES)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AnnotationError, match='readable zip'):
        read_submission(path, NAMES)


def test_twice_in_a_zip(tmp_path):
    path = tmp_path / 'twice.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(f'{NAMES[0]}.txt', 'x\n0\n')
        with pytest.warns(UserWarning, match='Duplicate name'):
            archive.writestr(f'{NAMES[0]}.txt', 'x\n0\n')
    with pytest.raises(AnnotationError, match='is in the zip twice'):
        read_submission(path, NAMES)


def test_a_result_that_is_no_file(folder):
    """It would wait for somebody to write into it."""
    file = folder / f'{NAMES[0]}.txt'
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(AnnotationError, match='is no file to read') as info:
        read_submission(folder, NAMES)
    assert str(info.value).startswith(f'{file}: ')


@pytest.mark.parametrize(
    'layout',
    ['{1}.txt', '{0}/{1}.jpg.txt', 'all/{1}.png.txt', 'a/b/{0}/{1}.JPG.txt'],
)
@pytest.mark.parametrize('packed', [True, False])
def test_other_layouts(folder, tmp_path, results, layout, packed):
    """Are read where names tell the image."""
    files = {
        layout.format(*name.split('/')): (folder / f'{name}.txt').read_bytes()
        for name in NAMES
    }
    path = tmp_path / 'other'
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    if packed:
        path = tmp_path / 'other.zip'
        with zipfile.ZipFile(path, 'w') as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    with pytest.warns(EvaluationWarning, match='not laid out as the server'):
        same(read_submission(path, NAMES), results)
    with pytest.raises(AnnotationError, match='not laid out as the server'):
        read_submission(path, NAMES, strict=True)


def test_clashes(tmp_path):
    path = tmp_path / 'flat'
    (path / 'x').mkdir(parents=True)
    names = ['a/1', 'b/1', 'b/2']
    (path / '1.txt').write_text('1\n0\n')
    with pytest.raises(AnnotationError, match='1.txt may be of a/1 or of b/1'):
        read_submission(path, names)
    for name in ('2.txt', 'x/2.txt'):
        (path / name).write_text('2\n0\n')
    with pytest.raises(AnnotationError, match='2.txt and x/2.txt may both be'):
        read_submission(path, names)


def test_no_lines_before_the_detections(folder, results):
    for name in NAMES[:2]:
        file = folder / f'{name}.txt'
        lines = file.read_text().splitlines(keepends=True)
        file.write_text(''.join(lines[2:]))
    with pytest.warns(EvaluationWarning, match='2 of 3 prediction files lack'):
        same(read_submission(folder, NAMES), results)
    with pytest.raises(AnnotationError, match='lack the lines with the name'):
        read_submission(folder, NAMES, strict=True)
    (folder / f'{NAMES[0]}.txt').write_text('1 2 3 4 0.5\n')
    with pytest.warns(EvaluationWarning):
        found = read_submission(folder, NAMES)
    assert found[NAMES[0]].tolist() == [[1, 2, 3, 4, 0.5]]


@pytest.mark.parametrize(
    'kind', [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zip_that_grows(tmp_path, kind):
    """A small file of hundreds of megabytes is refused after eight."""
    path = tmp_path / 'bomb.zip'
    with zipfile.ZipFile(path, 'w', kind) as archive:
        with archive.open(f'{NAMES[0]}.txt', 'w') as member:
            for _ in range(24):
                member.write(b'1 2 3 4 5\n' * 2**17)
    assert path.stat().st_size < 2**20
    with pytest.raises(AnnotationError, match='1.txt: holds more than 8 MiB'):
        read_submission(path, NAMES)


def test_many_files_that_grow(tmp_path, monkeypatch):
    monkeypatch.setattr(submission_files, '_MOST_BYTES_OF_ALL', 2**21)
    path = tmp_path / 'bomb.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(f'{name}.txt', b'x\n0\n' + b' ' * 2**20)
    with pytest.raises(AnnotationError, match='results hold more than 0 GiB'):
        read_submission(path, NAMES)


@pytest.mark.parametrize(
    'kind',
    [
        zipfile.ZIP_STORED,
        zipfile.ZIP_DEFLATED,
        zipfile.ZIP_BZIP2,
        zipfile.ZIP_LZMA,
    ],
)
@pytest.mark.filterwarnings('ignore')
def test_mutated_zips(tmp_path, kind):
    """Right, or one error of ours."""
    path = tmp_path / 'x.zip'
    with zipfile.ZipFile(path, 'w', kind) as archive:
        for name in NAMES:
            archive.writestr(f'{name}.txt', f'{name}\n1\n1 2 3 4 0.5\n')
    good = path.read_bytes()
    rng = np.random.default_rng(kind)
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.integers(1, 9)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data) + 200)])
        try:
            read_submission(path, NAMES)
        except AnnotationError as error:
            assert str(error).startswith(str(path))


@pytest.mark.parametrize(
    'name', ['../../x', 'a/../../x', '/etc/x', 'a//x', '..\\x', 'c:/x', '']
)
def test_names_that_leave_the_zip(tmp_path, name):
    with pytest.raises(AnnotationError, match='would leave the folder'):
        write_submission(tmp_path / 'a.zip', {name: np.ones((1, 5))})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('packed', [True, False])
def test_suffix_in_other_letters(tmp_path, results, packed):
    """All files are read, not only those in small letters."""
    path = write_submission(tmp_path / 'a.zip', results)
    folder = unpack(path, tmp_path / 'all')
    first, *_ = results
    (folder / f'{first}.txt').rename(folder / f'{first}.TXT')
    (folder / '0--Parade/._x.txt').write_text('of a Mac')
    if packed:
        with zipfile.ZipFile(path, 'w') as archive:
            for file in folder.rglob('*.*'):
                archive.write(file, f'top/{file.relative_to(folder)}')
    same(read_submission(path if packed else folder, NAMES), results)


@pytest.mark.parametrize('before', [b'', b'\xef\xbb\xbf'])
@pytest.mark.parametrize('between', [' ', ',', ', ', '\t'])
def test_marks_and_commas_without_a_head(tmp_path, results, before, between):
    for name, rows in results.items():
        path = tmp_path / f'{name}.txt'
        path.parent.mkdir(exist_ok=True)
        lines = [between.join(map(repr, x)) for x in rows.tolist()]
        path.write_bytes(before + '\r\n'.join(lines).encode())
    with pytest.warns(EvaluationWarning, match='3 of 3 prediction files lack'):
        same(read_submission(tmp_path, NAMES), results)


def test_what_is_no_result_tells_what_is(tmp_path):
    (tmp_path / 'a.npy').write_bytes(b'\x93NUMPY')
    with pytest.raises(AnnotationError, match='results are a folder or a zip'):
        read_submission(tmp_path / 'a.npy', NAMES)
