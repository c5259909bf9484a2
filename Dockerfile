# One image for every process of the project: `docker run laksa-pipeline services.router --lane emergency`.
# docker-compose.yml and deploy/ say with which settings.
ARG PYTHON=3.12.13-slim-trixie

FROM python:${PYTHON} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
RUN python -m venv /opt/laksa
COPY requirements-image.lock /tmp/
# Only what the lock names, each file checked by its hash, and nothing that would have to be compiled.
RUN /opt/laksa/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements-image.lock \
    && /opt/laksa/bin/pip uninstall --yes pip

FROM python:${PYTHON}
ARG UID=10001
ARG GID=10001
ENV PATH=/opt/laksa/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# /var/lib/laksa is what volumes are mounted below: a new one takes its owner from here. A person's own group may be one
# that the base image knows already.
RUN if ! getent group "$GID" >/dev/null; then groupadd --gid "$GID" laksa; fi \
    && useradd --uid "$UID" --gid "$GID" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin laksa \
    && install --directory --owner="$UID" --group="$GID" --mode=0700 \
      /var/lib/laksa /var/lib/laksa/spool /var/lib/laksa/reference-data
COPY --from=packages /opt/laksa /opt/laksa
WORKDIR /app
COPY shared shared
COPY services services
RUN python -m compileall -q shared services /opt/laksa/lib
USER ${UID}:${GID}
EXPOSE 8100 8101 8102 8103 8104 8105 8106
# Alive, not ready: a service whose Kafka is away must not be started again for it. Jobs have no port and end by themselves.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import os, urllib.request as r; port = os.environ.get('LAKSA_HTTP_PORT'); port and r.urlopen('http://127.0.0.1:' + port + '/health/live', timeout=4)"]
ENTRYPOINT ["python", "-m"]
CMD ["services.cli.main", "--help"]
