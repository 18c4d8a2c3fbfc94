"""A fast stub of AWS on loopback, with ECS's quotas: ``python -m benchmarks.stub --families 1000 --throttle``.

It answers what an audit and the functions read, from an account that a few numbers describe, and prints its port.
Thousands of calls a second leave the time to the caller; moto answers a hundred. The actions that it does not know are
refused. ``/_bench/calls`` returns the answered and the throttled calls since the last time, by action, and fills the
buckets.
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote

ROOT: Final = Path(__file__).parents[1]
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
# AWS_ENDPOINT_URL_…: the services of which everything that is read comes from the stub.
SERVICES: Final = ("ECS", "IAM", "KMS", "RESOURCE_GROUPS_TAGGING_API", "SECRETS_MANAGER", "STS")
REGISTRY: Final = "ghcr.io"
_LONG_AGO: Final = 1_600_000_000  # seconds since 1970
_PAGE: Final = 100
_TRUST: Final = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
_CLUSTER: Final = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/main"
_KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TARGET: Final = re.compile(rb"\r\nx-amz-target: *[\w]+\.(\w+)", re.IGNORECASE)
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A bucket that some actions of ECS share: ``burst`` calls at once, refilled by ``per_s`` a second."""

    name: str
    actions: frozenset[str]
    burst: int
    per_s: int

    def imposed_s(self, calls: Mapping[str, int]) -> float:
        """Return the seconds that ``calls``, by action, take at least."""
        return max(0, sum(calls.get(each, 0) for each in self.actions) - self.burst) / self.per_s


# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/request-throttling.html
DEFINITIONS: Final = Quota(
    name="task definitions",
    actions=frozenset({"DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"}),
    burst=50,
    per_s=20,
)
QUOTAS: Final = (
    DEFINITIONS,
    Quota(name="services", actions=frozenset({"DescribeServices", "ListServices"}), burst=100, per_s=20),
    Quota(
        name="tasks",
        actions=frozenset({"DescribeContainerInstances", "DescribeTasks", "ListContainerInstances", "ListTasks"}),
        burst=100,
        per_s=20,
    ),
    Quota(name="clusters", actions=frozenset({"DescribeClusters", "ListClusters"}), burst=50, per_s=20),
)


class Bucket:
    """The tokens of a quota."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._tokens, self._at = float(quota.burst), time.monotonic()

    def take(self) -> bool:
        """Whether there was a token to take."""
        now = time.monotonic()
        self._tokens = min(self._quota.burst, self._tokens + (now - self._at) * self._quota.per_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RefusedError(Exception):
    """AWS's error of this ``code``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """An account with one cluster. ``shared`` neighbouring families have the same role and the same secret.

    Roles and secrets are assigned in turn, so that all pairs of them occur if there are enough families. The first
    ``denied`` roles may not read their secrets, and no owner consented to a grant. The last ``services`` families run
    in a service each.
    """

    families: int
    revisions: int = 1
    roles: int = 20
    secrets: int = 20
    shared: int = 1
    denied: int = 1
    services: int = 0

    def revision(self, family: int, revision: int | None = None) -> str:
        """Return the ARN of a revision, the newest one by default."""
        return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{_family(family)}:{revision or self.revisions}"

    def role_of(self, family: int) -> int:
        """Return the number of the family's role."""
        return family // self.shared % self.roles

    def secret_of(self, family: int) -> int:
        """Return the number of the family's secret."""
        group = family // self.shared
        return (group + group // self.roles) % self.secrets

    def secrets_of_roles(self) -> list[list[int]]:
        """Return the numbers of the secrets that each role has to read."""
        needed: list[set[int]] = [set() for _ in range(self.roles)]
        for family in range(self.families):
            needed[self.role_of(family)].add(self.secret_of(family))
        return [sorted(each) for each in needed]


def _family(number: int) -> str:
    return f"family-{number:05}"


def _number(name: str) -> int:
    """Return the number in ``family-00012``, ``family-00012:3``, an ARN of these, or the name of a role or secret."""
    found = re.search(r"(?:family|service|execution|registry)[-/](\d+)", name)
    return int(found[1]) if found else -1


def _role(number: int) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/execution-{number}"


def _secret(number: int) -> str:
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/{number}-AbCde7"


def _service(number: int) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/main/service-{number:05}"


def _policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _page(every: Sequence[str], request: Request, size: int = _PAGE) -> tuple[Sequence[str], dict[str, str]]:
    """Return one page of ECS, and the token of the next."""
    start, most = int(request.get("nextToken") or 0), min(request.get("maxResults") or size, size)
    following = {"nextToken": str(start + most)} if start + most < len(every) else {}
    return every[start : start + most], following


class Answers:
    """The answers of one world, by action."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._families = [_family(each) for each in range(world.families)]
        self._revisions = [
            world.revision(family, revision)
            for family in range(world.families)
            for revision in range(1, world.revisions + 1)
        ]
        self._services = [_service(each) for each in range(world.families - world.services, world.families)]
        self._readable = world.secrets_of_roles()
        self.of_json: Mapping[str, Callable[[Request], Any]] = {
            "DescribeTaskDefinition": self._definition,
            "ListTaskDefinitionFamilies": self._list_families,
            "ListTaskDefinitions": self._list_revisions,
            "ListClusters": lambda _: {"clusterArns": [_CLUSTER]},
            "ListServices": self._list_services,
            "DescribeServices": lambda request: {"services": list(map(self._service, request["services"]))},
            "ListTasks": lambda _: {"taskArns": []},
            "ListContainerInstances": lambda _: {"containerInstanceArns": []},
            "GetResources": lambda request: {"ResourceTagMappingList": list(map(_tags, request["ResourceARNList"]))},
            "DescribeSecret": self._secret,
            "GetResourcePolicy": self._named,
            "ListSecretVersionIds": lambda request: self._named(request) | {"Versions": [_VERSION]},
            "GetSecretValue": lambda request: (
                self._named(request)
                | {"SecretString": '{"username": "bench", "password": "bench"}', "VersionId": _VERSION["VersionId"]}
            ),
            "DescribeKey": lambda _: {"KeyMetadata": {"KeyId": _KEY, "Arn": _KEY, "KeyState": "Enabled"}},
            "GetKeyPolicy": lambda _: {"Policy": _policy(_KEY_STATEMENT)},
            "ListGrants": lambda _: {"Grants": []},
            "ListAliases": lambda _: {"Aliases": []},
        }
        self.of_query: Mapping[str, Callable[[Request], Any]] = {
            "GetCallerIdentity": lambda _: {
                "Account": ACCOUNT,
                "Arn": f"arn:aws:iam::{ACCOUNT}:user/bench",
                "UserId": "bench",
            },
            "GetRole": self._role,
            "ListRolePolicies": lambda request: {
                "PolicyNames": ["pull"] if self._may_read(request) else [],
                "IsTruncated": "false",
            },
            "GetRolePolicy": self._role_policy,
            "ListAttachedRolePolicies": lambda _: {"AttachedPolicies": [], "IsTruncated": "false"},
        }

    def _definition(self, request: Request) -> Any:
        reference = str(request["taskDefinition"])
        number, name = _number(reference), reference.rpartition("/")[2]
        revision = int(name.partition(":")[2] or self._world.revisions)
        if not (0 <= number < self._world.families and 1 <= revision <= self._world.revisions):
            raise RefusedError("ClientException")
        container = {
            "name": "app",
            "image": f"{REGISTRY}/acme/app-{number}:1",
            "memory": 128,
            "cpu": 0,
            "essential": True,
            "environment": [],
            "repositoryCredentials": {"credentialsParameter": _secret(self._world.secret_of(number))},
        }
        definition = {
            "taskDefinitionArn": self._world.revision(number, revision),
            "family": _family(number),
            "revision": revision,
            "status": "ACTIVE",
            "executionRoleArn": _role(self._world.role_of(number)),
            "containerDefinitions": [container],
            "compatibilities": ["EC2"],
            "registeredAt": _LONG_AGO,
        }
        return {"taskDefinition": definition, "tags": [{"key": "team", "value": f"team-{number % 7}"}]}

    def _list_families(self, request: Request) -> Any:
        prefix = request.get("familyPrefix", "")
        families, following = _page([each for each in self._families if each.startswith(prefix)], request)
        return {"families": families, **following}

    def _list_revisions(self, request: Request) -> Any:
        every = self._revisions[::-1] if request.get("sort") == "DESC" else self._revisions
        revisions, following = _page(every, request)
        return {"taskDefinitionArns": revisions, **following}

    def _list_services(self, request: Request) -> Any:
        services, following = _page(self._services, request)
        return {"serviceArns": services, **following}

    def _service(self, reference: str) -> Any:
        number = _number(reference)
        return {
            "serviceArn": _service(number),
            "serviceName": _service(number).rpartition("/")[2],
            "clusterArn": _CLUSTER,
            "status": "ACTIVE",
            "taskDefinition": self._world.revision(number),
            "desiredCount": 0,
            "runningCount": 0,
        }

    def _named(self, request: Request) -> dict[str, Any]:
        number = _number(request["SecretId"])
        if not 0 <= number < self._world.secrets:
            raise RefusedError("ResourceNotFoundException")
        return {"ARN": _secret(number), "Name": f"registry/{number}"}

    def _secret(self, request: Request) -> Any:
        return self._named(request) | {
            "Tags": [{"Key": "pullguard:registry", "Value": REGISTRY}],
            "VersionIdsToStages": {_VERSION["VersionId"]: _VERSION["VersionStages"]},
            "KmsKeyId": _KEY,
            "LastChangedDate": _LONG_AGO,
        }

    def _may_read(self, request: Request) -> bool:
        number = _number(request["RoleName"])
        if not 0 <= number < self._world.roles:
            raise RefusedError("NoSuchEntity")
        return number >= self._world.denied

    def _role(self, request: Request) -> Any:
        tags = [{"Key": "pullguard:managed", "Value": "true"}] if self._may_read(request) else []
        number = _number(request["RoleName"])
        role = {
            "Path": "/",
            "RoleName": request["RoleName"],
            "RoleId": f"AROA{number:017}",
            "Arn": _role(number),
            "CreateDate": "2020-09-13T12:26:40Z",
            "AssumeRolePolicyDocument": quote(_policy(_TRUST)),
            "Tags": tags,
        }
        return {"Role": role}

    def _role_policy(self, request: Request) -> Any:
        readable = [_secret(each) for each in self._readable[_number(request["RoleName"])]]
        read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": readable}
        decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": _KEY}
        return {
            "RoleName": request["RoleName"],
            "PolicyName": "pull",
            "PolicyDocument": quote(_policy(read, decrypt)),
        }


_VERSION: Final = {
    "VersionId": "11111111-2222-3333-4444-555555555555",
    "VersionStages": ["AWSCURRENT"],
    "KmsKeyIds": [_KEY],
}
_KEY_STATEMENT: Final = {
    "Effect": "Allow",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Action": "kms:*",
    "Resource": "*",
}


def _tags(arn: str) -> Any:
    return {"ResourceARN": arn, "Tags": [{"Key": "team", "Value": f"team-{_number(arn) % 7}"}]}


def _xml(value: Any) -> str:
    """Return a member of an answer as AWS's query protocol writes it."""
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return str(value)


class Stub:
    """Answers requests and counts them; throttled if ``throttle``."""

    def __init__(self, world: World, *, throttle: bool) -> None:
        self._answers = Answers(world)
        self._throttle = throttle
        self._calls, self._throttled = Counter[str](), Counter[str]()
        self._fill()

    def _fill(self) -> None:
        buckets = {quota.name: Bucket(quota) for quota in QUOTAS if self._throttle}
        self._buckets = {each: buckets[quota.name] for quota in QUOTAS if self._throttle for each in quota.actions}

    def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Return the status and the body of the answer to a request."""
        if head.startswith(b"GET /_bench/calls "):
            return 200, json.dumps(self._taken()).encode()
        if target := _TARGET.search(head):
            action, request, is_query = target[1].decode(), json.loads(body or b"{}"), False
        else:
            request = dict(parse_qsl(body.decode()))
            action, is_query = request.get("Action", ""), True
        try:
            answer = self._answered(action, request, is_query=is_query)
        except RefusedError as refused:
            error = {"Code": refused.code, "Message": f"{action} is refused"}
            if is_query:
                return 400, _xml({"ErrorResponse": {"Error": error}}).encode()
            return 400, json.dumps({"__type": refused.code, "message": error["Message"]}).encode()
        if is_query:
            members = {f"{action}Result": answer, "ResponseMetadata": {"RequestId": "bench"}}
            return 200, _xml({f"{action}Response": members}).encode()
        return 200, json.dumps(answer).encode()

    def _answered(self, action: str, request: Request, *, is_query: bool) -> Any:
        if action in self._buckets and not self._buckets[action].take():
            self._throttled[action] += 1
            raise RefusedError("ThrottlingException")
        self._calls[action] += 1
        answers = self._answers.of_query if is_query else self._answers.of_json
        if action not in answers:
            raise RefusedError("InvalidAction" if is_query else "UnknownOperationException")
        return answers[action](request)

    def _taken(self) -> dict[str, Counter[str]]:
        taken = {"calls": self._calls, "throttled": self._throttled}
        self._calls, self._throttled = Counter(), Counter()
        self._fill()
        return taken


class _Connection(asyncio.Protocol):
    """One kept connection: HTTP/1.1 requests with a content length, one after another."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._received = bytearray()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end])
            length = _LENGTH.search(head)
            after = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < after:
                return
            body = bytes(self._received[end + 4 : after])
            del self._received[:after]
            status, answer = self._stub.answer(head, body)
            self._transport.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%b" % (status, len(answer), answer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls that the stub answered and throttled, by action."""

    answered: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)


def taken(endpoint: str) -> Calls:
    """Return the calls since the last time; the buckets are full then."""
    with urllib.request.urlopen(f"{endpoint}/_bench/calls") as answer:
        found = json.load(answer)
    return Calls(answered=Counter(found["calls"]), throttled=Counter(found["throttled"]))


@contextmanager
def served(world: World, *, throttle: bool = False) -> Iterator[str]:
    """Serve a world in a process of its own on a free port of loopback; yield its address."""
    options = [text for name, value in asdict(world).items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.stub", *options, *(["--throttle"] if throttle else [])]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


async def _serve(stub: Stub) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(stub), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve on loopback until the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for each in fields(World):
        parser.add_argument(f"--{each.name}", type=int, required=each.name == "families", default=argparse.SUPPRESS)
    parser.add_argument("--throttle", action="store_true")
    options = vars(parser.parse_args())
    throttle = options.pop("throttle")
    asyncio.run(_serve(Stub(World(**options), throttle=throttle)))


if __name__ == "__main__":
    main()
