"""FastAPI's refusals of a request as a problem. Apart from `problems`, because the router does not need FastAPI."""

from fastapi.exceptions import RequestValidationError

from shared.http.problems import FieldFault, Problem


def of_invalid_request(error: RequestValidationError) -> Problem:
    """400 for a body that is no JSON, else 422 with the fields at fault."""
    faults = [FieldFault(".".join(str(part) for part in fault["loc"]), fault["type"]) for fault in error.errors()]
    if any(fault.code == "json_invalid" for fault in faults):
        return Problem(400, "malformed", "The body is not JSON", "Send one JSON object.")
    return Problem(422, "invalid", "Fields cannot be used", "Mend the fields under errors.", errors=faults)
