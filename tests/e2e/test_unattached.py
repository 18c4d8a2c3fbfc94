"""Without registry checks, a tag attaches nothing, even with every owner's consent."""

from sandbox.demo.scene import Scene, about
from sandbox.world import Role, Secret, TaskDefinition, World
from sandbox.worlds.demo import MANAGED, credentials
from tests.e2e.families import family, fresh
from tests.e2e.ground import written


def unattached(name: str) -> World:
    """Return a family that names no secret, and one that is kept for its registry."""
    (definition,) = family(name).task_definitions
    (container,) = definition.request["containerDefinitions"]
    bare = {"name": "app", "memory": container["memory"], "image": f"{name}.registry.example.com/acme/web:1"}
    tags = {"pullguard:registry": f"{name}.registry.example.com", "pullguard:roles": f"{name}-execution"}
    return World(
        roles=(Role(name=f"{name}-execution", tags=MANAGED),),
        secrets=(Secret(name=f"registry/{name}", value=credentials(name), tags=tags),),
        task_definitions=(
            TaskDefinition(
                family=name,
                request={**definition.request, "containerDefinitions": [bare]},
                tags={"pullguard:attach": "true"},
            ),
        ),
    )


def test_without_an_answer_of_the_registry_nothing_is_written_or_alerted(scene: Scene) -> None:
    name = fresh("unattached")
    scene.load(unattached(name))
    scene.settle()
    assert about(scene.letters(), name) == ()
    assert [each for each in written(scene) if name in each[1]] == []
