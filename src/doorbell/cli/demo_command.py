"""`doorbell demo`: the main job on real photographs, without hardware.

A person is enrolled, a camera shows scene after scene, the button is pressed through
gpiozero's mock pins, and what the household would receive is left in a folder. The
processes, the journal and the database are the real ones.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from config.loader import load
from doorbell.cli.narrator import Narrator
from doorbell.cli.parsing import ABOUT_DEMO, add_command
from doorbell.core.errors import DoorbellError
from doorbell.evaluation.visitors import ENROLLED, NAME, PHOTOGRAPHED, photographed
from doorbell.runtime import replies
from doorbell.runtime import requests as r
from doorbell.runtime.client import open_connection, own_hub
from doorbell.runtime.daemon import Daemon
from monitoring.logging.structured_logging import configure_logging

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.visitors import Visitor
    from doorbell.runtime.hub import Hub
    from doorbell.runtime.open_visit import OpenVisit

CONSENT = "press photographs published with face_recognition 1.3.0"
PICTURES = ".cache/demo-pictures"
SCENE_S = 30.0


def add_parser(subparsers: Subparsers) -> None:
    """Register the command."""
    parser = add_command(
        subparsers,
        "demo",
        run=run,
        about=ABOUT_DEMO,
        example="doorbell demo --pictures .cache/demo-pictures\n"
        "doorbell demo --live --name Anna",
    )
    parser.add_argument(
        "--pictures", metavar="DIR", help="folder with the photographs' archives"
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="demo-pictures",
        help="where the notifications are left (default: %(default)s)",
    )
    parser.add_argument(
        "--live", action="store_true", help="use the webcam /dev/video0 instead"
    )
    parser.add_argument(
        "--name", metavar="NAME", default="You", help="with --live: whom to enrol"
    )


def run(context: Context) -> int:
    """Show the main job; 0 only if every decision was right."""
    configure_logging("error", "plain", sys.stderr)
    output = Path(context.args.output).resolve()
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="doorbell-demo-") as folder:
        work = Path(folder)
        scenes = work / "porch"
        scenes.mkdir()
        if context.args.live:
            source = "v4l2:/dev/video0"
        else:
            source = f"folder:{scenes}"
            photographed(Path(context.args.pictures or PICTURES), scenes, work)
        settings = demo_settings(work, source, output)
        if context.args.live:
            return asyncio.run(_show_live(settings, context))
        enrol_photographs(settings, work, context)
        return asyncio.run(_show(settings, scenes, output, context))


def demo_settings(work: Path, source: str, output: Path) -> ProductionSettings:
    """Return the settings of the demonstration: everything below `work`."""
    file = work / "doorbell.toml"
    file.write_text(f"""
profile = "testing"
[storage]
dir = "{work}/state"
[button]
source = "mock"
merge_s = 0.0
[camera]
source = "{source}"
[synthetic]
every_s = 0.0
[operations]
listen = "127.0.0.1:0"
[log]
level = "error"
[notify]
deadline_s = 5.0
[[notify.targets]]
name = "phone"
url = "file:{output}"
""")
    keep = {key: os.environ[key] for key in ("TZ",) if key in os.environ}
    return load(file, keep)


def enrol_photographs(
    settings: ProductionSettings, work: Path, context: Context
) -> None:
    """Enrol the person, as `doorbell enrol` does."""
    context.say(f"enrolling {NAME} from {' and '.join(ENROLLED)}")
    with own_hub(settings, frozenset({"vision"})) as hub:
        for _ in hub.ask(r.EnrolBegin(name=NAME, consent=CONSENT)):
            pass
        for name in ENROLLED:
            with (work / name).open("rb") as photo:
                for reply, _ in hub.ask(r.EnrolPhoto(label=name), [photo.fileno()]):
                    if isinstance(reply, replies.PhotoJudged):
                        verdict = "taken" if reply.accepted else "refused"
                        context.say(f"  {name}: {verdict} {reply.reason}".rstrip())
        for _ in hub.ask(r.EnrolCommit()):
            pass


async def _show(
    settings: ProductionSettings, scenes: Path, output: Path, context: Context
) -> int:
    (scenes / "scene.txt").write_text("porch.png")
    stage = Theatre(settings, context)
    right = 0
    async with stage:
        for visitor in PHOTOGRAPHED:
            (scenes / "scene.txt").write_text(visitor.picture)
            context.say(f"\n{visitor.who} ({visitor.picture}) comes to the door")
            await asyncio.sleep(settings.camera.preroll_s + 0.5)
            visit = await stage.press()
            right += _is_right(visitor, visit, stage.hub, context)
    pictures = await asyncio.to_thread(lambda: sorted(output.glob("*.jpg")))
    context.say(f"\n{right} of {len(PHOTOGRAPHED)} decisions were right")
    context.say(f"what the phone got: {output} ({len(pictures)} pictures)")
    return 0 if right == len(PHOTOGRAPHED) else 1


def _is_right(visitor: Visitor, visit: OpenVisit, hub: Hub, context: Context) -> bool:
    decision = str(visit.seen.decision) if visit.seen else "degraded"
    known = [hub.household.names.get(face.person_id or "") for face in visit.faces]
    is_right = decision == visitor.decision and visitor.name in [*known, None]
    wanted = "" if is_right else f" but should have said {visitor.decision}"
    context.say(f"  said {decision}{wanted}")
    return is_right


async def _show_live(settings: ProductionSettings, context: Context) -> int:
    stage = Theatre(settings, context)
    name = context.args.name
    async with stage:
        context.say(f"look into the camera and press Enter to be enrolled as {name}")
        is_enrolled = False
        while not is_enrolled:
            if not await stage.enter():
                return 0
            is_enrolled = await asyncio.to_thread(_enrol_live, settings, context)
        context.say("Enter rings; Ctrl-C ends")
        while await stage.enter():
            await stage.press()
    return 0


def _enrol_live(settings: ProductionSettings, context: Context) -> bool:
    """Enrol who sits before the camera; false if that picture will not do."""
    name = context.args.name
    wishes = (r.EnrolBegin(name=name, consent=name), r.EnrolCamera(), r.EnrolCommit())
    with open_connection(settings, roles=frozenset()) as hub:
        try:
            for wish in wishes:
                for reply, _ in hub.ask(wish):
                    if isinstance(reply, replies.PhotoJudged) and not reply.accepted:
                        context.say(f"  once more, please: {reply.reason}")
                        return False
        except DoorbellError as error:
            context.say(f"  {error}")
            return False
    context.say(f"  enrolled as {name}")
    return True


class Theatre:
    """A running daemon whose button we press."""

    def __init__(self, settings: ProductionSettings, context: Context) -> None:
        self._settings = settings
        self._narrator = Narrator(context.out)
        self._heard: asyncio.Queue[OpenVisit] = asyncio.Queue()
        self._ready = asyncio.Event()
        self._daemon = Daemon(settings, {}, lambda: settings, self._watch)
        self._task: asyncio.Task[None] | None = None

    def _watch(self, what: str, visit: OpenVisit, target: str) -> None:
        self._narrator.watch(what, visit, target)
        if what == "pushed" and visit.course.closed:
            self._heard.put_nowait(visit)

    def _started(self, hub: Hub) -> None:
        self.hub = hub
        self._narrator.names = hub.household.names
        self._ready.set()

    async def __aenter__(self) -> Self:
        """Start, and wait until everything works."""
        self._task = asyncio.create_task(self._daemon.run(self._started))
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait((self._task, ready), return_when="FIRST_COMPLETED")
        if self._task.done():
            ready.cancel()
            await self._task
        for role in ("capture", "vision", "notify"):
            await self.hub.until_ready(role)
        return self

    async def enter(self) -> bool:
        """Wait for Enter; false when there is no more input, or on Ctrl-C."""
        if self._task is None:
            return False
        loop = asyncio.get_running_loop()
        keyboard = sys.stdin.fileno()
        typed: asyncio.Future[bytes] = loop.create_future()

        def read() -> None:
            loop.remove_reader(keyboard)
            typed.set_result(os.read(keyboard, 4096))

        try:
            loop.add_reader(keyboard, read)
        except PermissionError:  # a file, such as /dev/null: nobody will type
            return False
        await asyncio.wait((typed, self._task), return_when="FIRST_COMPLETED")
        loop.remove_reader(keyboard)
        return typed.done() and bool(typed.result())

    async def press(self) -> OpenVisit:
        """Press the button as a visitor does, and wait until the phone was told."""
        from doorbell.testing.button import press

        while not self._heard.empty():
            self._heard.get_nowait()
        socket = Path(self._settings.storage.dir) / "run" / "button.sock"
        await asyncio.to_thread(press, socket, 200)
        async with asyncio.timeout(SCENE_S):
            return await self._heard.get()

    async def __aexit__(self, *_: object) -> None:
        """Stop the daemon."""
        self._daemon.stop()
        if self._task is not None:
            await self._task
