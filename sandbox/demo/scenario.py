"""The scenario: a world breaks, the deployed functions act, a rotation fails and the next one succeeds."""

from collections.abc import Mapping
from pathlib import Path

from sandbox import incidents
from sandbox import stack as stacks
from sandbox.demo import audits, secrecy
from sandbox.demo.evidence import Evidence
from sandbox.demo.observation import Observation, observe
from sandbox.demo.outcomes import FAMILIES, OUTCOMES
from sandbox.demo.progress import Progress, wait_until
from sandbox.demo.scene import Scene, deploy, is_dead, registrations_of, things_of
from sandbox.emulator import Emulator
from sandbox.inbox import Letter
from sandbox.worlds import demo

PARAMETERS = {"Mode": "remediate", "MoveServices": "true"}
_ACT_TIMEOUT_S = 120


def prepare(aws: Emulator, progress: Progress) -> Scene:
    """Build the application and deploy it."""
    progress.say("building the application: sam build")
    return deploy(aws, build(), PARAMETERS, progress)


def build() -> Path:
    """Return the built template."""
    return stacks.build()


def perform(scene: Scene, progress: Progress) -> Evidence:
    """Run all phases and return the evidence."""
    before, first_audit = _break(scene, progress)
    evidence = _heal(scene, progress, before)
    second_audit = _audit(scene, progress)
    broken = _rotate(scene, progress, _broken_value(scene), "a rotation writes a broken value into healthy's secret")
    fixed = _rotate(scene, progress, _good_value(scene), "the next rotation writes a good one")
    progress.say("looking for passwords in logs, messages, ledger and events")
    return Evidence(
        scene=scene,
        before=before,
        after=evidence.after,
        letters=evidence.letters,
        broken=broken,
        fixed=fixed,
        dead={queue: depth for queue, depth in scene.stack.depths().items() if is_dead(queue)},
        places=secrecy.places(scene, scene.letters()),
        audits=(first_audit, second_audit),
    )


def faults_of(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Return the deviations, by outcome."""
    return {outcome.name: outcome.faults(evidence) for outcome in OUTCOMES}


def request(scene: Scene) -> dict[str, Observation]:
    """Observe every family."""
    return {outcome.name: observe(scene, outcome.name) for outcome in FAMILIES}


def _break(scene: Scene, progress: Progress) -> tuple[dict[str, Observation], audits.Audit]:
    """Load the world while the functions are held, so that for a moment all of it is broken."""
    progress.say("loading the world; the functions are held until it has been seen broken")
    scene.hold()
    world = demo.world()
    scene.load(things_of(world))
    scene.load(registrations_of(world))
    before = request(scene)
    audit = _audit(scene, progress)
    return before, audit


def _heal(scene: Scene, progress: Progress, before: Mapping[str, Observation]) -> Evidence:
    progress.say("letting the functions act")
    scene.release()

    def evidence() -> Evidence:
        return Evidence(scene=scene, before=before, after=request(scene), letters=scene.letters())

    def is_as_stated() -> bool:
        seen = evidence()
        return not any(outcome.faults(seen) for outcome in FAMILIES)

    done = wait_until(is_as_stated, timeout_s=_ACT_TIMEOUT_S)
    progress.say("all as stated; waiting until nothing is under way" if done else "not as stated; waiting for the end")
    scene.settle()
    return evidence()


def _rotate(scene: Scene, progress: Progress, value: Mapping[str, str] | str, what: str) -> tuple[Letter, ...]:
    progress.say(what)
    already = len(scene.letters())
    incidents.rotate(scene.aws, scene.names[f"secret:{demo.SECRETS['healthy']}"], value)
    wait_until(lambda: scene.letters(after=already), timeout_s=_ACT_TIMEOUT_S)
    scene.settle()
    return scene.letters(after=already)


def _broken_value(scene: Scene) -> str:
    """Return an account in a careless form that is not JSON."""
    account = demo.credentials("healthy")
    scene.passwords.add(account["password"])
    return f"{account['username']}:{account['password']}"


def _good_value(scene: Scene) -> dict[str, str]:
    account = demo.credentials("healthy")
    scene.passwords.add(account["password"])
    return account


def _audit(scene: Scene, progress: Progress) -> audits.Audit:
    progress.say("pullguard audit --format json")
    return audits.run(scene.aws)
