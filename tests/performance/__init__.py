"""Measurements, each against a yardstick in the same run: machines are noisy, ratios are not."""
