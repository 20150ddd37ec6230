# WIDER FACE in the official layout (data/README.md).
data_root = 'data/widerface/'
crop_size = (1024, 1024)
batch_size = 4  # per GPU, for 8 GPUs
num_workers = 4

backend_args = None
train_pipeline = [
    dict(type='LoadImageFromFile', backend_args=backend_args),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PhotoMetricDistortion',
        brightness_delta=32,
        contrast_range=(0.5, 1.5),
        saturation_range=(0.5, 1.5),
        hue_delta=18,
    ),
    dict(type='Expand', mean=(0, 0, 0), ratio_range=(1, 2), prob=0.5),
    dict(
        type='RandomSquareCrop',
        side_ranges=((1.0, 1.0), (0.5, 1.0)),
        keep_rule='center',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(type='PackDetInputs'),
]
# Original size, without padding (see the model's data_preprocessor). Other
# sizes: docs/multi_scale_test.md
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=backend_args),
    dict(type='ProtocolResize', scale_factor=1.0),
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
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='WiderFaceDataset',
        data_root=data_root,
        ann_file='wider_face_split/wider_face_train_bbx_gt.txt',
        data_prefix=dict(img='WIDER_train/images/'),
        invalid_boxes='ignore',
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='WiderFaceDataset',
        data_root=data_root,
        ann_file='wider_face_split/wider_face_val_bbx_gt.txt',
        data_prefix=dict(img='WIDER_val/images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# Official easy, medium and hard. Without the .mat files: one AP over all
# annotated faces. Set gt_dir=None for sets other than WIDER FACE val.
val_evaluator = dict(type='WiderFaceMetric', gt_dir=data_root + 'ground_truth')
test_evaluator = val_evaluator
