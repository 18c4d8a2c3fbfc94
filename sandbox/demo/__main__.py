"""`make demo`: Pullguard repairs a broken world on an embedded AWS, and every outcome is verified externally."""

import os
import signal
import sys
import threading

from sandbox.demo.evidence import OWN_POLICY
from sandbox.demo.progress import Progress
from sandbox.demo.report import console, show
from sandbox.demo.scenario import faults_of, perform, prepare
from sandbox.demo.scene import Scene
from sandbox.emulator import Emulator
from sandbox.server import SandboxError
from sandbox.worlds.demo import SECRETS, role_name

EXIT_PROVED, EXIT_NOT_AS_STATED, EXIT_COULD_NOT_RUN = 0, 1, 2


def main() -> int:
    """Run the demo and return its exit status: 0 verified, 1 an outcome is missing, 2 it could not run."""
    # Like Ctrl-C, so that everything that was started is cleaned up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = Progress()
    progress.say("starting the embedded AWS")
    try:
        with Emulator() as aws:
            scene = prepare(aws, progress)
            evidence = perform(scene, progress)
            faults = faults_of(evidence)
            show(evidence, faults, console())
            failed = [name for name, found in faults.items() if found]
            progress.say(f"not as stated: {', '.join(failed)}" if failed else "every outcome is proved")
            if os.environ.get("KEEP", "") not in ("", "0"):
                _keep(scene)
            return EXIT_NOT_AS_STATED if failed else EXIT_PROVED
    except SandboxError as error:
        print(f"The demo could not run: {error}", file=sys.stderr)
        return EXIT_COULD_NOT_RUN
    except KeyboardInterrupt:
        print("Ended.", file=sys.stderr)
        return EXIT_COULD_NOT_RUN


def _keep(scene: Scene) -> None:
    """Keep everything running until Ctrl-C or a SIGTERM, and print how to use it."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    exports = "\n".join(f"export {name}={value}" for name, value in scene.aws.environment.items())
    web, family = SECRETS["web"], "web"
    print(
        f"""
It runs on until Ctrl-C. In another terminal, in this directory:

{exports}

.venv/bin/pullguard audit
.venv/bin/pullguard explain {family}
aws --endpoint-url $AWS_ENDPOINT_URL iam get-role-policy --role-name {role_name(family)} \\
    --policy-name {OWN_POLICY}
aws --endpoint-url $AWS_ENDPOINT_URL ecs list-task-definitions
# break something, and see what happens: the topic is {scene.stack.outputs["AlertTopicArn"]}
.venv/bin/python -c 'import boto3; boto3.client("secretsmanager").put_secret_value(
    SecretId="{web}", SecretString="not json")'
.venv/bin/python -c 'import boto3; [print(e["message"].rstrip()) for e in boto3.client("logs").filter_log_events(
    logGroupName="{scene.stack.resources["ValidateTaskDefinitionLogs"]}")["events"][-20:]]'
""",
        flush=True,
    )
    while not ended.wait(timeout=1):
        pass


if __name__ == "__main__":
    sys.exit(main())
