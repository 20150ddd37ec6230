# A small set in VOC's layout (Kaggle "Face Mask Detection") with all classes
# merged into `face`. Layout: data/README.md
data_root = 'data/facemask/'
test_scale = (640, 640)  # the longer side
train_crop = (320, 320)
train_ratio_range = (0.5, 1.5)  # of test_scale
batch_size = 16
num_workers = 2

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PhotoMetricDistortion'),
    dict(
        type='RandomResize',
        scale=test_scale,
        ratio_range=train_ratio_range,
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=train_crop, allow_negative_crop=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=train_crop),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ProtocolResize', scale=test_scale),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'protocol',
            'instances',
        ),
    ),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='VOCFaceDataset',
        data_root=data_root,
        ann_file='train.txt',
        data_prefix=dict(sub_data_root=''),
        class_map={'*': 'face'},
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='VOCFaceDataset',
        data_root=data_root,
        ann_file='val.txt',
        data_prefix=dict(sub_data_root=''),
        class_map={'*': 'face'},
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(
    type='CocoMetric',
    metric='bbox',
    ann_file=None,  # take the ground truth from the dataset
    proposal_nums=(100, 300, 1000),
)
test_evaluator = val_evaluator
