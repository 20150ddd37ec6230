"""Files are found once, however links lead to them."""

import glob
import os
from pathlib import Path

import pytest

from mmsrn.utils.file_search import expand_pattern, files_below
from mmsrn.utils.folder_tree import find_files


@pytest.fixture(autouse=True)
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        'p/a.jpg',
        'p/x/b.jpg',
        'p/.h/c.jpg',
        'p/x/y/d.png',
        'q/e.jpg',
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def plain(paths):
    return sorted({os.path.normpath(x) for x in paths})


@pytest.mark.parametrize(
    'pattern',
    [
        *('p/*.jpg', './p/*.jpg', '*/*.jpg', 'p/**/*.jpg', '**/*.jpg'),
        *('p/**', 'p/*/../*.jpg', 'p/x/?.jpg', 'p/[ax]*', 'p/**/y/*'),
        *(
            '**/x',
            'p/**/**/*.jpg',
            'no/*',
            '**/*/*.jpg',
            'p/.h/*',
            'p/a.jpg/*',
        ),
    ],
)
def test_patterns_are_those_of_glob(tmp_path, pattern):
    for start in ('', f'{tmp_path}/'):
        pattern = start + pattern
        expected = plain(glob.glob(pattern, recursive=True))
        assert plain(expand_pattern(pattern)) == expected


def test_links_that_loop(tmp_path):
    """Each of them doubles the ways to a file, at every depth."""
    for link, target in [
        *(('p/l1', '.'), ('p/l2', '.'), ('p/x/up', '../..')),
        *(('q/p', '../p'), ('p/x/q', '../../q')),
    ]:
        os.symlink(target, link)
    # By the way without links, where there is one.
    expected = ['p/a.jpg', 'p/x/b.jpg', 'p/x/q/e.jpg']
    assert expand_pattern('p/**/*.jpg') == expected
    found = [str(x) for x in files_below('p')]
    assert found == [*expected[:2], 'p/x/q/e.jpg', 'p/x/y/d.png']
    # A copy cannot be made of that.
    for folder in ('p', 'q'):
        with pytest.raises(
            ValueError, match='a link to a folder that contains it'
        ):
            list(find_files(Path(folder)))


def test_links_to_folders_elsewhere():
    os.symlink('../q', 'p/linked')
    assert [str(x) for x in files_below('p')] == [
        *('p/a.jpg', 'p/linked/e.jpg', 'p/x/b.jpg', 'p/x/y/d.png')
    ]
    # A copy has it twice, if two links lead there.
    os.symlink('../q', 'p/again')
    found = [str(x) for x in find_files(Path('p'))]
    assert {'again/e.jpg', 'linked/e.jpg'} < set(found)


def test_folder_that_cannot_be_read(monkeypatch):
    errors = []
    real = os.scandir

    def refuse(path):
        if str(path).endswith('x'):
            raise PermissionError(13, 'Permission denied', path)
        return real(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    assert [str(x) for x in files_below('p', errors.append)] == ['p/a.jpg']
    assert [x.filename for x in errors] == ['p/x']
