"""What the page needs beside the detector."""

from __future__ import annotations

from types import ModuleType

__all__ = ['import_gradio']

_OLDEST = 6
_REMEDY = "install it with: pip install 'mmsrn[demo]'"


def import_gradio() -> ModuleType:
    """Import gradio.

    Returns:
        ModuleType: gradio.

    Raises:
        ModuleNotFoundError: If it is absent; says how to get it.
        ImportError: If it is older than 6.
    """
    try:
        import gradio
    except ModuleNotFoundError as error:
        if error.name != 'gradio':
            raise
        raise ModuleNotFoundError(
            f'the web page needs gradio; {_REMEDY}', name='gradio'
        ) from None
    if int(gradio.__version__.partition('.')[0]) < _OLDEST:
        raise ImportError(
            f'the web page needs gradio {_OLDEST} or later, not '
            f'{gradio.__version__}; {_REMEDY}'
        )
    return gradio
