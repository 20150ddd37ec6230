"""Face evaluation: published protocols in numpy, and metrics for mmdet.

``mmsrn.evaluation.functional`` needs numpy alone; importing
``mmsrn.evaluation.metrics`` registers the metrics in mmdet.
"""
