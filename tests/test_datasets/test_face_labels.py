"""What annotations of any origin have in common."""

import re

import pytest

from mmsrn.datasets.face_labels import ClassMap, refuse_shares
from mmsrn.evaluation.readers import AnnotationError


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


def test_shares():
    share, pixels, none = (0.1, 0.2, 0.4, 0.6), (3, 4, 5, 6), (0, 0, 0, 0)
    refuse_shares([none, none], 'x')
    refuse_shares([share, none, pixels], 'x')
    what = re.escape('x: all 2 boxes are between 0 and 0.6, and seem')
    with pytest.raises(AnnotationError, match=what):
        refuse_shares([share, none, share], 'x')
