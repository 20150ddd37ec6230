"""What comes out of the zoo is what was put in."""

import hashlib

import pytest

from mmsrn.zoo import (
    DEFAULT_MODEL,
    ZooError,
    find_model,
    list_models,
    model_zoo,
    sha256_of,
)

CONTENT = b'weights' * 1000
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


def test_shipped_models(root):
    assert DEFAULT_MODEL in list_models()
    for name, entry in list_models().items():
        assert (root / entry['config']).is_file()
        assert (model_zoo.HERE / entry['card']).is_file()
        assert entry['licence']
        for backend, file in entry['files'].items():
            path = find_model(name, backend)
            assert path.stat().st_size == file['bytes'] <= 8e6
            assert sha256_of(path) == file['sha256']


def test_paths(tmp_path):
    path = tmp_path / 'weights'
    path.write_bytes(CONTENT)
    assert find_model(path, 'torch') == path
    assert find_model(str(path), 'onnx') == path


@pytest.mark.parametrize(
    'model, words',
    [
        ('srn_mobilenet2', 'did you mean srn_mobilenetv2?'),
        ('no/such.onnx', 'no such file'),
        ('.', 'or a model of the zoo'),
    ],
)
def test_no_such_model(model, words):
    with pytest.raises(ZooError) as caught:
        find_model(model, 'torch')
    assert words in str(caught.value) and '\n' not in str(caught.value)


def test_damaged_file(monkeypatch, tmp_path):
    """One that a broken disk or a careless edit left."""
    file = dict(file='a.onnx', sha256=CHECKSUM, bytes=len(CONTENT))
    zoo = dict(a=dict(files=dict(onnx=file)))
    monkeypatch.setattr(model_zoo, 'HERE', tmp_path)
    monkeypatch.setattr(model_zoo, 'list_models', lambda: zoo)
    with pytest.raises(ZooError, match='is missing'):
        find_model('a', 'onnx')
    (tmp_path / 'a.onnx').write_bytes(CONTENT)
    assert find_model('a', 'onnx') == tmp_path / 'a.onnx'
    with pytest.raises(ZooError, match='for backend=torch, only for onnx'):
        find_model('a', 'torch')
    (tmp_path / 'a.onnx').write_bytes(CONTENT[:-1])
    with pytest.raises(ZooError, match='is damaged'):
        find_model('a', 'onnx')


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An address of a file, and a cache."""
    monkeypatch.setenv('MMSRN_CACHE', str(tmp_path / 'cache'))
    (tmp_path / 'served').mkdir()
    path = tmp_path / 'served/srn.safetensors'
    path.write_bytes(CONTENT)
    return path


def test_address(served, tmp_path):
    address = f'{served.as_uri()}#sha256={CHECKSUM}'
    path = find_model(address, 'torch')
    assert path.read_bytes() == CONTENT and path.name == served.name
    assert path.is_relative_to(tmp_path / 'cache')
    served.unlink()  # it is not asked for again
    assert find_model(address, 'torch') == path
    path.write_bytes(b'half')  # unless what was kept is damaged
    with pytest.raises(ZooError, match='cannot be downloaded'):
        find_model(address, 'torch')


def test_another_content(served, tmp_path):
    served.write_bytes(b'something else')
    with pytest.raises(ZooError, match='the file was deleted'):
        find_model(f'{served.as_uri()}#sha256={CHECKSUM}', 'torch')
    assert not [x for x in (tmp_path / 'cache').rglob('*') if x.is_file()]


@pytest.mark.parametrize('fragment', ['', '#', '#sha256=12', '#md5=0'])
def test_address_without_checksum(served, fragment):
    with pytest.raises(ZooError, match='add #sha256='):
        find_model(f'{served.as_uri()}{fragment}', 'torch')


def test_path_of_an_address():
    """Its suffix says which backend it is for."""
    address = 'https://example.org/a/srn.onnx?download=true#sha256=0'
    assert model_zoo.path_of(address) == '/a/srn.onnx'
    assert model_zoo.path_of('run#2/srn.onnx') == 'run#2/srn.onnx'
