"""A Plan as JSON and back, contents replaced by their hash. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from console.change.plan import EditFile, Plan, Probe, Risk, RunCommand, Step, sha256


def plan_to_json(plan: Plan, blobs: dict[str, bytes]) -> dict[str, Any]:
    """Its JSON form; the contents it holds go into `blobs` under their sha256."""

    def content(data: bytes | None) -> dict[str, str] | None:
        if data is None:
            return None
        blobs[sha256(data)] = data
        return {"blob": sha256(data)}

    def probe(value: Probe | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return {"what": value.what, "script": value.script, "args": list(value.args), "within": value.within}

    def step(value: Step) -> dict[str, Any]:
        if isinstance(value, EditFile):
            return {
                "kind": "file",
                "path": value.path,
                "why": value.why,
                "base": content(value.base),
                "content": content(value.content),
                "check": list(value.check),
                "check_cwd": value.check_cwd,
                "check_accepts": list(value.check_accepts),
                "mode": value.mode,
            }
        return {
            "kind": "run",
            "argv": list(value.argv),
            "why": value.why,
            "verify": probe(value.verify),
            "undo": list(value.undo),
            "undo_verify": probe(value.undo_verify),
            "accepts": list(value.accepts),
            "always": value.always,
            "all_or_nothing": value.all_or_nothing,
            "deadline": value.deadline,
        }

    return {
        "host": plan.host,
        "subject": plan.subject,
        "object": plan.object,
        "title": plan.title,
        "steps": [step(item) for item in plan.steps],
        "risk": plan.risk.value,
        "sudo": plan.sudo,
        "lock": plan.lock,
        "warnings": list(plan.warnings),
        "facts": dict(plan.facts),
    }


def plan_from_json(body: Mapping[str, Any], blob: Callable[[str], bytes]) -> Plan:
    """The Plan again; `blob` gives a content by its sha256.

    Raises:
        KeyError, TypeError, ValueError: it is no plan's JSON form.
    """

    def content(value: Mapping[str, str] | None) -> bytes | None:
        return None if value is None else blob(value["blob"])

    def probe(value: Mapping[str, Any] | None) -> Probe | None:
        return (value and Probe(value["what"], value["script"], tuple(value["args"]), value["within"])) or None

    def step(value: Mapping[str, Any]) -> Step:
        if value["kind"] == "file":
            return EditFile(
                path=value["path"],
                why=value["why"],
                base=content(value["base"]),
                content=content(value["content"]),
                check=tuple(value["check"]),
                check_cwd=value["check_cwd"],
                check_accepts=tuple(value["check_accepts"]),
                mode=value["mode"],
            )
        return RunCommand(
            argv=tuple(value["argv"]),
            why=value["why"],
            verify=probe(value["verify"]),
            undo=tuple(value["undo"]),
            undo_verify=probe(value["undo_verify"]),
            accepts=tuple(value["accepts"]),
            always=value["always"],
            all_or_nothing=value.get("all_or_nothing", False),
            deadline=value["deadline"],
        )

    return Plan(
        host=body["host"],
        subject=body["subject"],
        object=body["object"],
        title=body["title"],
        steps=tuple(step(item) for item in body["steps"]),
        risk=Risk(body["risk"]),
        sudo=body["sudo"],
        lock=body["lock"],
        warnings=tuple(body["warnings"]),
        facts=dict(body["facts"]),
    )
