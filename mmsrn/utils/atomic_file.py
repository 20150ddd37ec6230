"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Give a path to write to, which becomes ``path`` if all goes well.

    The folder is made if it is missing.  Until the block ends without an
    exception, a former ``path`` stays as it was.

    Args:
        path (str | Path): File to make or to replace.

    Yields:
        Path: Where to write: beside ``path``, with the same suffix.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder, 'new', 'a.txt')) as partial:
        ...         size = partial.write_text('done')
        ...     print([x.name for x in Path(folder, 'new').iterdir()])
        ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f'{os.getpid()}-{threading.get_ident()}'
    partial = path.with_name(f'.{path.stem}.{writer}{path.suffix}')
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
