"""What every room may import: the words of patchsweep as types, its tables, settings, interfaces and errors."""
