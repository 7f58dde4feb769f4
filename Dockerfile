# A server for CPUs, with libtorch and the engine inside: docs/guide/serving.md. Models are mounted, or downloaded into /cache.
FROM node:22-bookworm-slim AS build
# The wheel of libtorch is fetched by pip and unpacked by set-up; the engine is compiled.
RUN apt-get update \
  && apt-get install -y --no-install-recommends g++ python3 python3-pip python3-venv \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
ENV DIFFUSIONVL_CACHE=/torch
RUN npm run setup && npm prune --omit=dev

FROM node:22-bookworm-slim
# OpenMP's library, which libtorch's wheel and the engine share.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* && mkdir /cache && chown node /cache
COPY --from=build /app /app
COPY --from=build /torch /torch
ENV DIFFUSIONVL_CACHE=/torch HF_HOME=/cache
WORKDIR /app
USER node
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Others than the container can reach it: DIFFUSIONVL_API_KEY must be set, or --no-auth given.
ENTRYPOINT ["node", "bin/diffusionvl.mjs", "serve", "--host", "0.0.0.0"]
