"""API keys: who may call. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from maskwatch.errors import SettingError

KEYS_VARIABLE = "MASKWATCH_API_KEYS"
"""Holds keys, separated by white space or commas."""

_LEAST_CHARACTERS = 20
_MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


class KeyRing:
    """The keys that open the service. Several, so that one can be replaced while both work."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """Keep the hashes of keys.

        Args:
            keys: each a key, or `sha256:` and the hash of one in 64 hexadecimal digits.

        Raises:
            SettingError: a key is short enough to be guessed, or a hash is none.
        """
        # a key is random and long, so one plain hash is as safe as a slow one
        self._hashes = tuple(_hash(key, index) for index, key in enumerate(keys, start=1))

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._hashes)

    def find(self, key: str) -> int | None:
        """Which key this is, None if it is none of them; takes as long either way."""
        digest = _digest(key)
        found = None
        for index, known in enumerate(self._hashes):
            if hmac.compare_digest(digest, known):
                found = index
        return found


def load_keys(environment: Mapping[str, str], file: Path | None = None) -> KeyRing:
    """The keys of the environment variable, and of a file with one a line.

    Empty lines and those that begin with # are skipped.

    Raises:
        SettingError: the file cannot be read or holds none, or a key cannot be used.
    """
    keys = re.split(r"[\s,]+", environment.get(KEYS_VARIABLE, ""))
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise SettingError(f"--api-key-file {file}: cannot be read") from error
        in_file = [line for line in lines if line and not line.startswith("#")]
        if not in_file:
            raise SettingError(f"--api-key-file {file}: holds no key; {_MAKE_ONE}")
        keys += in_file
    return KeyRing(key for key in keys if key)


def _hash(key: str, number: int) -> bytes:
    if key.startswith("sha256:"):
        if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", key):
            raise SettingError(f"API key {number}: sha256: needs 64 hexadecimal digits after it")
        return bytes.fromhex(key.removeprefix("sha256:"))
    if len(key) < _LEAST_CHARACTERS:
        raise SettingError(
            f"API key {number}: has {len(key)} characters, fewer than {_LEAST_CHARACTERS}; "
            f"{_MAKE_ONE}"
        )
    return _digest(key)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
