"""Decodes the XML of EC2 DescribeInstances.

Source: EC2 API reference, DescribeInstances.
"""

from __future__ import annotations

from scanner.aws.machines.instance_layout import UnusualError
from scanner.aws.machines.instance_text import read_text
from scanner.aws.machines.instance_tree import read_tree
from scanner.aws.machines.odd_members import OnOdd, ignore_odd
from scanner.aws.requests.pagination import Page
from scanner.core.instances import Instance


def decode_instances(body: bytes, on_odd: OnOdd = ignore_odd) -> Page[Instance]:
    """Returns the instances of one page and the token of the next.

    A page in the form that EC2 writes is read as text, in a fifth of the CPU that a tree takes; any other as a tree.

    Args:
        body: the answer.
        on_odd: takes note of an instance without an id, of which nothing can be said, of a reservation without a list
            of instances, and of a tag without a key.

    Raises:
        Transient: the body is no XML, or lacks the list of reservations: a proxy's page, or half an answer.
    """
    try:
        return read_text(body)
    except UnusualError:
        return read_tree(body, on_odd)
