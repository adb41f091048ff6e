"""The OpenAPI document: what FastAPI knows of the routes, and what it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from maskwatch._version import __version__
from maskwatch.service import documents
from maskwatch.service.documents import AnalyzeRequest, Refusal, StreamReport, UnreadableFrame
from maskwatch.service.limits import MEDIA_TYPE, Kind

_REFERENCE = "#/components/schemas/{model}"

ABOUT = """For every face in an image: is the mask worn, worn incorrectly or missing?

Nothing is stored. Where the service asks for an API key, give it as `Authorization: Bearer KEY` or
as `X-API-Key: KEY`. Every refusal is one line of JSON with a `type` for programs and a `detail` for
people; 429 and 503 say in `Retry-After` when to come back.
"""

STREAM_ABOUT = """Opens a WebSocket; each has a memory of its own for who is seen.

Send each frame as a binary message: the bytes of a JPEG, PNG or WebP. A text message
`{"time_s": 12.345}` before it says when it was taken, on any clock; give it with every frame or
with none. Each answer is a text message. While one frame is judged only the newest of those that
follow is kept; `dropped` counts the others. The stream is closed with 1008 after a message that is
none of this, 1009 after one that is too large, 1001 after a long silence and 1012 when the service
ends.
"""

ANALYZE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["images"],
                "properties": {
                    "images": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "description": "One part an image, each called images.",
                    }
                },
            }
        },
        "application/json": {
            "schema": {"$ref": _REFERENCE.format(model="AnalyzeRequest")},
            "example": documents.REQUEST,
        },
    },
}

STREAM_ANSWERS: dict[str, Any] = {
    "description": "The WebSocket is open; each of its text messages is one of these.",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": _REFERENCE.format(model="StreamReport")},
                    {"$ref": _REFERENCE.format(model="UnreadableFrame")},
                ]
            },
            "examples": {
                "report": {"value": documents.STREAM_REPORT},
                "unreadable": {"value": documents.UNREADABLE_FRAME},
            },
        }
    },
}


def example(value: Any) -> dict[str, Any]:
    """The example of an answer, as a route's `responses` takes it."""
    return {"content": {"application/json": {"example": value}}}


def refusals(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """How a route may say no, as its `responses` takes it."""
    answers: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        document = {"type": kind.name, "status": kind.status, "detail": kind.example}
        if kind.name == "unreadable":
            document["reports"] = [documents.UNREADABLE]
        answer = answers.setdefault(
            kind.status,
            {
                "description": "",
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": _REFERENCE.format(model="Refusal")},
                        "examples": {},
                    }
                },
            },
        )
        answer["content"][MEDIA_TYPE]["examples"][kind.name] = {"value": document}
        answer["description"] = ", ".join(filter(None, (answer["description"], kind.name)))
        if kind.retry_after_s:
            answer["headers"] = {
                "Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}
            }
    return answers


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    document = get_openapi(
        title="MaskWatch",
        version=__version__,
        description=ABOUT,
        routes=app.routes,
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
    )
    named = (AnalyzeRequest, StreamReport, UnreadableFrame, Refusal)
    _, schemas = models_json_schema(
        [(model, "validation") for model in named], ref_template=_REFERENCE
    )
    # FastAPI drops what is null in an example
    document["paths"]["/v1/stream"]["get"]["responses"]["101"] = STREAM_ANSWERS
    components = document["components"]
    components["schemas"] = schemas["$defs"] | components["schemas"]
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    # none of them is needed where the service asks for no key
    document["security"] = [{}, {"bearer": []}, {"header": []}]
    return document
