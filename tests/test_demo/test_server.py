"""Where the page can and cannot be served."""

import os
import socket
from pathlib import Path

import pytest

from mmsrn.demo import launch
from mmsrn.demo.server import MAX_UPLOAD


@pytest.fixture(autouse=True)
def no_model(monkeypatch):
    """Fail if a model is read: that takes seconds."""
    pytest.importorskip('gradio')

    def refuse(*_, **__):
        raise AssertionError('a model was read')

    monkeypatch.setattr('mmsrn.demo.server.FaceDetector', refuse)


def test_port_in_use():
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f':{port}: .*in use.*another port'):
            launch(port=port)


@pytest.mark.parametrize(
    'host, port', [('192.0.2.1', 7860), ('127.0.0.1', 70000)]
)
def test_address_that_cannot_be(host, port):
    with pytest.raises(OSError, match=f'^cannot listen at {host}:{port}: '):
        launch(host, port)


def test_free_address_is_accepted():
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(AssertionError, match='a model was read'):
        launch(port=port)


@pytest.fixture
def client(detector):
    """A client of a page that is served."""
    import httpx

    from mmsrn.demo import build_page
    from mmsrn.demo.server import serve

    page = serve(build_page(detector), '127.0.0.1', None)
    with httpx.Client(base_url=page.local_url) as client:
        client.page = page
        yield client
    page.close(verbose=False)


def test_what_visitors_may_send_and_get(client, tmp_path):
    def upload(size):
        files = dict(files=('a.jpg', b'x' * size))
        return client.post('/gradio_api/upload', files=files)

    assert upload(MAX_UPLOAD - 1000).status_code == 200
    assert upload(MAX_UPLOAD + 1).status_code == 413
    (tmp_path / 'other.jpg').write_bytes(b'not theirs')
    for path in ('/etc/passwd', __file__, tmp_path / 'other.jpg'):
        answer = client.get(f'/gradio_api/file={path}')
        assert answer.status_code in (403, 404)
    inside = f'{client.page.results.name}/../{tmp_path.name}/other.jpg'
    assert client.get(f'/gradio_api/file={inside}').status_code in (403, 404)


def test_what_they_sent_is_removed_at_the_end(monkeypatch, tmp_path):
    """However the process ends, short of being killed."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.delenv('GRADIO_TEMP_DIR', raising=False)

    def end(*args, **kwargs):
        folder = Path(os.environ['GRADIO_TEMP_DIR'])
        assert folder.parent == tmp_path
        (folder / 'photo.jpg').touch()
        raise SystemExit(143)

    monkeypatch.setattr('mmsrn.demo.server.FaceDetector', end)
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(SystemExit):
        launch(port=port)
    assert list(tmp_path.iterdir()) == []
    assert 'GRADIO_TEMP_DIR' not in os.environ
