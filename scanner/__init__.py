"""Reads the patches of every AWS Systems Manager managed node in an organization into one verified data set."""

from scanner.core.moved_modules import keep_old_addresses

try:
    from scanner._version import __version__
except ImportError:  # the build writes that file; a source tree that was never built or installed has none
    __version__ = "0.2.0.dev0"

__all__ = ["__version__"]

keep_old_addresses()
