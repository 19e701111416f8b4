"""Section `[vision]`: recognition of faces."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from config.sections import Section


class Vision(Section, frozen=True):
    """Recognition of faces."""

    engine: Annotated[
        Literal["auto", "dlib", "dlib-onnx", "mobilefacenet", "fake"],
        Meta(
            description="the networks behind detection and embedding; `auto` takes "
            "the best that is installed, `fake` knows coloured squares, for tests"
        ),
    ] = "auto"
    models_dir: Annotated[
        str,
        Meta(description="folder of models; empty for `models` below `[storage] dir`"),
    ] = ""
    strangers_named: Annotated[
        float,
        Meta(
            ge=0.0001,
            le=0.2,
            description="share of strangers' visits that may be given a name by "
            "mistake; the line from which a face is *known* follows it and the number "
            "of people and photographs enrolled",
        ),
    ] = 0.01
    known_at: Annotated[
        float | None,
        Meta(
            description="likeness from which a face is *known*, instead of the line "
            "that `strangers_named` gives"
        ),
    ] = None
    unsure_at: Annotated[
        float | None,
        Meta(
            description="likeness from which a face is *unsure*, instead of the line "
            "that 5 % of strangers reach"
        ),
    ] = None
    min_face_px: Annotated[
        int, Meta(ge=24, le=1024, description="narrower faces are not recognised")
    ] = 60
    burst_frames: Annotated[
        int, Meta(ge=1, le=16, description="frames looked at per visit, at most")
    ] = 5
    deadline_s: Annotated[
        float,
        Meta(
            ge=0.2,
            le=60,
            description="recognition of a visit ends after this; on "
            "a slow Pi the name then comes as an update",
        ),
    ] = 8.0
    anticipate: Annotated[
        bool,
        Meta(
            description="look at the porch while something moves, before anybody "
            "rings; in memory only, forgotten within seconds"
        ),
    ] = True
    nice: Annotated[
        int, Meta(ge=0, le=19, description="how far vision steps back for the rest")
    ] = 5
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=4,
            description="processes that recognise, each with models of its own; a "
            "second one takes a second visit, and questions of commands",
        ),
    ] = 1
