"""The address under which sink authors import the contract since the first release; it lives in `testing`."""

from scanner.sinks.testing.contract import SinkContract, StreamContract

__all__ = ["SinkContract", "StreamContract"]
