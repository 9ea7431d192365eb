# The service without training, authoring and proving: what `radlogic serve` and `radlogic assess` need.
# Not built where it was written: no container runtime is there. Its commands were run one by one in a shell.

FROM python:3.11.14-slim-trixie AS build
WORKDIR /source
COPY . .
# Versions as tested, in the build's own environment too. A wheel ships its guidelines and networks compiled.
ENV PIP_CONSTRAINT=/source/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv /usr/local/radlogic \
    && /usr/local/radlogic/bin/pip install --only-binary :all: "radlogic[otel,postgres] @ file://$(ls /wheels/*.whl)"

FROM python:3.11.14-slim-trixie
LABEL org.opencontainers.image.title="radlogic" \
      org.opencontainers.image.description="Decision support for qualified clinicians; not a medical device; a human signs." \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that it can be seen from outside that it is not root's; files handed over belong to it.
RUN groupadd --gid 10001 radlogic \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/radlogic --shell /usr/sbin/nologin radlogic \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/radlogic
COPY --from=build /usr/local/radlogic /usr/local/radlogic
ENV PATH=/usr/local/radlogic/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    XDG_STATE_HOME=/var/lib/radlogic/state \
    XDG_CACHE_HOME=/var/lib/radlogic/cache
USER 10001:10001
WORKDIR /var/lib/radlogic
VOLUME /var/lib/radlogic
EXPOSE 8765
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8765/readyz', timeout=4)"]
ENTRYPOINT ["radlogic"]
CMD ["serve"]
