"""What annotations of any origin have in common."""

import pytest

from mmsrn.datasets.face_labels import ClassMap


@pytest.mark.parametrize('mapped', ['', 0, False])
def test_a_class_that_is_nothing(mapped):
    """Whoever writes so means to leave hats out."""
    names = ClassMap({'hat': mapped}, ('face',))
    assert names.fold('') == 'face'
    with pytest.raises(ValueError, match=f'class {mapped!r} is not one of'):
        names.fold('hat')
    assert ClassMap({'hat': None}, ('face',)).fold('hat') is None


def test_no_name_among_several_classes():
    with pytest.raises(ValueError, match="class '' is not one of"):
        ClassMap(None, ('face', 'hand')).fold('')
