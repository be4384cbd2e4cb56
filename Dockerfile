# Images of the gateway and of its simulator of WeChat.
#
#   docker build -t caddy-wechat .
#   docker build -t wechatsim --target wechatsim .
#
# The gateway's has the places of Caddy's own image: /etc/caddy/Caddyfile is what it
# runs, /data is what must survive (sessions, keys, certificates), /config what Caddy
# saves of its configuration. Unlike Caddy's it does not run as root.

ARG GO_VERSION=1.26
ARG ALPINE_VERSION=3.22

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-alpine AS build
# git: the version that "caddy wechat version" tells is that of the checkout
# hadolint ignore=DL3018
RUN apk add --no-cache git
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# the version is that of the checkout; a source archive without .git has none
ARG TARGETOS
ARG TARGETARCH
ARG GOAMD64=v2
RUN --mount=type=cache,target=/root/.cache/go-build \
    vcs=$([ -d .git ] && echo true || echo false) && \
    export CGO_ENABLED=0 GOOS="$TARGETOS" GOARCH="$TARGETARCH" GOAMD64="$GOAMD64" && \
    go build -trimpath -buildvcs="$vcs" -tags nobadger,nomysql,nopgx -ldflags '-w -s' \
        -pgo=cmd/caddy/default.pgo -o /out/caddy ./cmd/caddy && \
    go build -trimpath -buildvcs="$vcs" -ldflags '-w -s' -pgo=off -o /out/wechatsim ./cmd/wechatsim

# ---- the simulator: for tries and tests, never for the open network ----------
FROM scratch AS wechatsim
COPY --from=build /out/wechatsim /usr/bin/wechatsim
USER 65534:65534
EXPOSE 8089
ENTRYPOINT ["/usr/bin/wechatsim"]
CMD ["-listen", "0.0.0.0:8089"]

# ---- the gateway -------------------------------------------------------------
FROM alpine:${ALPINE_VERSION} AS gateway
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates libcap mailcap && \
    addgroup -g 1000 -S caddy && \
    adduser -u 1000 -S -D -H -h /data -s /sbin/nologin -G caddy caddy && \
    mkdir -p /config/caddy /data/caddy /etc/caddy /srv && \
    chown -R caddy:caddy /config /data && \
    chmod 0700 /data/caddy /config/caddy
COPY --from=build /out/caddy /usr/bin/caddy
# ports 80 and 443 without root; a container that drops all capabilities must add
# NET_BIND_SERVICE back, or the kernel does not start the program
RUN setcap cap_net_bind_service=+ep /usr/bin/caddy
COPY packaging/caddy/Caddyfile /etc/caddy/Caddyfile

# as in Caddy's image: /config and /data hold a directory "caddy" each
ENV XDG_CONFIG_HOME=/config \
    XDG_DATA_HOME=/data

LABEL org.opencontainers.image.title="caddy-wechat" \
      org.opencontainers.image.description="Caddy with a login gateway for WeChat" \
      org.opencontainers.image.source="https://github.com/caddy-wechat/caddy-wechat" \
      org.opencontainers.image.licenses="Apache-2.0"

USER caddy
WORKDIR /srv
VOLUME ["/config", "/data"]
EXPOSE 80 443 443/udp

# 503 when nobody can log in: the session store takes no writes, or WeChat is away or
# refuses the app. It says nothing about those who are logged in already, so it is no
# reason to kill the container: Docker only shows it. Swarm does kill; set
# --no-healthcheck there.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --start-interval=1s --retries=3 \
    CMD wget -q -O /dev/null "${CADDY_WECHAT_HEALTH:-http://127.0.0.1:2019/wechat/health}" || exit 1

CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]
