# The whole of Ghostcart in one image; what a container does is its command: serve, web, wire, worker, migrate.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/ghostcart \
 && /opt/ghostcart/bin/pip install --no-cache-dir --require-hashes -r requirements/base.lock -r requirements/build.lock
COPY . .
RUN PATH=/opt/ghostcart/bin:$PATH python hatch_build.py \
 && PATH=/opt/ghostcart/bin:$PATH python -m ghostcart.config.translations compile \
 && SKIP_ASSETS=1 /opt/ghostcart/bin/pip install --no-build-isolation --no-deps --no-index .

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home ghostcart && install -d -o ghostcart -g ghostcart /data
COPY --from=build /opt/ghostcart /opt/ghostcart
ENV PATH=/opt/ghostcart/bin:$PATH PYTHONUNBUFFERED=1 GHOSTCART_DATA=/data HOST=0.0.0.0 PORT=8000
USER ghostcart
VOLUME /data
EXPOSE 8000
CMD ["ghostcart", "serve"]
