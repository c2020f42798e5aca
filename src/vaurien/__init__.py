"""A chaos TCP proxy."""
