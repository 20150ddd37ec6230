"""A list of labels for a folder of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmsrn.evaluation.readers import FaceImage, wider_face_text
from mmsrn.utils.atomic_file import atomic_file, remove_partial
from mmsrn.utils.progress_bar import progress_bar

from .asking import ask_teachers, version_of
from .record import Record, open_record
from .rule import Labels, Rule
from .teachers import Teacher

__all__ = ['Labelling', 'label_photos', 'record_of']


@dataclass
class Labelling:
    """What became of a folder of photos.

    Attributes:
        labels (dict[str, Labels]): Of each photo in the list, by name.
        asked (int): Photos that the teachers saw in this run.
        failed (dict[str, str]): Photos that are left out, and why.
    """

    labels: dict[str, Labels] = field(default_factory=dict)
    asked: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def record_of(out: Path) -> Path:
    """Tell where the record of a list is.

    Args:
        out (Path): The list.

    Returns:
        Path: ``LIST.teachers.jsonl`` beside it.
    """
    return out.with_name(f'{out.name}.teachers.jsonl')


def label_photos(
    photos: Mapping[str, Path],
    teachers: Sequence[Teacher],
    rule: Rule,
    out: Path,
    workers: int = 1,
) -> Labelling:
    """Label photos by what teachers find in them.

    What they say goes into the record beside the list, photo by photo.  A
    second call asks only about photos that are new or changed, so it goes on
    after an interruption, and another rule takes no time.

    Args:
        photos (Mapping[str, Path]): Files by their names in the list, which
            have a folder: ``party/a.jpg``, ``./a.jpg``.
        teachers (Sequence[Teacher]): Who labels, each once.
        rule (Rule): When a face is sure.
        out (Path): The list to write, in WIDER FACE's text layout.
        workers (int): Processes.

    Returns:
        Labelling: What became of the photos.

    Raises:
        OSError: If a file cannot be written, or a process was killed.
        ValueError: If a teacher cannot be had, or the record or the list that
            is there was made otherwise.
    """
    settings = [x.settings() for x in teachers]
    with open_record(record_of(out), settings) as record:
        _check_list(out, record)
        result = _ask(photos, teachers, record, workers)
        for name in photos:
            if name not in result.failed:
                answer = record.answers[name]
                result.labels[name] = rule(
                    answer.found, answer.width, answer.height
                )
        if not result.labels:
            reason = next(iter(result.failed.values()), 'there are none')
            raise ValueError(f'no photo can be used, as this one: {reason}')
        text = wider_face_text(
            FaceImage(name, labels.faces(), 0)
            for name, labels in result.labels.items()
        )
        record.add_list(rule.settings(), text)
        remove_partial(out.parent, [out.name])
        with atomic_file(out) as partial:
            partial.write_text(text, encoding='utf-8', newline='\n')
    return result


def _check_list(out: Path, record: Record) -> None:
    if out.exists() and not (
        out.is_file() and record.is_own(out.read_bytes())
    ):
        raise ValueError(
            f'{out}: was not made from {record.path.name}, or was changed '
            'since; it is not overwritten: name another list, or move it away'
        )


def _ask(
    photos: Mapping[str, Path],
    teachers: Sequence[Teacher],
    record: Record,
    workers: int,
) -> Labelling:
    """Bring the record up to date."""
    result = Labelling()
    if record.answers and not photos.keys() & record.answers.keys():
        raise ValueError(
            f'{record.path}: is of other photos, such as '
            f'{next(iter(record.answers))}; name another list'
        )
    todo = {}
    for name, path in photos.items():
        try:
            wider_face_text([FaceImage(name, [], 0)]).encode()
            answer = record.answers.get(name)
            if answer is None or answer.version != version_of(path):
                todo[name] = path
        except (OSError, ValueError) as error:
            result.failed[name] = str(error)
    if not todo:
        return result
    with progress_bar() as bar:
        task = bar.add_task('Labelling', total=len(photos))
        bar.advance(task, len(photos) - len(todo))
        answers = ask_teachers(todo.items(), teachers, min(workers, len(todo)))
        for name, answer in answers:
            if isinstance(answer, str):
                result.failed[name] = answer
            else:
                record.add(answer)
                result.asked += 1
            bar.advance(task)
    return result
