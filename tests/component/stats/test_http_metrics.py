"""Rate, errors and duration per route, never per path."""

from tests.support.apps.stats_app import StatsApp
from tests.support.builders import lifecycle


async def test_requests_are_counted_under_their_route(stats: StatsApp) -> None:
    """Requests are counted by route: paths with ids and unknown paths create no series of their own."""
    for path in (f"/v1/reports/{lifecycle.report_id(1)}", f"/laporan/{lifecycle.report_id(1)}", "/nowhere/1", "/"):
        await stats.get(path)
    metrics = (await stats.get("/metrics")).text
    for route, status in (("/v1/reports/{report_id}", 404), ("/laporan/{report_id}", 404), ("/", 200)):
        assert f'laksa_http_requests_total{{method="GET",route="{route}",status="{status}"}} 1.0' in metrics
    assert 'laksa_http_requests_total{method="unmatched",route="unmatched",status="404"} 1.0' in metrics
    assert str(lifecycle.report_id(1)) not in metrics
