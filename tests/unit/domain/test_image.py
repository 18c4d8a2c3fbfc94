"""Image references: the host that is asked, which is the host that would get the credentials."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.errors import Malformed
from pullguard.domain.image import DOCKER_HUB, normal_host, parse_image

SHA256 = "sha256:" + "0123456789abcdef" * 4
CYRILLIC_C = "\N{CYRILLIC SMALL LETTER ES}"
FULLWIDTH_1 = "\N{FULLWIDTH DIGIT ONE}"

# text: host, repository, tag, digest
IMAGES: dict[str, tuple[str, str, str | None, str | None]] = {
    "nginx": (DOCKER_HUB, "library/nginx", None, None),
    "nginx:1.27": (DOCKER_HUB, "library/nginx", "1.27", None),
    "acme/web": (DOCKER_HUB, "acme/web", None, None),
    "acme/team/web:1": (DOCKER_HUB, "acme/team/web", "1", None),
    "docker.io/nginx": (DOCKER_HUB, "library/nginx", None, None),
    "docker.io/acme/web": (DOCKER_HUB, "acme/web", None, None),
    "index.docker.io/nginx": (DOCKER_HUB, "library/nginx", None, None),
    "registry-1.docker.io/nginx": (DOCKER_HUB, "nginx", None, None),
    "registry.hub.docker.com/library/nginx": (DOCKER_HUB, "library/nginx", None, None),
    "ghcr.io/acme/web:1": ("ghcr.io", "acme/web", "1", None),
    f"ghcr.io/acme/web@{SHA256}": ("ghcr.io", "acme/web", None, SHA256),
    f"ghcr.io/acme/web:1@{SHA256}": ("ghcr.io", "acme/web", "1", SHA256),
    f"a@sha512:{'0' * 128}": (DOCKER_HUB, "library/a", None, f"sha512:{'0' * 128}"),
    "GHCR.IO/acme/web": ("ghcr.io", "acme/web", None, None),
    "Registry/web": ("registry", "web", None, None),
    "localhost/web": ("localhost", "web", None, None),
    "localhost:5000/web:1": ("localhost:5000", "web", "1", None),
    "registry:5000/web": ("registry:5000", "web", None, None),
    "registry.example.com:443/web": ("registry.example.com", "web", None, None),
    "registry.example.com:05000/web": ("registry.example.com:5000", "web", None, None),
    "registry.example.com:65535/a/b/c/d": ("registry.example.com:65535", "a/b/c/d", None, None),
    "192.0.2.1:5000/web": ("192.0.2.1:5000", "web", None, None),
    "[2001:db8::1]:5000/web": ("[2001:db8::1]:5000", "web", None, None),
    "[2001:DB8:0:0::1]/web": ("[2001:db8::1]", "web", None, None),
    "xn--80ak6aa92e.example/web": ("xn--80ak6aa92e.example", "web", None, None),
    "ghcr.io/a_b/c__d/e-f/g--h/i.j": ("ghcr.io", "a_b/c__d/e-f/g--h/i.j", None, None),
    f"ghcr.io/{'a' * 255}": ("ghcr.io", "a" * 255, None, None),
    f"{'a' * 247}": (DOCKER_HUB, f"library/{'a' * 247}", None, None),
    f"web:{'t' * 128}": (DOCKER_HUB, "library/web", "t" * 128, None),
    "web:_A.b-C": (DOCKER_HUB, "library/web", "_A.b-C", None),
}

MALFORMED = {
    "empty": "",
    "slash": "/",
    "host only": "ghcr.io/",
    "no host": "/acme/web",
    "capital repository": "ghcr.io/Acme/web",
    "capital name": "Nginx",
    "space": "ghcr.io/acme/web ",
    "newline": "ghcr.io/acme/web\n",
    "NUL": "ghcr.io/acme/web\0",
    "scheme": "https://ghcr.io/acme/web",
    "double slash": "ghcr.io//web",
    "slash at the end": "ghcr.io/acme/",
    "dot segment": "ghcr.io/../web",
    "three underscores": "ghcr.io/a___b",
    "two dots": "ghcr.io/a..b",
    "query": "ghcr.io/acme/web?x=1",
    "fragment": "ghcr.io/acme/web#x",
    "percent": "ghcr.io/acme/%2e%2e",
    "backslash": "ghcr.io\\evil.example/web",
    "user info": "ghcr.io@evil.example/web",
    "user and password": "user:secret@evil.example/web",
    "user before a host with port": "ghcr.io:443@evil.example/web",
    "user info in the path": "evil.example/ghcr.io@x",
    "trailing dot": "ghcr.io./acme/web",
    "leading dot": ".ghcr.io/acme/web",
    "two dots in the host": "ghcr..io/acme/web",
    "underscore in the host": "ghcr_1.io/acme/web",
    "hyphen first": "-ghcr.io/acme/web",
    "hyphen last": "ghcr-.io/acme/web",
    "label of 64": f"{'a' * 64}.example/web",
    "host of 254": f"{'.'.join(['a' * 63] * 4)[:-1]}.e/web",
    "no port": "ghcr.io:/acme/web",
    "port 0": "ghcr.io:0/acme/web",
    "port 65536": "ghcr.io:65536/acme/web",
    "port of six digits": "ghcr.io:000443/acme/web",
    "port of other digits": f"ghcr.io:44{FULLWIDTH_1}/acme/web",
    "signed port": "ghcr.io:+443/acme/web",
    "IPv6 without brackets": "2001:db8::1/web",
    "invalid IPv6": "[1:2]/web",
    "IPv6 with a zone": "[fe80::1%25eth0]/web",
    "IPv6 with IPv4": "[::ffff:192.0.2.1]/web",
    "homoglyph in the host": f"gh{CYRILLIC_C}r.io/acme/web",
    "homoglyph in the name": f"ghcr.io/a{CYRILLIC_C}me/web",
    "other digit": f"ghcr.io/acme/web{FULLWIDTH_1}",
    "other digit in the tag": f"ghcr.io/acme/web:{FULLWIDTH_1}",
    "dotless i": "gh\N{LATIN SMALL LETTER DOTLESS I}.io/acme/web",
    "Kelvin sign": "\N{KELVIN SIGN}.io/acme/web",
    "empty tag": "ghcr.io/acme/web:",
    "two tags": "ghcr.io/acme/web:1:2",
    "long tag": f"web:{'t' * 129}",
    "tag with a hyphen first": "web:-1",
    "empty digest": "web@",
    "short digest": "web@sha256:abc",
    "capital digest": f"web@{SHA256.upper()}",
    "unknown algorithm": f"web@md5:{'0' * 32}",
    "long digest": f"web@{SHA256}0",
    "two digests": f"web@{SHA256}@{SHA256}",
    "digest before the tag": f"web@{SHA256}:1",
    "image id": "0123456789abcdef" * 4,
    "long repository": f"ghcr.io/{'a' * 256}",
    "long with library/": "a" * 248,
}


@pytest.mark.parametrize("text", IMAGES, ids=lambda text: text[:60])
def test_an_image_is_read(text: str) -> None:
    image = parse_image(text)
    assert image.text == text
    assert (image.host, image.repository, image.tag, image.digest) == IMAGES[text]


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_an_image_that_no_runtime_pulls_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as malformed:
        parse_image(text)
    assert str(malformed.value).startswith("image ")
    assert str(malformed.value).isprintable()


@pytest.mark.parametrize(
    ("host", "is_ecr"),
    [
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com", True),
        ("111122223333.DKR.ECR.us-east-1.amazonaws.com", True),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com:443", True),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", True),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        ("111122223333.dkr-ecr.us-east-1.on.aws", True),
        ("111122223333.dkr-ecr-fips.us-east-1.on.aws", True),
        ("111122223333.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", True),
        ("111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu", True),
        ("111122223333.dkr.ecr.us-iso-east-1.c2s.ic.gov", True),
        ("public.ecr.aws", True),
        ("ecr-public.aws.com", True),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com.evil.example", False),
        ("evil.111122223333.dkr.ecr.us-east-1.amazonaws.com", False),
        ("111122223333.dkr.ecr.us-east-1.evil.amazonaws.com", False),
        ("111122223333.dkr.ecr.us-east-1-amazonaws.com", False),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com:5000", False),
        ("11112222333.dkr.ecr.us-east-1.amazonaws.com", False),
        ("public.ecr.aws.evil.example", False),
        ("notpublic.ecr.aws", False),
        ("amazonaws.com", False),
        ("ghcr.io", False),
    ],
)
def test_only_ecrs_own_hosts_are_ecr(host: str, is_ecr: bool) -> None:
    assert parse_image(f"{host}/acme/web:1").is_ecr is is_ecr


@pytest.mark.parametrize("host", sorted({host for host, *_ in IMAGES.values()}))
def test_a_normal_host_is_its_own_spelling(host: str) -> None:
    assert normal_host(host) == host


@pytest.mark.parametrize("text", ["", " ", "ghcr.io/", "*", "*.ghcr.io", "ghcr.io ghcr.io", "@", "[::1", "a@b.example"])
def test_an_invalid_host_is_recognized(text: str) -> None:
    assert normal_host(text) is None


LABEL = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9-]{0,8}[A-Za-z0-9])?\Z")
HOST = st.builds(
    lambda labels, port: ".".join(labels) + (f":{port}" if port else ""),
    st.lists(LABEL, min_size=2, max_size=4),
    st.none() | st.integers(1, 65535),
)
PATH = st.from_regex(r"\A[a-z0-9]+([._-][a-z0-9]+){0,2}(/[a-z0-9]+){0,2}\Z")
TAG = st.none() | st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,10}\Z")
DIGEST = st.none() | st.from_regex(r"\Asha256:[0-9a-f]{64}\Z")


# Over plain HTTP, port 443 is another server than the default port 80.
LOOPBACK = ("localhost:443", "127.0.0.1:443", "127.8.9.10:443", "[::1]:443", "localhost", "127.0.0.1", "[::1]")


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_host_keeps_its_port(host: str) -> None:
    assert normal_host(host) == parse_image(f"{host}/team/app:1").host == host


@pytest.mark.parametrize(
    "host", ["127.0.0.1.example.com:443", "localhost.example.com:443", "[::2]:443", "10.0.0.1:443"]
)
def test_every_other_host_has_port_443_anyhow(host: str) -> None:
    assert normal_host(host) == host.removesuffix(":443")


@given(host=HOST, path=PATH, tag=TAG, digest=DIGEST)
def test_the_parts_come_back(host: str, path: str, tag: str | None, digest: str | None) -> None:
    text = f"{host}/{path}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    if len(path) > 255:
        return
    image = parse_image(text)
    assert (image.host, image.tag, image.digest) == (normal_host(host), tag, digest)
    assert image.repository in (path, f"library/{path}")
    assert image.host == host.lower().removesuffix(":443") or image.host == DOCKER_HUB


@given(st.text() | st.text(alphabet="ghcr.io/a:@[]-_5\n" + CYRILLIC_C + FULLWIDTH_1))
def test_any_text_is_an_image_of_allowed_characters_or_malformed(text: str) -> None:
    try:
        image = parse_image(text)
    except Malformed:
        return
    assert set(text) <= set(string.ascii_letters + string.digits + "._-/:@[]")
    assert normal_host(image.host) == image.host
    assert re.fullmatch(r"[a-z0-9._/-]+", image.repository)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("unit", ["a-", "a.", "a/", "a", "a_", "-"])
def test_a_long_text_takes_no_time(unit: str) -> None:
    with pytest.raises(Malformed):
        parse_image(unit * 50_000 + "!")
