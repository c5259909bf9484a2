"""FastAPI's validation errors as problems. Separate from `problems`, so that the router does not import FastAPI."""

from fastapi.exceptions import RequestValidationError

from shared.http.problems import FieldFault, Problem


def of_invalid_request(error: RequestValidationError) -> Problem:
    """400 for a body that is not JSON, else 422 with the invalid fields."""
    faults = [FieldFault(".".join(str(part) for part in fault["loc"]), fault["type"]) for fault in error.errors()]
    if any(fault.code == "json_invalid" for fault in faults):
        return Problem(400, "malformed", "The body is not JSON", "Send one JSON object.")
    return Problem(422, "invalid", "Invalid fields", "Correct the fields listed under errors.", errors=faults)
