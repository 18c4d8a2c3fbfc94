"""Forms of values that people store for other readers, known by the names of their members."""

import json
from typing import Any

import pytest

from pullguard.domain.secret_value import SHORT_LIVED, read_value

PASSWORD = "hunter2-correct-horse"
AUTH = {"auth": "dTpodW50ZXIy"}
BOTH = {"username": "u", "password": PASSWORD}
KUBERNETES = "kubernetes-docker-config"
FORMS: dict[str, tuple[Any, str | None]] = {
    "ecr-pull-through-cache": ({"username": "u", "accessToken": PASSWORD}, "pull-through-cache"),
    "its-keys-in-another-case": ({"Username": "u", "access_token": PASSWORD}, "pull-through-cache"),
    "dockers-own-file": ({"auths": {"ghcr.io": AUTH}, "credsStore": "desktop"}, "docker-config"),
    "dockers-own-file-with-more-hosts": ({"auths": {"ghcr.io": AUTH, "quay.io": AUTH}}, "docker-config"),
    "dockers-own-file-of-old": ({"https://index.docker.io/v1/": {**AUTH, "email": "a@example.com"}}, "docker-config"),
    "one-entry-of-it": (AUTH, "docker-config"),
    "a-credential-helpers-answer": ({"ServerURL": "ghcr.io", "Username": "u", "Secret": PASSWORD}, "credential-helper"),
    "a-token-alone": ({"token": PASSWORD}, "token-alone"),
    "a-managed-external-secrets-token": ({"token": PASSWORD, "tokenId": "1", "gitlabUrl": "x"}, "token-alone"),
    "other-names": ({"user": "u", "pass": PASSWORD}, "other-names"),
    "one-other-name": ({"username": "u", "passwd": PASSWORD}, "other-names"),
    "a-name-with-a-space": ({"username ": "u", "password": PASSWORD}, "other-names"),
    "one-object-for-each-host": ({"ghcr.io": {"username": "u", "password": PASSWORD}}, "by-host"),
    "by-host-with-ports": ({"r.example.com:5000": BOTH, "https://index.docker.io/v1/": BOTH}, "by-host"),
    "in-an-object-of-another-name": ({"credentials": BOTH}, "nested"),
    "beside-other-members": ({"version": 1, "data": {"credentials": BOTH}}, "nested"),
    "by-stage": ({"dev": BOTH, "prod": BOTH}, "nested"),
    "half-of-it-in-an-object": ({"credentials": {"username": "u"}}, None),
    "kubernetes-type-as-text": ({".dockerconfigjson": json.dumps({"auths": {"ghcr.io": AUTH}})}, KUBERNETES),
    "kubernetes-type-as-object": ({".dockerconfigjson": {"auths": {"ghcr.io": AUTH}}}, KUBERNETES),
    "kubernetes-type-of-old": ({".dockercfg": {"ghcr.io": AUTH}}, KUBERNETES),
    "a-manifest": (
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hub"}, "data": {".dockerconfigjson": "e30="}},
        "kubernetes-secret",
    ),
    "a-manifest-with-plain-texts": ({"kind": "Secret", "stringData": BOTH}, "kubernetes-secret"),
    "a-manifests-data-alone": ({"data": {".dockerconfigjson": "e30="}}, "kubernetes-secret"),
    "another-manifest": ({"kind": "ConfigMap", "data": {"a": "b"}}, None),
    "quoted-once-more": (json.dumps({"username": "u", "password": PASSWORD}), "quoted-json"),
    "in-a-list": ([{"username": "u", "password": PASSWORD}], "list"),
    "several-in-a-list": ([{"username": "u"}, {"password": PASSWORD}], None),
    "as-curl-takes-it": (f"u:{PASSWORD}", "user-and-password"),
    "an-address": ("https://ghcr.io", None),
    "an-empty-password": ({"username": "u", "password": ""}, None),
    "a-username-only": ({"username": "u"}, None),
    "nothing": ({}, None),
    "something-else": ({"host": "db", "port": 5432}, None),
    "auths-that-is-none": ({"auths": "x"}, None),
}


@pytest.mark.parametrize(("value", "form"), FORMS.values(), ids=FORMS)
def test_a_form_is_known_by_its_names(value: Any, form: str | None) -> None:
    shape, _, _ = read_value({"SecretString": json.dumps(value), "VersionId": "v1"})
    assert shape.lookalike == form
    assert PASSWORD not in repr(shape)


def test_a_plain_text_of_username_and_password_is_known_too() -> None:
    assert read_value({"SecretString": f"u:{PASSWORD}\n"})[0].lookalike == "user-and-password"


def test_a_manifest_in_yaml_is_known_too() -> None:
    text = f"apiVersion: v1\nkind: Secret\nstringData:\n  password: {PASSWORD}\n"
    shape, _, _ = read_value({"SecretString": text})
    assert shape.lookalike == "kubernetes-secret"
    assert PASSWORD not in repr(shape)


def test_objects_in_objects_have_an_end() -> None:
    deep = '{"a":' * 300 + json.dumps(BOTH) + "}" * 300
    assert read_value({"SecretString": deep})[0].lookalike is None


def test_a_usable_value_is_no_other_form() -> None:
    value = {"username": "u", "password": "p", "accessToken": "t", "auths": {}}
    assert read_value({"SecretString": json.dumps(value)})[0].lookalike is None


KINDS = {**SHORT_LIVED, "_json_key": None, "aws": None, "gitlab+deploy-token-1": None, "octocat": None}


@pytest.mark.parametrize(("username", "kind"), KINDS.items(), ids=KINDS)
def test_the_usernames_of_passwords_that_expire_by_themselves(username: str, kind: str | None) -> None:
    shape, _, _ = read_value({"SecretString": json.dumps({"username": username, "password": PASSWORD})})
    assert shape.short_lived == kind


ODD = {
    "username": ({"username": "<username>", "password": PASSWORD}, ("placeholder", None)),
    "password": ({"username": "u", "password": f"{PASSWORD}\n"}, (None, "white-space-around")),
    "the-one-that-counts": ({"username": "u", "password": PASSWORD, "Password": " "}, (None, "blank")),
    "neither": ({"username": "u", "password": PASSWORD}, (None, None)),
    "not-usable-anyway": ({"username": " ", "password": ""}, (None, None)),
}


@pytest.mark.parametrize(("value", "oddities"), ODD.values(), ids=ODD)
def test_each_field_says_what_is_odd_about_it(value: Any, oddities: tuple[str | None, str | None]) -> None:
    shape, _, _ = read_value({"SecretString": json.dumps(value)})
    assert (shape.username_oddity, shape.password_oddity) == oddities
    assert PASSWORD not in repr(shape)
