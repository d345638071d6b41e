"""Locks between runs that publish into one database side by side."""

from __future__ import annotations

import hashlib

from psycopg import AsyncConnection


async def lock(connection: AsyncConnection, what: str) -> None:
    """Holds the lock of this name until the transaction ends, as soon as no other transaction holds it."""
    name = hashlib.blake2b(f"patchsweep {what}".encode(), digest_size=8).digest()
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(name, signed=True)])
