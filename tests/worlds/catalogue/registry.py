"""Worlds in which the registry itself refuses: a registry on loopback answers in its place."""

from tests.worlds.catalogue.parts import healthy
from tests.worlds.catalogue.scene import Answers, Case, Scene

IMAGE = {"image": "${registry}/acme/web:1.0"}
WORLD = healthy(container=IMAGE, secret={"tags": {"pullguard:registry": "${registry}"}})
SERVES = Scene(world=WORLD, registry=Answers())

CASES = (
    Case(
        check="credentials-rejected",
        way="wrong credentials",
        broken=Scene(world=WORLD, registry=Answers(manifest=401)),
        near_miss=SERVES,
    ),
    Case(
        check="credentials-rejected",
        way="no right to read the repository",
        broken=Scene(world=WORLD, registry=Answers(manifest=403)),
        near_miss=Scene(world=WORLD, registry=Answers(unauthorized=200)),
    ),
    Case(
        check="image-not-found",
        way="no such tag",
        broken=Scene(world=WORLD, registry=Answers(manifest=404)),
        near_miss=SERVES,
    ),
    Case(
        check="registry-rate-limited",
        way="at the manifest",
        severity="warning",
        broken=Scene(world=WORLD, registry=Answers(manifest=429)),
        near_miss=SERVES,
    ),
    Case(
        check="registry-rate-limited",
        way="at the first question",
        severity="warning",
        broken=Scene(world=WORLD, registry=Answers(unauthorized=429)),
        near_miss=SERVES,
    ),
    Case(
        check="registry-unreachable",
        way="out of order",
        severity="warning",
        status="unknown",
        broken=Scene(world=WORLD, registry=Answers(manifest=503)),
        near_miss=SERVES,
    ),
    Case(
        check="registry-unreachable",
        way="nobody there",
        severity="warning",
        status="unknown",
        broken=Scene(world=WORLD, registry=Answers(manifest=None)),
        near_miss=SERVES,
    ),
)
