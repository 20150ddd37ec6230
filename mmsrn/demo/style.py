"""How the page looks; nothing of it comes from the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .requirements import import_gradio

if TYPE_CHECKING:
    from gradio.themes import Base

__all__ = ['CSS', 'make_theme']

CSS = """
.title h1 { font-size: 1.5rem; font-weight: 650; margin: 0; }
.title p { color: var(--body-text-color-subdued); margin: 0; }
.message { font-size: 1.1rem; font-weight: 600; }
.message.error { color: var(--error-icon-color); }
.note { color: var(--body-text-color-subdued); }
"""


def make_theme() -> Base:
    """Make the theme: fonts of the system alone.

    Returns:
        Base: A theme of gradio.
    """
    gr = import_gradio()
    return gr.themes.Default(
        primary_hue='emerald',
        neutral_hue='slate',
        font=['system-ui', 'sans-serif'],
        font_mono=['ui-monospace', 'monospace'],
    )
