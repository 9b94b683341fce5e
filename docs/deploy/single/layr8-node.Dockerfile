# A layr8 node. Before the build: npm run pack -- docs/deploy/single/app
FROM node:22-slim AS install
WORKDIR /app
COPY app/package.json app/package-lock.json ./
COPY app/parley ./parley
# No package needs its install script.
RUN npm ci --omit=dev --ignore-scripts

FROM node:22-slim
ENV NODE_ENV=production
RUN install --directory --owner=1000 --group=1000 --mode=0700 /data
COPY --from=install /app /app
WORKDIR /data
USER 1000:1000
VOLUME /data
EXPOSE 4000 4100
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "--eval", "fetch('http://127.0.0.1:4100/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/node_modules/@parley/layr8-node/bin/layr8-node.js"]
CMD ["--data-dir", "/data", "--host", "0.0.0.0", "--metrics-port", "4100"]
