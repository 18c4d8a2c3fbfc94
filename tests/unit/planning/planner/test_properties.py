"""Whatever a task definition contains, an action names only what AWS described and what its owners opted in."""

from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.actions import Fix, Grant, MoveService, Reregister
from pullguard.domain.arn import Arn
from pullguard.domain.secret import Key
from pullguard.domain.usage import Usage
from tests.fakes import container, key, revision_arn, role, secret, service
from tests.unit.planning.planner.scene import GHCR, NEW, SUCCESSOR, plan, world

LIVE = (
    GHCR,
    secret("registry/hub", "HubHub", registry="docker.io"),
    secret("prod/db-password", "DbDbDb", registry=None),
    NEW,
    secret("keyed", "KeyKey", key=key()),
)
FOREIGN = ("arn:aws:secretsmanager:us-east-1:444455556666:secret:theirs-AbCdEf", "arn:aws:s3:::bucket", "*", "a b")
NAMES = [str(each.arn) for each in LIVE] + [each.name for each in LIVE]
references = st.one_of(
    st.none(),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES).map(lambda text: text[:-7]),
    st.sampled_from(NAMES).map(lambda text: f"{text}:password::"),
    st.sampled_from(NAMES).map(lambda text: f"{text[:-6]}Gone12"),
    st.sampled_from(FOREIGN),
    st.text(max_size=40),
)
images = st.sampled_from(
    ["ghcr.io/a/b", "docker.io/a/b:1", "nginx", "evil.example/x", "111122223333.dkr.ecr.us-east-1.amazonaws.com/a", ""]
)
usages = st.sampled_from(
    [
        Usage(newest=True),
        Usage(newest=False, services=(service(),)),
        Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
    ]
)


@given(st.lists(st.tuples(references, images), max_size=4), st.booleans(), usages)
def test_no_arn_of_an_action_is_text_of_the_task_definition(
    containers: list[tuple[str | None, str]], managed: bool, usage: Usage
) -> None:
    definitions = [
        container(reference, image=image, name=f"c{number}") for number, (reference, image) in enumerate(containers)
    ]
    here = world(*definitions, secrets=LIVE, role=role(managed=managed), running=usage)
    made = plan(here, move_services=True)

    described: set[Arn] = {each.arn for each in here.secrets} | {each.arn for each in here.roles}
    described |= {each.key.arn for each in here.secrets if isinstance(each.key, Key)}
    described |= {revision_arn(), SUCCESSOR}
    assert set(arns_in(made.actions)) <= described

    opted_in = {each.arn for each in here.secrets if "pullguard:registry" in each.tags}
    for action in made.actions:
        if isinstance(action, Grant):
            assert managed
            assert action.secret in opted_in
        if isinstance(action, Reregister):
            assert {change.after for change in action.changes} <= opted_in | {None}


def arns_in(actions: tuple[Fix, ...]) -> list[Arn]:
    found: list[Arn] = []
    for action in actions:
        match action:
            case Grant():
                found += [action.task_definition, action.role, action.secret, *([action.key] if action.key else [])]
            case Reregister():
                found += [action.task_definition, *(change.after for change in action.changes if change.after)]
            case MoveService():
                found += [action.before, action.after]
    return found
