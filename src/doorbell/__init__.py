"""A doorbell for the Raspberry Pi that says who is there and keeps faces at home."""

from importlib.metadata import version

__version__ = version("doorbell-edge")
