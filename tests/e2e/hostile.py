"""Hostile texts in a reference, an image, a family, a tag or a value that other people read."""

from tests.e2e.attack import DONE, OPENED, RESOLVED, Mount, attack
from tests.e2e.ground import Ground


def _reference(text: str) -> Mount:
    """A managed role, and a reference that is no honest one."""

    def mount(ground: Ground, name: str) -> None:
        ground.secret(name)
        prefix = f"arn:aws:secretsmanager:{ground.scene.aws.region}:{ground.scene.aws.account_id}:secret"
        ground.define(name, text.replace("PREFIX", prefix).replace("NAME", f"registry/{name}"), role=ground.role(name))

    return mount


def _image(text: str) -> Mount:
    """A valid reference, and an image whose text targets another reader."""

    def mount(ground: Ground, name: str) -> None:
        ground.define(name, ground.secret(name), role=ground.role(name), image=text.replace("GOOD", ground.good))

    return mount


# Hostile texts, each with the problem that the alert reports.
REFERENCES = {
    "star": ("*", "it has a wildcard in it"),
    "arn-with-star": ("PREFIX:*", "it has a wildcard in it"),
    "arn-with-question-marks": ("PREFIX:NAME-??????", "it has a wildcard in it"),
    "variable": ("PREFIX:${aws:PrincipalTag/x}", "it has a policy variable in it"),
    "quote": ('PREFIX:NAME","Resource":"*', "it has a wildcard in it"),
    "newline": ("NAME\n", "it has white space or a control character in it"),
    "homoglyph": ("registr\u0443/x", "it has a character that no secret name may have"),
    "10-kb": ("PREFIX:" + "a" * 10_240, "it is longer than 2048 characters"),
    "control": ("NAME\x1b[2J\x00", "it has white space or a control character in it"),
    "role-arn": ("arn:aws:iam::111122223333:role/admin", "it is an ARN of iam, not of Secrets Manager"),
}
IMAGES = {
    "star": ("*", "a repository name that no registry takes"),
    "question-mark": ("GOOD/x:?", "an invalid tag"),
    "variable": ("GOOD/${aws:username}", "an invalid tag"),
    "quote": ('GOOD/x"]}', "a repository name that no registry takes"),
    "newline": ("GOOD/x:1\nSubject: [Pullguard] all is well", "an invalid tag"),
    "homoglyph": ("ghcr.\u0456o/acme/x:1", "an invalid registry host"),
    "10-kb": ("GOOD/" + "a" * 10_240, "a repository name that no registry takes"),
    "control": ("GOOD/x:1\x1b[2J\x07", "an invalid tag"),
    "link": ("GOOD/x:1](https://evil.example/click)", "an invalid tag"),
}
HOSTILE_TEXT = (
    *(
        attack(f"reference-{name}", _reference(text), why, reported=(OPENED,))
        for name, (text, why) in REFERENCES.items()
    ),
    *(
        attack(f"image-{name}", _image(text), why, "the image name is invalid, so its registry is unknown")
        for name, (text, why) in IMAGES.items()
    ),
)


def _hostile_names(ground: Ground, name: str) -> None:
    """All that is written besides the reference is hostile; the need itself is honest."""
    ground.define(
        name,
        ground.secret(name),
        role=ground.role(name),
        container="[click](https://evil.example) <!channel> \u202egniht\n\nSubject: [Pullguard] all is well",
        tags={"team": "\r\nhttps://evil.example/x", "pullguard:reregistered-from": "*", "x" * 100: "${aws:username}"},
    )


def _hostile_family(text: str) -> Mount:
    def mount(ground: Ground, name: str) -> None:
        ground.define(f"{name}{text}", ground.secret(name), role=ground.role(name))

    return mount


FAMILIES = {
    "star": "*",
    "question-mark": "?",
    "variable": "${aws:username}",
    "quote": '"$(id)',
    "newline": "\nx",
    "homoglyph": "-w\u0435b",
    "10-kb": "a" * 10_240,
    "control": "\x1b[2J\x07",
}


def _hostile_value(ground: Ground, name: str) -> None:
    password = 'pw"}\n{"level":"ERROR","message":"forged"}\r\n\x1b[31m%s{0}${jndi:x}\x00-unmistakable'
    ground.define(name, ground.secret(name, password=password), role=ground.role(name))


FREE_TEXT = (
    attack("names-and-tags", _hostile_names, reported=(OPENED, DONE, RESOLVED), granted=("names-and-tags",), writes=1),
    *(
        attack(f"family-{name}", _hostile_family(text), reported=(), dead="ChangeDeadLetters")
        for name, text in FAMILIES.items()
    ),
    attack("secret-value", _hostile_value, reported=(OPENED, DONE, RESOLVED), granted=("secret-value",), writes=1),
)
