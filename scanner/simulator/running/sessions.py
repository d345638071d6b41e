"""Keeps the long-lived keys of each account, and the sessions that AssumeRole issues."""

from __future__ import annotations

import base64
from random import Random

from msgspec import Struct

from scanner.simulator.world.clock import Clock
from scanner.simulator.world.faults import Faults
from scanner.simulator.world.organization import World

MIN_SESSION_S = 900
MAX_SESSION_S = 3600  # Role chaining allows no longer sessions, and a scanner mostly runs under a role


class Keys(Struct):
    """Keys that sign requests, and their owner. `expires_at_s` is when they really end; None: never."""

    access_key: str
    secret_key: str
    account_id: str
    arn: str
    user_id: str
    token: str | None = None
    expires_at_s: float | None = None
    served: int = 0


class Sessions:
    """Holds all keys that were ever issued."""

    def __init__(self, world: World, faults: Faults, clock: Clock) -> None:
        self._rng = Random(f"sessions:{world.seed}")
        self._faults = faults
        self._clock = clock
        self._keys: dict[str, Keys] = {}
        self._ended_early: dict[str, int] = {}
        self.users = {account_id: self._user(account_id) for account_id in world.accounts}

    def find(self, access_key: str) -> Keys | None:
        """Returns the keys of this id, expired ones included."""
        return self._keys.get(access_key)

    def has_ended(self, keys: Keys) -> bool:
        return keys.expires_at_s is not None and self._clock() >= keys.expires_at_s

    def assume(self, account_id: str, role_name: str, session_name: str, duration_s: int) -> tuple[Keys, float]:
        """Returns a new session of a role, and the Expiration that its answer states."""
        name = role_name.rsplit("/", 1)[-1]
        role_id = f"AROA{self._letters(17)}"
        promised_s = self._clock() + duration_s
        lifetime_s = self._faults.session_lifetime_s
        keys = Keys(
            access_key=f"ASIA{self._letters(16)}",
            secret_key=self._base64(30),
            account_id=account_id,
            arn=f"arn:aws:sts::{account_id}:assumed-role/{name}/{session_name}",
            user_id=f"{role_id}:{session_name}",
            token=self._base64(516),
            expires_at_s=promised_s if lifetime_s is None else self._clock() + lifetime_s,
        )
        self._keys[keys.access_key] = keys
        return keys, promised_s

    def delete_user_keys(self, account_id: str) -> None:
        """Forgets the long-lived keys of an account's user."""
        self._keys.pop(self.users[account_id].access_key, None)

    def end(self, keys: Keys) -> None:
        """Ends a session now, whatever Expiration was stated."""
        if keys.token is not None:
            keys.expires_at_s = self._clock()

    def end_early(self, keys: Keys) -> bool:
        """Ends a session as the fault `early_expiry` does; returns False where it does not, or not again."""
        ended = self._ended_early.get(keys.account_id, 0)
        if (
            keys.token is None
            or keys.served < self._faults.early_expiry_after
            or ended >= self._faults.max_early_expiries
        ):
            return False
        self._ended_early[keys.account_id] = ended + 1
        self.end(keys)
        return True

    def end_all(self, account_id: str | None = None) -> int:
        """Ends every session now, or those of one account; returns how many."""
        ending = [
            keys
            for keys in self._keys.values()
            if keys.token and account_id in (None, keys.account_id) and not self.has_ended(keys)
        ]
        for keys in ending:
            self.end(keys)
        return len(ending)

    def _user(self, account_id: str) -> Keys:
        keys = Keys(
            access_key=f"AKIA{self._letters(16)}",
            secret_key=self._base64(30),
            account_id=account_id,
            arn=f"arn:aws:iam::{account_id}:user/patchsweep",
            user_id=f"AIDA{self._letters(17)}",
        )
        self._keys[keys.access_key] = keys
        return keys

    def _letters(self, count: int) -> str:
        return "".join(self._rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=count))

    def _base64(self, size: int) -> str:
        return base64.b64encode(self._rng.randbytes(size)).decode()
