"""Secret state that the embedded AWS stores differently from AWS.

- A secret that is created without a value has no version, and so none labelled AWSCURRENT.
  https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
- DescribeSecret leaves KmsKeyId out for a secret under aws/secretsmanager, also if a request names it.
  https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
"""

from typing import Any

DEFAULT_KEY = "alias/aws/secretsmanager"


def install() -> None:
    """Let the embedded AWS store secrets as AWS does; after ``sandbox.secret_ids``."""
    from ministack.services import secretsmanager  # noqa: PLC0415

    create_secret, update_secret = secretsmanager._create_secret, secretsmanager._update_secret  # noqa: SLF001

    def stored(secret_id: Any) -> dict[str, Any]:
        _, secret = secretsmanager._resolve(secret_id)  # noqa: SLF001
        return secret or {}

    def create(request: dict[str, Any]) -> Any:
        answer = create_secret(request)
        if answer[0] == 200 and not {"SecretString", "SecretBinary"} & request.keys():  # noqa: PLR2004
            stored(request.get("Name"))["Versions"].clear()
        return answer

    def update(request: dict[str, Any]) -> Any:
        answer = update_secret(request)
        secret = stored(request.get("SecretId"))
        if str(secret.get("KmsKeyId")).endswith(DEFAULT_KEY):
            secret.pop("KmsKeyId")
        return answer

    secretsmanager._create_secret = create  # noqa: SLF001
    secretsmanager._update_secret = update  # noqa: SLF001
