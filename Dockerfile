# Two images: `docker build --target service .` and `docker build --target worker .`
# The service's has no torch, the worker's no database driver. docker-compose.yml builds and runs both.
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS base
ENV PATH=/opt/clr/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    CLR_DATA=/data
# A volume that is empty takes over the owner of the folder beneath it.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin clr \
    && install --directory --owner=clr --group=clr /data /datasets

FROM base AS build
RUN python -m venv /opt/clr
WORKDIR /src
COPY constraints.txt ./

FROM build AS build-service
COPY pyproject.toml README.md LICENSE ./
COPY clr clr
COPY service service
COPY worker worker
RUN pip install --no-cache-dir --constraint constraints.txt '.[service]'

FROM build AS build-worker
# Where the worker's torch comes from: empty takes the ordinary index, whose Linux wheels bring CUDA; PyTorch's install
# page names others, among them one with wheels for the CPU alone (a tenth of the size). --no-deps: nothing else is
# taken from there. First, and from the versions alone: a change of the code then does not fetch torch again.
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir --constraint constraints.txt ${TORCH_INDEX:+--no-deps --index-url "$TORCH_INDEX"} \
    torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY clr clr
COPY service service
COPY worker worker
RUN pip install --no-cache-dir --constraint constraints.txt '.[worker]'

FROM base AS service
COPY --from=build-service /opt/clr /opt/clr
COPY deploy/healthy.py /opt/clr/bin/healthy.py
USER 10001:10001
WORKDIR /data
EXPOSE 8000
ENTRYPOINT ["clr"]
CMD ["serve"]

FROM base AS worker
COPY --from=build-worker /opt/clr /opt/clr
COPY deploy/healthy.py /opt/clr/bin/healthy.py
ENV CLR_DATA_DIR=/datasets
USER 10001:10001
WORKDIR /data
ENTRYPOINT ["clr"]
CMD ["worker"]
