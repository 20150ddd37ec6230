"""One HTML page with tables and pictures, without any dependency."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from matplotlib.figure import Figure

from mmsrn.utils.atomic_file import atomic_file

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1e21; margin: 0 auto;
  max-width: 1180px; padding: 24px; }
h1 { font-size: 26px; margin-bottom: 4px; }
h2 { font-size: 19px; margin-top: 34px; border-bottom: 1px solid #d5d8dc; }
table { border-collapse: collapse; margin: 10px 0; }
th, td { padding: 4px 12px; border: 1px solid #d5d8dc; text-align: right; }
th { background: #f2f4f6; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 10px 0; }
figure img { max-width: 100%; border-radius: 4px; }
figcaption { color: #59636e; font-size: 13px; }
.row { display: flex; flex-wrap: wrap; gap: 12px; }
.row figure { flex: 1 1 320px; max-width: 49%; margin: 0; }
pre { background: #f6f8fa; padding: 12px; overflow-x: auto; font-size: 12px; }
"""


class HtmlReport:
    """Collects sections and writes them as one page.

    Pictures are files in a folder beside the page, so that the page stays
    small and the pictures can be used alone.

    Args:
        path: The HTML file to write.
        title: Title of the page.
        images: Name of the folder of pictures, beside the page.

    Example:
        >>> report = HtmlReport('/tmp/mmsrn_report/report.html', 'A run')
        >>> report.section('Numbers')
        >>> report.table(['set', 'AP'], [['val', 0.9]])
        >>> report.save().name
        'report.html'
    """

    def __init__(
        self, path: str | Path, title: str, images: str = 'images'
    ) -> None:
        self.path = Path(path)
        self.title = title
        self.folder = self.path.parent / images
        self.folder.mkdir(parents=True, exist_ok=True)
        self._parts: list[str] = []

    def section(self, title: str) -> None:
        """Begin a section."""
        self._parts.append(f'<h2>{html.escape(title)}</h2>')

    def text(self, text: str) -> None:
        """Add a paragraph of plain text."""
        self._parts.append(f'<p>{html.escape(text)}</p>')

    def code(self, text: str, summary: str) -> None:
        """Add a long text that opens on a click."""
        self._parts.append(
            f'<details><summary>{html.escape(summary)}</summary>'
            f'<pre>{html.escape(text)}</pre></details>'
        )

    def table(self, head: Sequence[str], rows: Iterable[Sequence]) -> None:
        """Add a table; floats get three decimals."""
        lines = [''.join(f'<th>{html.escape(str(x))}</th>' for x in head)]
        for row in rows:
            cells = (
                f'{x:.3f}' if isinstance(x, (float, np.floating)) else str(x)
                for x in row
            )
            lines.append(''.join(f'<td>{html.escape(x)}</td>' for x in cells))
        body = ''.join(f'<tr>{line}</tr>' for line in lines)
        self._parts.append(f'<table>{body}</table>')

    def picture(
        self, name: str, picture: np.ndarray | Figure, caption: str = ''
    ) -> None:
        """Save a picture and show it.

        Args:
            name: Name of the file in the folder of pictures; ``.jpg`` or
                ``.png``.
            picture: BGR image (h, w, 3) uint8, or a figure.
            caption: Text below it.

        Raises:
            OSError: If it cannot be written.
        """
        self._parts.append(self._figure(name, picture, caption))

    def row(
        self, pictures: Iterable[tuple[str, np.ndarray | Figure, str]]
    ) -> None:
        """Show pictures side by side; arguments as of :meth:`picture`."""
        figures = ''.join(self._figure(*x) for x in pictures)
        self._parts.append(f'<div class="row">{figures}</div>')

    def save(self) -> Path:
        """Write the page and return its path."""
        title = html.escape(self.title)
        page = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f'<title>{title}</title><style>{_STYLE}</style></head><body>\n'
            f'<h1>{title}</h1>\n' + '\n'.join(self._parts) + '\n'
            '</body></html>\n'
        )
        with atomic_file(self.path) as partial:
            partial.write_text(page, encoding='utf-8')
        return self.path

    def _figure(
        self, name: str, picture: np.ndarray | Figure, caption: str
    ) -> str:
        file = self.folder / name
        with atomic_file(file) as partial:
            if isinstance(picture, Figure):
                picture.savefig(partial, dpi=110)
            elif not _write_image(partial, picture):
                raise OSError(f'could not write {file}')
        source = quote(f'{self.folder.name}/{name}')
        text = html.escape(caption, quote=True)
        return (
            f'<figure><a href="{source}"><img src="{source}" alt="{text}">'
            f'</a><figcaption>{text}</figcaption></figure>'
        )


def _write_image(file: Path, picture: np.ndarray) -> bool:
    try:
        return cv2.imwrite(str(file), picture)
    except cv2.error:  # a suffix it does not know, for example
        return False
