"""Text of other tools, in whatever encoding they write."""

import pytest

from mmsrn.utils.text_data import decode_text


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_encodings(encoding):
    assert decode_text('脸 é\r\n'.encode(encoding)) == '脸 é\r\n'


def test_big_endian():
    assert decode_text(b'\xfe\xff\0a') == 'a'


@pytest.mark.parametrize('data', [b'\xc1\xb3', b'\xff\xfea'])
def test_others(data):
    with pytest.raises(UnicodeDecodeError):
        decode_text(data)
