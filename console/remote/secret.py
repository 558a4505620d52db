"""A secret that does not leak by accident: no repr, no pickling, no JSON, wiped when done."""

from __future__ import annotations


class Secret:
    """Holds bytes that must never reach argv, environment, log, repr or disk."""

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes) -> None:
        self._value = bytearray(value.encode() if isinstance(value, str) else value)

    def reveal(self) -> bytes:
        """The bytes themselves; the caller passes them on at once and keeps nothing."""
        return bytes(self._value)

    def wipe(self) -> None:
        """Overwrites them. Copies that `reveal` made are the caller's."""
        self._value[:] = bytes(len(self._value))
        self._value.clear()

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret cannot be serialised")
