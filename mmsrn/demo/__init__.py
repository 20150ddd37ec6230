"""A page in the browser that finds faces in a photo.

Needs the extra ``demo``, which is gradio; nothing of it is loaded from the
network, and photos do not leave the computer that serves the page.
"""

from .page import build_page
from .server import launch

__all__ = ['build_page', 'launch']
