import pytest

from sandbox.agent import fault_of

EMPTY = "asm fetching authorization data: empty secrets value"
SCHEMA = "asm fetching authorization data: unable to unmarshal secret value, invalid schema"
NO_USERNAME = "asm fetching username: AuthorizationData is malformed, empty field"
NO_PASSWORD = "asm fetching password: AuthorizationData is malformed, empty field"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"username": "u", "password": "p"}', None),
        ('{"Username": "u", "PASSWORD": "p", "extra": 1}', None),
        (None, EMPTY),
        ("", EMPTY),
        ("u:p", SCHEMA),
        ('["u", "p"]', SCHEMA),
        ('{"username": "u", "password": 7}', SCHEMA),
        ("null", NO_USERNAME),
        ('{"password": "p"}', NO_USERNAME),
        ('{"username": "", "password": "p"}', NO_USERNAME),
        ('{"username": "u"}', NO_PASSWORD),
        ('{"username": "u", "password": null}', NO_PASSWORD),
    ],
)
def test_the_agent_complains_as_it_does(text: str | None, expected: str | None) -> None:
    assert fault_of(text) == expected
