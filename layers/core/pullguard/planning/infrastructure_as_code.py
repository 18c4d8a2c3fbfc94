"""Task definitions managed by infrastructure-as-code: recognised by their tags, fixed by their owner.

If Pullguard registered a revision outside CloudFormation, CDK or Terraform, the next deployment would undo it or fail.
Pullguard therefore leaves such a task definition unchanged, and gives its owner snippets to paste.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Tags

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
STACK_TAG: Final = "aws:cloudformation:stack-name"

Tool: TypeAlias = Literal["CloudFormation", "CDK", "Terraform", "infrastructure-as-code"]

_NAMES: tuple[tuple[str, Tool], ...] = (
    ("terraform", "Terraform"),
    ("opentofu", "Terraform"),
    ("cdk", "CDK"),
    ("cloudformation", "CloudFormation"),
    ("pulumi", "infrastructure-as-code"),
)
# Common keys of tags that name the owning tool; letters only, in lower case.
_OWNER_KEYS: Final = frozenset(
    {"managedby", "createdby", "provisionedby", "deployedby", "provisioner", "iac", "iactool"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IacOwner:
    """The ``tool`` that owns a task definition, and the tag that names it (``value`` is untrusted text)."""

    tool: Tool
    tag: str
    value: str


def owner(tags: Tags, extra_keys: Iterable[str] = ()) -> IacOwner | None:
    """Return the owner according to ``tags``, or None.

    An owner is recognised by a stack's tag, by any tag whose key is exactly one of ``extra_keys`` (with any value), and
    by a tag that names a tool, such as ``managed-by`` = ``terraform`` or any ``aws:cdk:…``. A false positive only
    prevents a change.
    """
    extra = frozenset(extra_keys)
    cdk = next((key for key in sorted(tags) if key.startswith("aws:cdk:")), None)
    if STACK_TAG in tags:
        return IacOwner(tool="CDK" if cdk else "CloudFormation", tag=STACK_TAG, value=tags[STACK_TAG])
    if cdk:
        return IacOwner(tool="CDK", tag=cdk, value=tags[cdk])
    for key in sorted(tags):
        tool = _tool_named(key, tags[key])
        if tool or key in extra:
            return IacOwner(tool=tool or "infrastructure-as-code", tag=key, value=tags[key])
    return None


def _tool_named(key: str, value: str) -> Tool | None:
    letters = re.sub(r"[^a-z]", "", key.lower())
    text = value.lower() if letters in _OWNER_KEYS else key.lower()
    return next((tool for name, tool in _NAMES if re.search(rf"(?<![a-z]){name}(?![a-z])", text)), None)


def snippets(changes: tuple[ReferenceChange, ...]) -> str:
    """Return snippets to paste into CloudFormation (YAML), CDK (TypeScript) and Terraform (HCL), one after the other.

    The values are real. Container names are untrusted text, quoted and escaped as each language requires, also in
    comments.
    """
    return "\n".join(
        (
            "# CloudFormation (YAML), in Properties of the AWS::ECS::TaskDefinition",
            "ContainerDefinitions:",
            *(line for change in changes for line in _cloudformation(change)),
            "",
            "// CDK (TypeScript), where the container is added",
            *(line for change in changes for line in _cdk(change)),
            "",
            "# Terraform (HCL), inside jsonencode([...]) of container_definitions",
            *(line for change in changes for line in _terraform(change)),
            "",
        )
    )


def _cloudformation(change: ReferenceChange) -> tuple[str, ...]:
    """Source: AWS::ECS::TaskDefinition RepositoryCredentials in the CloudFormation template reference."""
    name = f"  - Name: {_quoted(change.container)}"
    if change.after is None:
        return name, "    # take RepositoryCredentials away"
    return name, "    RepositoryCredentials:", f"      CredentialsParameter: {_quoted(str(change.after))}"


def _cdk(change: ReferenceChange) -> tuple[str, ...]:
    """Source: https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_ecs.ContainerImage.html."""
    container = json.dumps(change.container)
    if change.after is None:
        return (f"// container {container}: ecs.ContainerImage.fromRegistry(image) without credentials",)
    construct = json.dumps(f"RegistryCredentials-{change.container}")
    return (
        f"// container {container}",
        "image: ecs.ContainerImage.fromRegistry(image, {",
        f"  credentials: {_imported(change.after, construct)},",
        "}),",
    )


def _imported(secret: Arn, construct: str) -> str:
    return f"secretsmanager.Secret.fromSecretCompleteArn(this, {construct}, {json.dumps(str(secret))})"


def _terraform(change: ReferenceChange) -> tuple[str, ...]:
    """Source: https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ecs_task_definition."""
    name = f"  name = {_hcl(change.container)}"
    if change.after is None:
        return "{", name, "  # take repositoryCredentials away", "}"
    reference = f"  repositoryCredentials = {{ credentialsParameter = {_hcl(str(change.after))} }}"
    return "{", name, reference, "}"


def _quoted(text: str) -> str:
    r"""Quote a string for YAML or HCL: both support ``\"``, ``\\``, ``\uXXXX`` and ``\UXXXXXXXX``."""

    def escaped(character: str) -> str:
        if character in '"\\':
            return f"\\{character}"
        if character.isascii() and character.isprintable():
            return character
        code = ord(character)
        return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 (the basic plane)

    return f'"{"".join(map(escaped, text))}"'


def _hcl(text: str) -> str:
    """Quote a string for HCL, where ``${`` and ``%{`` would begin a template and are written ``$${`` and ``%%{``.

    Source: https://developer.hashicorp.com/terraform/language/expressions/strings
    """

    def doubled(match: re.Match[str]) -> str:
        before, sign = match[0][:-2], match[0][-2]
        return "".join(f"\\u{ord(each):04x}" for each in before) + f"{sign}{sign}{{"

    return re.sub(r"[$%]+\{", doubled, _quoted(text))


def service_snippets(after: Arn) -> str:
    """Return snippets with which a service's template names the revision ``after``.

    Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-service.html
    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/ecs_service
    """
    return f"""\
# CloudFormation, in the Properties of the AWS::ECS::Service
TaskDefinition: "{after}"

// CDK (TypeScript), with service: ecs.FargateService or ecs.Ec2Service
(service.node.defaultChild as ecs.CfnService).taskDefinition = "{after}";

# Terraform, in the resource "aws_ecs_service"
task_definition = "{after}"
"""
