"""What OpenAPI says of the front door. FastAPI writes it; what serves is Starlette, at half the cost of a request."""

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel, Field

from services.intake.http import API_KEY, IDEMPOTENCY_KEY, KEY_CHARACTERS, Operation
from shared import VERSION
from shared.http.problems import documented_problems

REFUSALS: Final = (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 503)


class ReceiptBody(BaseModel):
    """A report was accepted: it is on disk here and will be delivered, whatever happens next."""

    report_id: str = Field(description="Its id in every event", json_schema_extra={"format": "uuid"})
    ticket: str = Field(description="Its number for the citizen", examples=["LKS-0F3K9-7QW2M-1XZ"])
    status_url: str = Field(description="Where its life can be read; 404 not_yet_known for its first moments")
    flags: list[str] = Field(description="What was mended, left out or unknown; codes, never values")


def openapi_of(title: str, *operations: Operation) -> dict[str, Any]:
    """The document; bodies are read by hand, so that every rule about them is ours."""
    routes = APIRouter(tags=["intake"], dependencies=[Security(APIKeyHeader(name=API_KEY, auto_error=False))])
    for operation in operations:
        routes.add_api_route(
            operation.path,
            operation.endpoint,
            methods=["POST"],
            status_code=202,
            response_model=ReceiptBody,
            responses=documented_problems(*REFUSALS),
            openapi_extra=_request_documentation(operation.body),
        )
    described = FastAPI(title=title, version=VERSION)
    described.include_router(routes)
    return described.openapi()


def _request_documentation(body: type[BaseModel]) -> dict[str, Any]:
    schema = body.model_json_schema()
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _without_references(schema, schema.pop("$defs", {}))}},
        },
        "parameters": [
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "description": "Makes sending again harmless where the body has no source_reference",
                "schema": {"type": "string", "maxLength": KEY_CHARACTERS, "pattern": "^[ -~]*$"},
            }
        ],
    }


def _without_references(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its ``$defs`` put in place: inside an OpenAPI document they would point to nowhere."""
    if isinstance(schema, list):
        return [_without_references(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _without_references(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _without_references(one, definitions) for name, one in schema.items()}
