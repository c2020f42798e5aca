"""The version, alone in a file: reading it costs no import."""

__version__ = "3.0.0"
