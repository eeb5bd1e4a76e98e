# One node of a cluster. Debian, not Alpine: Node 24 and the CRC library are built for glibc.
# Optional dependencies stay in (the native CRC is one); only the Node runtimes that the repository
# pins for contributors go, since this image brings its own.
FROM node:24-bookworm-slim AS build
WORKDIR /quorate
COPY . .
RUN npm ci --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/node-linux-* node_modules/node-darwin-* node_modules/node-bin-* \
  && rm -rf node_modules/.bin bench cluster-tests examples docs

FROM node:24-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /quorate /quorate
RUN ln -s /quorate/node/bin/quorate.js /usr/local/bin/quorate \
  # A new volume takes the owner of the folder it is mounted on.
  && mkdir -p /plan /data/n1 /data/n2 /data/n3 \
  && chown -R node:node /plan /data
USER node
EXPOSE 4222 8222
ENTRYPOINT ["quorate"]
CMD ["--help"]
