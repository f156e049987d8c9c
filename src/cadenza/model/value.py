"""`dataclass` for values of which one answer makes a hundred: `frozen` is kept by the type checkers alone.

At run time nothing stands guard over them: a frozen dataclass sets each field through a function, which makes an instance up
to five times as dear. Import `dataclass` from here where that counts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool = False, **options: Any) -> Any:
        """As `dataclasses.dataclass`, where *frozen* only means that it can be a key."""
        return dataclasses.dataclass(**options, unsafe_hash=frozen)


_T = TypeVar("_T")


def altered(given: _T, **fields: Any) -> _T:
    """A copy of *given* with other *fields*: `dataclasses.replace` for what was imported from here, at a third of its price."""
    kind: Any = type(given)
    copy = kind.__new__(kind)
    for name in kind.__slots__:
        setattr(copy, name, fields[name] if name in fields else getattr(given, name))
    found: _T = copy
    return found
