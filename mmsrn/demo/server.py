"""The page, served."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmsrn.apis import FaceDetector

from .page import build_page
from .requirements import import_gradio
from .style import CSS, make_theme

if TYPE_CHECKING:
    import gradio

__all__ = ['MAX_UPLOAD', 'launch', 'serve']

#: Bytes of a photo that a visitor may send.
MAX_UPLOAD = 40_000_000
#: Where gradio looks for the folder of uploads.
_TEMPORARY = 'GRADIO_TEMP_DIR'


def launch(
    host: str = '127.0.0.1',
    port: int = 7860,
    model: str | Path | None = None,
    config: str | Path | None = None,
    backend: str = 'auto',
    device: str = 'auto',
    open_browser: bool = False,
) -> None:
    """Serve the page until the process is interrupted.

    What visitors sent and were shown is removed then, and when ``SIGTERM``
    ends ``mmsrn demo``.

    Args:
        host (str): Address to listen at. The default can be reached from this
            computer alone; ``'0.0.0.0'`` from the whole network, by anybody.
            Browsers give a page the camera only on this computer or through
            https.
        port (int): Port to listen at.
        model (str | Path, optional): See ``FaceDetector``.
        config (str | Path, optional): See ``FaceDetector``.
        backend (str): See ``FaceDetector``.
        device (str): See ``FaceDetector``.
        open_browser (bool): Open the page in the browser of this computer.

    Raises:
        ModuleNotFoundError: If gradio is absent.
        ImportError: If it is too old.
        OSError: If the port is in use, or the address is not of this
            computer.
    """
    with _uploads():
        import_gradio()  # before the model is read, which takes longer
        _check_address(host, port)
        detector = FaceDetector(model, config, backend=backend, device=device)
        page = serve(build_page(detector), host, port, open_browser)
        try:
            print(
                f'The page is at {page.local_url} - Ctrl+C ends it.',
                flush=True,
            )
            page.block_thread()
        finally:
            page.close(verbose=False)
            page.results.cleanup()


@contextmanager
def _uploads() -> Iterator[None]:
    """Let gradio put what visitors send into a folder that is removed."""
    former = os.environ.get(_TEMPORARY)
    with tempfile.TemporaryDirectory(
        prefix='mmsrn-demo-', ignore_cleanup_errors=True
    ) as folder:
        os.environ[_TEMPORARY] = folder
        try:
            yield
        finally:
            if former is None:
                del os.environ[_TEMPORARY]
            else:
                os.environ[_TEMPORARY] = former


def serve(
    page: gradio.Blocks, host: str, port: int, open_browser: bool = False
) -> gradio.Blocks:
    """Serve a page in the background.

    Args:
        page (gradio.Blocks): From ``build_page``.
        host (str): See :func:`launch`.
        port (int): See :func:`launch`.
        open_browser (bool): See :func:`launch`.

    Returns:
        gradio.Blocks: The page, which now has a ``local_url``; its ``close``
        ends the service.
    """
    page.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        inline=False,
        prevent_thread_lock=True,
        share=False,
        show_error=True,
        quiet=True,
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        state_session_capacity=20,
        max_file_size=MAX_UPLOAD,
        theme=make_theme(),
        css=CSS,
    )
    return page


def _check_address(host: str, port: int) -> None:
    """Refuse what gradio would name only in a long message, or not at all."""
    try:
        if not 0 < port < 1 << 16:
            raise OSError('ports are from 1 to 65535')
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        reason = getattr(error, 'strerror', None) or error
        raise OSError(
            f'cannot listen at {host}:{port}: {reason}; choose another port '
            'or host'
        ) from error
