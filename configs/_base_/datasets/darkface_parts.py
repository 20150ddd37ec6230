# DARK FACE for training and testing (layout: data/README.md). Used by
# darkface.py, by mixtures with other sets, and to test detectors trained
# elsewhere.

# Or a brightened copy in the same layout, such as data/darkface-msrcr/.
dark_root = 'data/darkface/'
dark_images = 'image/'
# There is no official split. Others: docs/dark_face.md#splits
dark_train_split = '5000_1000/train'
dark_test_split = '5000_1000/test'
# The median face has 11 px and the smallest anchor 7 to 8, so images are
# enlarged in tests ...
dark_test_factor = 2.0
# ... and in training: crops of these shares of the short side (720 px) are
# enlarged to dark_crop_size, by 1.4 to 3.6.
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
    # No Expand, because it would make small faces smaller.
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
