"""The page about the command: its options exist, its example runs."""

import json
import re
import shlex

import pytest

from mmsrn.cli.main import COMMANDS, make_parser
from mmsrn.video import VideoReader

PAGE = 'docs/command_line.md'


@pytest.fixture
def text(root):
    return (root / PAGE).read_text(encoding='utf-8')


def test_commands_can_be_parsed(root):
    """On every page, and in the help of the commands."""
    pages = [root / 'README.md', *root.glob('docs/*.md')]
    blocks = [
        block.replace('\\\n', ' ')
        for page in pages
        for block in re.findall(
            r'^```bash\n(.*?)^```', page.read_text('utf-8'), re.M | re.S
        )
    ]
    parser = make_parser()
    for command in COMMANDS:
        inner = parser._subparsers._group_actions[0].choices[command]
        blocks.append(inner.epilog.replace('%(prog)s', f'mmsrn {command}'))
    lines = [
        line.strip().split('|')[0]
        for block in blocks
        for line in block.replace('\\\n', ' ').splitlines()
        if re.match(r'\s*mmsrn \w', line)
    ]
    assert len(lines) > 12
    for line in lines:
        # In the help what is said of an example stands far to the right.
        words = shlex.split(re.sub(r' {3,}.*', '', line), comments=True)
        parser.parse_args(words[1:])


def test_options_are_those_of_the_command(text):
    parser = make_parser('detect')
    detect = parser._subparsers._group_actions[0].choices['detect']
    known = {
        x
        for action in detect._actions
        for x in action.option_strings
        if x.startswith('--')
    }
    named = set(re.findall(r'(?<![\w-])--[a-z][\w-]*', text))
    assert named - {'--help'} <= known
    assert known - {'--help'} <= named


def test_examples(text, made, mmsrn, film, paint):
    film('clip.mp4')
    paint('photo.jpg', (5, 5, 20))
    (code,) = re.findall(r'^```python\n(.*?)^```', text, re.M | re.S)
    exec(code, {})
    with VideoReader('out.mp4') as video:
        assert video.num_frames == 6
    (block,) = re.findall(r'^```json\n(.*?)^```', text, re.M | re.S)
    shown = json.loads(block)
    mmsrn('detect', 'clip.mp4', 'photo.jpg', '--json', 'faces.json')
    frame, *_, photo = json.load(open('faces.json'))
    assert list(frame) == list(shown)
    assert set(frame['timing']) == set(shown['timing'])
    assert list(photo) == [x for x in shown if x not in ('frame', 'time')]
