"""The stores of the ledger: each partition has one owner."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator

import pytest

import pullguard.store
from pullguard.store.ledger import Ledger
from pullguard.store.table import Table


def stores() -> Iterator[type[Table]]:
    for module in pkgutil.iter_modules(pullguard.store.__path__):
        found = vars(importlib.import_module(f"pullguard.store.{module.name}")).values()
        yield from (
            each
            for each in found
            if isinstance(each, type) and issubclass(each, Table) and each.__module__.endswith(f".{module.name}")
        )


def test_every_partition_has_one_owner() -> None:
    owners = {each: each.PARTITIONS for each in stores() if each.__name__.endswith("Store")}
    assert len(owners) == 14
    assert all(owners.values())
    assert [
        name for name, times in Counter(name for each in owners.values() for name in each).items() if times > 1
    ] == []


@pytest.mark.parametrize("partition", ["ROLE#x", "ROLES", "TDs", "TD", "REF", "#"])
def test_a_store_uses_no_partition_of_another(ledger: Ledger, partition: str) -> None:
    with pytest.raises(AssertionError, match=f"EntryStore does not own the partition {partition}"):
        ledger.entries._delete(partition, "x")
    with pytest.raises(AssertionError, match="does not own"):
        list(ledger.entries._items(partition))
