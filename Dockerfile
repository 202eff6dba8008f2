# One image for the five services: `docker build -t salesloom .`, then `docker run salesloom services.pipeline api`.
FROM python:3.11-slim-bookworm AS packages
COPY requirements-services.lock /
RUN python -m venv /opt/salesloom \
    && /opt/salesloom/bin/pip install --no-cache-dir --disable-pip-version-check --no-compile --only-binary :all: \
        --require-hashes -r /requirements-services.lock \
    && /opt/salesloom/bin/pip uninstall --yes --quiet setuptools pip

FROM python:3.11-slim-bookworm
RUN pip uninstall --yes --quiet --root-user-action ignore wheel setuptools pip \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin salesloom \
    && install -d -o salesloom -g salesloom /data
COPY --from=packages /opt/salesloom /opt/salesloom
COPY libs /app/libs
COPY services /app/services
WORKDIR /app
ENV PATH=/opt/salesloom/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SALESLOOM_PORT=8000 \
    SALESLOOM_HEALTH_PORT=9000 \
    SALESLOOM_OBJECTS=/data/objects
USER 10001:10001
EXPOSE 8000 9000
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['SALESLOOM_HEALTH_PORT'] + '/readyz', timeout=3)"]
ENTRYPOINT ["python", "-m"]
