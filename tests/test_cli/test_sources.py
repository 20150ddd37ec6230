"""What arguments of ``mmsrn detect`` stand for, and names of results."""

from pathlib import Path

import pytest

from mmsrn.cli.sources import find_sources


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Function that makes empty files; runs start in their folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def found(*given, left_out=()):
    """Content, kind and names of pictures, if nothing is wrong."""
    sources, problems, _ = find_sources(given, map(Path, left_out))
    assert not problems
    return [(x.content, x.kind, str(x.picture)) for x in sources]


def test_files(tree):
    tree('a.jpg', 'b.PNG', 'in/c.MP4')
    assert found('b.PNG', 'a.jpg') == [
        ('b.PNG', 'photo', 'b.PNG'),
        ('a.jpg', 'photo', 'a.jpg'),
    ]
    assert found('in/c.MP4') == [('in/c.MP4', 'video', 'c.mp4')]


def test_other_kinds_of_pictures_are_written_as_png(tree):
    tree('a.gif', 'b')
    assert [x[2] for x in found('a.gif', 'b')] == ['a.gif.png', 'b.png']


def test_folders(tree):
    tree('in/b.jpg', 'in/a/c.png', 'in/.hidden.png', 'in/note.txt', 'in/v.mp4')
    assert found('in') == [
        ('in/a/c.png', 'photo', 'a/c.png'),
        ('in/b.jpg', 'photo', 'b.jpg'),
    ]


def test_patterns(tree):
    tree('in/1/a.jpg', 'in/2/a.jpg', 'in/2/v.mp4', 'in/3/w.mp4')
    expected = [
        ('in/1/a.jpg', 'photo', '1/a.jpg'),
        ('in/2/a.jpg', 'photo', '2/a.jpg'),
    ]
    assert found('in/*/*.jpg') == expected
    assert found('in/**/*.jpg') == expected
    assert found('*/1/a.jpg') == [('in/1/a.jpg', 'photo', 'in/1/a.jpg')]
    # As the shell hands them over.
    assert found('in/1/a.jpg', 'in/2/a.jpg') == expected
    assert found('in/*/*.mp4') == [
        ('in/2/v.mp4', 'video', '2/v.mp4'),
        ('in/3/w.mp4', 'video', '3/w.mp4'),
    ]


def test_a_file_whose_name_looks_like_a_pattern(tree):
    tree('a[1].jpg', 'a1.jpg', 'v*.mp4')
    assert found('a[1].jpg', 'v*.mp4') == [
        ('a[1].jpg', 'photo', 'a[1].jpg'),
        ('v*.mp4', 'video', 'v*.mp4'),
    ]


def test_results_of_the_same_name_stay_apart(tree, tmp_path):
    tree('a/x.jpg', 'b/x.jpg', 'b/deep/x.jpg')
    for given in (['a/x.jpg', 'b'], ['a', f'{tmp_path}/b']):
        names = [x[2] for x in found(*given)]
        assert names == ['a/x.jpg', 'b/deep/x.jpg', 'b/x.jpg']
    tree('far/off/1/b/x.jpg', 'near/1/b/x.jpg', 'near/2/b/y.jpg')
    given = ['far/off/1/b', 'a/x.jpg', 'near/1/b/x.jpg', 'near/2/b']
    assert [x[2] for x in found(*given)] == [
        *('off/1/b/x.jpg', 'a/x.jpg', 'near/1/b/x.jpg', '2/b/y.jpg')
    ]


def test_text_files_of_the_same_name_stay_apart(tree):
    given = ['x.jpg', 'x.png', 'x.avi', 'y.avi', 'y.mkv', 'z.mkv']
    tree(*given)
    sources, _, _ = find_sources(given)
    assert [str(x.text) for x in sources] == [*given[:5], 'z']
    pictures = [str(x.picture) for x in sources]
    assert pictures == [
        *('x.jpg', 'x.png', 'x.mp4', 'y.avi.mp4', 'y.mkv.mp4', 'z.mp4')
    ]


def test_each_file_once(tree, tmp_path):
    tree('in/a.jpg')
    given = ['in', 'in/a.jpg', './in/../in', str(tmp_path / 'in/*.jpg')]
    assert found(*given) == [('in/a.jpg', 'photo', 'a.jpg')]


def test_cameras(tree):
    tree('1', 'a.jpg')
    assert found('0', 'a.jpg', '1') == [
        (0, 'camera', 'camera_0.mp4'),
        ('a.jpg', 'photo', 'a.jpg'),
        ('1', 'photo', '1.png'),  # a file of that name
    ]


def test_results_are_no_sources(tree):
    """Drawn pictures in a folder that is looked through again."""
    tree('a.jpg', 'drawn/a.jpg', 'drawn-by-hand/b.jpg')
    expected = [
        ('a.jpg', 'photo', 'a.jpg'),
        ('drawn-by-hand/b.jpg', 'photo', 'drawn-by-hand/b.jpg'),
    ]
    assert found('.', left_out=['drawn']) == expected
    # What is named is meant.
    assert [x[0] for x in found('drawn', left_out=['drawn'])] == [
        'drawn/a.jpg'
    ]


def test_what_is_not_there_is_named_and_the_rest_is_found(tree):
    tree('a.jpg', 'empty/note.txt')
    given = [
        'no.jpg',
        'a.jpg',
        'empty',
        'no*.png',
        'no*.mp4',
        'http://x/y.jpg',
    ]
    sources, problems, _ = find_sources(given)
    assert [x.content for x in sources] == ['a.jpg']
    starts = [
        'no.jpg: no such file or folder',
        'empty: this folder has no images',
        'no*.png: no image matches this pattern',
        'no*.mp4: no video matches this pattern',
        'http://x/y.jpg: web addresses are not read',
    ]
    assert len(problems) == len(starts)
    for problem, start in zip(problems, starts):
        assert problem.startswith(start) and '\n' not in problem


def test_what_folders_leave_out_is_counted(tree):
    tree('in/a.jpg', 'in/b.HEIC', 'in/c.txt', 'in/d.txt', 'in/.e', 'in/f')
    tree('in/drawn/a.txt')
    _, problems, notes = find_sources(['in'], [Path('in/drawn')])
    assert problems == []
    assert notes == [
        'in: skipped 4 files without the suffix of a photo: 2 .txt, 1 .heic, '
        '1 no suffix'
    ]
    sources, problems, notes = find_sources(['in/*'])
    assert [x.content for x in sources] == ['in/a.jpg'] and not problems
    assert notes == [
        'in/*: skipped 4 files without the suffix of a photo: 2 .txt, 1 '
        '.heic, 1 no suffix'
    ]


def test_patterns_that_lead_elsewhere(tree):
    """Their results do not."""
    tree('s/sub/a/x.jpg', 's/other.jpg', 'up.jpg')
    assert found('s/sub/*/../../other.jpg') == [
        ('s/sub/a/../../other.jpg', 'photo', 'other.jpg')
    ]
    names = [x[2] for x in found('s/**/../../up.jpg', 's/sub')]
    assert names[0].endswith('/up.jpg') and names[1] == 'sub/a/x.jpg'


def test_links_that_loop(tree, tmp_path):
    tree('in/a.jpg', 'in/x/b.jpg')
    for name in ('in/1', 'in/2', 'in/x/3'):
        (tmp_path / name).symlink_to(tmp_path / 'in')
    expected = [
        ('in/a.jpg', 'photo', 'a.jpg'),
        ('in/x/b.jpg', 'photo', 'x/b.jpg'),
    ]
    assert found('in') == found('in/**/*.jpg') == expected


def test_other_ways_to_a_file(tree, tmp_path):
    """Each file once; and ``..`` after a link leads where the link does."""
    tree('disk/sub/x.jpg', 'disk/y.jpg', 'in/y.jpg')
    (tmp_path / 'in/link').symlink_to(tmp_path / 'disk/sub')
    assert [x[0] for x in found('disk/sub', 'in/link')] == ['disk/sub/x.jpg']
    names = [x[0] for x in found('in/y.jpg', 'in/link/../y.jpg', 'disk')]
    assert names == ['in/y.jpg', 'in/link/../y.jpg', 'disk/sub/x.jpg']


def test_addresses(tree):
    tree('a.jpg')
    given = ['rtsp://me:secret@10.0.0.7:554/live?ch=1', 'http://x/y/clip.MP4']
    assert found(*given, 'a.jpg') == [
        (given[0], 'video', 'rtsp_10_0_0_7_554_live_ch_1.mp4'),
        (given[1], 'video', 'http_x_y_clip_MP4.mp4'),
        ('a.jpg', 'photo', 'a.jpg'),
    ]


def test_the_same_file_in_other_words(tree):
    """Results are found by the names of photos, which have no ``./``."""
    tree('a.jpg', '-b.jpg')
    assert found('./a.jpg', 'a.jpg') == [('a.jpg', 'photo', 'a.jpg')]
    assert found('./-b.jpg') == [('-b.jpg', 'photo', '-b.jpg')]
