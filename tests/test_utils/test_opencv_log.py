import cv2

from mmsrn.utils.opencv_log import set_log_level


def test_silent(tmp_path, capfd):
    """OpenCV reports a missing file, but not at level 0."""
    former = set_log_level(0)
    try:
        assert cv2.imread(str(tmp_path / 'none.png')) is None
        assert capfd.readouterr().err == ''
        assert set_log_level(3) == 0
        cv2.imread(str(tmp_path / 'none.png'))
        assert 'none.png' in capfd.readouterr().err
    finally:
        assert set_log_level(former) == 3
