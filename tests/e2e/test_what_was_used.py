"""The functions' roles, by what was called in the whole run: nothing that is allowed is unused, and nothing is missing.

It waits for the others of this folder that were asked for: what they have called counts. Alone it has nothing to say.
"""

import pytest

from tests.contract.cloudformation import load
from tests.contract.roles import given
from tests.e2e.order import ENDED, ORDER, stack_of
from tests.e2e.stacks import Used

TEMPLATE = load()
BY_LAMBDA = {
    "logs:CreateLogStream": "the embedded AWS writes the functions' logs itself",
    "logs:PutLogEvents": "the same",
    "xray:PutTelemetryRecords": "nothing takes traces here",
    "xray:PutTraceSegments": "the same",
    "sqs:ReceiveMessage": "the event source takes messages in the function's name",
    "sqs:DeleteMessage": "the same",
    "sqs:GetQueueAttributes": "the same",
}
"""Permissions in every role that only Lambda itself uses."""

_READERS = ("validate_task_definition", "patch_execution_role", "reregister_task_definition")
UNSEEN = {
    **{(each, "organizations:DescribeOrganization"): "no policy here names an organization" for each in _READERS},
    **{
        (each, "secretsmanager:ListResourcePolicies"): "no secret here is another account's replica"
        for each in _READERS
    },
    ("validate_task_definition", "kms:Decrypt"): "Secrets Manager asks for it in the caller's name",
    ("publish_alert", "kms:Decrypt"): "SNS asks for it in the caller's name",
    ("publish_alert", "kms:GenerateDataKey"): "the same",
    ("reregister_task_definition", "iam:PassRole"): "RegisterTaskDefinition asks (test_statements.py misses it)",
    ("reregister_task_definition", "ecs:TagResource"): "the same",
    ("validate_task_definition", "iam:SimulatePrincipalPolicy"): "the embedded AWS has no simulator",
    ("validate_task_definition", "sqs:ChangeMessageVisibility"): "nothing throttles here",
}
"""Permissions that no call of the function's own shows, each with its reason."""

BY_ITS_PARTS = {"dynamodb:TransactWriteItems"}
"""Calls that AWS allows by the permissions for what they do, and knows no permission of their own for.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""


@pytest.fixture(scope="module")
def granted(request: pytest.FixtureRequest, used: Used) -> dict[str, set[str]]:
    """The calls in all other tests of the run, by function (its logical id)."""
    asked_for = {stack_of(item.path) for item in request.session.items if item.get_closest_marker("e2e")}
    return used.granted([stack for stack in ORDER if stack in asked_for and stack != ENDED])


@pytest.mark.parametrize("function", sorted(TEMPLATE.functions()))
def test_a_function_uses_all_that_its_role_allows_and_nothing_else(granted: dict[str, set[str]], function: str) -> None:
    logical = "".join(word.capitalize() for word in function.split("_")) + "Function"
    allowed = {action for action, _, _ in given(TEMPLATE, function)}
    excused = BY_LAMBDA.keys() | {action for name, action in UNSEEN if name == function}
    assert excused - allowed == set(), "an excuse for what is not allowed"
    assert granted[logical] & excused == set(), "an excuse for what was called"
    assert allowed - granted[logical] - excused == set()
    assert granted[logical] - allowed - BY_ITS_PARTS == set()
