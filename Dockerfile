# One image for every process of the project: `docker run laksa-pipeline services.router --lane emergency`.
# The settings of each process are in docker-compose.yml and deploy/.
ARG PYTHON=3.12.13-slim-trixie

FROM python:${PYTHON} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
RUN python -m venv /opt/laksa
COPY requirements-image.lock /tmp/
# Only packages of the lock, each file checked by its hash, and wheels only: nothing is compiled.
RUN /opt/laksa/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements-image.lock \
    && /opt/laksa/bin/pip uninstall --yes pip

FROM python:${PYTHON}
ARG UID=10001
ARG GID=10001
ENV PATH=/opt/laksa/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Volumes are mounted below /var/lib/laksa: a new volume takes its owner from it. The group id of the person who builds may
# already exist in the base image.
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
# Liveness, not readiness: a service must not be restarted because Kafka is down. Jobs have no port and end by themselves.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
  CMD ["python", "-c", "import os, urllib.request as r; port = os.environ.get('LAKSA_HTTP_PORT'); port and r.urlopen('http://127.0.0.1:' + port + '/health/live', timeout=4)"]
ENTRYPOINT ["python", "-m"]
CMD ["services.cli.main", "--help"]
