"""Which usernames and passwords look as if no registry issued them, and which only look unusual."""

import random
import string
from typing import Final

import pytest

from pullguard.domain.oddities import oddity_of

PLACEHOLDERS: Final = (
    # of templates and tools
    "${DOCKER_PASSWORD}",
    "${var.token}",
    "${random_password.hub.result}",
    "${TOKEN:-none}",
    '${file("token.txt")}',
    "$(REGISTRY_TOKEN)",
    "$DOCKERHUB_TOKEN",
    "$password",
    "$env:TOKEN",
    "%PASSWORD%",
    "{{resolve:secretsmanager:hub:SecretString:password}}",
    "token-{{resolve:ssm-secure:/hub/token}}",
    "{{ .Values.registry.password }}",
    "{{token}}",
    "${{ secrets.GHCR_TOKEN }}",
    "#{REGISTRY_TOKEN}#",
    "__TOKEN__",
    "@@PASSWORD@@",
    "ci-${REGISTRY_USER}",
    "svc-${Env}",
    "${AWS::StackName}-bot",
    "#{DockerPassword}",
    "#{docker.password}",
    "%HUB_LOGIN%",
    "__HUB_LOGIN__",
    "@Microsoft.KeyVault(SecretUri=https://v.example.com/secrets/hub)",
    "!Ref Password",
    # of people
    "CHANGE_ME",
    "changeme",
    "ChangeMe!",
    "change-this",
    "changeit",
    "REPLACE_ME",
    "REPLACE_WITH_YOUR_TOKEN",
    "your-password",
    "YOUR_DOCKERHUB_TOKEN",
    "YourPasswordHere",
    "your_password_here_123",
    "insert token here",
    "enter-your-password",
    "PLACEHOLDER_VALUE",
    "placeholder",
    "TODO",
    "tbd",
    "<password>",
    "<your token>",
    "<DOCKERHUB-USERNAME>",
    "[password]",
    "{password}",
    "privateRegistryPassword",
    "set-me-later",
    "SET_ME",
    "tobechanged",
    "to be replaced",
    "to-be-defined",
    "dummy-password",
    "example-token",
    "fake_secret",
    "dckr_pat_CHANGE_ME",
    "ghp_REPLACE_ME",
    "<PLACEHOLDER>",
    "<CHANGEME>",
    "<CHANGE_ME>",
    "<REPLACE_ME>",
    "<TODO>",
    "[CHANGEME]",
    "{CHANGE_ME}",
    "(change-me)",
    "<<CHANGE_ME>>",
    "[[replace-me]]",
    '"CHANGEME"',
    "'placeholder'",
    '"<CHANGEME>"',
    "\u201cchangeme\u201d",
    "(sensitive value)",
    "(known after apply)",
    "<sensitive>",
    '"${DOCKER_PASSWORD}"',
    "<null>",
    "REPLACE_AFTER_DEPLOY",
    "replace-after-deployment",
    "SET_ME_AFTER_CREATION",
    "change_after_install",
    "REDACTED",
    "[REDACTED]",
    "***REDACTED***",
    "<redacted>",
    "--masked--",
    # masked
    "xxx",
    "XXXXXXXX",
    "********",
    "...",
    "ghp_xxxxxxxxxxxx",
    "glpat-XXXXXXXXXXXX",
    "dckr_pat_...",
    # of programs that found nothing, and references to where the value is
    "null",
    "undefined",
    "None",
    "N/A",
    "[object Object]",
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:hub-AbCdEf",
    "op://vault/hub/password",
    "file://token.txt",
    "ENC[AES256_GCM,data:abc,type:str]",
)
UNUSUAL: Final = (
    "hunter2",
    "p@ss w0rd",
    "a$b{c}d",
    "p${x}q",
    "$ecret",
    "$TOK3N!x",
    "$2y$10$N9qo8uLOickgx2ZMRZoMy",
    "${",
    "{}",
    "$",
    "{{",
    "<3",
    "a<b>c",
    "<KpS6pE>",
    "<hunter2>",
    "(sensitive)x",
    "sensitive",
    "<>",
    "[]",
    "after-deploy",
    "create",
    "{7kQ}",
    "%20abc%",
    "#Secret#1",
    "xx",
    "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "glpat-aBcD_eF-12xxY",
    "dckr_pat_AbC-_123",
    "correct horse battery staple",
    "change",
    "exchange",
    "your.name@example.com",
    "password",
    "token",
    "user",
    "none",
    "dummy",
    "example",
    "offset",
    "redactedX1k",
    "${xX}y",
    "svc-$Env",
    "%ab%",
    "__init__",
    "oauth2",
    "my-user",
    "github",
    "docker",
    "access-token",
    "private-registry",
    "deploy-user",
    "robot$acme+ci",
    "ci@example.com",
    "AWS",
    "_json_key",
    "00000000-0000-0000-0000-000000000000",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
)
AROUND: Final = ("p\n", "p\r\n", " p", "p ", "\tp", "p\u00a0", "\ufeffp", "p\u200b", "a b ")
BLANK: Final = (" ", "\n", "\t \r\n", "\u00a0", "\u200b")


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_a_placeholder_that_nothing_replaced(text: str) -> None:
    assert oddity_of(text) == "placeholder"
    assert oddity_of(f" {text}\n") == "placeholder"


@pytest.mark.parametrize("text", UNUSUAL)
def test_a_value_that_is_merely_unusual_is_accepted(text: str) -> None:
    assert oddity_of(text) is None


@pytest.mark.parametrize("text", AROUND)
def test_white_space_around_it(text: str) -> None:
    assert oddity_of(text) == "white-space-around"


@pytest.mark.parametrize("text", ['"hunter2"', "'hunter2'", '"dckr_pat_AbC-_123"'])
def test_quotation_marks_around_it(text: str) -> None:
    assert oddity_of(text) == "quotes-around"


@pytest.mark.parametrize("text", ['"x"', "\"hunter2'", '"a"b"c"', 'hunter2"', '"', '""', "'hunt er2'"])
def test_other_quotation_marks(text: str) -> None:
    assert oddity_of(text) is None


@pytest.mark.parametrize("text", BLANK)
def test_nothing_but_white_space(text: str) -> None:
    assert oddity_of(text) == "blank"


def test_a_random_password_is_not_odd() -> None:
    """Passwords as generators make them, of every character that they use; the seed makes each run the same."""
    made = random.Random(13)
    alphabets = (
        string.ascii_letters + string.digits,
        string.ascii_letters + string.digits + string.punctuation,
        "${}<>%[]xX_",
    )
    for _ in range(5000):
        text = "".join(made.choices(made.choice(alphabets), k=made.choice((8, 12, 20, 40))))
        assert oddity_of(text) is None, text


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        "<" + "pass" * 15_000,
        "${" * 30_000,
        "{{" * 30_000,
        "$" + "A_" * 30_000,
        "apikey" * 10_000,
        "[redacted" * 10_000,
        "${aaa" * 20_000,
        "<" * 30_000 + ">" * 30_000,
    ],
)
def test_a_long_value_costs_no_time(text: str) -> None:
    assert oddity_of(text) is None
