"""Texts of stopped tasks, by what they mean.

Their forms come from the ECS agent (agent/asm, agent/api/errormessages, agent/dockerclient), from Docker, containerd
and registries as quoted in public issues, and from the ECS Developer Guide. Names in them are invented.
"""

import json
from pathlib import Path

TEXTS: dict[str, list[str]] = {}
for _line in Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8").splitlines():
    _case = json.loads(_line)
    TEXTS.setdefault(_case["kind"], []).append(_case["text"])
