"""The lines of Python in docs/deployment.md do what they say."""

import re

import cv2
import numpy as np


def test_examples(
    root, exported, small_detector, tmp_path, monkeypatch, capsys
):
    from mmsrn.deployment.parity import torch_candidates

    text = (root / 'docs/deployment.md').read_text()
    one_line, session = re.findall(
        r'^```python\n(.*?)^```$', text, re.M | re.S
    )
    photo = np.random.default_rng(0).integers(0, 256, (97, 131, 3), np.uint8)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'srn.onnx').write_bytes(exported.SerializeToString())
    cv2.imwrite('photo.png', photo)
    names = {}
    for example in (one_line, session):
        exec(example.replace('.jpg', '.png'), names)
    assert len(names['faces']) > 0
    assert capsys.readouterr().out.startswith('small CC0-1.0 [[')
    (expected,) = torch_candidates(small_detector, photo[None], nms=True)
    assert np.allclose(names['scores'], expected[:, 4], atol=1e-4)
    assert len(names['boxes']) == len(names['labels']) == len(expected)
