"""Draw the second picture of docs/srn_explained.md, STC and STR on a photo.

``python docs/draw_selection.py`` writes docs/images/srn_selection.jpg with the
default weights.
"""

from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmsrn import FaceDetector
from mmsrn.demo.selection import Selection, look_inside
from mmsrn.evaluation.readers import read_wider_face_txt
from mmsrn.visualization.panels import draw_box, show_image
from mmsrn.visualization.selection import POSITIVE_IOU, box_ious

IMAGES = Path(__file__).resolve().parent / 'images'
SIDE = 1280  # of the photo: its faces then lie on P4 and P5
TITLE = dict(size=10, weight='bold')
BOXES = (
    ('anchor', '#ffffff', '--'),
    ('moved by step 1', '#f08a2c', '-'),
    ('box of step 2', '#3fbf5f', '-'),
)


def draw_selection(selection: Selection, faces: np.ndarray) -> Figure:
    """Draw what STC drops, and how STR moves an anchor of each of three faces.

    Args:
        selection: Both steps on the photo.
        faces: Ground truth x1, y1, x2, y2 in pixels of its image, (k, 4).

    Returns:
        The figure.
    """
    figure = Figure((8, 5.7), dpi=160, layout='constrained')
    rows = figure.subfigures(2, 1, height_ratios=(2, 3))
    image = selection.image[..., ::-1]
    dark = cv2.cvtColor(selection.image, cv2.COLOR_BGR2GRAY)[..., None] * 0.35
    rows[0].suptitle(
        'STC: step 2 scores only the places in colour',
        **TITLE,
        color='#2f6db3',
    )
    for axis, level in zip(rows[0].subplots(1, 3), selection.levels):
        kept = level.per_cell(level.kept.astype(np.float32))[..., None]
        stride = 4 << level.level
        kept = kept.repeat(stride, 0).repeat(stride, 1)
        kept = kept[: len(image), : image.shape[1]]
        show_image(axis, np.where(kept, image, dark))
        share = f'{1 - level.kept.mean():.0%} of {len(level.kept):,}'
        axis.set_title(f'{level.name}: {share} anchors dropped', size=8.5)
    rows[1].suptitle(
        'STR: step 2 starts from anchors that step 1 moved',
        **TITLE,
        color='#c2641a',
    )
    for axis, track in zip(rows[1].subplots(1, 3), _tracks(selection, faces)):
        show_image(axis, image)
        for box, (_, color, style) in zip(track, BOXES):
            draw_box(axis, box, color, 2, style)
        ious = box_ious(track[:3], track[3:])[:, 0]
        says = ' \N{RIGHTWARDS ARROW} '.join(f'{x:.2f}' for x in ious)
        axis.set_title(f'IoU with the face: {says}', size=8.5)
        x, y = (track[3, :2] + track[3, 2:]) / 2
        x = np.clip(x, 100, image.shape[1] - 100)
        axis.set(xlim=(x - 100, x + 100), ylim=(y + 88, y - 88))
    lines = [Line2D([], [], color=c, ls=s, lw=2) for _, c, s in BOXES]
    names = [name for name, _, _ in BOXES]
    style = dict(
        ncols=3, fontsize=8.5, facecolor='#6b727c', labelcolor='white'
    )
    rows[1].legend(lines, names, loc='outside lower center', **style)
    return figure


def _tracks(selection: Selection, faces: np.ndarray) -> list[np.ndarray]:
    """Anchor, moved anchor, final box and face, of the largest faces.

    Of the positives of step 2, the one with the median IoU before the move.
    """
    tracks = []
    level = next(x for x in selection.levels if x.moved is not None)
    for face in sorted(faces, key=lambda x: (x[:2] - x[2:]).prod())[::-1]:
        positive = box_ious(level.moved, face[None])[:, 0] >= POSITIVE_IOU
        inds = positive.nonzero()[0]
        if len(inds):
            starts = box_ious(level.anchors[inds], face[None])[:, 0]
            i = inds[starts.argsort()[len(inds) // 2]]
            boxes = level.anchors[i], level.moved[i], level.boxes[i], face
            tracks.append(np.stack(boxes))
    return tracks


def main() -> None:
    """Write the picture."""
    ((name, faces, _),) = read_wider_face_txt(IMAGES / 'team_bbx_gt.txt')
    boxes = np.array([x[:4] for x in faces], np.float32)
    boxes[:, 2:] += boxes[:, :2]
    detector = FaceDetector(backend='torch', scale=SIDE)
    selection = look_inside(detector, cv2.imread(str(IMAGES / name)), SIDE)
    if isinstance(selection, str):
        raise SystemExit(selection)
    figure = draw_selection(selection, boxes * selection.zoom)
    figure.savefig(IMAGES / 'srn_selection.jpg', pil_kwargs=dict(quality=88))


if __name__ == '__main__':
    main()
