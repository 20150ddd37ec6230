"""Draw the first picture of docs/srn_explained.md, both steps on all levels.

``python docs/draw_pyramid.py`` writes docs/images/srn_pyramid.png. Levels,
strides and anchors are those of the config of the paper.
"""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from mmdet.registry import TASK_UTILS
from mmengine.config import Config

from mmsrn.utils import register_all_modules

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/srn/srn_r50_fpn_8xb4-130e_widerface.py'
INK, FAINT, STC, STR = '#3a3f47', '#6b727c', '#2f6db3', '#c2641a'
FILL = {INK: '#f3f4f6', STC: '#d9e7f6', STR: '#fbe6d3'}


def draw_pyramid(
    anchors: list[str], stc_levels: tuple[int, ...], str_levels: tuple
) -> Figure:
    """Draw both steps on all levels.

    Args:
        anchors: Sizes of the anchors of each level, from the smallest stride.
        stc_levels, str_levels: Indices of the levels of STC and of STR.
    """
    figure = Figure((8, 7.2), dpi=160)
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, 80), ylim=(0, 72))
    axis.set_axis_off()
    rows = [27 + 7 * i for i in range(len(anchors))]
    for x, head in (
        (7.7, 'Stride, anchors\nin pixels'),
        (28, 'Step 1: a first look'),
        (64, 'Step 2: the answer'),
    ):
        _write(axis, x, 69, head, weight='bold', size=10)
    for levels, text, color in (
        (stc_levels, 'drops anchors\nthat step 1\nscores below\n0.01', STC),
        (str_levels, 'moves the\nanchors to the\nboxes of\nstep 1', STR),
    ):
        low, high = rows[min(levels)], rows[max(levels)]
        middle, name = (low + high) / 2, 'STC' if color == STC else 'STR'
        _box(axis, 46, middle, 11, '', color, high - low + 5)
        _write(axis, 46, middle + 5, name, color=color, size=11, weight='bold')
        _write(axis, 46, middle - 1.5, text, size=8.5)
    for i, (y, size) in enumerate(zip(rows, anchors)):
        width = 9.5 - i
        _write(axis, 7.7, y + 1.2, f'stride {4 << i}', size=8.5)
        _write(axis, 7.7, y - 1.2, size, size=7.5, color=FAINT)
        _box(axis, 22, y, width, f'C{i + 2}')
        _box(axis, 73, y, width, f'P{i + 2}')
        color = STC if i in stc_levels else STR
        _box(axis, 34, y, 8, 'score' if color == STC else 'box', color)
        _box(axis, 58, y, 8.5, 'score, box')
        _arrow(axis, (22 + width / 2, y), (30, y))
        _arrow(axis, (73 - width / 2, y), (62.4, y))
        _arrow(axis, (38, y), (40.4, y), color)
        _arrow(axis, (51.6, y), (53.6, y), color)
    _draw_backbone(axis, rows)
    _draw_subnet(axis)
    return figure


def _draw_backbone(axis: Axes, rows: list[int]) -> None:
    """Where the maps of both steps come from."""
    arrow = '  \N{RIGHTWARDS ARROW}  '
    text = f'photo{arrow}backbone: maps of stride 4, 8, 16 and 32'
    _box(axis, 47.3, 19, 63.4, text)
    for x, inwards, center in ((16, 1, 22), (78.6, -1, 73)):
        axis.plot((x, x), (21, rows[3]), color=INK, lw=1)
        for i in range(4):
            _arrow(
                axis, (x, rows[i]), (center - inwards * (4.8 - i / 2), rows[i])
            )
    for i in (3, 4):
        _arrow(axis, (22, rows[i] + 2), (22, rows[i + 1] - 2))
        _arrow(axis, (73, rows[i] + 2), (73, rows[i + 1] - 2))
    for i in (3, 2, 1):
        _arrow(axis, (73, rows[i] - 2), (73, rows[i - 1] + 2))


def _draw_subnet(axis: Axes) -> None:
    """The subnet behind each prediction, and the strips of RFE."""
    _write(axis, 1, 11, 'Every score and box\nof both steps', ha='left')
    parts = ((25, '3 x 3'), (36, 'RFE'), (47, '3 x 3'), (58, '1 x 1'))
    for x, text in parts:
        _box(axis, x, 11, 7, text)
    for (x, _), (end, _) in zip(parts, parts[1:]):
        _arrow(axis, (x + 3.5, 11), (end - 3.5, 11))
    for x, high, wide in ((28, 1, 5), (34, 5, 1), (38, 1, 3), (42, 3, 1)):
        for i in range(high * wide):
            corner = x - wide / 2 + i % wide, 5 - high / 2 + i // wide
            axis.add_patch(
                Rectangle(corner, 1, 1, fc=FILL[INK], ec=INK, lw=0.7)
            )
    says = 'RFE: these four kernels beside each other, plus the input'
    _write(axis, 45, 5, says, ha='left', size=7.5)


def _write(axis: Axes, x: float, y: float, text: str, **style) -> None:
    style = dict(dict(color=INK, size=9, ha='center', va='center'), **style)
    axis.text(x, y, text, **style)


def _box(axis, x, y, width, text, color=INK, height=4) -> None:
    axis.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle='round,pad=0,rounding_size=0.5',
            fc=FILL[color],
            ec=color,
            lw=0.9,
        )
    )
    _write(axis, x, y, text, size=8.5)


def _arrow(axis, start, end, color=INK) -> None:
    style = dict(arrowstyle='-|>', color=color, lw=1, shrinkA=0, shrinkB=0)
    axis.annotate('', end, start, arrowprops=style)


def anchor_sizes(head: dict) -> list[str]:
    """Width and height of the anchors of each level."""
    generator = TASK_UTILS.build(head['anchor_generator'])
    return [
        ', '.join('{:.0f} x {:.0f}'.format(*x[2:] - x[:2] + 1) for x in level)
        for level in generator.base_anchors
    ]


def main() -> None:
    """Write the picture."""
    register_all_modules()
    head = Config.fromfile(CONFIG).model.bbox_head
    sizes = anchor_sizes(head)
    figure = draw_pyramid(sizes, head['stc_levels'], head['str_levels'])
    figure.savefig(ROOT / 'docs/images/srn_pyramid.png')


if __name__ == '__main__':
    main()
