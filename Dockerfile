# sidewatch in a container: built with the classic builder or BuildKit, on any base with Python 3.11
# or newer as `python3`, its venv module and its headers. No digest of this base is known here: pin
# your own.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS build
# pip reads them: a mirror, or a folder of wheels in the context for a build without a network.
ARG PIP_INDEX_URL
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
# [grpc], for OTLP over gRPC.
ARG EXTRAS
# The engine is compiled. A base without a compiler must have apt; the image gets none of it.
RUN command -v gcc || command -v cc || \
    { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev; }
# Two environments: pip stays behind in its own.
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/sidewatch
WORKDIR /src
COPY . .
RUN /pip/bin/python -m pip --python /opt/sidewatch/bin/python install --no-cache-dir --no-compile \
    --disable-pip-version-check ".${EXTRAS}"
# An extension is optional where it cannot be compiled; an image without it would be a slow one. So
# each that pyproject.toml declares must be there (-P: installed, not in this folder).
RUN /opt/sidewatch/bin/python -P -c 'import importlib, tomllib; tool = tomllib.load(open("pyproject.toml", "rb"))["tool"]["setuptools"]; [importlib.import_module(one["name"]) for one in tool.get("ext-modules", ())]'
# The root file system may be read-only, so what is not compiled now would be compiled at each start.
RUN /opt/sidewatch/bin/python -m compileall -q -j 0 /opt/sidewatch/lib && mkdir /state

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="sidewatch" \
      org.opencontainers.image.description="Watches self-hosted applications and tells their operator what is wrong before the users do." \
      org.opencontainers.image.source="https://github.com/sidewatch/sidewatch" \
      org.opencontainers.image.documentation="https://github.com/sidewatch/sidewatch/blob/main/docs/stack.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sidewatch /opt/sidewatch
COPY --from=build /src/stack/healthcheck.py /opt/sidewatch/
COPY --from=build --chown=65532:65532 /state /var/lib/sidewatch
ENV PATH=/opt/sidewatch/bin:$PATH PYTHONUNBUFFERED=1 SIDEWATCH_LISTEN=:9877
WORKDIR /etc/sidewatch
USER 65532:65532
VOLUME /var/lib/sidewatch
EXPOSE 9877
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 \
    CMD ["python", "-I", "-S", "/opt/sidewatch/healthcheck.py"]
ENTRYPOINT ["sidewatch"]
CMD ["run"]
