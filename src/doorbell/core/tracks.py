"""Combine what several frames of a visit showed of the same faces.

One rule: frames that show the same view of a face become one picture of it, weighted
by how sure the detector was (`fusion`); views are compared one by one, and their
likeness is the mean. A sighting joins the track that it is most like; standing in the
same place makes up for a poor picture, but not for another face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from doorbell.core.burst import Standing
from doorbell.core.decision import Box, Decision, FaceVerdict
from doorbell.core.faces import judge
from doorbell.core.fusion import Overlay, same_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from doorbell.core.faces import Gallery, Likeness, OperatingPoint

    Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32] | None]

# A view of a face, and its weight.
Part = tuple["NDArray[np.float32]", float]

# A head that moved by half its width between two frames still overlaps by a third.
SAME_PLACE_IOU = 0.3
# A crowd is told as a crowd; each track costs room in a message.
MAX_TRACKS = 32
NOT_SHOWN = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face in one frame.

    Attributes:
        embedding: None when it could not be read; `note` says why.
        quality: how well it shows the face; the best is shown to people.
        chip: the aligned face, to be fused with others; None if it is not kept.
        looks: frames it stands for; more than one where it sums up several.
        views: of a sum, each view of the face and its weight.
        weight: how much it counts beside other frames, above 0.
    """

    box: Box
    embedding: NDArray[np.float32] | None
    quality: float
    note: str = ""
    chip: NDArray[np.uint8] | None = None
    looks: int = 1
    views: tuple[Part, ...] = ()
    weight: float = 1.0

    @property
    def parts(self) -> list[Part]:
        """Each view of the face that could be read, and its weight."""
        if self.embedding is None:
            return []
        return list(self.views) or [(self.embedding, self.weight)]


def unread(_chip: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Read no fused chip: views are then compared as they are."""
    return None


@dataclass(slots=True)
class Track:
    """One visitor's face through the frames looked at, by their `mono_ns`.

    Attributes:
        embed: reads a fused chip; None where the network gives no numbers.
    """

    sightings: dict[int, Sighting] = field(default_factory=dict)
    embed: Embed = unread
    _overlay: Overlay = field(default_factory=Overlay)
    _fused: tuple[list[Sighting], Part | None] = field(
        default_factory=lambda: ([], None)
    )

    @property
    def parts(self) -> list[Part]:
        """Each view of the face that could be read, and its weight."""
        read = [s for s in self.sightings.values() if s.embedding is not None]
        group = _same_view(read) if len(read) > 1 else []
        joint = self._joint(group) if len(group) > 1 else None
        alone = [s for s in read if joint is None or not any(s is one for one in group)]
        parts = [part for sighting in alone for part in sighting.parts]
        return [joint, *parts] if joint is not None else parts

    def _joint(self, group: list[Sighting]) -> Part | None:
        # Asked several times a frame; the network is to run once.
        if list(map(id, self._fused[0])) != list(map(id, group)):
            weights = [one.weight for one in group]
            chips = [one.chip for one in group if one.chip is not None]
            chip = self._overlay.fused(chips, weights)
            embedding = self.embed(chip)
            part = None if embedding is None else (embedding, sum(weights))
            # The sightings are kept with it, so that no other can take their ids.
            self._fused = (group, part)
        return self._fused[1]

    @property
    def embedding(self) -> NDArray[np.float32] | None:
        """The mean of all views, by their weight."""
        parts = self.parts
        if not parts:
            return None
        rows = np.stack([row for row, _ in parts])
        weights = [weight for _, weight in parts]
        return np.average(rows, axis=0, weights=weights).astype(np.float32)

    @property
    def looks(self) -> int:
        """How many frames this face could be read in."""
        read = (s for s in self.sightings.values() if s.embedding is not None)
        return sum(sighting.looks for sighting in read)

    @property
    def best(self) -> Sighting:
        """The sighting of the highest quality."""
        return max(self.sightings.values(), key=lambda s: s.quality)

    def summary(self) -> Sighting:
        """All sightings as one, of their joint weight."""
        read = [s for s in self.sightings.values() if s.embedding is not None]
        best = self.best
        return Sighting(
            best.box,
            self.embedding,
            best.quality,
            best.note,
            looks=max(1, self.looks),
            views=tuple(self.parts),
            weight=sum(s.weight for s in read) or best.weight,
        )

    def box_at(self, mono_ns: int) -> Box:
        """Where the face is in that frame; an empty box when it is not in it."""
        sighting = self.sightings.get(mono_ns)
        return sighting.box if sighting else NOT_SHOWN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a visit looks like after the frames seen so far."""

    faces: list[FaceVerdict]
    standings: list[Standing]
    best_mono_ns: int


class Evidence:
    """All that one visit's frames have shown."""

    def __init__(
        self, likeness: Likeness, point: OperatingPoint, embed: Embed = unread
    ) -> None:
        """Begin with nothing seen.

        Args:
            likeness: of the engine.
            point: where its lines are.
            embed: reads a chip made of several; None where it gives no numbers.
        """
        self._likeness = likeness
        self._embed = embed
        self._point = point
        self._tracks: list[Track] = []
        self._frames: list[int] = []

    def add(self, mono_ns: int, sightings: Sequence[Sighting]) -> None:
        """Take the faces of one frame; a frame taken twice replaces itself."""
        for track in self._tracks:
            track.sightings.pop(mono_ns, None)
        self._tracks = [t for t in self._tracks if t.sightings]
        if mono_ns not in self._frames:
            self._frames.append(mono_ns)
        for sighting in sightings:
            track = self._track_of(sighting, mono_ns)
            track.sightings[mono_ns] = sighting

    def _track_of(self, sighting: Sighting, mono_ns: int) -> Track:
        # Two faces of one frame are two people, however alike.
        free = [t for t in self._tracks if mono_ns not in t.sightings]
        likes = [(self._belonging(sighting, track), track) for track in free]
        belonging, track = max(likes, key=lambda like: like[0], default=(0.0, None))
        if belonging > 0 and track is not None:
            return track
        if len(self._tracks) >= MAX_TRACKS:
            return Track()
        self._tracks.append(Track(embed=self._embed))
        return self._tracks[-1]

    def _belonging(self, sighting: Sighting, track: Track) -> float:
        last = max(track.sightings)
        place = overlap(sighting.box, track.sightings[last].box)
        is_same_place = place >= SAME_PLACE_IOU
        embedding = track.embedding
        if sighting.embedding is None or embedding is None:
            return place if is_same_place else 0.0
        likeness = float(self._likeness(sighting.embedding, embedding[None, :])[0])
        enough = self._point.apart_below if is_same_place else self._point.unsure_at
        # Likeness decides between tracks; one that is enough always counts.
        return 1.0 + max(0.0, likeness) if likeness >= enough else 0.0

    def forget_before(self, mono_ns: int) -> None:
        """Drop what was seen in frames older than this."""
        for track in self._tracks:
            for old_ns in [at for at in track.sightings if at < mono_ns]:
                del track.sightings[old_ns]
        self._tracks = [t for t in self._tracks if t.sightings]
        self._frames = [at for at in self._frames if at >= mono_ns]

    def latest(self) -> list[tuple[Box, Sighting]]:
        """Each face of the newest frame, with all that was seen of it as one sighting.

        A face that the newest frame does not show is left out: it went away.
        """
        newest = max(self._frames, default=0)
        return [
            (track.sightings[newest].box, track.summary())
            for track in self._tracks
            if newest in track.sightings
        ]

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Everybody seen so far."""
        return tuple(self._tracks)

    def outcome(self, gallery: Gallery, pressed_ns: int = 0) -> Outcome:
        """Judge every face on all that was seen of it.

        Args:
            gallery: who is enrolled.
            pressed_ns: when the bell was pressed; who had left the picture by then
                does not count, or a passer-by would lend a stranger her name.

        Raises:
            EmbeddingError: the gallery belongs to another engine.
        """
        nearest_ns = min(
            self._frames, key=lambda at: abs(at - pressed_ns), default=pressed_ns
        )
        present = [
            t for t in self._tracks if not pressed_ns or max(t.sightings) >= nearest_ns
        ]
        best_ns = self._best_frame(present)
        pairs = [(track, self._verdict(track, gallery, best_ns)) for track in present]
        pairs = _one_face_a_person(pairs)
        standings = [
            Standing(v.decision, self._clearance(v), t.looks) for t, v in pairs
        ]
        return Outcome([v for _, v in pairs], standings, best_ns)

    def _verdict(self, track: Track, gallery: Gallery, best_ns: int) -> FaceVerdict:
        parts = track.parts
        nearest = gallery.nearest_of(parts, self._likeness) if parts else None
        return judge(nearest, self._point, track.box_at(best_ns), track.best.note)

    def _clearance(self, verdict: FaceVerdict) -> float:
        """How far the answer is from changing, in units of the point's comfort."""
        point, likeness = self._point, verdict.likeness
        if verdict.decision is Decision.UNSURE:
            return 0.0
        if likeness is None:
            # With nobody enrolled nothing can change it; unread, it has no looks.
            return math.inf
        if verdict.decision is Decision.UNKNOWN:
            return (point.unsure_at - likeness) / point.comfort
        spare = likeness - point.known_at
        if verdict.margin is not None:
            spare = min(spare, verdict.margin - point.min_margin)
        return spare / point.comfort

    def _best_frame(self, tracks: Sequence[Track]) -> int:
        """The frame that shows most of the visit's faces, then shows them best."""
        worth = dict.fromkeys(self._frames, (0, 0.0))
        for track in tracks:
            for mono_ns, sighting in track.sightings.items():
                count, quality = worth[mono_ns]
                worth[mono_ns] = (count + 1, quality + sighting.quality)
        return max(self._frames, key=worth.__getitem__, default=0)


def _same_view(read: list[Sighting]) -> list[Sighting]:
    """Return the sightings that show what the weightiest of them shows."""
    chips = [one for one in read if one.chip is not None]
    best = max(chips, key=lambda one: one.weight, default=None)
    if best is None or best.chip is None:
        return []
    alike = same_view([one.chip for one in chips if one.chip is not None], best.chip)
    return [one for one, is_alike in zip(chips, alike, strict=True) if is_alike]


def overlap(a: Box, b: Box) -> float:
    """Return the intersection of two boxes over their union, 0..1."""
    width = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    height = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    shared = max(0, width) * max(0, height)
    total = a.w * a.h + b.w * b.h - shared
    return shared / total if total > 0 else 0.0


def _one_face_a_person(
    pairs: list[tuple[Track, FaceVerdict]],
) -> list[tuple[Track, FaceVerdict]]:
    """Give each person one face: the most alike.

    A weaker track that is never in a frame with the stronger one is the same visitor,
    tracked apart; one that shares a frame with it is somebody else, alike: unsure.
    """
    kept: list[tuple[Track, FaceVerdict]] = []
    for track, verdict in sorted(pairs, key=lambda pair: -(pair[1].likeness or 0.0)):
        rival = next(
            (t for t, v in kept if v.person_id and v.person_id == verdict.person_id),
            None,
        )
        if rival is None:
            kept.append((track, verdict))
        elif rival.sightings.keys() & track.sightings.keys():
            kept.append((track, _doubted(verdict)))
    return kept


def _doubted(verdict: FaceVerdict) -> FaceVerdict:
    return FaceVerdict(
        decision=Decision.UNSURE,
        person_id=verdict.person_id,
        likeness=verdict.likeness,
        margin=verdict.margin,
        box=verdict.box,
        note="another face in the picture is more alike",
    )
