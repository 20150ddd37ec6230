"""Tiles cover the image, stay within the bound and lose nothing."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.structures import InstanceData

from mmsrn.models.test_time_augs.tiles import merge_tiles
from mmsrn.structures.tiles import Tile, make_tiles

SIDE = st.integers(1, 3000)


@given(SIDE, SIDE, st.integers(128 * 128, 4_000_000))
def test_cover(height, width, max_pixels):
    tiles = make_tiles(height, width, max_pixels)
    assert len({(x.width, x.height) for x in tiles}) == 1
    tile = tiles[0]
    assert tile.width * tile.height <= max_pixels
    if height * width <= max_pixels:
        assert tiles == [Tile(0, 0, width, height)]
    lefts = sorted({x.left for x in tiles})
    tops = sorted({x.top for x in tiles})
    assert len(tiles) == len(lefts) * len(tops)
    for starts, side, length in (
        (lefts, tile.width, width),
        (tops, tile.height, height),
    ):
        assert starts[0] == 0 and starts[-1] + side == length
        # Neighbours share a quarter, give or take the rounding.
        assert (np.diff(starts) <= side * 0.75 + 1).all()


def test_few():
    assert len(make_tiles(1000, 1000, 500_000)) == 4
    assert len(make_tiles(100, 1000, 50_000)) == 3
    assert len(make_tiles(1000, 1000, float('inf'))) == 1


def found_in(tile, faces):
    """What a perfect detector sees in a tile: whole faces, and parts."""
    boxes = faces - np.array([tile.left, tile.top] * 2)
    boxes = boxes.clip(0, [tile.width, tile.height] * 2)
    seen = ((boxes[:, 2:] - boxes[:, :2]) > 2).all(axis=1)
    return InstanceData(
        bboxes=torch.tensor(boxes[seen], dtype=torch.float32),
        scores=torch.full((int(seen.sum()),), 0.9),
        labels=torch.zeros(int(seen.sum()), dtype=torch.long),
    )


NOTHING = found_in(Tile(0, 0, 9, 9), np.zeros((0, 4)))


@pytest.mark.parametrize('max_pixels', [200_000, 90_000, 40_000])
def test_every_face_is_found_once_and_whole(max_pixels):
    rng = np.random.default_rng(0)
    tiles = make_tiles(600, 800, max_pixels)
    side = 0.2 * min(tiles[0].width, tiles[0].height)
    # One in each cell of a grid, so that they are far apart.
    y, x = np.mgrid[0:600:side, 0:800:side].reshape(2, -1)
    start = np.column_stack((x, y)) + rng.uniform(0, side / 4, (len(x), 2))
    ends = start + rng.uniform(8, side * 0.75, start.shape)
    faces = np.column_stack((start, ends))
    faces = faces[(faces[:, 2] < 800) & (faces[:, 3] < 600)]
    found = [found_in(tile, faces) for tile in tiles]
    assert sum(map(len, found)) > len(faces)
    merged = merge_tiles(tiles, found, NOTHING, 600, 800)
    order = np.lexsort(merged.bboxes.numpy().T)
    np.testing.assert_allclose(
        merged.bboxes.numpy()[order], faces[np.lexsort(faces.T)], atol=1e-3
    )


@given(st.data())
def test_cut_off_in_every_tile_or_whole_in_one(data):
    """So each is kept from a tile, or from the reduced image, or both."""
    height, width = data.draw(SIDE), data.draw(SIDE)
    tiles = make_tiles(height, width, data.draw(st.integers(16384, 999_999)))
    x = sorted(data.draw(st.tuples(*[st.integers(0, width)] * 2)))
    y = sorted(data.draw(st.tuples(*[st.integers(0, height)] * 2)))
    if len(tiles) == 1 or x[1] - x[0] < 3 or y[1] - y[0] < 3:
        return
    face = np.array([[x[0], y[0], x[1], y[1]]])
    whole = found_in(Tile(0, 0, width, height), face)
    whole.scores /= 2
    found = [found_in(tile, face) for tile in tiles]
    merged = merge_tiles(tiles, found, whole, height, width)
    assert merged.bboxes.tolist() == face.tolist()
    # And what a tile is sure to have is not taken from the reduced image.
    sides = [x[1] - x[0], y[1] - y[0]]
    if max(sides) < 0.2 * min(tiles[0].width, tiles[0].height):
        assert merged.scores.item() == pytest.approx(0.9)


def test_box_at_the_border_of_the_image_is_whole():
    tiles = make_tiles(100, 300, 15_000)
    faces = np.array([[0, 0, 20, 20], [280, 80, 300, 100]])
    found = [found_in(tile, faces) for tile in tiles]
    merged = merge_tiles(tiles, found, NOTHING, 100, 300)
    assert sorted(merged.bboxes.tolist()) == faces.tolist()


def test_classes_stay_apart():
    tiles = [Tile(0, 0, 100, 50), Tile(50, 0, 100, 50)]
    box = torch.tensor([[60.0, 10, 80, 30]])
    one, other = torch.tensor([0]), torch.tensor([1])
    found = [
        InstanceData(bboxes=box, scores=torch.tensor([0.5]), labels=one),
        InstanceData(
            bboxes=box - torch.tensor([50.0, 0, 50, 0]),
            scores=torch.tensor([0.7]),
            labels=other,
        ),
    ]
    merged = merge_tiles(tiles, found, NOTHING, 50, 150)
    assert merged.labels.tolist() == [1, 0]
    assert merged.bboxes.tolist() == box.tolist() * 2
    found[1].labels = one
    assert merge_tiles(tiles, found, NOTHING, 50, 150).scores.tolist() == [
        pytest.approx(0.7)
    ]


def test_nothing_found():
    tiles = make_tiles(100, 300, 15_000)
    faces = np.zeros((0, 4))
    found = [found_in(tile, faces) for tile in tiles]
    assert len(merge_tiles(tiles, found, NOTHING, 100, 300)) == 0
