"""Results of a session take little room, and go with it."""

import numpy as np

from mmsrn.demo.session_files import SessionFiles


def test_few_of_each_kind(tmp_path):
    files = SessionFiles(tmp_path)
    json = files.path('faces.json')
    json.touch()
    paths = []
    for i in range(30):
        path = files.picture('a.png', np.full((2, 3, 3), i, np.uint8))
        paths.append(path)
    assert len(set(paths)) == 30  # browsers keep what they have loaded
    left = sorted(str(x) for x in tmp_path.rglob('*.png'))
    assert left == sorted(paths[-2:]) and json.is_file()
    files.remove()
    assert list(tmp_path.iterdir()) == []
    files.remove()
