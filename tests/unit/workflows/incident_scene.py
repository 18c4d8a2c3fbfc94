"""Families that share one secret, and the events about them handed to the alerter."""

import json
from dataclasses import replace

from pullguard.domain.secret import ValueShape
from pullguard.store.ledger import Ledger
from pullguard.store.services import Kept
from pullguard.workflows.publish_once import Alerted
from tests.fakes import World, container, revision_arn, role, secret, service, task_definition
from tests.flows import Harness, request

SECRET = secret()
NO_USERNAME = ValueShape(form="json-object", username="missing", password="ok", version_id="v3")
NO_PASSWORD = replace(SECRET, value=ValueShape(form="json-object", username="ok", password="missing", version_id="v2"))
FAMILIES = tuple(f"f{number}" for number in range(12))
OPENED, RESOLVED = "[Pullguard] error: ", "[Pullguard] resolved: "


def world(*, broken: bool, families: tuple[str, ...] = FAMILIES) -> World:
    """Families that share one secret, each run by a service of its name."""
    return World(
        tuple(task_definition(container(SECRET), family=each) for each in families),
        (role(reads=[SECRET]),),
        (NO_PASSWORD if broken else SECRET,),
    )


def validate(here: Harness, *families: str) -> None:
    for each in families:
        here.validate(request(revision_arn(each)))


def deliver(here: Harness, form: str = "text") -> list[Alerted]:
    """Hand every event on the bus to the alerter, once, in order."""
    events, here.sent.events = here.sent.events, []
    bodies = [
        json.dumps({"source": each["Source"], "detail-type": each["DetailType"], "detail": json.loads(each["Detail"])})
        for each in events
    ]
    return [here.alerter(form).alert(body) for body in bodies]


def subjects(here: Harness) -> list[str]:
    return [each["Subject"] for each in here.sent.alerts]


HOURLY = json.dumps({"source": "aws.events", "detail-type": "Scheduled Event", "id": "e-1", "detail": {}})


def all_working(ledger: Ledger) -> Harness:
    """Everything was validated and works, and the sweep has listed the services."""
    here = Harness(ledger, world(broken=False))
    validate(here, *FAMILIES)
    for each in FAMILIES:
        here.services.keep(service(each).service_arn, Kept(task_definition=str(revision_arn(each))))
    assert here.sent.events == []
    return here
