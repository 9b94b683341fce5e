# A skytale server: relay and API. Before the build: npm run pack -- docs/deploy/single/app
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
EXPOSE 5000 5100 5101
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "--eval", "fetch('http://127.0.0.1:5101/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/node_modules/@parley/skytale-server/bin/skytale-server.js"]
CMD ["--data-dir", "/data", "--host", "0.0.0.0", "--metrics-port", "5101", "--signup", "closed", "--workers"]
