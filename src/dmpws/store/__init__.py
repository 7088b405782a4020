"""Database and document storage behind the interfaces of dmpws.transactions.ports.

`open_store` gives a `Store`; `migrate.upgrade` makes or updates its tables.
"""

from dmpws.store.keyring import KeyCommand, KeyFile
from dmpws.store.store import Store, StoreOptions, open_store

__all__ = ["KeyCommand", "KeyFile", "Store", "StoreOptions", "open_store"]
