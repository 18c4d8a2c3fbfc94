from tests.contract.cloudformation import ROOT
from tests.e2e.attack_table import table


def test_the_page_says_what_the_table_of_attacks_says() -> None:
    assert (ROOT / "docs" / "attacks.md").read_text(encoding="utf-8") == table()
