"""The page in a browser that reaches no network."""

import json
import time

import pytest
from PIL import Image

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MESSAGE = "(document.querySelector('.message') || {innerText: ''}).innerText"
PICTURE = "document.querySelector('#picture img')"


@pytest.fixture
def address(detector):
    """Where the page is served."""
    pytest.importorskip('gradio')
    from mmsrn.demo import build_page
    from mmsrn.demo.server import serve

    page = serve(build_page(detector), '127.0.0.1', None)
    yield page.local_url
    page.close()


def when_written(path, seconds=30):
    """Content of a file, as soon as it is there."""
    end = time.monotonic() + seconds
    while not path.is_file():
        assert time.monotonic() < end, f'no {path.name} after {seconds} s'
        time.sleep(0.1)
    return path.read_text()


def open_tab(browser, name):
    """Click on the name of a tab."""
    browser.evaluate(
        "[...document.querySelectorAll('button[role=tab]')]"
        f".find(x => x.innerText.trim() == '{name}').click()"
    )


def test_photo_to_faces(address, browser, detector, tmp_path):
    photo = tmp_path / 'a & b.png'
    Image.new('RGB', (400, 200), (90, 60, 30)).save(photo)
    browser('Page.navigate', url=address)
    browser.wait_for("!!document.querySelector('input[type=file]')")
    browser.upload('input[type=file]', photo)
    browser.wait_for(f"{MESSAGE}.startsWith('1 face of 141 px')")
    # The name is text, and no html.
    assert 'a & b.png, 400 x 200 px' in browser.evaluate(MESSAGE)
    browser.wait_for(f'{PICTURE}.complete && {PICTURE}.naturalWidth == 960')
    rows = r"document.querySelector('#faces').innerText.split(/\s+/)"
    browser.wait_for(f"{rows}.join(' ').includes('1 0.9 100 50 200 100')")

    # A lower threshold shows the second face without the network.
    browser.evaluate(
        "box = document.querySelector('#score input[type=number]');"
        "box.value = '0.2';"
        "box.dispatchEvent(new Event('input', {bubbles: true}));"
        "box.dispatchEvent(new Event('blur'))"
    )
    browser.wait_for(f"{MESSAGE}.startsWith('2 faces')")
    assert detector.calls == [(640, 'none')]
    browser(
        'Browser.setDownloadBehavior',
        behavior='allow',
        downloadPath=str(tmp_path),
    )
    browser.evaluate("document.querySelector('#download').click()")
    saved = json.loads(when_written(tmp_path / 'a & b_faces.json'))
    assert saved['name'] == photo.name
    assert [x['score'] for x in saved['faces']] == [0.9, 0.3]

    browser.screenshot(tmp_path / 'page.png')
    with Image.open(tmp_path / 'page.png') as picture:
        assert picture.width > 1200
        assert len(picture.getcolors(1 << 24)) > 50  # not blank

    # There is no network whose steps it could show.
    open_tab(browser, 'STC and STR')
    browser.wait_for(
        "document.body.innerText.includes('This view needs PyTorch')"
    )
    open_tab(browser, 'Faces')
    browser.wait_for(f'!!{PICTURE}')

    # What is no photo is said on the page.
    broken = tmp_path / 'broken.jpg'
    broken.write_text('no photo')
    remove = 'document.querySelector(\'#photo [aria-label="Remove Image"]\')'
    browser.evaluate(f'{remove}.click()')
    browser.wait_for(f"{MESSAGE}.startsWith('Drop a photo')")
    browser.upload('input[type=file]', broken)
    browser.wait_for(f"{MESSAGE}.startsWith('broken.jpg: is not an image')")
    assert not browser.evaluate(f'!!{PICTURE}')

    elsewhere = [
        x
        for x in browser.requests()
        if not x.startswith((address, 'data:', 'blob:', 'about:'))
    ]
    assert elsewhere == []
