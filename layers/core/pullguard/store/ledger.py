"""The ledger: one DynamoDB table, keyed ``pk`` and ``sk``, and the stores of its partitions.

Each item's data is JSON in ``data`` (domain/records.py), and ``expires_at_epoch_s`` is the table's time to live. Each
partition belongs to one store, whose module describes its items; a store uses no other's keys.
"""

from pullguard.store.claims import ClaimStore
from pullguard.store.entries import EntryStore
from pullguard.store.families import FamilyStore
from pullguard.store.holds import HoldStore
from pullguard.store.intents import IntentStore
from pullguard.store.roles import RoleStore
from pullguard.store.rotations import RotationStore
from pullguard.store.table import Client
from pullguard.store.write_counts import WriteCountStore


class Ledger:
    """The stores that more than one workflow uses, over one table; the others are made where they are used."""

    def __init__(self, client: Client, table: str) -> None:
        self.entries = EntryStore(client, table)
        self.roles = RoleStore(client, table)
        self.families = FamilyStore(client, table)
        self.holds = HoldStore(client, table)
        self.claims = ClaimStore(client, table)
        self.rotations = RotationStore(client, table)
        self.intents = IntentStore(client, table)
        self.write_counts = WriteCountStore(client, table)
