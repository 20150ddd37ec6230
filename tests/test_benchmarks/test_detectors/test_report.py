"""Tables."""

import pytest

from benchmarks.detectors.picture import draw
from benchmarks.detectors.report import (
    false_alarm_table,
    mean_block,
    set_table,
)


def block(name, ap50, seconds=(0.2, 0.1)):
    detectors = [
        dict(
            name=detector,
            seconds=time,
            cpu_seconds=0.05,
            AP=ap50 / 2,
            AP50=ap50,
            AP75=0.25,
            recall=[ap50, 1.0],
            default_score=0.5,
            default_recall=0.75,
            default_false=2.0,
            best_score=None,
            best_f1=0.0,
            heights=[dict(band='16-32', faces=7, AP50=0.5, recall=[0.1, 0.2])],
        )
        for detector, time in zip(('ours', 'CenterFace'), seconds)
    ]
    return dict(name=name, photos=3, faces=7, detectors=detectors)


def cells(line):
    return [x.strip() for x in line.strip('|').split('|')]


def test_set():
    first, second = set_table(block('street', 0.8), [0.1, 1]).split('\n\n')
    head, rule, ours, other = map(cells, first.splitlines())
    assert head[:4] == ['street: 3 photos, 7 faces', 'ms', 'x ours'] + [
        'x CenterFace'
    ]
    assert head[8:10] == ['R@0.1', 'R@1'] and not ''.join(rule).strip('-')
    assert ours[:5] == ['ours', '200.0', '1.00', '2.00', '50.0']
    assert ours[5:9] == ['0.400', '0.800', '0.250', '0.800']
    assert ours[9:] == ['1.000', '0.5', '0.750', '2.000', '0.000', '-']
    assert other[1:4] == ['100.0', '0.50', '1.00']
    head, _, ours, _ = map(cells, second.splitlines())
    assert head[1] == '16-32 (7)' and ours[1] == '0.500 0.100 0.200'


def test_mean():
    mean = mean_block([block('a', 0.8), block('b', 0.4, (0.4, 0.1))])
    ours = mean['detectors'][0]
    assert ours['seconds'] == pytest.approx(0.3)
    assert ours['AP50'] == pytest.approx(0.6)
    assert ours['recall'] == pytest.approx([0.6, 1])
    assert mean['photos'] == 6 and mean['name'] == 'mean of 2 sets'
    assert 'by height' not in set_table(mean, [0.1, 1])


def test_photos_without_faces():
    row = dict(name='ours', default_score=0.5, alarms=4, photos=2)
    row['highest'] = [(0.9 - i / 10, 'x.png') for i in range(7)]
    text = false_alarm_table(dict(name='sea', photos=9, detectors=[row]))
    assert cells(text.splitlines()[2]) == ['ours', '0.5', '4', '2'] + [
        '0.90 0.80 0.70 0.60 0.50'
    ]


@pytest.mark.parametrize('number', [1, 6])
def test_picture(number, tmp_path):
    figure = draw([block(f'set {i}', i / 10) for i in range(number)])
    assert [x.get_title() for x in figure.axes] == [
        f'set {i}' for i in range(number)
    ]
    marks = figure.axes[-1].collections
    assert [x.get_label() for x in marks] == ['ours', 'CenterFace']
    assert marks[0].get_offsets().tolist() == [
        [pytest.approx(200), (number - 1) / 10]
    ]
    assert figure.axes[-1].get_xscale() == 'log'
    figure.savefig(tmp_path / 'a.png')
