"""Photos for the jobs, and what they found."""

from __future__ import annotations

import json
from pathlib import Path

from mmsrn.apis import find_photos


def repeat(folder: Path, source: Path, number: int) -> None:
    """Fill a folder with links to photos."""
    found = find_photos(source.absolute())
    folder.mkdir()
    for i in range(number):
        photo = Path(found[i % len(found)].content)
        (folder / f'{i:06d}{photo.suffix}').symlink_to(photo)


def faces(path: Path) -> list[dict]:
    """Read a json without what differs from run to run."""
    rows = json.loads(path.read_text())
    for row in rows:
        del row['timing']
    return rows


def scale(value: str | None) -> list[str]:
    """Return the arguments that resize photos; none: as detect itself does."""
    return [] if value is None else ['--scale', value]
