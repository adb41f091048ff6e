# docker build -t maskwatch .          docker run --read-only --tmpfs /tmp -p 8501:8501 maskwatch
# Browsers give a camera to HTTPS pages only: compose.yaml puts a proxy before it.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /source
ENV PIP_PYTHON=/opt/maskwatch/bin/python \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
# wheels only: nothing is compiled, and no other files come than those that were tested together
RUN python -m venv --without-pip /opt/maskwatch \
    && pip install --only-binary :all: --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md ./
COPY recipes recipes
COPY src src
RUN pip install --no-deps .

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
LABEL org.opencontainers.image.title="MaskWatch" \
    org.opencontainers.image.description="For every face: is the mask worn, worn incorrectly or missing?" \
    org.opencontainers.image.licenses="Apache-2.0"
# With an address to print, Streamlit does not ask the internet for one.
# The user has no name and no home; /data holds the statistics, if visitors switch them on.
RUN install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/maskwatch /opt/maskwatch
ENV PATH="/opt/maskwatch/bin:$PATH" \
    HOME=/tmp \
    XDG_DATA_HOME=/data \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=1 \
    ORT_DISABLE_TELEMETRY=1 \
    STREAMLIT_BROWSER_SERVER_ADDRESS=localhost \
    STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
USER 10001:10001
WORKDIR /tmp
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["maskwatch"]
CMD ["app", "--server.address", "0.0.0.0", "--server.port", "8501", "--server.headless", "true"]
