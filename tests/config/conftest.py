"""Fixtures of the command line and of configuration."""

from commands import forget_plugins, plugin_folder, refuse, understand

__all__ = ["forget_plugins", "plugin_folder", "refuse", "understand"]
