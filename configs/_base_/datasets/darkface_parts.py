# DARK FACE to train with and to test on, see data/README.md: for darkface.py,
# for mixtures with other sets, and for tests of detectors trained elsewhere.

# A processed copy is another folder in the same layout, for instance
# data/darkface-msrcr/.
dark_root = 'data/darkface/'
dark_images = 'image/'
# There is no official division; others: docs/dark_face.md#splits.
dark_train_split = '5000_1000/train'
dark_test_split = '5000_1000/test'
# The median face has 11 px, the smallest anchor 7 to 8: test enlarged ...
dark_test_factor = 2.0
# ... and train on crops of this share of the short side, 720 px, which
# dark_crop_size enlarges by 1.4 to 3.6.
dark_crop_sides = ((0.4, 1.0),)
dark_crop_size = (1024, 1024)

dark_train_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=32,
        contrast_range=(0.5, 1.5),
        saturation_range=(0.5, 1.5),
        hue_delta=18,
    ),
    # No Expand: it would make small faces smaller.
    dict(
        type='RandomSquareCrop',
        side_ranges=dark_crop_sides,
        keep_rule='center',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Resize', scale=dark_crop_size, keep_ratio=False),
    dict(type='PackDetInputs'),
]
dark_test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='ProtocolResize', scale_factor=dark_test_factor),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'instances',
            'protocol',
        ),
    ),
]
dark_train = dict(
    type='DarkFaceDataset',
    data_root=dark_root,
    ann_file='label/',
    split=dark_train_split,
    data_prefix=dict(img=dark_images),
    filter_cfg=dict(filter_empty_gt=True),
    pipeline=dark_train_pipeline,
)
dark_test = dict(
    type='DarkFaceDataset',
    data_root=dark_root,
    ann_file='label/',
    split=dark_test_split,
    data_prefix=dict(img=dark_images),
    test_mode=True,
    pipeline=dark_test_pipeline,
)
dark_evaluator = dict(type='DarkFaceMetric')
