"""Histories: what owners, operators and strangers do and when; random by seed, and shrunk to what breaks."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from tests.simulation.truth import DAY_S, FORMER, HOUR_S, NAMES, POLICIES, REGIONS

CHAOS_S = 2 * HOUR_S  # then runs no longer die, and nothing is slow or late but IAM
Step: TypeAlias = tuple[str, tuple[Any, ...]]

KINDS = {
    "register": 10, "deregister": 4, "untag": 6, "tag": 4, "observe": 2, "exclude": 2, "rekey": 2, "unmanage": 2,
    "manage": 2, "observe_role": 2, "delete_secret": 2, "create_secret": 2, "delete_role": 2, "create_role": 3,
    "attach": 2, "detach": 3, "edit_add": 2, "edit_remove": 2, "edit_statement": 1, "delete_policy": 1,
    "unreadable_secret": 2, "unreadable_definition": 3, "snapshot": 1, "lose_ledger": 2, "restore_ledger": 1,
    "redrive": 1, "forge": 4, "stop": 1, "resume": 1, "rollback": 2, "release": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    at: float
    what: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:9.1f}  {self.what} {' '.join(map(str, self.args))}".rstrip()


def history(seed: int) -> list[Operation]:
    """Return a random history: trouble of all kinds, or of one kind within a few minutes."""
    r = random.Random(f"history {seed}")
    before = [Operation(0.0, *step) for step in _former(r)] if seed % 4 == 2 else []
    crowds = {1: (_writers, 40), 3: (_refusals, 60), 5: (_replacements, 50), 7: (_edits, 250)}
    kind = 5 if seed % 16 == 12 else seed % 8  # on a rough day, few runs end while IAM still shows an earlier role
    if kind in crowds:
        steps, seconds = crowds[kind]
        return _crowded(r, steps(r), seconds)
    return [*before, *_mixed(r, is_migrating=bool(before))]


def _mixed(r: random.Random, *, is_migrating: bool) -> Iterator[Operation]:
    at, names = 0.0, ["t0"]
    policies = (*POLICIES.values(), FORMER) if is_migrating else tuple(POLICIES.values())
    for number in range(r.randint(2, 14)):
        at += r.choice((r.uniform(0, 3), r.uniform(0, 3), r.uniform(0, 70), r.uniform(60, 1500), r.uniform(60, 1500)))
        at += r.uniform(0.5, 3) * DAY_S if number and r.random() < 0.04 else 0
        what = r.choices(list(KINDS), list(KINDS.values()))[0] if number else "register"
        if what == "register":
            names.append(f"t{number}")
        yield Operation(round(at, 1), what, _arguments(r, what, names, policies))


def _arguments(r: random.Random, what: str, definitions: list[str], policies: tuple[str, ...]) -> tuple[Any, ...]:
    name, region, definition, policy = (r.choice(some) for some in (NAMES, REGIONS, definitions, policies))
    seconds, luck = round(r.uniform(10, 3000)), r.random()
    drawn: dict[str, tuple[Any, ...]] = {
        "register": (definitions[-1], region, name, luck < 0.9, r.random() < 0.85),
        "deregister": (definition,),
        "unreadable_definition": (definition, seconds),
        "unreadable_secret": (name, seconds),
        "create_secret": (name, luck < 0.7),
        "create_role": (luck < 0.7,),
        "edit_add": (policy, name),
        "edit_remove": (policy, name),
        "edit_statement": (policy,),
        "delete_policy": (policy,),
        "forge": (region, definition, f"group{r.randint(0, 3)}"),
        **dict.fromkeys(("unmanage", "manage", "observe_role", "delete_role"), ()),
        **dict.fromkeys(("snapshot", "lose_ledger", "restore_ledger", "redrive"), (region,)),
        **dict.fromkeys(("stop", "resume", "rollback", "release"), (region,)),
    }
    return drawn.get(what, (name,))


def _former(r: random.Random) -> Iterator[Step]:
    """Grants in the policy that the stacks once shared, most of them recorded, some of them still needed."""
    for name in r.sample(NAMES, r.randint(1, 3)):
        region = r.choice(REGIONS)
        yield "former_grant", (region, name, r.random() < 0.8, r.random() < 0.85)
        if r.random() < 0.7:
            yield "register", (f"old {name}", r.choice((region, region, *REGIONS)), name)


def _crowded(r: random.Random, steps: Iterator[Step], seconds: float) -> list[Operation]:
    at, operations = 0.0, []
    for what, args in steps:
        at += r.choice((r.uniform(0, 2), r.uniform(0, 8), r.uniform(0, seconds)))
        operations.append(Operation(round(at, 1), what, args))
    return operations


def _writers(r: random.Random) -> Iterator[Step]:
    """Several needs of one stack at once, copies of messages in other groups, perhaps a rollback."""
    region = REGIONS[0]
    names = r.sample(NAMES, r.randint(2, 3))
    for name in names:
        yield "register", (f"t{name}", region, name)
        for _ in range(r.randint(0, 2)):
            yield "forge", (region, f"t{r.choice(names)}", f"group{r.randint(0, 3)}")
    for _ in range(r.randint(0, 3)):
        forged = (region, f"t{r.choice(names)}", f"group{r.randint(0, 3)}")
        yield r.choice(
            (("untag", (r.choice(NAMES),)), ("rollback", (region,)), ("release", (region,)), ("forge", forged))
        )


def _refusals(r: random.Random) -> Iterator[Step]:
    """An owner refuses consent while it is granted, and something keeps us from revoking it."""
    name, region = r.choice(NAMES), REGIONS[0]
    noes = ("untag", "observe", "exclude")
    yield "register", ("t0", region, name)
    for _ in range(r.randint(1, 2)):
        unreadable = ("unreadable_secret", (name, round(r.uniform(100, 5000))))
        yield r.choice((*((each, (name,)) for each in noes), ("observe_role", ()), unreadable))
    yield r.choice(
        (("stop", (region,)), ("forge", (region, "t0", "role")), ("unmanage", ()), ("untag", (name,)),
         ("rollback", (region,)))
    )  # fmt: skip
    if r.random() < 0.5:
        yield "register", ("t1", r.choice(REGIONS), r.choice(NAMES))


def _replacements(r: random.Random) -> Iterator[Step]:
    """The role is deleted and created again, perhaps by somebody else, while it is granted."""
    first, second, third = r.sample(NAMES, 3)
    region = REGIONS[0]
    yield "register", ("t0", region, first)
    if r.random() < 0.7:
        yield "forge", (region, "t0", "role")
    for number in range(r.randint(1, 2)):
        yield "delete_role", ()
        if r.random() < 0.4:
            yield r.choice((("untag", (first,)), ("exclude", (first,)), ("deregister", ("t0",))))
        yield "create_role", (r.random() < 0.8,)
        yield "register", (f"new {number}", region, second)
        for _ in range(r.randint(0, 3)):
            need = ("register", (f"newer {number}", region, third))
            yield r.choice((need, ("forge", (region, "none", "role"))))
        if r.random() < 0.7:
            yield "untag", (second,)


def _edits(r: random.Random) -> Iterator[Step]:
    """Another principal edits our policy while we write it; perhaps a rollback follows."""
    first, second = r.sample(NAMES, 2)
    region = REGIONS[0]
    policy = POLICIES[region]
    yield "register", ("t0", region, first)
    for _ in range(r.randint(1, 3)):
        yield r.choice(
            (("edit_add", (policy, r.choice(NAMES))), ("edit_remove", (policy, first)), ("delete_policy", (policy,)),
             ("edit_statement", (policy,)), ("forge", (region, "t0", "role")), ("deregister", ("t0",)))
        )  # fmt: skip
    yield "register", ("t1", region, second)
    if r.random() < 0.3:
        yield r.choice((("untag", (first,)), ("deregister", ("t1",)), ("lose_ledger", (region,))))
    if r.random() < 0.3:
        yield "rollback", (region,)


def shrunk(
    operations: list[Operation], seed: int, breaks: Callable[[list[Operation], int], bool], schedules: int = 40
) -> tuple[list[Operation], int]:
    """Drop operations for as long as ``breaks`` holds for what is left under some schedule; return both."""
    index = len(operations) - 1
    while index >= 0:
        fewer = operations[:index] + operations[index + 1 :]
        other = next((each for each in (seed, *range(schedules)) if breaks(fewer, each)), None) if fewer else None
        if other is not None:
            operations, seed, index = fewer, other, len(fewer)
        index -= 1
    return operations, seed
