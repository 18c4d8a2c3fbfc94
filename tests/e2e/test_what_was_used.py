"""The functions' roles, by what was called in the whole run: nothing that is allowed is unused, and nothing is missing.

It waits for the others of this folder that were asked for: what they have called counts. Alone it has nothing to say.
"""

import pytest

from tests.contract.cloudformation import load
from tests.contract.roles import given
from tests.e2e.order import ENDED, ORDER, stack_of
from tests.e2e.stacks import Used

TEMPLATE = load()
UNSEEN = {
    "logs:CreateLogStream": "the embedded AWS writes the functions' logs itself",
    "logs:PutLogEvents": "the same",
    "xray:PutTelemetryRecords": "nothing takes traces here",
    "xray:PutTraceSegments": "the same",
    "sqs:ReceiveMessage": "the event source takes messages in the function's name",
    "sqs:DeleteMessage": "the same",
    "sqs:GetQueueAttributes": "the same",
    "kms:Decrypt": "Secrets Manager and SNS ask for it in the caller's name",
    "kms:GenerateDataKey": "the same",
    "iam:PassRole": "RegisterTaskDefinition asks for it (tests/e2e/test_statements.py misses it)",
    "ecs:TagResource": "the same",
    "ecs:DescribeTasks": "no task runs on the embedded AWS, so that ListTasks names none",
    "iam:SimulatePrincipalPolicy": "CrossCheck is off",
}
"""What a role allows and no call shows, and why."""

UNSEEN_OF = {
    ("sweep_account", "dynamodb:DeleteItem"): "no service goes away between two sweeps (tests/unit/test_sweep.py)",
}
"""The same, of one function."""

BY_ITS_PARTS = {"dynamodb:TransactWriteItems"}
"""Calls that AWS allows by the permissions for what they do, and knows no permission of their own for.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""


@pytest.fixture(scope="module")
def granted(request: pytest.FixtureRequest, used: Used) -> dict[str, set[str]]:
    """What was called in all other tests of the run, by function (its logical id)."""
    asked_for = {stack_of(item.path) for item in request.session.items if item.get_closest_marker("e2e")}
    return used.granted([stack for stack in ORDER if stack in asked_for and stack != ENDED])


@pytest.mark.parametrize("function", sorted(TEMPLATE.functions()))
def test_a_function_uses_all_that_its_role_allows_and_nothing_else(granted: dict[str, set[str]], function: str) -> None:
    logical = "".join(word.capitalize() for word in function.split("_")) + "Function"
    allowed = {action for action, _, _ in given(TEMPLATE, function)}
    unused = allowed - granted[logical] - UNSEEN.keys()
    assert {action for action in unused if (function, action) not in UNSEEN_OF} == set()
    assert granted[logical] - allowed - BY_ITS_PARTS == set()
