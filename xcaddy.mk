# xcaddy.mk: Caddy with the WeChat login gateway, built by xcaddy, and the
# targets of this repository.
#
# Another project may include it, or a copy of it, and gets the target "xcaddy":
#
#     MODULE_VERSION = v1.2.3
#     XCADDY_WITH    = --with github.com/caddy-dns/cloudflare
#     include xcaddy.mk
#
# Each variable below may be set before the include line, on make's command line
# or, where it says ?=, in the environment.

GO             ?= go
CADDY_VERSION  ?= v2.11.9
XCADDY_VERSION ?= v0.4.5
XCADDY_WITH    ?=                # more modules, as xcaddy's own options
GOAMD64        ?= v2#              the least x86 processor: v2 is of 2009, v1 is every one
MODULE_VERSION ?= latest         # of the gateway; in this repository it is the work tree
MODULE         := github.com/caddy-wechat/caddy-wechat

xcaddy.mk := $(lastword $(MAKEFILE_LIST))

ifneq ($(abspath $(dir $(xcaddy.mk))/go.mod),$(wildcard $(CURDIR)/go.mod))

# ---- in another project ------------------------------------------------------

# The xcaddy of tools/go.mod where this file lies in a checkout: it is pinned
# with all that it needs, and found where a module proxy only knows versions.
TOOLS      := $(dir $(xcaddy.mk))tools
XCADDY     ?= $(if $(wildcard $(TOOLS)/go.mod),"$$($(GO) tool -C '$(TOOLS)' -n xcaddy)",$(GO) run github.com/caddyserver/xcaddy/cmd/xcaddy@$(XCADDY_VERSION))
XCADDY_OUT ?= bin/caddy

# A checkout has the profile of a busy gateway, which makes the program faster.
PROFILE    ?= $(abspath $(wildcard $(dir $(xcaddy.mk))cmd/caddy/default.pgo))

.PHONY: xcaddy
xcaddy: ## build Caddy with the gateway and XCADDY_WITH into XCADDY_OUT
	@mkdir -p $(dir $(XCADDY_OUT))
	GOAMD64=$(GOAMD64) XCADDY_GO_BUILD_FLAGS="-trimpath -ldflags '-w -s' -tags nobadger,nomysql,nopgx$(if $(PROFILE), -pgo=$(PROFILE))" $(XCADDY) build $(CADDY_VERSION) --output $(XCADDY_OUT) --with $(MODULE)/caddymodule@$(strip $(MODULE_VERSION)) $(XCADDY_WITH)

else

# ---- in this repository ------------------------------------------------------

BIN        ?= bin
RUN        ?= .run#              scratch: logs, Caddy's storage of "make run", helpers
PKGS       ?= ./...
RACE       ?= 1#                 0: without the race detector, which needs a C compiler
CLIENT     ?= 1#                 0: without the client library's tests, which need Node.js
TESTFLAGS  ?=
TESTPROCS  ?= 1#                 packages at a time: some watch real servers fail over against the clock
BENCH      ?= .
LOADFLAGS  ?=#                   of the load benchmark; -help shows them
VARIANTS   ?=#                   of the load benchmark, to run these alone: options,doors or names; see -help
ATTACKFLAGS ?=#                  of the attacks; -help shows them
SOAKFLAGS  ?=#                   of the soak; -help shows them
SCALEFLAGS ?=#                   of scale; -help shows them
FUZZTIME   ?= 30s
XCADDY_OUT ?= $(BIN)/caddy-xcaddy

# The profile of a busy gateway makes the program faster, and the first build
# slower. So it is for what is shipped: tests and checks go without.
PROFILE    ?= $(wildcard cmd/caddy/default.pgo)
export GOFLAGS := $(strip $(GOFLAGS) -pgo=off)

# xcaddy's own flags, so that both ways make the same program
BUILDFLAGS ?= -trimpath -buildvcs=false -tags nobadger,nomysql,nopgx -ldflags '-w -s'

# Tools are those of tools/go.mod, unless another version is asked for.
TOOL   = $(GO) tool -modfile=tools/go.mod
XCADDY ?= $(if $(shell grep 'caddyserver/xcaddy $(XCADDY_VERSION)' tools/go.mod),$(TOOL) xcaddy,$(GO) run github.com/caddyserver/xcaddy/cmd/xcaddy@$(XCADDY_VERSION))

# xcaddy looks the replaced module up by its path, too. Some private module
# proxies refuse a path that they do not have instead of not finding it; the "|"
# takes every answer of the first proxy for "go on", and "off" for "there is none".
XCADDY_GOPROXY ?= $(shell $(GO) env GOPROXY | sed 's/[,|].*//')|off

.DEFAULT_GOAL := help
.PHONY: help run screenshots test test-short client build dist xcaddy modules bench attack soak scale profile fuzz corpus lint lint-packaging examples versions vulncheck sbom reproducible clean

help: ## show this
	@echo 'make run and make test are all that most people need. The targets:'
	@sed '1,/^# ---- in this/d' $(xcaddy.mk) | awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}'
	@echo 'Variables, such as in "make test PKGS=./caddymodule/session", stand in xcaddy.mk.'

run: say-run build ## try it, on a page and by curl lines: the gateway, a simulator of WeChat, a demo backend; Ctrl-C ends it
	@$(GO) build -C tools -o '$(abspath $(RUN))/demo' ./demo
	@$(RUN)/demo -bin $(BIN) -dir $(RUN)

.PHONY: say-run
say-run:
	@echo 'Building, about two minutes the first time (0.9 GB of modules, as much of build cache), then a second.'
	@echo 'The gateway will listen on all interfaces, so that a phone in your network can reach it; the rest only on this machine.'

IMAGES     ?= docs/images#       where the pictures of the page go
screenshots: build client/node_modules ## press every button of make run's page in chromium, and make docs/images anew (IMAGES)
	@sh .ci/need chromium
	@mkdir -p '$(IMAGES)'
	node tools/demo/page/build.mjs
	DEMO_BROWSER="$$(command -v chromium)" DEMO_BIN='$(abspath $(BIN))' DEMO_IMAGES='$(abspath $(IMAGES))' $(GO) test -C tools -count=1 -timeout 25m ./demo

# Without debug information a test binary is linked in half the time; there are a dozen
# with Caddy in them.
test: $(if $(filter ./...,$(PKGS)),$(if $(filter-out 0,$(CLIENT)),client)) ## run all tests, about a quarter of an hour on two cores; the last line counts those in Go (PKGS, RACE, CLIENT, TESTFLAGS)
	@echo 'This takes about a quarter of an hour on two cores, and half as long again the first time (it builds Caddy with the race detector).'
	@echo 'make test-short: about a minute and a half. make test PKGS=./caddymodule/session: one package.'
	@sh .ci/need redis-server curl openssl python3 $(if $(filter-out 0,$(RACE)),cc)
	@$(GO) build -C tools -o '$(abspath $(RUN))/counttests' ./counttests
	@unformatted=$$(gofmt -l caddymodule cmd tools); [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet -trimpath $(PKGS)
	$(GO) build $(if $(filter-out 0,$(RACE)),-race) $(PKGS)
	@$(RUN)/counttests $(if $(filter ./...,$(PKGS)),-require caddymodule/integration) -- $(if $(filter-out 0,$(RACE)),-race) -p $(TESTPROCS) -shuffle=on -count=1 -timeout 25m -ldflags=-w $(TESTFLAGS) $(PKGS)

# No servers and no race detector: what a change breaks in its own package shows here.
# What only the whole gateway shows (its tests skip themselves, and some packages have
# no others), and stores against real
# servers (redisstore), does not.
SHORT ?= $$($(GO) list ./... | grep -v -e /integration -e /redisstore -e '/wechat\(api\|push\|health\)$$')
test-short: ## run the tests of the packages alone, about a minute and a half with a warm cache
	@echo 'This takes about a minute and a half on two cores with a warm build cache.'
	@$(GO) build -C tools -o '$(abspath $(RUN))/counttests' ./counttests
	@$(RUN)/counttests -- -short -ldflags=-w -shuffle=on -timeout 5m $(TESTFLAGS) $(SHORT)

client: client/node_modules ## build the client library and test it against the gateway; installs Node.js if it is missing
	@cd client && GO='$(GO)' npm test

client/node_modules: client/package.json client/package-lock.json
	@sh .ci/need node npm
	@cd client && npm ci --no-audit --no-fund && touch node_modules

build: ## build bin/caddy and bin/wechatsim
	@mkdir -p $(BIN)
	CGO_ENABLED=0 GOAMD64=$(GOAMD64) $(GO) build $(BUILDFLAGS) $(if $(PROFILE),-pgo=$(PROFILE)) -o $(BIN)/ ./cmd/caddy
	CGO_ENABLED=0 $(GO) build $(BUILDFLAGS) -o $(BIN)/ ./cmd/wechatsim

# The version that the programs tell is Go's, of the checkout: a tag's where it has
# one. So VERSION names files, and cannot make a binary say what it is not.
VERSION    ?= $(shell git describe --tags --match 'v[0-9]*' --always --dirty 2>/dev/null)
PLATFORMS  ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
DIST       ?= dist
dist: export BUILDFLAGS := $(BUILDFLAGS)
dist: ## build an archive and a bill of materials for each of PLATFORMS, and checksums, in dist/ (VERSION)
	@$(GO) build -C tools -o '$(abspath $(RUN))/sbom' ./sbom
	@GO='$(GO)' GOAMD64='$(GOAMD64)' PROFILE='$(PROFILE)' SBOM='$(abspath $(RUN))/sbom' sh packaging/dist '$(DIST)' '$(VERSION)' $(PLATFORMS)

xcaddy: ## build bin/caddy-xcaddy from this work tree with xcaddy
	@mkdir -p $(dir $(XCADDY_OUT))
	GOAMD64=$(GOAMD64) XCADDY_GO_BUILD_FLAGS="$(BUILDFLAGS)$(if $(PROFILE), -pgo=$(abspath $(PROFILE)))" GOPROXY='$(XCADDY_GOPROXY)' $(XCADDY) build $(CADDY_VERSION) --output $(XCADDY_OUT) --with $(MODULE)/caddymodule --replace $(MODULE)=. $(XCADDY_WITH)

modules: build xcaddy ## prove that both builds hold the same Caddy and the same modules of ours
	@for caddy in $(BIN)/caddy $(XCADDY_OUT); do \
		{ ./$$caddy version && ./$$caddy list-modules | grep wechat; } > $(BIN)/modules.$$(basename $$caddy) || exit 1; \
	done
	@diff $(BIN)/modules.caddy $(BIN)/modules.$(notdir $(XCADDY_OUT))
	@cat $(BIN)/modules.caddy; rm $(BIN)/modules.*

bench: build ## the gateway beside plain Caddy under load, then the benchmarks (PKGS, BENCH, LOADFLAGS, VARIANTS)
	-@sh .ci/need nginx redis-server
	@$(GO) build -C tools -o '$(abspath $(RUN))/loadbench' ./loadbench
	$(RUN)/loadbench $(if $(VARIANTS),-variants $(VARIANTS)) $(LOADFLAGS)
	$(if $(VARIANTS),,$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(TESTFLAGS) $(PKGS))

profile: ## make cmd/caddy/default.pgo anew, under the load of the benchmark
	@$(GO) build -C tools -o '$(abspath $(RUN))/loadbench' ./loadbench
	$(RUN)/loadbench -profile cmd/caddy/default.pgo

attack: build ## attack the built gateway over every HTTP version; the last line counts (ATTACKFLAGS)
	@$(GO) build -C tools -o '$(abspath $(RUN))/attack' ./attack
	@$(RUN)/attack -bin $(BIN) $(ATTACKFLAGS)

soak: build ## two minutes of traffic and trouble: Redis, WeChat and gateways fail; ends with an account (SOAKFLAGS)
	@sh .ci/need redis-server
	@$(GO) build -C tools -o '$(abspath $(RUN))/soak' ./soak
	@$(RUN)/soak -bin $(BIN) $(SOAKFLAGS)

scale: build ## many sessions in a Redis Cluster, a primary that dies, slots that move; ends with figures (SCALEFLAGS)
	@sh .ci/need redis-server
	@$(GO) build -C tools -o '$(abspath $(RUN))/scale' ./scale
	@$(RUN)/scale -bin $(BIN) $(SCALEFLAGS)

fuzz: ## fuzz each target for a while (PKGS, FUZZTIME)
	@mkdir -p $(RUN)
	@$(GO) test -list '^Fuzz' $(PKGS) > $(RUN)/fuzz.list || { cat $(RUN)/fuzz.list; exit 1; }
	@awk '/^Fuzz/ {name[n++] = $$1} $$1 == "ok" {while (n) print $$2, name[--n]}' $(RUN)/fuzz.list | while read -r package name; do \
		echo "== $$package $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$package < /dev/null || exit 1; \
	done

SEEDS      ?= 40#                most seeds that a fuzz target keeps
corpus: ## keep what fuzzing has found on this machine as seeds of the tests (PKGS, SEEDS)
	@$(GO) list -f '{{.ImportPath}} {{.Dir}}' $(PKGS) | while read -r package dir; do \
		for found in "$$($(GO) env GOCACHE)/fuzz/$$package"/Fuzz*; do \
			[ -d "$$found" ] || continue; \
			kept="$$dir/testdata/fuzz/$$(basename "$$found")"; mkdir -p "$$kept"; \
			ls -t "$$found" | while read -r seed; do \
				[ "$$(ls "$$kept" | wc -l)" -lt $(SEEDS) ] || break; \
				cp "$$found/$$seed" "$$kept/"; \
			done; \
		done; \
	done

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l caddymodule cmd tools); [ -z "$$unformatted" ] || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet -trimpath ./...
	$(GO) vet -C tools ./...
	$(TOOL) staticcheck -tests=false ./...

lint-packaging: ## lint workflows, images, manifests, unit, alert rules with the tools that are there
	@$(GO) build -modfile=tools/go.mod -o '$(abspath $(RUN))/actionlint' github.com/rhysd/actionlint/cmd/actionlint
	@ACTIONLINT='$(abspath $(RUN))/actionlint' sh packaging/lint

examples: build ## run every example against the simulator
	@bash examples/check $(BIN)

versions: build ## refuse versions with a known vulnerability, by tools/minversions/minimums.txt
	@$(GO) build -C tools -o '$(abspath $(RUN))/minversions' ./minversions
	$(RUN)/minversions $(BIN)/caddy $(BIN)/wechatsim $(wildcard $(XCADDY_OUT))

vulncheck: versions ## the same, and ask vuln.go.dev for newer ones
	$(TOOL) govulncheck ./...

sbom: build ## write the bill of materials, bin/caddy.cdx.json (CycloneDX)
	@$(GO) build -C tools -o '$(abspath $(RUN))/sbom' ./sbom
	$(RUN)/sbom -o $(BIN)/caddy.cdx.json $(BIN)/caddy

reproducible: build ## build again, elsewhere and from nothing, and compare the bytes
	@rm -rf $(RUN)/again; mkdir -p $(RUN)/again/tree
	@tar -c --exclude=./.git --exclude=./$(BIN) --exclude=./$(RUN) . | tar -x -C $(RUN)/again/tree
	@GOCACHE='$(abspath $(RUN))/again/cache' $(MAKE) -s -C $(RUN)/again/tree build
	@for program in caddy wechatsim; do cmp $(BIN)/$$program $(RUN)/again/tree/$(BIN)/$$program || exit 1; done
	@sha256sum $(BIN)/caddy $(BIN)/wechatsim; rm -rf $(RUN)/again

clean: ## remove what make made
	rm -rf $(BIN) $(RUN) $(DIST)

endif
