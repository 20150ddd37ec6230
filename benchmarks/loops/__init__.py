"""Fast implementations beside the slow ones that were published."""
