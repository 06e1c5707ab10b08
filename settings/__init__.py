"""The configuration of a stack: ``Settings.load`` makes it of what the engine hands over, or says what is wrong."""

from settings.sections import Concurrency, TokenBuckets
from settings.stack import ConfigError, Settings, stack_config_schema

__all__ = ["Concurrency", "ConfigError", "Settings", "TokenBuckets", "stack_config_schema"]
