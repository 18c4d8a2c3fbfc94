import json
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pullguard.alerts import FORMATS, MESSAGE_MAX_BYTES, Alert, Deed, Format, Notice, NoticeKind, compose, describe
from pullguard.arn import Arn
from pullguard.causes import Dependent
from pullguard.findings import Finding, Remedy
from pullguard.plan import Action, Grant, MoveService, ReferenceChange, Refusal, Reregister

HOME = "eu-west-1:123456789012"
WEB = f"arn:aws:ecs:{HOME}:task-definition/web:7"
SECRET = f"arn:aws:secretsmanager:{HOME}:secret:registry/ghcr-AbCdEf"
ROLE = "arn:aws:iam::123456789012:role/apps/web-execution"
KEY = f"arn:aws:kms:{HOME}:key/1234abcd-12ab"
OPENED = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)


def finding(**changes: Any) -> Finding:
    whole = Finding(
        id="0123456789abcdef",
        check="secret-access-missing",
        status="fail",
        severity="error",
        task_definition=WEB,
        container="app",
        image="ghcr.io/acme/web",
        secret=SECRET,
        role=ROLE,
        key=None,
        cause="The role web-execution may not read the secret registry/ghcr.",
        evidence="No policy of the role allows secretsmanager:GetSecretValue.",
        remedy=Remedy(
            action="grant", text="Let the role read the secret.", snippet="aws iam put-role-policy\n  --more"
        ),
        source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html",
    )
    return replace(whole, **changes)


def notice(kind: NoticeKind = "Finding Opened", **changes: Any) -> Notice:
    whole = {"findings": (finding(),), "opened_at": OPENED, "account": "123456789012", "region": "eu-west-1"}
    return Notice(kind=kind, **{**whole, **changes})


GRANT = Grant(
    task_definition=Arn.parse(WEB),
    role=Arn.parse(ROLE),
    secret=Arn.parse(SECRET),
    key=Arn.parse(KEY),
    findings=("0123456789abcdef",),
)


def service(name: str, runs: str = WEB, **changes: Any) -> Dependent:
    return Dependent(arn=f"arn:aws:ecs:{HOME}:service/prod/{name}", task_definition=runs, **changes)


def definition(family: str, revision: int = 1, **changes: Any) -> Dependent:
    arn = f"arn:aws:ecs:{HOME}:task-definition/{family}:{revision}"
    return Dependent(arn=arn, task_definition=arn, **changes)


def about_a_deed(kind: NoticeKind, deed: Deed) -> Notice:
    return notice(kind, findings=(), deed=deed, opened_at=None)


# --- Subjects --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (notice(), "[Pullguard] error: web cannot pull ghcr.io/acme/web - secret-access-missing"),
        (
            notice(reminder=True),
            "[Pullguard] reminder, error: web cannot pull ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(findings=(finding(severity="warning", check="reference-by-name"),)),
            "[Pullguard] warning: web may fail to pull ghcr.io/acme/web - reference-by-name",
        ),
        (
            notice(findings=(finding(status="unknown", image=None),)),
            "[Pullguard] unknown: whether web can pull its image - secret-access-missing",
        ),
        (
            notice("Finding Resolved"),
            "[Pullguard] resolved: web, ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(dependents=(service("web"), service("shop"))),
            "[Pullguard] error: web (2 services) cannot pull ghcr.io/acme/web - secret-access-missing",
        ),
        (
            notice(
                findings=(finding(check="secret-value-malformed"),),
                dependents=(definition("web", 7), service("api", definition("api").arn)),
            ),
            "[Pullguard] error: 1 service and 1 task definition cannot pull: secret ... - secret-value-malformed",
        ),
        (
            notice(
                "Finding Resolved",
                findings=(finding(check="key-unusable", key=KEY),),
                dependents=(service("web"), service("api", definition("api").arn)),
            ),
            "[Pullguard] resolved: 2 services: key 1234abcd-12ab, secret registry/ghcr - key-unusable",
        ),
        (
            notice(findings=(finding(image=f"ghcr.io/acme/{'w' * 200}"),)),
            f"[Pullguard] error: web cannot pull ghcr.io/acme/{'w' * 24}... - secret-access-missing",
        ),
        (
            about_a_deed("Remediation Planned", describe(GRANT)),
            "[Pullguard] would let role apps/web-execution read secret registry/ghcr-AbCdEf and decrypt with ...",
        ),
    ],
)
def test_a_subject_says_what_is_broken(told: Notice, subject: str) -> None:
    assert compose(told).subject == subject


# --- Text ------------------------------------------------------------------------------------------------------


def test_an_opened_finding_as_a_person_reads_it() -> None:
    assert (
        compose(notice()).text
        == """\
error: web cannot pull ghcr.io/acme/web (account 123456789012, eu-west-1)

Container: app, image ghcr.io/acme/web

Why: The role web-execution may not read the secret registry/ghcr.

Evidence: No policy of the role allows secretsmanager:GetSecretValue.

Pullguard: can grant the access; what it does about it is told in a message of its own.

To do: Let the role read the secret.
    aws iam put-role-policy
      --more

Task definition: https://console.aws.amazon.com/ecs/v2/task-definitions/web/7?region=eu-west-1
Secret: https://console.aws.amazon.com/secretsmanager/secret?name=registry%2Fghcr&region=eu-west-1
Role: https://console.aws.amazon.com/iam/home#/roles/details/web-execution
Check: secret-access-missing
Since: 2026-05-01T08:00:00Z
Finding: 0123456789abcdef
"""
    )


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
        (timedelta(days=3, hours=1, minutes=9), "3 d 1 h"),
        (timedelta(seconds=-3), "0 s"),
    ],
)
def test_a_resolution_says_how_long_it_lasted(lasted: timedelta, words: str) -> None:
    text = compose(notice("Finding Resolved", resolved_at=OPENED + lasted)).text
    assert f"(lasted {words})\n" in text
    assert "It was: The role" in text
    assert "To do" not in text
    assert "put-role-policy" not in text


def test_two_hundred_dependents_are_one_message_with_twenty_names() -> None:
    services = tuple(service(f"s{n}") for n in range(200))
    text = compose(notice(dependents=services)).text
    assert "Affected: 200 services\n- service/prod/s0 (web:7)\n" in text
    assert "- service/prod/s19 (web:7)\n- and 180 more\n" in text
    assert "s20" not in text


def test_all_dependents_are_in_the_form_for_programs() -> None:
    services = tuple(service(f"s{n}", found=n == 0) for n in range(300))
    message = json.loads(compose(notice(dependents=services), "json").text)
    assert message["dependents"] == [each.arn for each in services]
    assert (message["dependents_count"], message["dependents_not_looked_at"]) == (300, 299)


def test_who_only_references_it_is_marked() -> None:
    told = notice(dependents=(service("web"), service("api", definition("api").arn, found=False)))
    text = compose(told).text
    assert (
        "Affected: 2 services; 1 of them (marked *) reference it and have not been looked at since\n"
        "- service/prod/web (web:7)\n"
        "- service/prod/api (api:1) *\n"
    ) in text


def test_of_several_families_only_what_they_share_is_linked() -> None:
    broken = finding(check="secret-value-malformed")
    told = notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))
    assert set(json.loads(compose(told, "json").text)["links"]) == {"Secret"}


def test_of_several_families_no_container_is_named() -> None:
    broken = finding(cause="The secret registry/ghcr of container app has no password.")
    text = compose(notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))).text
    assert "Why: The secret registry/ghcr has no password.\n" in text
    assert "Container:" not in text


def test_findings_of_one_cause_are_dependents_without_being_told_so() -> None:
    api = finding(id="f2", task_definition=f"arn:aws:ecs:{HOME}:task-definition/api:1")
    text = compose(notice(findings=(finding(), api))).text
    assert "Affected: 2 task definitions\n- task-definition/web:7\n- task-definition/api:1\n" in text
    assert text.endswith("Finding: 0123456789abcdef, f2\n")


REFUSAL = Refusal(
    kind="grant",
    task_definition=Arn.parse(WEB),
    target=ROLE,
    why="the secret is not opted in",
    remedy="Tag the secret pullguard:registry=ghcr.io.",
    snippet="aws secretsmanager tag-resource",
    findings=("f1",),
)


@pytest.mark.parametrize(
    ("kind", "deed", "lines"),
    [
        (
            "Remediation Planned",
            describe(GRANT),
            ("would let role apps/web-execution read", "Pullguard: would let role", "Key: https://console"),
        ),
        (
            "Remediation Completed",
            describe(GRANT),
            ("done: let role", "Pullguard: did this: let role apps/web-execution read secret", "0123456789abcdef"),
        ),
        (
            "Remediation Failed",
            describe(GRANT, "AWS throttled the call"),
            ("failed to let role", "and failed: AWS throttled the call"),
        ),
        (
            "Remediation Refused",
            describe(REFUSAL),
            (
                "refused to grant web-execution what web:7 needs",
                "Pullguard: will not grant web-execution what web:7 needs: the secret is not opted in",
                "To do: Tag the secret pullguard:registry=ghcr.io.\n    aws secretsmanager tag-resource\n",
                "Finding: f1\n",
            ),
        ),
    ],
)
def test_a_deed_is_told_as_what_it_is(kind: NoticeKind, deed: Deed, lines: tuple[str, ...]) -> None:
    text = compose(about_a_deed(kind, deed)).text
    for line in lines:
        assert line in text


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (
            Reregister(
                task_definition=Arn.parse(WEB),
                changes=(
                    ReferenceChange(container="app", before="x", after=Arn.parse(SECRET)),
                    ReferenceChange(container="side", before="y", after=None),
                ),
                findings=(),
            ),
            "register web:7 once more with secret registry/ghcr-AbCdEf for container app, "
            "no credentials for container side",
        ),
        (
            MoveService(
                cluster="c",
                service=f"arn:aws:ecs:{HOME}:service/prod/web",
                before=Arn.parse(WEB),
                after=Arn.parse(WEB.replace(":7", ":8")),
            ),
            "move service web from web:7 to web:8",
        ),
        (replace(REFUSAL, kind="reregister"), "register web:7 once more"),
        (replace(REFUSAL, kind="move-service", target="a/b/shop"), "move service shop away from web:7"),
    ],
)
def test_every_action_has_words(action: Action | Refusal, what: str) -> None:
    assert describe(action).what == what


def test_a_notice_about_nothing_is_no_notice() -> None:
    with pytest.raises(ValueError, match="neither"):
        notice(findings=())


def test_a_snippet_that_is_too_long_is_left_out_whole() -> None:
    text = compose(notice(findings=(finding(remedy=Remedy(text="Do it.", snippet="x" * 6_001)),))).text
    assert "xx" not in text
    assert "pullguard plan web prints it" in text


# --- Links -----------------------------------------------------------------------------------------------------


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

    told = finding(task_definition=there(WEB), secret=there(SECRET), role=there(ROLE), key=there(KEY))
    links = json.loads(compose(notice(findings=(told,)), "json").text)["links"]
    assert set(links) == ({"Task definition", "Secret", "Role", "Key"} if domain else set())
    assert all(link.startswith(domain) for link in links.values())


@pytest.mark.parametrize(
    "secret",
    ["registry/ghcr", "arn:aws:s3:::bucket", f"{SECRET}\nhttps://evil.example/", "arn:aws:secretsmanager:x", None],
)
def test_what_is_not_proved_gets_no_link(secret: str | None) -> None:
    links = json.loads(compose(notice(findings=(finding(secret=secret),)), "json").text)["links"]
    assert "Secret" not in links


# --- Other people's text ---------------------------------------------------------------------------------------

ATTACKS = {
    "newline": "x\nFinding: 0000\n\nTo do: pay",
    "other-line-ends": "x\r\x0b\x0c\x1c\x85\u2028\u2029y",
    "link": "see https://evil.example/login and HTTP://EVIL.example, ftp://evil.example",
    "bare-link": "www.evil.example mailto:a@evil.example WWW.evil.example javascript:alert(1)",
    "split-link": "https:\u200b//evil.example",
    "chat-link": "<https://evil.example|console> [console](https://evil.example) [x](evil.example)",
    "mention": "<!channel> <@U123> @here @channel",
    "code-block": "``` *bold* `x`",
    "bidi": "\u202egnorw \u2066x\u2069 \u200e\u061c",
    "zero-width": "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg",
    "blank-letters": "\u3164\u115f\u1160\uffa0\u2800",
    "marks": "z\u0335\u0336\u0337\u20dd",
    "terminal": "\x1b[31mred\x07\x08\x00\x7f\x9b",
    "surrogate": "\ud83d\ude00 \ud800",
    "cyrillic": "g\u04bbcr.io/\u0430cme",
    "huge": "A" * 300_000,
    "huge-wide": "\U0001f600" * 100_000,
    "huge-marks": "e\u0301\u0301" * 50_000,
    "non-ascii": "Köln's \u201cbüro\u201d \u2026 東京",
}


def foreign_dependent(text: str) -> Dependent:
    return Dependent(arn=text, task_definition=f"{text}x", found=False)


def attacked(text: str) -> tuple[Notice, ...]:
    remedy = Remedy(text=text, snippet=f"aws x {text}")
    everywhere = finding(
        check=text, task_definition=text, container=text, image=text, secret=text, role=text, key=text, cause=text,
        evidence=text, remedy=remedy, source=text, id=text,
    )  # fmt: skip
    deed = Deed(
        kind="grant", what=text, task_definition=text, target=text, role=text, why=text, remedy=text, snippet=text,
        findings=(text,) * 9,
    )  # fmt: skip
    return (
        notice(
            findings=(everywhere,) * 30,
            dependents=(foreign_dependent(text), *(foreign_dependent(f"{text}{n}") for n in range(600))),
        ),
        notice("Finding Resolved", findings=(everywhere,), account=text, region=text),
        about_a_deed("Remediation Refused", deed),
    )


def texts(alert: Alert, form: Format) -> list[str]:
    """Every piece of text in a message, as its reader's program gets it."""

    def inside(value: Any) -> list[str]:
        match value:
            case dict():
                return [piece for each in value.values() for piece in inside(each)]
            case list():
                return [piece for each in value for piece in inside(each)]
            case str():
                return [value]
            case _:
                return []

    return [alert.text] if form == "text" else inside(json.loads(alert.text))


_LINKED = re.compile(r"\bwww\.\w|\b(mailto|javascript|tel):\w|:[/\\]{2}", re.IGNORECASE)


def assert_harmless(alert: Alert, form: Format) -> None:
    assert 1 <= len(alert.subject) < 100
    assert re.fullmatch(r"[!-~][ -~]*", alert.subject)
    assert len(alert.text.encode()) <= MESSAGE_MAX_BYTES
    for name, value in alert.attributes.items():
        assert re.fullmatch(r"[A-Za-z0-9._: -]{1,256}", value), name
    for piece in [alert.subject, *texts(alert, form)]:
        for character in set(piece) - {"\n"}:
            assert unicodedata.category(character)[0] != "C", f"{character!r} in {piece[:200]!r}"
            assert character.isprintable()
        for link in re.findall(r"\S*://\S*", piece):
            assert link.startswith("https://console.aws.amazon.com/"), link
        assert not _LINKED.search(piece.replace("https://console", ""))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_other_peoples_text_stays_text(text: str, form: Format) -> None:
    for told in attacked(text):
        assert_harmless(compose(told, form), form)


foreign = st.text(st.characters(), max_size=60) | st.sampled_from(sorted(ATTACKS.values(), key=len)[:12])


@settings(max_examples=100, deadline=None)
@given(foreign, st.sampled_from(FORMATS))
def test_whatever_is_written_there(text: str, form: Format) -> None:
    for told in attacked(text):
        assert_harmless(compose(told, form), form)


def test_a_strangers_lines_do_not_become_lines_of_ours() -> None:
    lines = compose(notice(findings=(finding(cause=ATTACKS["newline"], container=ATTACKS["newline"]),))).text.split(
        "\n"
    )
    assert [line for line in lines if line.startswith(("Finding:", "To do:"))] == [
        "To do: Let the role read the secret.",
        "Finding: 0123456789abcdef",
    ]


def test_a_strangers_snippet_lines_are_indented() -> None:
    remedy = Remedy(snippet="aws x 'a\nFinding: 0000'")
    text = compose(notice(findings=(finding(remedy=remedy),))).text
    assert "\n    Finding: 0000'\n" in text
    assert "\nFinding: 0000" not in text


def test_a_name_that_only_looks_like_another_shows_its_difference() -> None:
    text = compose(notice(findings=(finding(image=ATTACKS["cyrillic"]),))).text
    assert r"cannot pull g\u04bbcr.io/\u0430cme" in text


def test_words_of_other_languages_stay_readable_in_prose() -> None:
    text = compose(notice(findings=(finding(cause=ATTACKS["non-ascii"]),))).text
    assert 'Why: Köln\'s "büro" ... 東京\n' in text


# --- Attributes and the other forms ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "attributes"),
    [
        (notice(), ("Finding Opened", "secret-access-missing", "error", "fail", "web")),
        (notice("Finding Resolved"), ("Finding Resolved", "secret-access-missing", "error", "resolved", "web")),
        (notice(findings=(finding(status="unknown"),)), (
            "Finding Opened", "secret-access-missing", "error", "unknown", "web"
        )),
        (notice(dependents=(definition("web", 7), definition("api"))), (
            "Finding Opened", "secret-access-missing", "error", "fail", "several"
        )),
        (about_a_deed("Remediation Refused", describe(REFUSAL)), (
            "Remediation Refused", "none", "none", "refused", "web"
        )),
    ],
)  # fmt: skip
def test_attributes_for_subscription_filters(told: Notice, attributes: tuple[str, ...]) -> None:
    names = ("kind", "check", "severity", "status", "family")
    assert compose(told).attributes == dict(zip(names, attributes, strict=True))


def test_the_json_form_carries_the_finding_of_the_contract() -> None:
    told = notice("Finding Resolved", resolved_at=OPENED + timedelta(minutes=3))
    message = json.loads(compose(told, "json").text)
    assert message["schema_version"] == 1
    assert message["findings"] == [finding().to_dict()]
    assert (message["opened_at"], message["lasted_s"]) == ("2026-05-01T08:00:00Z", 180)
    assert message["dependents"] == [WEB]
    assert message["cause"] is None
    assert message["deed"] is None


def test_the_chat_form_is_a_custom_notification() -> None:
    message = json.loads(compose(notice(), "chat").text)
    assert set(message) == {"version", "source", "content", "metadata"}
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["textType"] == "client-markdown"
    assert message["content"]["title"] == ":x: error: web cannot pull ghcr.io/acme/web"
    assert message["content"]["nextSteps"][0] == "Let the role read the secret."
    assert message["content"]["nextSteps"][1] == "```aws iam put-role-policy\n  --more```"
    assert message["content"]["keywords"] == ["secret-access-missing", "error", "web", "eu-west-1"]
    assert message["metadata"]["relatedResources"] == [WEB, SECRET, ROLE]


@pytest.mark.parametrize(
    ("snippet", "steps", "in_description"),
    [
        ("aws x", ["Do it.", "```aws x```"], False),
        ("a" * 400, ["Do it."], True),
        ("a" * 6_000, ["Do it."], True),
        (None, ["Do it."], False),
    ],
    ids=["short", "long", "longest", "none"],
)
def test_a_long_command_stands_in_the_description(snippet: str | None, steps: list[str], in_description: bool) -> None:
    told = notice(findings=(finding(remedy=Remedy(text="Do it.", snippet=snippet)),))
    content = json.loads(compose(told, "chat").text)["content"]
    assert [step for step in content["nextSteps"] if "https://" not in step] == steps
    assert ("```" in content["description"]) is in_description


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in ATTACKS.items()])
def test_a_chat_message_stays_within_its_limits(text: str) -> None:
    for told in attacked(text):
        content = json.loads(compose(told, "chat").text)["content"]
        assert len(content["title"]) <= 250
        assert len(content["description"]) <= 8_000
        assert all(len(keyword) <= 75 for keyword in content["keywords"])
        assert all(len(step) <= 350 for step in content["nextSteps"] if "https://console" not in step)


def test_opening_and_resolution_share_a_thread() -> None:
    threads = [
        json.loads(compose(each, "chat").text)["metadata"]["threadId"]
        for each in (notice(cause="c1", findings=(finding(id="f1"),)), notice("Finding Resolved", cause="c1"))
    ]
    assert threads == ["c1"] * 2


@pytest.mark.parametrize("name", ["chat-link", "mention", "code-block"])
def test_a_strangers_markdown_neither_links_nor_calls_anybody(name: str) -> None:
    told = notice(findings=(finding(cause=ATTACKS[name], image=ATTACKS[name], remedy=Remedy(text=ATTACKS[name])),))
    content = json.loads(compose(told, "chat").text)["content"]
    for piece in (content["title"], content["description"], *content["nextSteps"]):
        assert not re.search(r"<|\]\(|(?<!\w)@\w", piece)
        assert "```" not in piece
