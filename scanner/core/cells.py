"""Text from AWS made safe for the eye and the spreadsheet: values that a node's owner chose are never obeyed."""

from __future__ import annotations

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
# Characters that reorder or break a line without showing: bidirectional controls and the Unicode separators.
_DECEIVERS = [0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {
    **{code: f"\\x{code:02x}" for code in _CONTROLS},
    **{code: f"\\u{code:04x}" for code in _DECEIVERS},
    0x09: "\\t",
    0x0A: "\\n",
    0x0D: "\\r",
}


def safe_cell(text: str) -> str:
    """The text of a CSV cell with a leading apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def terminal_text(text: str) -> str:
    """The text on one line; control and reordering characters are written as escapes, as a Python literal has them."""
    return text.translate(_ESCAPES)
