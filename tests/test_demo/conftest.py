"""A detector without a network, and a browser without a window."""

import base64
import json
import logging
import os
import select
import shutil
import subprocess
import time

import numpy as np
import pytest
from mmengine.logging import MMLogger

from mmsrn.apis import Faces
from mmsrn.apis.photos import read_photo


@pytest.fixture(autouse=True)
def open_logs():
    """Forget logs whose files are closed: uvicorn closes all there are."""
    yield
    logger = MMLogger.get_current_instance()
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler) and not handler.stream:
            logger.removeHandler(handler)


class SquareDetector:
    """Finds a sure face in the middle and a doubtful one in the corner."""

    backend = None
    score_thr, min_size, scale, enhance = 0.4, 0, 640, 'none'

    def __init__(self):
        self.calls = []

    def detect(self, path):
        photo = read_photo(path, path)
        self.calls.append((self.scale, self.enhance))
        height, width = photo.shape[:2]
        middle = [width / 4, height / 4, width * 3 / 4, height * 3 / 4]
        return Faces(
            boxes=np.array([middle, [0, 0, 20, 30]], np.float32),
            scores=np.array([0.9, 0.3], np.float32),
            photo=photo,
            name=path,
            timing=dict(read=0.0, enhance=0.0, detect=0.5),
            enhancement=None
            if self.enhance in ('none', 'auto')
            else self.enhance,
        )


@pytest.fixture
def detector():
    """A :class:`SquareDetector`."""
    return SquareDetector()


class Browser:
    """A page of Chromium that reaches nothing but this computer.

    It is driven through its DevTools protocol.

    Commands are JSON texts that end in a zero byte, over two pipes: see
    https://chromedevtools.github.io/devtools-protocol.
    """

    def __init__(self, program, profile, size):
        here_in, there_out = os.pipe()
        there_in, here_out = os.pipe()
        self.process = subprocess.Popen(
            # Chromium reads from 3 and writes to 4.
            ['bash', '-c', f'exec "$@" 3<&{there_in} 4>&{there_out}', 'bash']
            + [program, '--headless=new', '--no-sandbox', '--disable-gpu']
            + ['--remote-debugging-pipe', f'--user-data-dir={profile}']
            + ['--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1']
            + ['--window-size={},{}'.format(*size), 'about:blank'],
            pass_fds=(there_in, there_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there_in)
        os.close(there_out)
        self.answers = os.fdopen(here_in, 'rb')
        self.commands = os.fdopen(here_out, 'wb')
        self.number, self.rest, self.session = 0, b'', None
        self.events = []
        targets = self('Target.getTargets')['targetInfos']
        target = next(x for x in targets if x['type'] == 'page')
        self.session = self(
            'Target.attachToTarget', targetId=target['targetId'], flatten=True
        )['sessionId']
        for domain in ('Page', 'Network', 'Runtime', 'DOM'):
            self(f'{domain}.enable')

    def __call__(self, method, **params):
        """Give a command and return its result; events are kept."""
        self.number += 1
        command = dict(id=self.number, method=method, params=params)
        if self.session:
            command['sessionId'] = self.session
        self.commands.write(json.dumps(command).encode() + b'\0')
        self.commands.flush()
        while True:
            answer = self._read()
            if answer.get('id') == self.number:
                assert 'error' not in answer, (method, answer['error'])
                return answer['result']
            self.events.append(answer)

    def _read(self):
        while b'\0' not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], 60)
            assert ready, 'Chromium says nothing'
            part = self.answers.read1(1 << 20)
            assert part, 'Chromium ended'
            self.rest += part
        text, _, self.rest = self.rest.partition(b'\0')
        return json.loads(text)

    def evaluate(self, script):
        """Value of an expression of JavaScript."""
        answer = self(
            'Runtime.evaluate', expression=script, returnByValue=True
        )
        assert 'exceptionDetails' not in answer, answer['exceptionDetails']
        return answer['result'].get('value')

    def wait_for(self, script, seconds=60):
        """Wait until an expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, (
                f'{script} is not true after {seconds} s; the page says: '
                + self.evaluate('document.body.innerText')
            )
            time.sleep(0.1)
        return value

    def upload(self, selector, path):
        """Choose a file in a form."""
        root = self('DOM.getDocument')['root']['nodeId']
        node = self('DOM.querySelector', nodeId=root, selector=selector)
        self('DOM.setFileInputFiles', nodeId=node['nodeId'], files=[str(path)])

    def screenshot(self, path):
        """Save the whole page as a png."""
        picture = self('Page.captureScreenshot', captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture['data']))

    def requests(self):
        """Addresses that the page asked for."""
        return [
            x['params']['request']['url']
            for x in self.events
            if x.get('method') == 'Network.requestWillBeSent'
        ]

    def close(self):
        """End the browser."""
        self.commands.close()  # Chromium ends when its pipe does
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.answers.close()


@pytest.fixture
def browser(tmp_path):
    """A :class:`Browser`, 1280 pixels wide; skips without Chromium."""
    names = ('chromium', 'chromium-browser', 'google-chrome')
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip('no Chromium')
    browser = Browser(program, tmp_path / 'profile', (1280, 900))
    yield browser
    browser.close()
