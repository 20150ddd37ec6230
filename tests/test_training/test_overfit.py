"""A training that must succeed: eight images by heart."""

import pytest


@pytest.mark.slow
def test_eight_images_by_heart(trained):
    assert trained.ap50 > 0.95
