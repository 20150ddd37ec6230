"""Pictures side by side, each in its place."""

import numpy as np

from mmsrn.visualization import draw_contact_sheet, rasterise


def test_places():
    greys = (30, 90, 150)
    cells = {
        str(x): np.full((60, 90, 3), [x, x, x + 50], np.uint8) for x in greys
    }
    sheet = rasterise(draw_contact_sheet(cells, 2, 150, 'A title'))
    height, width = sheet.shape[:2]
    assert (height, width) == (round(2 * (100 + 26) + 30), 300)
    half = (height - 30) // 2 + 30
    for cell, grey in (
        (sheet[60 : half - 20, 30:120], 30),
        (sheet[60 : half - 20, 180:270], 90),
        (sheet[half + 50 : -20, 30:120], 150),
    ):
        assert (abs(cell.astype(int) - [grey, grey, grey + 50]) <= 2).all()
    assert sheet[half + 50 :, 180:].min() == 255  # no fourth one
    assert np.ptp(sheet[:25].astype(int)) > 100  # a title
