# vaurien serve, with its API on port 8474; it asks for a token.
#
#     docker build -t vaurien:3 .
#     docker run -p 127.0.0.1:8474:8474 -e VAURIEN_TOKEN=... vaurien:3

FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv --without-pip /opt/vaurien \
    && pip --python /opt/vaurien install --no-cache-dir "vaurien[all] @ file:///source"

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --create-home vaurien
COPY --from=build /opt/vaurien /opt/vaurien
# Engines publish what listens on all addresses of the container; outside, only localhost should.
ENV PATH=/opt/vaurien/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    VAURIEN_HTTP=true \
    VAURIEN_HOST=0.0.0.0 \
    VAURIEN_PORT=8474
USER 10001
# vaurien.toml in there is found; if it belongs to another user, set VAURIEN_CONFIG to its path.
VOLUME ["/etc/vaurien"]
EXPOSE 8474
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["vaurien", "healthcheck"]
ENTRYPOINT ["vaurien"]
CMD ["serve"]
