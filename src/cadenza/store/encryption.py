"""Encryption of payloads: AES-GCM with several keys, so that keys can be changed while old values still read."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..errors import ExtraMissing, ValueUnreadable

# No JSON text begins with it: what was written without encryption is told apart.
_MARK = b"\x01"
_NONCE = 12
_TAG = 16
_LONGEST_ID = 255


class AesGcm:
    """Payloads in the store are unreadable without the key: `Cadenza(store=…, codec=AesGcm({"2026": key}))`.

    *keys* are 16, 24 or 32 random bytes each (`secrets.token_bytes(32)`), by an id that is kept with each value; *current*
    (default: the last one) writes, all read. A new key takes over when it is added last; an old one has to stay as long as
    values written with it. With *reads_plain* values from before encryption still read. Each value has a random nonce of
    96 bits: change keys before 2³² values are written with one. Needs the extra `[encryption]`.
    """

    def __init__(
        self, keys: Mapping[str, bytes], *, current: str | None = None, reads_plain: bool = False
    ) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as missing:
            raise ExtraMissing("encryption", "the encryption of payloads") from missing
        if not keys:
            raise ValueError('AesGcm takes at least one key: AesGcm({"2026": secrets.token_bytes(32)})')
        for id_, key in keys.items():
            if len(key) not in {16, 24, 32} or not 0 < len(id_.encode()) <= _LONGEST_ID:
                raise ValueError(
                    f"key {id_!r}: expected 16, 24 or 32 bytes under an id of at most {_LONGEST_ID} bytes, found {len(key)} bytes"
                )
        self._current = current if current is not None else list(keys)[-1]
        if self._current not in keys:
            raise ValueError(f"current={current!r} is none of the keys: {', '.join(keys)}")
        self._ciphers = {id_: AESGCM(key) for id_, key in keys.items()}
        self._reads_plain = reads_plain
        self._invalid = InvalidTag

    def encode(self, data: bytes) -> bytes:
        """*data*, encrypted with the current key."""
        name = self._current.encode()
        head = _MARK + bytes([len(name)]) + name
        nonce = os.urandom(_NONCE)
        # The id of the key is authenticated too: it cannot be changed for another.
        return head + nonce + self._ciphers[self._current].encrypt(nonce, data, head)

    def decode(self, data: bytes) -> bytes:
        """What was encrypted; raises `ValueUnreadable` where the key is not there, or the bytes were changed."""
        if data[:1] != _MARK:
            if self._reads_plain:
                return data
            raise ValueUnreadable(
                "a value was kept without encryption; AesGcm(..., reads_plain=True) reads such too"
            )
        start = 2 + data[1] if len(data) > 1 else 0
        # Shorter than what the key's id, the nonce and the tag take it was cut off.
        if not start or len(data) < start + _NONCE + _TAG:
            raise ValueUnreadable(f"an encrypted value is cut off: of it {len(data)} bytes are there")
        head, name = data[:start], data[2:start].decode("utf-8", "replace")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise ValueUnreadable(
                f"a value was encrypted with the key {name!r}, which is not there; there are: {', '.join(self._ciphers)}"
            )
        try:
            return cipher.decrypt(data[start : start + _NONCE], data[start + _NONCE :], head)
        except self._invalid as broken:
            raise ValueUnreadable(
                f"a value under the key {name!r} was changed, or this is another key"
            ) from broken
