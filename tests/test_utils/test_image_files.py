"""Images of every format are decoded upright, and their headers say so."""

import io
import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmsrn.utils.image_files import (
    IMAGE_SUFFIXES,
    decode_image,
    decode_incomplete_jpeg,
    process_image,
    read_bytes,
    read_image,
)
from mmsrn.utils.image_header import MAX_PIXELS, read_header, turn_upright

# Four colours, RGB: no two orientations look the same.
PIXELS = np.zeros((24, 40, 3), np.uint8)
PIXELS[:12, :20] = 255, 0, 0
PIXELS[:12, 20:] = 0, 255, 0
PIXELS[12:, :20] = 0, 0, 255
FORMATS = {
    'JPEG': dict(quality=100, subsampling=0),
    'MPO': dict(
        quality=100,
        subsampling=0,
        save_all=True,
        append_images=[Image.fromarray(PIXELS)],
    ),
    'PNG': {},
    'TIFF': {},
    'WEBP': dict(lossless=True),
    'AVIF': dict(quality=100, subsampling='4:4:4'),
}


def encode(kind, turn=1, pixels=PIXELS):
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = turn
    image = Image.fromarray(pixels)
    image.save(buffer, kind, exif=exif, **FORMATS.get(kind, {}))
    return buffer.getvalue()


def upright(data):
    """RGB as PIL, another decoder, shows it."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert('RGB'))


@pytest.mark.parametrize('turn', range(1, 9))
@pytest.mark.parametrize('kind', FORMATS)
def test_orientation_in_every_format(kind, turn, tmp_path):
    data = encode(kind, turn)
    found = decode_image(data)
    expected = upright(data)
    assert found.shape == expected.shape and found.flags.c_contiguous
    assert np.abs(found[..., ::-1].astype(int) - expected).max() <= 4
    path = tmp_path / 'photo'
    path.write_bytes(data)
    for source in (data, path, str(path)):
        header = read_header(source)
        assert header.size == found.shape[1::-1]
        assert (header.width, header.height) == (40, 24)
        assert (header.orientation, header.format) == (turn, kind)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'TIFF'])
@pytest.mark.parametrize('turn', range(1, 9))
def test_same_bits_as_opencv(kind, turn):
    """Where that turns images itself, as training did all the time."""
    rng = np.random.default_rng(turn)
    noise = rng.integers(0, 256, (33, 21, 3), np.uint8)
    data = encode(kind, turn, noise)
    plain = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode_image(data), plain)


@pytest.mark.parametrize('turn', range(1, 9))
def test_turning_as_pil_does(turn):
    image = Image.fromarray(PIXELS)
    exif = image.getexif()
    exif[0x0112] = turn
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(turn_upright(PIXELS, turn), expected)
    grey = turn_upright(PIXELS[..., 0], turn)
    np.testing.assert_array_equal(grey, expected[..., 0])


def chunk(kind, data):
    body = kind + data
    return (
        struct.pack('>I', len(data))
        + body
        + struct.pack('>I', zlib.crc32(body))
    )


def test_exif_behind_the_pixels_of_a_png():
    exif = Image.Exif()
    exif[0x0112] = 6
    late = chunk(b'eXIf', exif.tobytes().removeprefix(b'Exif\0\0'))
    data = encode('PNG')
    plain = io.BytesIO()
    Image.fromarray(PIXELS).save(plain, 'PNG')
    end = chunk(b'IEND', b'')
    assert plain.getvalue().endswith(end)
    data = plain.getvalue().removesuffix(end) + late + end
    assert read_header(data).size == (24, 40)
    np.testing.assert_array_equal(decode_image(data)[..., ::-1], upright(data))


@pytest.mark.parametrize('value', [0, 9, 65535])
def test_orientation_that_there_is_not(value):
    data = encode('PNG', value)
    assert read_header(data).orientation == 1
    np.testing.assert_array_equal(decode_image(data)[..., ::-1], PIXELS)


def test_damaged_exif():
    data = encode('WEBP', 6)
    at = data.index(b'EXIF') + 8
    broken = data[:at] + b'\xff' * 12 + data[at + 12 :]
    assert read_header(broken).orientation == 1
    assert decode_image(broken).shape == (24, 40, 3)


def test_huge_image_is_refused_by_its_header():
    """And at once, with hardly any memory."""
    side = 65535
    header = struct.pack('>IIBBBBB', side, side, 8, 2, 0, 0, 0)
    data = b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', b'')
    start = time.monotonic()
    for read in (read_header, decode_image):
        with pytest.raises(ValueError, match='65535 x 65535 pixels, more tha'):
            read(data)
    assert time.monotonic() - start < 1
    assert side * side > MAX_PIXELS > 16_000 * 16_000
    assert Image.MAX_IMAGE_PIXELS  # as other code has it


@pytest.mark.parametrize('brand', [b'heic', b'mif1', b'hevc', b'heis'])
def test_remedy_for_heic(brand):
    """As telephones write them."""
    data = b'\0\0\0\x1cftyp' + brand + b'\0\0\0\0mif1heicmiaf' + bytes(99)
    with pytest.raises(ValueError, match='is HEIC, .*; save it as JPEG'):
        decode_image(data)


def test_cut_off_file():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 64, 3), np.uint8)
    data = encode('JPEG', 6, noise)
    whole = decode_image(data)
    for check in (True, False):
        np.testing.assert_array_equal(decode_image(data, check=check), whole)
        with pytest.raises((OSError, ValueError), match='trunc|cannot dec'):
            decode_image(data[:-1000], check=check)
    found = decode_incomplete_jpeg(data[:-1000])
    # The top of the stored image is the right of the upright one.
    np.testing.assert_array_equal(found[:, 32:], whole[:, 32:])
    assert (found != whole).any()
    for bad in (b'', b'<html>', data[:3]):
        with pytest.raises(ValueError, match='is not an image'):
            decode_incomplete_jpeg(bad)
    with pytest.raises(ValueError, match='is incomplete'):
        decode_incomplete_jpeg(encode('PNG')[:-9])


@pytest.mark.parametrize('suffix', IMAGE_SUFFIXES)
def test_processing_in_every_format(tmp_path, suffix):
    """What is listed can be read and written, under its own name."""
    kind = Image.registered_extensions()[suffix]
    (tmp_path / 'src').mkdir()
    image = Image.fromarray(PIXELS.repeat(4, 0).repeat(4, 1))
    if suffix == '.pgm':
        image = image.convert('L')
    image.save(tmp_path / f'src/a{suffix}', kind, **FORMATS.get(kind, {}))
    wrong = process_image(
        tmp_path / 'src',
        tmp_path / 'dst',
        f'a{suffix}',
        lambda image, name: image,
        100,
        True,
    )
    assert wrong is None
    before, after = (
        read_image(tmp_path / x / f'a{suffix}', True) for x in ('src', 'dst')
    )
    assert np.abs(before.astype(int) - after).mean() <= 2
    if suffix not in ('.gif', '.jfif', '.jpe', '.jpeg', '.jpg', '.mpo'):
        np.testing.assert_array_equal(before, after)


def test_no_other_program_reads_a_photo(tmp_path, monkeypatch):
    """PIL runs Ghostscript for this one, whatever its name."""
    path = tmp_path / 'photo.jpg'
    box = b'%%BoundingBox: 0 0 10 10\n%%EndComments\n'
    path.write_bytes(b'%!PS-Adobe-3.0 EPSF-3.0\n' + box)
    monkeypatch.setattr(
        'PIL.EpsImagePlugin.Ghostscript', lambda *_: pytest.fail('it was run')
    )
    with pytest.raises(ValueError, match='is not an image'):
        read_image(path)


def test_what_has_no_end(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match='is neither a file nor a pipe'):
        read_bytes('/dev/zero')
    large = tmp_path / 'a.jpg'
    with large.open('wb') as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match='has more than 3,072 MiB'):
        read_bytes(large)


def test_pipe():
    """As ``<(...)`` of a shell."""
    source, sink = os.pipe()
    os.write(sink, b'photo')
    os.close(sink)
    assert read_bytes(f'/dev/fd/{source}') == b'photo'
    os.close(source)


def test_sun_raster(tmp_path):
    photo = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    cv2.imwrite(str(tmp_path / 'a.ras'), photo)
    np.testing.assert_array_equal(read_image(tmp_path / 'a.ras'), photo)


def test_exif_that_claims_gigabytes(tmp_path):
    data = encode('PNG')
    end = data.rindex(b'IEND') - 4
    chunk = struct.pack('>I4s', 0xFFFFFFF0, b'eXIf') + b'abc'
    path = tmp_path / 'a.png'
    path.write_bytes(data[:end] + chunk)
    assert read_header(path).size == (40, 24)
