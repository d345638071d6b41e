"""Finds out where the texts of an EC2 instance are from the names of its elements alone, once for all that are alike.

The names are read as a tree whose texts are the places of the real ones, so that what is read of an instance is what
`instance_tree` reads, whatever the names are. The instances of a fleet have a few dozen layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from xml.etree import ElementTree as ET

from msgspec import Struct

from scanner.aws.machines.instance_members import ID, TAGS, TEXTS
from scanner.aws.machines.instance_tree import instance_items, texts_of

SEPARATOR = "<"  # no name has one
NOWHERE = -1  # the place of a text that the instance lacks, which is that of the empty text
_BEFORE = f"<reservationSet><item><instancesSet><item><{ID}>0"
_AFTER = f"<{ID}/></item></instancesSet></item></reservationSet>"
_NO_NAMES = ("!", "?")  # of comments, CDATA and instructions: what is around them may be one text
_LAYOUTS = 256  # of about 3 kB each


class UnusualError(Exception):
    """The page is not in the form that EC2 writes, so that only a tree can say what it holds."""


class Layout(Struct):
    """Where the texts of an instance are among its texts and names, in the order of `TEXTS`.

    `take` returns them from such a list; `instances` counts those that were read so.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    take: Callable[[Sequence[str]], tuple[str, ...]]
    instances: int = 0


@lru_cache(_LAYOUTS)
def layout_of(names: str) -> Layout:
    """Returns where the texts of an instance are, in a list with a text, a name, a text and so on to an empty text.

    Args:
        names: all between the brackets from the end of its id to the start of the next instance, with `SEPARATOR`
            between them: `/instanceId`, `imageId`, `/imageId`, `dnsName/`. Its list of tags is empty.

    Raises:
        UnusualError: they are not those of one instance and the beginning of the next.
    """
    tags = tuple(names.split(SEPARATOR))
    if any(tag.startswith(_NO_NAMES) for tag in tags):
        raise UnusualError
    between = "".join([f"<{tag}>{2 * number}" for number, tag in enumerate(tags, 1)])
    try:
        root = ET.fromstring(_BEFORE + between + _AFTER)  # noqa: S314 - without a document type, so without entities
    except ET.ParseError as error:
        raise UnusualError from error
    instances = list(instance_items(root, refuse))
    if len(instances) != 2 or len(instances[1]) != 1:  # noqa: PLR2004 - the instance, and no more of the next than its id
        raise UnusualError
    _check_tags(root, instances[0])
    found = texts_of(instances[0])
    places = tuple([int(found[name]) if found.get(name) else NOWHERE for name in TEXTS])
    return Layout(tags, places, itemgetter(*places))


def _check_tags(root: ET.Element, instance: ET.Element) -> None:
    """Refuses a list of tags that is not the instance's own, or that is written in another form and so not empty."""
    lists = list(root.iter(TAGS))
    if lists and (lists != [instance.find(TAGS)] or len(lists[0])):
        raise UnusualError


def refuse(*_: object) -> None:
    """Raises `UnusualError` for a member that is odd, whichever it is: the tree names it."""
    raise UnusualError
