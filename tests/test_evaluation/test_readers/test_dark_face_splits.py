"""The project's own splits follow their rule, and are nobody else's."""

import hashlib

import pytest

from mmsrn.evaluation.readers import read_dark_face_names
from mmsrn.evaluation.readers.dark_face_splits import (
    OWN_SPLITS,
    PUBLISHED_SPLITS,
    own_split,
    split_file,
    split_names,
)


def test_parts():
    assert OWN_SPLITS == (
        'own_5000_1000/train',
        'own_5000_1000/test',
        'own_5500_500/train',
        'own_5500_500/val',
    )
    everything = {str(x) for x in range(1, 6001)}
    for train, held_out in (OWN_SPLITS[:2], OWN_SPLITS[2:]):
        one, other = set(own_split(train)), set(own_split(held_out))
        assert one | other == everything and not one & other
        assert len(own_split(held_out)) == len(other)
    assert {x: len(own_split(f'own_{x}')) for x in PUBLISHED_SPLITS} == {
        name: split.images for name, split in PUBLISHED_SPLITS.items()
    }
    assert set(own_split(OWN_SPLITS[3])) < set(own_split(OWN_SPLITS[1]))


def test_rule():
    """No image outside has a smaller hash than one inside."""
    chosen = set(own_split('own_5000_1000/test'))
    digests = {
        str(x): int(hashlib.sha256(str(x).encode()).hexdigest(), 16)
        for x in range(1, 6001)
    }
    largest = max(digests[x] for x in chosen)
    assert chosen == {x for x in digests if digests[x] <= largest}
    # Wherever and whenever it is made.
    assert own_split('own_5500_500/val')[:4] == ['39', '49', '51', '55']


def test_unknown():
    with pytest.raises(ValueError, match='or a list .*txt, got .own_5000'):
        split_names('own_5000')


@pytest.mark.parametrize('name', PUBLISHED_SPLITS)
def test_published_ones_are_others(shared, name):
    names = read_dark_face_names(shared / 'data/darkface' / split_file(name))
    published, own = set(names), set(own_split(f'own_{name}'))
    assert len(published) == len(own) and published != own
