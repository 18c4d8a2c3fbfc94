"""Run inside the Lambda runtime: start all functions, make every client, and print what was imported, as JSON.

Arguments: the functions' directory, the variables of all functions as JSON, the names of the services.
"""

import importlib.util
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Import and print."""
    folder, variables, *services = sys.argv[1:]
    for app in sorted(Path(folder).glob("*/app.py")):
        os.environ.update(json.loads(variables)[app.parent.name])
        spec = importlib.util.spec_from_file_location(app.parent.name, app)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for service in services:
            module.deployment.clients.get(service)
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    found = {name: file for name, file in files.items() if file and file.startswith("/opt/")}
    sys.stdout.write(json.dumps(found))


main()
