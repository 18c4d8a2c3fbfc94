"""Links: pages of the AWS console, for proved ARNs only."""

import json

import pytest

from pullguard.alerts import compose, describe
from pullguard.alerts.links import links_of
from sandbox.showcase.samples import SECRET
from tests.unit.alerts.notices import (
    GRANT,
    KEY,
    ROLE,
    WEB,
    about_a_deed,
    definition,
    finding,
    notice,
)


def test_only_shared_resources_of_several_families_are_linked() -> None:
    broken = finding(check="secret-value-malformed")
    reported = notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))
    assert set(json.loads(compose(reported, "json").text)["links"]) == {"Secret"}


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws", "eu-west-1", "https://console.aws.amazon.com/"),
        ("aws-cn", "cn-north-1", "https://console.amazonaws.cn/"),
        ("aws-us-gov", "us-gov-west-1", "https://console.amazonaws-us-gov.com/"),
        ("aws-iso", "us-iso-east-1", None),
    ],
)
def test_links_go_to_the_console_of_the_partition(partition: str, region: str, domain: str | None) -> None:
    def there(text: str) -> str:
        return text.replace("arn:aws:", f"arn:{partition}:").replace("eu-west-1", region)

    reported = finding(task_definition=there(WEB), secret=there(SECRET), role=there(ROLE), key=there(KEY))
    links = json.loads(compose(notice(findings=(reported,)), "json").text)["links"]
    assert set(links) == ({"Task definition", "Secret", "Role", "Key"} if domain else set())
    assert all(link.startswith(domain) for link in links.values())


PAGES: dict[str, tuple[dict[str, str | None], str, str]] = {
    "task-definition": (
        {},
        "Task definition",
        "https://console.aws.amazon.com/ecs/v2/task-definitions/web/7?region=eu-west-1",
    ),
    "secret-by-its-name": (
        {},
        "Secret",
        "https://console.aws.amazon.com/secretsmanager/secret?name=registry%2Fghcr&region=eu-west-1",
    ),
    "secret-without-a-suffix": (
        {"secret": SECRET[:-7]},
        "Secret",
        "https://console.aws.amazon.com/secretsmanager/secret?name=registry%2Fghcr&region=eu-west-1",
    ),
    "role-without-its-path": (
        {},
        "Role",
        "https://console.aws.amazon.com/iam/home#/roles/details/web-execution",
    ),
    "key": (
        {"key": KEY},
        "Key",
        "https://console.aws.amazon.com/kms/home?region=eu-west-1#/kms/keys/1234abcd-12ab",
    ),
    "odd-characters-are-quoted": (
        {"role": f"{ROLE}+=,.@-"},
        "Role",
        "https://console.aws.amazon.com/iam/home#/roles/details/web-execution%2B%3D%2C.%40-",
    ),
}


@pytest.mark.parametrize(("changes", "title", "link"), PAGES.values(), ids=PAGES)
def test_a_page_of_the_console(changes: dict[str, str | None], title: str, link: str) -> None:
    assert dict(links_of(notice(findings=(finding(**changes),))))[title] == link


def test_a_deed_is_linked_as_well_and_links_keep_their_order() -> None:
    links = links_of(about_a_deed("Remediation Planned", describe(GRANT)))
    assert [title for title, _ in links] == ["Task definition", "Secret", "Role", "Key"]


@pytest.mark.parametrize("member", ["task_definition", "secret", "role", "key"])
def test_an_arn_of_another_service_is_not_linked(member: str) -> None:
    titles = {title for title, _ in links_of(notice(findings=(finding(**{member: "arn:aws:s3:::bucket"}),)))}
    assert titles == {"Task definition", "Secret", "Role"} - {member.replace("_", " ").capitalize()}


def test_a_role_and_a_secret_that_several_families_share_are_linked() -> None:
    reported = notice(dependents=(definition("web", 7), definition("api")))
    assert [title for title, _ in links_of(reported)] == ["Secret", "Role"]
