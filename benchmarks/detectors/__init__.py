"""Face detectors side by side: accuracy, false alarms and time."""
