"""The page shows what it was given, and only whole files."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmsrn.visualization import HtmlReport

IMAGE = np.random.default_rng(0).integers(256, size=(20, 30, 3)).astype('u1')


class Reader(HTMLParser):
    """Texts by tag, sources of images, and whether all tags are closed."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.images, self.open = {}, [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == 'img':
            self.images.append(dict(attrs))
        elif tag != 'meta':
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data)


@pytest.fixture
def report(tmp_path):
    return HtmlReport(tmp_path / 'new/page.html', 'A <title> & more')


def read(report):
    page = report.save().read_text(encoding='utf-8')
    reader = Reader(page)
    assert not reader.open
    return reader


def test_texts(report):
    report.section('One & two')
    report.text('<b>bold</b>')
    report.code('if a < b:\n  c', 'Source <x>')
    texts = read(report).texts
    assert texts['title'] == texts['h1'] == ['A <title> & more']
    assert texts['h2'] == ['One & two']
    assert texts['p'] == ['<b>bold</b>']
    assert texts['pre'] == ['if a < b:\n  c']
    assert texts['summary'] == ['Source <x>']


def test_table(report):
    rows = [['a<b', 0.12345, 7], ['c', np.float32(1 / 3), np.int64(3)]]
    report.table(['name', 'value', 'count'], rows)
    report.table(['empty'], [])
    texts = read(report).texts
    assert texts['th'] == ['name', 'value', 'count', 'empty']
    assert texts['td'] == ['a<b', '0.123', '7', 'c', '0.333', '3']


def test_pictures(report):
    figure = Figure((2, 1))
    figure.subplots().plot([1, 2])
    report.picture('a b#1.png', IMAGE, 'first "picture"')
    report.row([('b.png', figure, ''), ('c.jpg', IMAGE, '<c>')])
    reader = read(report)
    folder = report.path.parent
    files = [folder / unquote(x['src']) for x in reader.images]
    assert [x.name for x in files] == ['a b#1.png', 'b.png', 'c.jpg']
    first, second, third = (cv2.imread(str(x)) for x in files)
    assert (first == IMAGE).all()
    assert second.shape == (110, 220, 3) and third.shape == IMAGE.shape
    assert reader.images[0]['alt'] == 'first "picture"'
    assert reader.texts['figcaption'] == ['first "picture"', '<c>']
    assert sorted(folder.iterdir()) == [report.folder, report.path]


@pytest.mark.parametrize('name', ['a.unknown', 'missing/a.png/b.png'])
def test_picture_that_cannot_be_written(report, name):
    (report.folder / 'missing').mkdir()
    (report.folder / 'missing/a.png').write_text('a file')
    with pytest.raises(OSError, match=re.escape(name.split('/')[0])):
        report.picture(name, IMAGE)
    assert '<img' not in report.save().read_text()
    assert [x.name for x in report.folder.iterdir()] == ['missing']


def test_page_is_whole_or_old(report):
    report.text('old')
    report.save()
    report.text('\ud800')  # no utf-8
    with pytest.raises(UnicodeEncodeError):
        report.save()
    assert Reader(report.path.read_text()).texts['p'] == ['old']
    assert sorted(x.name for x in report.path.parent.iterdir()) == [
        'images',
        'page.html',
    ]
