"""Which labels belong to which image."""

import pytest

from mmsrn.datasets.yolo_labels import LabelFinder
from mmsrn.evaluation.readers import AnnotationError


@pytest.fixture
def find(tmp_path):
    """Function that tells which of the files are labels of an image."""

    def run(image, images, labels):
        for folder, names in (('images', images), ('labels', labels)):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in names:
                (tmp_path / folder / name).touch()
            if {x.name for x in (tmp_path / folder).iterdir()} != {*names}:
                pytest.skip('the file system knows one case')
        found = LabelFinder().find(tmp_path / 'images' / image)
        assert found.parent.name == 'labels'
        return found.name if found.exists() else None

    return run


@pytest.mark.parametrize(
    'image, images, labels, expected',
    [
        ('A.jpg', [], ['a.txt'], 'a.txt'),
        ('A.jpg', ['a.jpg'], ['a.txt'], None),
        ('a.jpg', ['A.jpg'], ['a.txt'], 'a.txt'),
        ('A.jpg', ['a.PNG'], ['a.txt'], None),
        ('A.jpg', ['a.md', 'b.jpg'], ['a.txt'], 'a.txt'),
        ('A.jpg', [], ['a.txt', 'a.TXT'], None),
        ('A.jpg', [], ['a.txt', 'A.TXT'], 'A.TXT'),
        ('A.jpg', ['a.jpg'], ['a.txt', 'A.TXT'], 'A.TXT'),
    ],
)
def test_names_that_differ_in_case(find, image, images, labels, expected):
    """No image has the labels of another, or one of two at random."""
    assert find(image, [image, *images], labels) == expected


def test_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr('mmsrn.datasets.yolo_labels.os.listdir', refuse)
    with pytest.raises(AnnotationError, match='labels: cannot be read: Perm'):
        LabelFinder().find(tmp_path / 'labels/a.jpg')
