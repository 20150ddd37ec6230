"""Photos for tests of the bulk detection."""

import io
import tarfile

import cv2
import pytest

pytest.importorskip('ray')
pytest.importorskip('fsspec')


@pytest.fixture(scope='session')
def portrait():
    """A photo with one face, BGR (600, 512, 3)."""
    from matplotlib.cbook import get_sample_data

    with get_sample_data('grace_hopper.jpg') as file:
        name = file.name
    return cv2.imread(name)


@pytest.fixture
def photos(tmp_path, portrait):
    """A folder: three sizes, two folders, two names, a broken file."""
    folder = tmp_path / 'photos'
    (folder / 'b').mkdir(parents=True)
    small = cv2.resize(portrait, None, fx=0.5, fy=0.5)
    cv2.imwrite(str(folder / 'b/2.png'), small)
    cv2.imwrite(str(folder / 'b/2.jpg'), portrait)
    cv2.imwrite(str(folder / '1.jpg'), small[:, :200])
    cv2.imwrite(str(folder / '3.jpg'), small)
    (folder / 'broken.jpg').write_bytes(b'no photo')
    (folder / 'notes.md').write_text('no photo either')
    return folder


@pytest.fixture
def shard(photos):
    """The same photos in a tar file, beside a text."""
    path = photos.parent / 'shard.tar'
    with tarfile.open(path, 'w') as tar:
        for name in ('1.jpg', '1.txt', 'b/2.jpg', 'broken.jpg'):
            content = b'text'
            if name != '1.txt':
                content = (photos / name).read_bytes()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def table(photos):
    """The same in a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ['1.jpg', 'b/2.jpg', 'broken.jpg']
    contents = [(photos / x).read_bytes() for x in names]
    path = photos.parent / 'photos.parquet'
    pq.write_table(pa.table(dict(path=names, bytes=contents)), path)
    return path
