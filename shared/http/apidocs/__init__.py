"""The API documentation pages of every service, without any address outside of it: Swagger UI and AsyncAPI."""

from shared.http.apidocs.pages import docs_routes

__all__ = ["docs_routes"]
