"""The page without a browser: what its controls do, and where it points."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmsrn.demo.requirements import import_gradio

# That of SVG is a name, and nothing is loaded from there.
ADDRESS = re.compile(r'https?://(?!www\.w3\.org/2000/svg)[\w./-]+')


@pytest.fixture
def page(detector):
    """The page, not served."""
    pytest.importorskip('gradio')
    from mmsrn.demo import build_page

    return build_page(detector)


@pytest.fixture
def calls(page):
    """Functions of the page by name."""
    return {x.name: x.fn for x in page.fns.values()}


@pytest.fixture
def path(tmp_path):
    """A photo."""
    path = tmp_path / 'photo.png'
    Image.new('RGB', (400, 200), (90, 60, 30)).save(path)
    return str(path)


def test_threshold_does_without_the_network(calls, detector, path):
    state, message, picture, rows, download, slider, note = calls['find'](
        path, '320 px', 'auto', 0.4, 0
    )
    assert detector.calls == [(320, 'auto')]
    assert '1 face of 141 px' in message
    assert rows == [[1, 0.9, 100, 50, 200, 100]]
    assert 'not enhanced' in note and slider.visible is False

    message, lower, rows, download = calls['show'](state, 0.2, 0)
    assert '2 faces' in message and len(rows) == 2
    lower, picture = (np.asarray(Image.open(x)) for x in (lower, picture))
    assert lower.shape == picture.shape and (lower != picture).any()
    saved = json.loads(Path(download.value['path']).read_text())
    assert [x['score'] for x in saved['faces']] == [0.9, 0.3]
    message, _, rows, _ = calls['show'](state, 0.2, 50)
    assert '1 face of 141 px' in message and len(rows) == 1
    assert len(detector.calls) == 1


def test_comparison_shows_what_the_detector_saw(calls, path):
    slider, note = calls['find'](path, '640 px', 'linear_gain', 0.4, 0)[-2:]
    assert 'after linear_gain' in note
    before, after = (
        np.asarray(Image.open(x['path'])).mean((0, 1)) for x in slider.value
    )
    np.testing.assert_allclose(before, [90, 60, 30], atol=2)  # jpeg
    assert (after > before * 1.5).all()


def test_no_photo(calls, detector, tmp_path):
    state, message, picture, rows, download, slider, _ = calls['find'](
        None, '640 px', 'none', 0.4, 0
    )
    assert 'Drop a photo' in message
    assert state is None and picture is None and rows == []
    broken = tmp_path / '<b>.jpg'
    broken.write_text('text')
    state, message, picture, rows, download, slider, _ = calls['find'](
        str(broken), '640 px', 'none', 0.4, 0
    )
    assert '&lt;b&gt;.jpg: is not an image' in message and 'error' in message
    assert state is None and picture is None and rows == []
    assert download.interactive is False and slider.visible is False


def test_view_before_the_network_was_looked_into(calls, path):
    state = calls['find'](path, '640 px', 'none', 0.4, 0)[0]
    for look, said in ((None, 'Drop a photo'), ('<why>', '&lt;why&gt;')):
        note, stc, _, str_ = calls['draw_inside'](look, state, 0.4, 0)
        assert said in note
        assert stc.visible is False and str_.visible is False


def test_starts_from_the_detector(detector):
    pytest.importorskip('gradio')
    from mmsrn.demo import build_page

    detector.score_thr, detector.min_size = 0.99, 250
    detector.scale, detector.enhance = [100, 200], 'lime'
    blocks = build_page(detector).blocks.values()
    parts = {x.label: x for x in blocks if hasattr(x, 'value')}
    assert parts['Score threshold'].value == 0.99
    assert parts['Smallest face (px)'].value == 250
    for name in ('Score threshold', 'Smallest face (px)'):
        assert parts[name].minimum <= parts[name].value <= parts[name].maximum
    assert parts['Scale'].value == '[100, 200]'
    assert parts['Enhancement'].value == 'lime'


def test_loads_nothing_from_elsewhere(page):
    from mmsrn.demo.style import CSS, make_theme

    theme = make_theme()
    assert not ADDRESS.findall(theme._get_theme_css() + CSS)
    assert theme._stylesheets == []
    assert page.analytics_enabled is False
    # What the browser is told of the components.
    assert not ADDRESS.findall(json.dumps(page.get_config_file()['layout']))


def test_needs_no_torch(root):
    pytest.importorskip('gradio')
    script = (
        'import sys; from types import SimpleNamespace as N; '
        'from mmsrn.demo import build_page; '
        'build_page(N(score_thr=0.5, min_size=0, scale=640, enhance="none"));'
        'print([x for x in ("torch", "mmcv", "mmdet") if x in sys.modules])'
    )
    answer = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == '[]'


def test_says_how_to_get_gradio(monkeypatch):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    with pytest.raises(ModuleNotFoundError, match=r'mmsrn\[demo\]'):
        import_gradio()


def test_refuses_an_old_gradio(monkeypatch):
    gradio = pytest.importorskip('gradio')
    monkeypatch.setattr(gradio, '__version__', '5.49.1')
    with pytest.raises(ImportError, match='6 or later, not 5.49.1'):
        import_gradio()


def files_of(page):
    return [x for x in Path(page.results.name).rglob('*') if x.is_file()]


def test_moves_of_a_slider_leave_no_files(page, calls, path):
    state = calls['find'](path, '640 px', 'linear_gain', 0.4, 0)[0]
    for i in range(30):
        calls['show'](state, i / 30, 0)
    # Of the picture and of the json two each; the comparison.
    assert len(files_of(page)) == 6
    other = calls['find'](path, '640 px', 'none', 0.4, 0, state)[0]
    assert len(files_of(page)) == 2
    calls['find'](None, '640 px', 'none', 0.4, 0, other)
    assert files_of(page) == []


def test_files_go_with_the_session(page, calls, path):
    state = calls['find'](path, '640 px', 'none', 0.4, 0)[0]
    callbacks = [
        x.delete_callback
        for x in page.blocks.values()
        if hasattr(x, 'delete_callback')
    ]
    for callback in callbacks:
        callback(None)
    assert files_of(page)
    for callback in callbacks:
        callback(state)
    assert files_of(page) == []


def test_photo_of_too_many_pixels(calls, detector, tmp_path):
    """It is not decoded."""
    path = tmp_path / 'large.png'
    Image.new('1', (10_000, 5_001)).save(path)
    state, message, *_ = calls['find'](str(path), '640 px', 'none', 0.4, 0)
    assert state is None and 'error' in message
    assert 'large.png: has 10000 x 5001 pixels; this page takes' in message
    assert detector.calls == []
