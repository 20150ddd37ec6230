"""VOC's xml files and lists of images, as tools of all kinds write them."""

from __future__ import annotations

import codecs
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from mmsrn.utils.image_files import IMAGE_SUFFIXES
from mmsrn.utils.text_data import decode_text

__all__ = ['list_names', 'parse_voc_xml', 'stated_size', 'tidy_objects']

_DECLARATION = re.compile(r'\s*<\?xml[^>]*\?>')
_ENCODING = re.compile(rb'<\?xml[^>]*encoding\s*=\s*["\']([\w.-]+)["\']')
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
# What labelling tools leave where nobody has said anything.
_UNSAID = ('', 'unspecified', 'none', 'false')
_SAID = ('true',)
# In the lists of one class: has none of it, difficult ones alone, has some.
_FLAGS = ('-1', '0', '1')


def list_names(
    data: bytes, is_name: Callable[[str], bool]
) -> list[tuple[int, str]]:
    """Read the lines of a list of images.

    Args:
        data (bytes): Its content: UTF-8, or UTF-16 with its mark.
        is_name (Callable): Tells whether a text is the name of an image.

    Returns:
        list[tuple[int, str]]: Number of the line, from 1, and what stands
        there: a name, with or without folders and suffix.  Blank lines are
        left out, and so is what VOC's lists of a class, or lists of pairs of
        files, have behind the name.

    Raises:
        UnicodeDecodeError: If it is no text.
    """
    text = decode_text(data)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip()
        head, _, tail = name.replace('\t', ' ').rpartition(' ')
        head = head.strip()
        if head and not is_name(name):
            if tail in _FLAGS:
                name = head
            elif tail.lower().endswith('.xml') and head.lower().endswith(
                IMAGE_SUFFIXES
            ):
                name = tail
        if name:
            found.append((number, name))
    return found


def parse_voc_xml(data: bytes) -> ET.Element:
    """Parse an xml file, whatever encoding and namespace it declares.

    Args:
        data (bytes): Content of the file.

    Returns:
        ET.Element: The annotation; its tags are in small letters, have no
        namespaces, and its objects stand directly below it.

    Raises:
        ValueError: If it is not well-formed, or no annotation.
    """
    try:
        root = ET.fromstring(data)
    # Of other encodings: names of folders, which nobody needs, may be in one
    # and the declaration of another.
    except (ET.ParseError, LookupError, ValueError):
        root = _parse_decoded(data)
    for item in root.iter():
        if isinstance(item.tag, str):
            item.tag = item.tag.rpartition('}')[2].lower()
    for group in root.findall('objects'):
        root.extend(group.findall('object'))
    if root.tag != 'annotation':
        raise ValueError(
            f'is no VOC annotation: it begins with <{root.tag}>, not with '
            '<annotation>'
        )
    return root


def _parse_decoded(data: bytes) -> ET.Element:
    declared = _ENCODING.match(data.lstrip(codecs.BOM_UTF8))
    encoding = declared[1].decode() if declared else 'utf-8-sig'
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = 'utf-16'  # whatever is declared
        text = data.decode(encoding, errors='replace')
    except LookupError:
        text = data.decode('utf-8-sig', errors='replace')
    try:
        return ET.fromstring(_DECLARATION.sub('', text, count=1).lstrip())
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f'not well-formed xml: {error}') from None


def stated_size(root: ET.Element) -> tuple[int, int] | None:
    """Read the size that an annotation states.

    Args:
        root (ET.Element): The annotation.

    Returns:
        tuple[int, int], optional: Width and height in pixels; None if they
        are left out, empty or 0.

    Raises:
        ValueError: If they are anything else.
    """
    size = root.find('size')
    if size is None:
        return None
    found = []
    for key in ('width', 'height'):
        text = size.findtext(key)
        try:
            side = float(text) if text != '' else 0.0
        except (TypeError, ValueError):
            side = math.nan
        if not 0 <= side < math.inf:
            raise ValueError(
                f'{key} in size must be a number of pixels, not {_short(text)}'
            )
        found.append(round(side))
    return tuple(found) if all(found) else None


def tidy_objects(
    root: ET.Element, fold: Callable[[str], str | None]
) -> list[list[float]]:
    """Put the objects of an annotation into the form that mmdet reads.

    Args:
        root (ET.Element): The annotation, which is changed.
        fold (Callable): Takes the name of an object, gives its class, or
            None to leave the object out, and raises a ``ValueError`` if there
            is none.

    Returns:
        list[list[float]]: The corners of those that stay, as written.

    Raises:
        ValueError: If an object has no name, no box, or another error.
    """
    boxes = []
    for number, item in enumerate(root.findall('object'), 1):
        name = item.find('name')
        text = '' if name is None else (name.text or '').strip()
        if not text:
            raise ValueError(f'object {number} has no name')
        name.text = fold(text)
        if name.text is None:
            root.remove(item)
            continue
        corners = []
        for key in _CORNERS:
            text = item.findtext(f'bndbox/{key}')
            try:
                corners.append(float(text))
                int(corners[-1])
            except (OverflowError, TypeError, ValueError):
                raise ValueError(
                    f'object {number}: {key} is no number but {_short(text)}'
                ) from None
        boxes.append(corners)
        flag = item.find('difficult')
        if flag is None:
            continue
        text = (flag.text or '').strip()
        if text.lower() in _UNSAID:
            flag.text = '0'
        elif text.lower() in _SAID:
            flag.text = '1'
        try:
            int(flag.text)
        except ValueError:
            raise ValueError(
                f'object {number}: difficult is neither 0 nor 1 but '
                f'{_short(text)}'
            ) from None
    return boxes


def _short(text: str | None) -> str:
    return repr(text if text is None else text[:60])
