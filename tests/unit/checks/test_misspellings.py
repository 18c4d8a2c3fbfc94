"""Near names are offered first; nothing is planned for them, and no stranger's host gets into a tag."""

import re
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.domain.actions import Plan
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import ROLES_NOT_LISTED, Lookup
from pullguard.domain.role import Role
from pullguard.domain.secret import Secret
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import ACCOUNT, NOW, REGION, World, container, denied, role, secret, secret_arn, task_definition


def only_finding(world: World) -> Finding:
    facts = world.facts()
    (finding,) = examine(facts).findings
    assert make_plan(facts, (finding,), Rules()) == Plan()
    return finding


# --- Secrets -----------------------------------------------------------------------------------------------------

WEB = secret("registry/dockerhub-web")
PLAIN = secret("registry/dockerhub-wob", "PlaPla", registry=None)
MISSPELT = "registry/dockerhub-wbe"


def not_found(reference: object, *secrets: Secret, image: str = "ghcr.io/acme/web:1", **changes: Any) -> Finding:
    world = World(
        (task_definition(container(reference, image=image)),),
        (role(reads=secrets),),
        secrets,
        **changes,
    )
    finding = only_finding(world)
    assert finding.check == "secret-not-found"
    return finding


OFFERED: dict[str, tuple[object, tuple[Secret, ...], Secret]] = {
    "a-name": (MISSPELT, (WEB, secret("registry/other", "OthOth")), WEB),
    "a-full-arn": (secret_arn(MISSPELT), (WEB,), WEB),
    "an-arn-without-its-suffix": (str(secret_arn(MISSPELT))[:-7], (WEB,), WEB),
    "an-arn-of-another-region": (
        str(secret_arn(MISSPELT)).replace(REGION, "eu-west-1"),
        (WEB, elsewhere := replace(WEB, arn=Arn.parse(str(WEB.arn).replace(REGION, "eu-west-1")))),
        elsewhere,
    ),
    "one-of-the-registry-beside-one-that-is-nearer": (
        "registry/dockerhub-wobb", (WEB, PLAIN, webb := secret("registry/dockerhub-webb", "WebbWe")), webb,
    ),
    "a-name-that-the-suffix-was-pasted-to": ("registry/ghcr-AbCdEf", (secret(),), secret()),
    "a-word-that-may-be-a-suffix": (str(secret_arn("app-dockre"))[:-7], (docker := secret("app-docker"),), docker),
}  # fmt: skip


@pytest.mark.parametrize(("reference", "secrets", "meant"), OFFERED.values(), ids=OFFERED)
def test_a_near_secret_is_offered_first(reference: object, secrets: tuple[Secret, ...], meant: Secret) -> None:
    remedy = not_found(reference, *secrets).remedy
    assert remedy.text.startswith(f"Did you mean {meant.name}")
    assert remedy.snippet == f'"repositoryCredentials": {{"credentialsParameter": "{meant.arn}"}}'
    assert remedy.action == "none"
    assert "If the name is right: create the secret " in remedy.text
    assert "create-secret" not in remedy.text


def test_several_are_named_and_the_likeliest_is_pasted() -> None:
    webs = secret("registry/dockerhub-webs", "WebsWe")
    remedy = not_found("registry/dockerhub-webb", webs, WEB).remedy
    assert remedy.text.startswith("Did you mean registry/dockerhub-web (or registry/dockerhub-webs)?")
    assert str(WEB.arn) in (remedy.snippet or "")


NOT_OFFERED: dict[str, tuple[object, tuple[Secret, ...]]] = {
    "nothing-near": ("registry/nothing", (WEB,)),
    "one-for-another-registry": (MISSPELT, (secret("registry/dockerhub-web", registry="docker.io"),)),
    "one-that-is-not-opted-in": ("registry/dockerhub-wobb", (PLAIN,)),
    "a-database-secret": ("prod/db-passwort", (secret("prod/db-password", registry=None, tags={"team": "db"}),)),
    "one-whose-tag-is-empty": (MISSPELT, (secret("registry/dockerhub-web", registry=""),)),
    "one-whose-tag-does-not-parse": (MISSPELT, (secret("registry/dockerhub-web", registry="ghcr.io/acme"),)),
    "one-that-is-scheduled-for-deletion": (MISSPELT, (replace(WEB, deleted_at=NOW),)),
    "one-that-a-service-manages": (MISSPELT, (replace(PLAIN, name="registry/dockerhub-web", owning_service="rds"),)),
    "one-of-an-external-service": (MISSPELT, (replace(PLAIN, name="registry/dockerhub-web", type="Salesforce"),)),
    "one-of-another-region": (MISSPELT, (replace(WEB, arn=Arn.parse(str(WEB.arn).replace(REGION, "eu-west-1"))),)),
    "a-secret-of-another-account": (str(secret_arn(MISSPELT, account="444455556666")), (WEB,)),
}  # fmt: skip


@pytest.mark.parametrize(("reference", "secrets"), NOT_OFFERED.values(), ids=NOT_OFFERED)
def test_an_unsuitable_secret_is_not_offered(reference: object, secrets: tuple[Secret, ...]) -> None:
    finding = not_found(reference, *secrets)
    assert "Did you mean" not in finding.remedy.text
    assert "repositoryCredentials" not in (finding.remedy.snippet or "")
    for each in secrets:
        assert re.search(rf"{re.escape(each.name)}\b", str(finding)) is None


ABROAD = str(WEB.arn).replace(REGION, "eu-central-1")


@pytest.mark.parametrize("beside", ["named-by-another-container", "opted-in-and-listed"])
def test_a_secret_of_that_name_in_another_region_is_offered_where_it_is_known(beside: str) -> None:
    other = container(WEB, name="b") if beside.startswith("named") else container(None, name="b")
    world = World((task_definition(container(ABROAD), other),), (role(reads=(WEB,)),), (WEB,))
    (finding,) = (each for each in examine(world.facts()).findings if each.check == "secret-not-found")
    assert finding.remedy.text.startswith(f"Did you mean {WEB.name} of {REGION}? ")
    assert finding.remedy.text.endswith(f"If the Region is right: create the secret {WEB.name}.")
    assert finding.remedy.snippet == f'"repositoryCredentials": {{"credentialsParameter": "{WEB.arn}"}}'


def test_no_twin_is_created_abroad_before_the_region_is_made_sure_of() -> None:
    remedy = not_found(ABROAD, WEB).remedy
    assert remedy.text.startswith(
        f"The ARN names the Region eu-central-1, and the tasks run in {REGION}. If the secret"
    )
    assert f"`aws secretsmanager describe-secret --region {REGION} --secret-id {WEB.name} --query ARN" in remedy.text
    assert "Otherwise create the secret in eu-central-1." in remedy.text
    assert "create-secret --region eu-central-1" in (remedy.snippet or "")


def test_no_other_region_is_asked() -> None:
    world = World((task_definition(container(ABROAD)),), (role(reads=(WEB,)),), (WEB,))
    world.facts()
    assert {about for kind, about in world.asked if kind.endswith("secrets")} == {"eu-central-1"}
    assert not [about for kind, about in world.asked if kind == "secret" and REGION in about]


TO_PEOPLE: dict[str, tuple[tuple[Secret, ...], str | None, str]] = {
    "one-that-is-not-opted-in": ((replace(PLAIN, name=WEB.name),), WEB.name, "is not opted in"),
    "one-whose-tag-does-not-parse": (
        (secret("registry/dockerhub-web", registry="ghcr.io/acme"),), WEB.name, "is not opted in",
    ),
    "an-opted-in-one-first": (
        (secret("registry/dockerhub-wb", registry=None), WEB), WEB.name, "dockerhub-wb is not opted in",
    ),
    "none-for-another-registry": ((secret("registry/dockerhub-web", registry="docker.io"),), None, ""),
    "none-that-is-scheduled-for-deletion": ((replace(PLAIN, name=WEB.name, deleted_at=NOW),), None, ""),
    "none-that-a-service-manages": ((replace(PLAIN, name=WEB.name, owning_service="rds"),), None, ""),
    "none-of-an-external-service": ((replace(PLAIN, name=WEB.name, type="Salesforce"),), None, ""),
    "nothing-near": ((secret("prod/database", registry=None),), None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("secrets", "first", "said"), TO_PEOPLE.values(), ids=TO_PEOPLE)
def test_people_are_offered_near_secrets_that_are_not_opted_in(
    secrets: tuple[Secret, ...], first: str | None, said: str
) -> None:
    remedy = not_found(MISSPELT, *secrets, lists_all=True).remedy
    assert remedy.text.startswith(f"Did you mean {first}") is (first is not None)
    assert said in remedy.text
    assert ("create-secret" in f"{remedy.text} {remedy.snippet}") is (first is None)


def test_the_deployed_stack_names_no_secret_that_is_not_opted_in_and_says_who_does() -> None:
    remedy = not_found(MISSPELT, replace(PLAIN, name=WEB.name)).remedy
    assert WEB.name not in f"{remedy.text} {remedy.snippet}"
    assert remedy.text.endswith(
        "Secrets of similar names: pullguard explain, which also offers those that are not opted in."
    )


def test_no_names_are_suggested_if_people_may_not_list_secrets() -> None:
    remedy = not_found(
        MISSPELT, WEB, lists_all=True, unreadable={"every-secret": denied(), "registry-secrets": denied()}
    )
    assert "similar" not in remedy.remedy.text


CREATED: dict[str, tuple[object, str, bool]] = {
    "a-name-that-ends-like-an-arn": (str(secret_arn("app-docker"))[:-7], "app-docker", True),
    "a-full-arn": (secret_arn("registry/quay", "OldOld"), "registry/quay", True),
    "an-arn-without-its-suffix-in-another-region": (
        str(secret_arn("registry/quay"))[:-7].replace(REGION, "eu-west-1"), "registry/quay", True,
    ),
    "an-arn-without-its-suffix": (str(secret_arn("registry/quay"))[:-7], "registry/quay", False),
    "a-name": ("registry/quay", "registry/quay", False),
}  # fmt: skip


@pytest.mark.parametrize(("reference", "name", "registered"), CREATED.values(), ids=CREATED)
def test_it_is_created_and_then_registered_where_the_reference_would_not_find_it(
    reference: object, name: str, registered: bool
) -> None:
    remedy = not_found(reference).remedy
    first, then, _ = remedy.text.partition("Then register a revision")
    assert first.startswith("Create the secret.") or "Otherwise create the secret in eu-west-1." in first
    assert bool(then) is registered
    assert " or " not in remedy.text
    assert f" --name {name} --tags Key=pullguard:registry,Value=ghcr.io " in str(remedy.snippet)


class Lagging(World):
    """Lists ``WEB`` as it was before its tags were removed."""

    def registry_secrets(self, region: str) -> Lookup[tuple[Secret, ...]]:
        return super().registry_secrets(region) or (WEB,)


def test_one_that_was_opted_in_when_it_was_listed_only_is_not_offered() -> None:
    world = Lagging((task_definition(container(MISSPELT)),), (role(),), (replace(WEB, tags={}),))
    assert "Did you mean" not in only_finding(world).remedy.text


def test_nothing_is_offered_and_nothing_unknown_if_secrets_may_not_be_listed() -> None:
    unreadable = {"registry-secrets": denied()}
    assert "Did you mean" not in not_found(MISSPELT, WEB, unreadable=unreadable).remedy.text


def test_one_that_cannot_be_described_is_not_offered() -> None:
    assert "Did you mean" not in not_found(MISSPELT, WEB, unreadable={str(WEB.arn): denied()}).remedy.text


def test_each_container_is_offered_one_for_its_own_registry() -> None:
    hub = secret("registry/dockerhub-web", "HubHub", registry="docker.io")
    ghcr = secret("registry/dockerhub_web", registry="ghcr.io")
    containers = (container(MISSPELT, name="a", image="acme/web"), container(MISSPELT, name="b"))
    facts = World((task_definition(*containers),), (role(reads=(hub, ghcr)),), (hub, ghcr)).facts()
    offered = {each.container: each.remedy.snippet or "" for each in examine(facts).findings}
    assert str(hub.arn) in offered["a"]
    assert str(ghcr.arn) in offered["b"]


def test_nothing_is_listed_where_nothing_is_lost() -> None:
    world = World((task_definition(container(WEB)),), (role(reads=(WEB,)),), (WEB,))
    world.facts()
    assert not {"registry-secrets", "every-role"} & {kind for kind, _ in world.asked}


# --- Roles -------------------------------------------------------------------------------------------------------


def gone(named: str, *roles: Role, listed: Lookup[tuple[Role, ...]] | None = None) -> Finding:
    facts = World((task_definition(container(WEB), role_name=named),), roles, (WEB,)).facts()
    facts = facts if listed is None else replace(facts, near_roles=listed)
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-not-found")
    return finding


def test_a_near_role_is_offered_first() -> None:
    remedy = gone("web-exectuion", role(reads=(WEB,)), role("worker-execution")).remedy
    assert remedy.text.startswith("Did you mean web-execution? Then register a revision with the role web-execution.")
    assert remedy.snippet == f'"executionRoleArn": "arn:aws:iam::{ACCOUNT}:role/web-execution"'
    assert "aws iam create-role" in remedy.text


@pytest.mark.parametrize(
    "other", [role("worker-execution"), role("web-execution", trust_policy={})], ids=["far", "not-assumable"]
)
def test_a_role_that_would_not_do_is_not_offered(other: Role) -> None:
    remedy = gone("web-exectuion", other).remedy
    assert "Did you mean" not in remedy.text
    assert "aws iam create-role" in (remedy.snippet or "")


def test_the_remedy_points_to_explain_if_roles_may_not_be_listed() -> None:
    remedy = gone("web-exectuion", listed=ROLES_NOT_LISTED).remedy
    assert "pullguard explain" in remedy.text
    assert "aws iam create-role" in (remedy.snippet or "")


def test_no_names_are_suggested_if_the_list_is_denied() -> None:
    assert "similar" not in gone("web-exectuion", listed=denied("iam:GetAccountAuthorizationDetails")).remedy.text


# --- Registry hosts ----------------------------------------------------------------------------------------------


def mismatch(image: str, tag: str) -> Finding:
    kept = secret(registry=tag)
    finding = only_finding(World((task_definition(container(kept, image=image)),), (role(reads=(kept,)),), (kept,)))
    assert finding.check == "registry-mismatch"
    return finding


def test_a_misspelt_tag_is_corrected_in_favour_of_a_public_registry() -> None:
    remedy = mismatch("ghcr.io/acme/web:1", "quay.io ghrc.io").remedy
    assert remedy.text.startswith("Did you mean ghcr.io in the tag pullguard:registry, which says ghrc.io?")
    assert remedy.snippet is not None
    assert "tag-resource" in remedy.snippet
    assert "Key=pullguard:registry,Value=ghcr.io quay.io" in remedy.snippet


def test_a_misspelt_image_is_corrected_in_the_next_revision() -> None:
    remedy = mismatch("GHRC.io/acme/web:1@sha256:" + "0" * 64, "ghcr.io").remedy
    assert remedy.text.startswith("Did you mean ghcr.io in the image?")
    assert remedy.snippet == f'"image": "ghcr.io/acme/web:1@sha256:{"0" * 64}"'


def test_neither_of_two_private_hosts_is_written_for_people() -> None:
    remedy = mismatch("registry.exmaple.com/web", "registry.example.com").remedy
    assert "Did you mean registry.example.com in the image, or registry.exmaple.com in the tag" in remedy.text
    assert remedy.snippet is None


@pytest.mark.parametrize(
    ("image", "tag", "said", "snippet"),
    [
        ("quay.i/acme/web:1", "quay.io", "Did you mean quay.io in the image?", '"image": "quay.io/acme/web:1"'),
        ("ghcr.com/acme/web:1", "ghcr.io", "Did you mean ghcr.io in the image?", '"image": "ghcr.io/acme/web:1"'),
        ("docker.com/acme/web", "docker.io", "Did you mean docker.io in the image?", '"image": "docker.io/acme/web"'),
        ("artifactory.acme.com/web", "artifactory.acme.io", "Did you mean artifactory.acme.io in the image, or", None),
        ("quay.io/acme/web:1", "quay.acme", "Did you mean quay.acme in the image, or quay.io in the tag", None),
    ],
    ids=["cut-off", "another-ending", "docker-hub", "a-private-host", "a-private-host-in-the-tag"],
)
def test_another_ending_of_a_host_is_named_and_gets_no_credentials(
    image: str, tag: str, said: str, snippet: str | None
) -> None:
    remedy = mismatch(image, tag).remedy
    assert remedy.text.startswith(said)
    assert remedy.snippet == snippet


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("gcr.io/acme/web", "ghcr.io"),
        ("quay.io/acme/web", "ghcr.io"),
        ("eu.example.com/web", "example.com"),
        ("evil.example/web", "ghcr.io"),
    ],
    ids=["two-public-registries", "another", "a-subdomain", "a-stranger"],
)
def test_another_registry_is_no_misspelling(image: str, tag: str) -> None:
    remedy = mismatch(image, tag).remedy
    assert "Did you mean" not in remedy.text
    assert remedy.snippet is None
