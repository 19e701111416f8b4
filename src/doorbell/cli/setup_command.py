"""`doorbell setup`: from a running daemon to the first named push, step by step."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import enrol_command, look_command, notify_commands
from doorbell.cli.context import Context, answer
from doorbell.cli.parsing import add_command
from doorbell.core.errors import DoorbellError, HardwareAbsentError
from doorbell.runtime.replies import Visits
from doorbell.runtime.requests import ListVisits

if TYPE_CHECKING:
    from collections.abc import Callable

    from doorbell.cli.parsing import Subparsers

PRESS_S, POLL_S = 60.0, 0.3
YES, NO = ("y", "yes"), ("n", "no")


@dataclass(frozen=True)
class Step:
    """One thing to try with the person who sets it up.

    Attributes:
        about: what is tried, half a sentence.
        run: tries it; false if the person says that it did not work.
        advice: what to look at then.
    """

    name: str
    about: str
    run: Callable[[Context], bool]
    advice: str


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    names = ", ".join(step.name for step in STEPS)
    parser = add_command(
        subparsers,
        "setup",
        run=setup,
        about="walk through camera, button, chime, push and the first person",
        description="Try each part of a new doorbell with you. What worked is\n"
        "remembered: called again, it goes on where it stopped.\n"
        f"The steps are: {names}.",
        example="doorbell setup\ndoorbell setup --again button",
    )
    parser.add_argument(
        "--again",
        metavar="STEP",
        choices=[step.name for step in STEPS],
        help="begin with this step, though it has worked",
    )


def setup(context: Context) -> int:
    """Walk through what is left; 0 once all of it works."""
    with context.daemon():
        pass  # Without a daemon there is nothing to try: that error comes first.
    memory = _Memory.of(context)
    left = _left(memory.done, context.args.again)
    for number, step in enumerate(STEPS, 1):
        if step not in left:
            context.say(f"{number}/{len(STEPS)} {step.name}: worked before")
            continue
        context.say(f"\n{number}/{len(STEPS)} {step.about}")
        if not _try(context, step):
            context.say(f"Then: {step.advice}\nCall `doorbell setup` again afterwards.")
            return HardwareAbsentError.exit_code
        memory.add(step.name)
    context.say("\nAll of it works. Press the bell: your phone says who is there.")
    return 0


def _left(done: frozenset[str], again: str | None) -> list[Step]:
    names = [step.name for step in STEPS]
    if again is not None:
        return list(STEPS[names.index(again) :])
    return [step for step in STEPS if step.name not in done]


def _try(context: Context, step: Step) -> bool:
    try:
        return step.run(context)
    except DoorbellError as error:
        context.warn(f"error: {error}")
        if error.hint:
            context.warn(f"hint: {error.hint}")
        return False


@dataclass
class _Memory:
    """What has worked for these settings, kept in the person's own folder."""

    file: Path
    key: str
    done: frozenset[str]

    @classmethod
    def of(cls, context: Context) -> _Memory:
        home = context.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        file, key = Path(home, "doorbell", "setup.json"), context.settings.storage.dir
        return cls(file, key, frozenset(cls._read(file).get(key, [])))

    @staticmethod
    def _read(file: Path) -> dict[str, list[str]]:
        try:
            content = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}  # Nothing worked yet, as far as we know: it is tried again.
        return content if isinstance(content, dict) else {}

    def add(self, name: str) -> None:
        self.done |= {name}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        content = self._read(self.file) | {self.key: sorted(self.done)}
        self.file.write_text(json.dumps(content), "utf-8")


def ask(context: Context, question: str) -> bool:
    """Ask until the answer is yes or no; the end of input is no."""
    while True:
        context.out.write(f"{question} [y/n] ")
        context.out.flush()
        line = context.stdin.readline()
        word = line.strip().lower()
        if word in YES:
            return True
        if word in NO or not line:
            return False


def _with(context: Context, **args: object) -> Context:
    """The same surroundings with the words of another command."""
    words = argparse.Namespace(config=context.args.config, **args)
    return Context(
        words,
        context.environ,
        context.connect,
        context.reach,
        context.out,
        context.err,
        context.stdin,
    )


def _camera(context: Context) -> bool:
    picture = str(Path("setup-porch.jpg").resolve())
    look_command.look(_with(context, output=picture))
    question = f"Open {picture}. Does it show your porch, upright and sharp?"
    return ask(context, question)


def _button(context: Context) -> bool:
    before = _newest(context)
    context.say(f"Press the bell now, within {PRESS_S:.0f} s.")
    deadline_s = time.monotonic() + PRESS_S
    while time.monotonic() < deadline_s:
        if _newest(context) != before:
            context.say("heard")
            return True
        time.sleep(POLL_S)
    context.say("nothing was heard")
    return False


def _newest(context: Context) -> tuple[str, int] | None:
    with context.daemon() as hub:
        views = answer(hub, ListVisits(limit=1), Visits)[0].views
    return (views[0].id, views[0].rings) if views else None


def _chime(context: Context) -> bool:
    chime = context.settings.chime
    if not chime.command and chime.gpio_pin is None:
        context.say("no chime is set: [chime] command or gpio_pin")
        return ask(context, "Go on without one?")
    return ask(context, "Did the chime sound as you pressed?")


def _push(context: Context) -> bool:
    if notify_commands.test_targets(_with(context, target=None)) != 0:
        return False
    return ask(context, "Did the message arrive on your phone?")


def _enrol(context: Context) -> bool:
    context.out.write("Who stands before the camera now? Name: ")
    context.out.flush()
    name = context.stdin.readline().strip()
    if not name:
        return False
    if not ask(context, f"Does {name} agree that their face is kept on this device?"):
        return False
    words = _with(
        context,
        name=name,
        photos=[],
        consent=name,
        from_visit=None,
        face=None,
        camera=True,
        add=False,
    )
    return enrol_command.enrol(words) == 0


STEPS = (
    Step(
        "camera",
        "What the camera sees",
        _camera,
        "see docs/how-to/cameras.md, `[camera] rotate` and `flip`; `doorbell doctor`",
    ),
    Step(
        "button",
        "The button at the door",
        _button,
        "check the two wires and `[button] pin`; see docs/HARDWARE.md",
    ),
    Step(
        "chime",
        "The chime in the house",
        _chime,
        "see docs/how-to/quiet-hours-and-chime.md",
    ),
    Step(
        "push",
        "A test message to your phones",
        _push,
        "see docs/how-to/notifications.md; `doorbell notify test` says more",
    ),
    Step(
        "enrol",
        "The first person the doorbell knows",
        _enrol,
        "light on the face, no cap, nobody beside; or enrol from photographs",
    ),
)
