"""Which requests are recorded before they are carried out, and as what.

What a person does to people, labels, pictures and the camera's view is recorded first,
with who asked by the kernel's word; what cannot be recorded is not done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from string import hexdigits
from typing import TYPE_CHECKING

from doorbell.core.errors import BadInputError
from doorbell.runtime import requests as r

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from doorbell.core.ring import RingSource
    from doorbell.runtime.auditing import Auditing
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.reload import Reload

NEW = "person:new"

_ACTS: dict[type[r.Request], str] = {
    r.RenamePerson: "person.rename",
    r.ErasePerson: "person.erase",
    r.ExportPerson: "person.export",
    r.ReembedPeople: "gallery.reembed",
    r.LookRequest: "camera.look",
}


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody is about to do, in the words of the log."""

    act: str
    obj: str = ""
    ctx: dict[str, object] = field(default_factory=dict)


def deed(hub: Hub, request: object, drafted: str | None = None) -> Deed | None:
    """Say what a request does; None for what needs no record.

    Args:
        hub: carries it out.
        request: what is asked.
        drafted: id of the person whom an enrolment that is under way adds to.
    """
    match request:
        case r.EnrolCommit():
            who = hub.audit.person(drafted) if drafted else NEW
            return Deed("person.enrol", who, {"consent": "given"})
        case r.ImportEncodings(more=more, name=name):
            who = _person(hub, name) if more else NEW
            return Deed("person.import", who, {"consent": "given"})
        case r.RenamePerson() | r.ErasePerson() | r.ExportPerson():
            return Deed(_ACTS[type(request)], _person(hub, request.who))
        case r.ReembedPeople() | r.LookRequest():
            return Deed(_ACTS[type(request)])
        case r.ShowVisit(visit=visit):
            return Deed("picture.read", _visit(visit))
        case r.LabelVisit(visit=visit, face=face, who=who):
            truth = _person(hub, who) if who else "nobody"
            return Deed("visit.label", _visit(visit), {"face": face, "who": truth})
        case _:
            return None


def _visit(said: str) -> str:
    """Name a visit; a word typed in its place would stay in the log for good."""
    is_id = bool(said) and not set(said) - set(hexdigits)
    return f"visit:{said}" if is_id else "visit:unknown"


async def record_reload(
    audit: Auditing, before: ProductionSettings, plan: Reload
) -> None:
    """Record which sections are about to change; their values may be secrets.

    Raises:
        UnavailableError: it cannot be recorded, so nothing may change.
    """
    names = before.__struct_fields__
    changed = [n for n in names if getattr(before, n) != getattr(plan.settings, n)]
    ctx = {"sections": changed, "refused": list(plan.needs_restart)}
    # A signal does not say who sent it.
    await audit.record("settings.change", actor="signal", obj="settings", ctx=ctx)


def _person(hub: Hub, who: str) -> str:
    try:
        return hub.audit.person(hub.household.person_id(who))
    except BadInputError:
        # Nobody is called so; what was said instead may be a name.
        return hub.audit.person(None)


class Recorded:
    """The record around one request: before it, and after it if it failed.

    Args:
        hub: carries it out.
        request: what is asked.
        uid: who asks, by the kernel's word.
        source: how they reached us.
        drafted: see `deed`.

    Raises:
        UnavailableError: on entry: it cannot be recorded, so it must not be done.
    """

    def __init__(
        self,
        hub: Hub,
        request: object,
        uid: int,
        source: RingSource,
        drafted: str | None = None,
    ) -> None:
        self._audit = hub.audit
        self._deed = deed(hub, request, drafted)
        self._actor = f"uid:{uid}" if source == "command" else f"{source}:{uid}"
        self._seq = 0

    async def __aenter__(self) -> None:
        if self._deed is None:
            return
        deed = self._deed
        self._seq = await self._audit.record(
            deed.act, actor=self._actor, obj=deed.obj, ctx=deed.ctx
        )

    async def __aexit__(
        self, _: object, error: BaseException | None, __: object
    ) -> None:
        if self._deed is None:
            return
        deed = self._deed
        ctx: dict[str, object] = {"of": self._seq}
        if error is not None:
            ctx["error"] = type(error).__name__
            self._audit.post(
                deed.act, actor=self._actor, obj=deed.obj, out="failed", ctx=ctx
            )
