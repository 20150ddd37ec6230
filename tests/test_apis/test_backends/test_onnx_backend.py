"""Detection with ONNX Runtime alone."""

import copy
import dataclasses
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest

from mmsrn.apis.backends.onnx_backend import OnnxBackend
from mmsrn.deployment import onnx_nms
from mmsrn.deployment.parity import compare, torch_candidates
from mmsrn.zoo import ZooError

# Two of one size, others between them.
SIZES = [(64, 96), (97, 131), (64, 96), (33, 50)]
#: Factors of a photo that nobody resized.
UNRESIZED = [(1.0, 1.0)]


def said_of(model, **metadata):
    """A model that says other things about itself."""
    model = copy.deepcopy(model)
    onnx.helper.set_model_props(model, metadata)
    return model


@pytest.fixture
def write(tmp_path):
    """Function that writes a model and returns its path."""

    def run(model):
        path = tmp_path / 'model.onnx'
        path.write_bytes(model.SerializeToString())
        return path

    return run


@pytest.fixture
def file(exported, write):
    return write(exported)


@pytest.fixture(scope='module')
def photos():
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (*x, 3), np.uint8) for x in SIZES]


@pytest.fixture(scope='module')
def expected(small_detector, photos):
    """What PyTorch finds in each photo."""
    return [
        torch_candidates(small_detector, x[None], nms=True)[0][:, :5]
        for x in photos
    ]


def assert_found(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == np.float32 and len(ours) == len(theirs) > 3
        assert (np.diff(ours[:, 4]) <= 0).all()
        # Of equal scores any may come first.
        rows = [np.column_stack([x, np.zeros(len(x))]) for x in (ours, theirs)]
        assert compare(*rows).within(1e-4)


def test_photos_of_several_sizes(file, photos, expected):
    backend = OnnxBackend(file, threads=1)
    assert_found(backend.predict(photos, UNRESIZED * 4), expected)
    assert_found(backend.predict(photos[1:2], UNRESIZED), expected[1:2])
    assert backend.predict([], []) == []


def test_nms_in_the_graph(exported, small_facts, write, photos, expected):
    facts = dataclasses.replace(small_facts, nms_in_graph=True)
    model = onnx_nms.add_nms(exported, small_facts, 6)
    path = write(said_of(model, **facts.to_metadata()))
    backend = OnnxBackend(path, threads=1)
    assert_found(backend.predict(photos, UNRESIZED * 4), expected)
    # Mapped back after NMS, which is that of the resized photo.
    resized = [x / [2, 0.5, 2, 0.5, 1] for x in expected]
    assert_found(backend.predict(photos, [(2.0, 0.5)] * 4), resized)


def constant(**metadata):
    """A model that finds nothing anywhere."""
    graph = onnx.parser.parse_graph(
        """
        nothing (uint8[batch, height, width, 3] images)
         => (float[faces, 4] boxes, float[faces] scores,
             int64[faces] batch_index)
        {
            boxes = ConstantOfShape (none_of_four)
            scores = ConstantOfShape (none)
            batch_index = Cast <to = 7> (scores)
        }
        """
    )
    for name, shape in (('none_of_four', [0, 4]), ('none', [0])):
        values = np.array(shape, np.int64)
        graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    opset = onnx.helper.make_opsetid('', 17)
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[opset])
    return said_of(model, **metadata)


@pytest.fixture
def metadata(small_facts):
    """What such a model says of itself."""
    return dataclasses.replace(small_facts, nms_in_graph=True).to_metadata()


def test_photos_without_a_face(small_facts, write, photos):
    facts = dataclasses.replace(small_facts, nms_in_graph=True)
    backend = OnnxBackend(write(constant(**facts.to_metadata())))
    assert backend.facts == dataclasses.asdict(facts)
    assert backend.facts['test_scale'] == 640
    assert backend.facts['score_thr'] == 0.3
    for found in backend.predict(photos, UNRESIZED * 4):
        assert found.shape == (0, 5) and found.dtype == np.float32


def test_threads(metadata, write, monkeypatch):
    import onnxruntime

    file = write(constant(**metadata))
    given = []
    start = onnxruntime.InferenceSession

    def spy(model, options, **kwargs):
        given.append(options.intra_op_num_threads)
        return start(model, options, **kwargs)

    monkeypatch.setattr('mmsrn.deployment.session.InferenceSession', spy)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    OnnxBackend(file, threads=3)
    OnnxBackend(file)
    assert given == [3, len(os.sched_getaffinity(0))]
    with pytest.raises(ZooError, match='threads=0 is less than 1'):
        OnnxBackend(file, threads=0)


def test_devices(metadata, write):
    file = write(constant(**metadata))
    OnnxBackend(file, 'cpu')
    with pytest.raises(ZooError, match="device='cuda': .* backend='torch'"):
        OnnxBackend(file, 'cuda')


def test_needs_no_torch(file, root):
    """Torch is not even looked for, and neither are mmdet's packages."""
    program = f"""
import sys
for name in ('torch', 'mmcv', 'mmengine', 'mmdet', 'onnx'):
    sys.modules[name] = None  # importing it fails
import numpy as np
from mmsrn import FaceDetector
photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
detector = FaceDetector({str(file)!r}, scale='original', score_thr=0)
print(type(detector.backend).__name__, len(detector.detect(photo)) > 3)
"""
    done = subprocess.run(
        [sys.executable, '-c', program],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == 'OnnxBackend True\n'


def test_without_onnxruntime(file, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    monkeypatch.delitem(sys.modules, 'mmsrn.deployment.session', False)
    with pytest.raises(ZooError, match='pip install onnxruntime'):
        OnnxBackend(file)


def error_of(path):
    with pytest.raises(ZooError) as caught:
        OnnxBackend(path)
    text = str(caught.value)
    assert text.startswith(f'model {path}: ') and '\n' not in text
    assert len(text) < 500
    return text


@pytest.mark.parametrize(
    'change, words',
    [
        (dict(nms_in_graph='false'), 'it has other inputs or outputs'),
        (dict(nms_iou='1e400'), 'its nms_iou is Infinity, not a number from'),
        (dict(score_thr='7'), 'its score_thr is 7, not a number from 0 to 1'),
        (dict(test_scale='"../x"'), 'is "../x", not a whole number from 1'),
        (dict(max_per_img='1e3'), 'its max_per_img is 1000.0, not a whole'),
        (dict(classes='{}'), 'its classes is {}, not a list of names'),
        (dict(classes='[]'), 'its classes is [], not a list of names'),
        (dict(vote_iou='2'), 'its vote_iou is 2, not null or a number'),
        (dict(vote_iou='true'), 'its vote_iou is true, not null or a'),
        (dict(nms_pre='9' * 5000), "its key 'nms_pre' is not json: '9999"),
        (dict(mean='[' * 100_000), "its key 'mean' is not json"),
        (dict(name='"' + 'x' * 2_000_000 + '"'), "'name' has more than"),
    ],
    ids=range(12),
)
def test_false_metadata(metadata, write, change, words):
    assert words in error_of(write(constant(**dict(metadata, **change))))


def test_files_that_cannot_be_used(file, tmp_path, metadata, write):
    assert 'is not a file; export it with tools/' in error_of(
        tmp_path / 'a.onnx'
    )
    assert 'is not a file' in error_of(tmp_path)
    data = file.read_bytes()
    for broken in (b'', b'not a model', data[: len(data) // 2]):
        file.write_bytes(broken)
        assert 'cannot be read as ONNX' in error_of(file)
    assert "is not a detector of mmsrn: its key 'format'" in error_of(
        write(constant())
    )
    less = dict(metadata)
    del less['nms_iou']
    assert "its key 'nms_iou' is missing; export it" in error_of(
        write(constant(**less))
    )
    metadata = dict(metadata, classes='["a", "b"]')
    assert 'has 2 classes' in error_of(write(constant(**metadata)))


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((8, 9), np.uint8),
        np.zeros((8, 9, 4), np.uint8),
        np.zeros((8, 0, 3), np.uint8),
        np.zeros((8, 9, 3), np.float32),
        'photo.jpg',
    ],
    ids=['grey', 'with alpha', 'empty', 'float', 'path'],
)
def test_images_of_another_kind(metadata, write, image):
    file = write(constant(**metadata))
    good = np.zeros((8, 9, 3), np.uint8)
    with pytest.raises(ValueError, match='image 1 must be BGR, uint8'):
        OnnxBackend(file, threads=1).predict([good, image], UNRESIZED * 2)


def test_most_faces(file, photos):
    """The surest, and no others."""
    backend = OnnxBackend(file)
    before = [x for x in backend.predict(photos, UNRESIZED * 4) if len(x)]
    assert backend.max_faces == backend.facts['max_per_img'] == 750
    backend.set_max_faces(3)
    assert backend.max_faces == 3
    for ours, theirs in zip(backend.predict(photos, UNRESIZED * 4), before):
        np.testing.assert_array_equal(ours, theirs[:3])
    backend.set_max_faces(10**5)
    for ours, theirs in zip(backend.predict(photos, UNRESIZED * 4), before):
        np.testing.assert_array_equal(ours[: len(theirs)], theirs)


def test_limit_that_is_in_the_graph(small_facts, write):
    facts = dataclasses.replace(small_facts, nms_in_graph=True)
    backend = OnnxBackend(write(constant(**facts.to_metadata())))
    with pytest.raises(ZooError, match='max_faces=751: .* without --nms'):
        backend.set_max_faces(751)
    backend.set_max_faces(2)
    assert backend.max_faces == 2
