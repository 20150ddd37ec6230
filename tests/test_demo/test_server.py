"""Where the page can and cannot be served."""

import socket

import pytest

from mmsrn.demo import launch


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
