import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsrn.models.selective.sparse import Cells, dilate
from mmsrn.models.selective.sparse.cells import clear_last

SIDES = st.sampled_from([1, 3, 5])


def random_mask(seed, batch, height, width, share=0.3):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, height, width, generator=generator) < share


masks = st.builds(
    random_mask,
    st.integers(0, 99),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)


@settings(max_examples=60, deadline=None)
@given(masks, SIDES, SIDES)
def test_dilate_is_what_a_kernel_covers(mask, height, width):
    want = torch.zeros_like(mask)
    for image, y, x in mask.nonzero().tolist():
        for dy in range(-(height // 2), height // 2 + 1):
            for dx in range(-(width // 2), width // 2 + 1):
                if 0 <= y + dy < mask.shape[1] and 0 <= x + dx < mask.shape[2]:
                    want[image, y + dy, x + dx] = True
    assert dilate(mask, (height, width)).equal(want)


@settings(max_examples=60, deadline=None)
@given(masks, masks, SIDES, SIDES)
def test_neighbours(mask, other, height, width):
    """Each is the row of the cell at that place, or the zero row."""
    other = other[:1, :1, :1].expand_as(mask)  # all or none
    given_cells, wanted = Cells(mask), Cells(other)
    rank = {tuple(cell): i for i, cell in enumerate(mask.nonzero().tolist())}
    found = given_cells.neighbours(wanted, (height, width))
    assert found.shape == (len(wanted), height * width)
    for row, (image, y, x) in zip(
        found.tolist(), other.nonzero().tolist(), strict=True
    ):
        assert row == [
            rank.get(
                (image, y + dy - height // 2, x + dx - width // 2), len(rank)
            )
            for dy in range(height)
            for dx in range(width)
        ]


@pytest.mark.parametrize('channels_last', [False, True])
def test_take_and_put_are_inverse(channels_last):
    mask = random_mask(0, 2, 5, 7)
    maps = torch.randn(2, 3, 5, 7)
    if channels_last:
        maps = maps.to(memory_format=torch.channels_last)
    cells = Cells(mask)
    rows = cells.take(maps)
    assert rows.shape == (len(cells) + 1, 3) and not rows[-1].any()
    for row, (image, y, x) in zip(rows, mask.nonzero().tolist()):
        assert row.equal(maps[image, :, y, x])
    back = cells.put(rows, fill=9)
    assert back.equal(maps.where(mask[:, None], torch.tensor(9.0)))


def test_choose_a_part():
    mask = random_mask(1, 2, 6, 5, 0.8)
    part = Cells(mask & random_mask(2, 2, 6, 5, 0.5))
    maps = torch.randn(2, 4, 6, 5)
    cells = Cells(mask)
    assert 0 < len(part) < len(cells)
    assert cells.choose(cells.take(maps), part).equal(part.take(maps))


@pytest.mark.parametrize('share', [0.0, 0.4, 1.0])
@pytest.mark.parametrize('last', [False, True])
def test_gradients_of_features(share, last):
    """Of taking, choosing, putting: each is a sum of copies."""
    torch.manual_seed(0)
    mask = torch.rand(2, 4, 3) < share
    part = Cells(mask & (torch.rand(2, 4, 3) < 0.5))
    cells = Cells(mask)
    maps = torch.randn(2, 2, 4, 3, dtype=torch.float64, requires_grad=True)

    def function(maps):
        if last:
            maps = maps.to(memory_format=torch.channels_last)
        rows = cells.take(maps)
        return cells.put(rows), part.put(cells.choose(rows, part))

    assert torch.autograd.gradcheck(function, maps)
    rows = torch.randn(len(cells) + 1, 2, requires_grad=True)
    cells.choose(rows, part).sum().backward()
    chosen = part.mask.view(-1)[cells.flat]
    assert rows.grad[:-1].equal(chosen.float()[:, None].expand(-1, 2))


def test_clear_last():
    """In place only where no gradient may need what was there."""
    rows = torch.ones(3, 2)
    assert clear_last(rows) is rows and rows.sum() == 4
    rows = torch.ones(3, 2, requires_grad=True)
    cleared = clear_last(rows.relu())
    assert cleared.sum() == 4 and rows.sum() == 6
    cleared.sum().backward()
    assert rows.grad.tolist() == [[1, 1], [1, 1], [0, 0]]
