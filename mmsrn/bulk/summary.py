"""Counts and times of a job."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ['Summary']

_STAGES = ('read', 'decode', 'enhance', 'detect')


@dataclass
class Summary:
    """Counts of a job.

    Attributes:
        actors (int): Number of detectors.
        done_before (int): Photos finished by an earlier run.
        photos (int): Photos of this run, including those with an error.
        faces (int): Faces in them.
        errors (Counter): Count of each error.
        seconds (float): Wall-clock time of this run.
        stages (dict[str, float]): Total seconds of all processes for reading,
            decoding, enhancing and detecting.
        lost (int): Photos without a result, because their processes ended
            repeatedly.
    """

    actors: int
    done_before: int = 0
    photos: int = 0
    faces: int = 0
    errors: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    stages: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(_STAGES, 0.0)
    )
    lost: int = 0

    def add(self, rows: pa.Table) -> None:
        """Count rows.

        Args:
            rows (pa.Table): Results.
        """
        self.photos += len(rows)
        self.faces += pc.sum(pc.list_value_length(rows['scores'])).as_py() or 0
        self.errors.update(rows['error'].drop_null().to_pylist())
        seconds = rows['seconds'].combine_chunks()
        for stage in _STAGES:
            spent = pc.sum(pc.struct_field(seconds, stage)).as_py()
            self.stages[stage] += spent or 0.0

    def __str__(self) -> str:
        rate = self.photos / max(self.seconds, 1e-9)
        lines = [
            f'{self.photos:,} photos, {self.faces:,} faces in '
            f'{self.seconds:,.1f} s: {rate:.1f} photos/s, '
            f'{rate / self.actors:.1f} for each of {self.actors} actors'
        ]
        if self.done_before:
            lines.append(f'{self.done_before:,} photos were already done')
        total = sum(self.stages.values())
        if total:
            shares = ', '.join(
                f'{stage} {100 * spent / total:.0f} %'
                for stage, spent in self.stages.items()
            )
            lines.append(f'time per stage: {shares}')
        for error, count in self.errors.most_common():
            lines.append(f'{count:,} without result: {error}')
        if self.lost:
            lines.append(
                f'{self.lost:,} photos were lost because their processes '
                'ended; run the same command to repeat them'
            )
        return '\n'.join(lines)
