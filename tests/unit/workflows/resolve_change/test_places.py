"""Events report where revisions run: only sweeps look for the rest."""

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Rejected
from pullguard.domain.usage import Places, service_in
from pullguard.store.services import Kept
from tests.flows import Harness
from tests.unit.workflows.resolve_change.scene import WEB, resolver, sample

PROD = Arn.parse("arn:aws:ecs:us-east-1:111122223333:cluster/prod")
IN_SERVICE = Places.of((service_in(PROD, "web"),))
IN_CLUSTER = Places.of((PROD,))
PLACES = {
    "create-service": IN_SERVICE,
    "update-service": IN_SERVICE,
    "update-service-response-dropped": IN_SERVICE,
    "task-stopped-fargate": IN_SERVICE,
    "task-stopped-ec2": IN_SERVICE,
    "task-started": IN_CLUSTER,
    "task-ran": IN_CLUSTER,
    "register-task-definition": Places(),
}


@pytest.mark.parametrize(("name", "places"), PLACES.items(), ids=PLACES)
def test_an_event_adds_the_place_that_it_names(harness: Harness, name: str, places: Places) -> None:
    resolver(harness).resolve(sample(name))
    assert harness.services.places("web") == places
    assert harness.services.places("api") == Places()


@pytest.mark.parametrize("name", ["update-service", "update-service-response-dropped"])
def test_an_alert_names_a_service_by_what_its_last_event_says(harness: Harness, name: str) -> None:
    resolver(harness).resolve(sample(name))
    assert harness.services.known() == {str(service_in(PROD, "web")): Kept(task_definition=str(WEB))}


def test_a_stopped_task_does_not_say_what_its_service_runs_now(harness: Harness) -> None:
    resolver(harness).resolve(sample("task-stopped-fargate"))
    assert harness.services.known() == {}


@pytest.mark.parametrize("name", ["update-service", "task-stopped-fargate", "task-started", "task-ran"])
@pytest.mark.parametrize("there", ["444455556666", "eu-west-1"])
def test_nothing_of_another_account_or_region_is_stored(harness: Harness, name: str, there: str) -> None:
    here = "111122223333" if there.isdecimal() else "us-east-1"
    with pytest.raises(Rejected):
        resolver(harness).resolve(sample(name).replace(here, there))
    assert harness.services.places("web") == Places()
    assert harness.services.known() == {}


@pytest.mark.parametrize("name", ["task-stopped-fargate", "task-started"])
def test_a_cluster_of_another_account_makes_no_place(harness: Harness, name: str) -> None:
    with pytest.raises(Rejected, match="clusterArn"):
        resolver(harness).resolve(sample(name, clusterArn=str(PROD).replace("111122223333", "444455556666")))
    assert harness.services.places("web") == Places()
