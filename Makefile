# Lode: `make demo` shows it, `make test` proves it, `make help` lists the rest.
GO       ?= go
BIN      := bin
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
# lode-gold links DuckDB, whose library is C++: static, so that it runs FROM scratch.
GOLDTAGS := netgo,osusergo,duckdb_arrow
GOLDLD   := $(LDFLAGS) -linkmode external -extldflags "-static"
LINKS    := hdfs hadoop mapred yarn
LINT     := v2.6.2

.PHONY: help build lode lode-gold demo test test-go lint cover bench proto conformance docker dist fuzz clean tools

help:            ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

build: lode lode-gold ## bin/lode, bin/lode-gold and the links hdfs, hadoop, mapred, yarn

lode: tools
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/lode ./cmd/lode
	@for l in $(LINKS); do ln -sf lode $(BIN)/$$l; done

lode-gold: tools
	@echo "building bin/lode-gold (the first time takes some minutes: DuckDB and Iceberg)"
	@CGO_ENABLED=1 $(GO) build -trimpath -tags $(GOLDTAGS) -ldflags '$(GOLDLD)' -o $(BIN)/lode-gold ./cmd/lode-gold 2>$(BIN)/.link.log || { cat $(BIN)/.link.log; exit 1; }

tools:
	@mkdir -p $(BIN)
	@command -v $(GO) >/dev/null || { echo "Go 1.26 is missing: install it from go.dev and put it on PATH"; exit 1; }
	@command -v g++ >/dev/null || command -v c++ >/dev/null || scripts/install g++
	@command -v gcc >/dev/null || command -v cc >/dev/null || scripts/install gcc

demo: build      ## a cluster, real Ethereum blocks, every pipeline, answers by SQL (ONCE=1: stop by itself)
	@$(BIN)/lode demo $(if $(ONCE),--once)

test: build      ## every test of the repository
	@scripts/test

test-go:         ## the Go tests alone
	CGO_ENABLED=1 $(GO) test -tags $(GOLDTAGS) ./...

lint:            ## golangci-lint, with the rooms' import rules
	@command -v golangci-lint >/dev/null || GOBIN=$$($(GO) env GOPATH)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)
	@PATH="$$PATH:$$($(GO) env GOPATH)/bin" golangci-lint run

cover:           ## coverage of the Go tests, in coverage.out
	CGO_ENABLED=1 $(GO) test -tags $(GOLDTAGS) -coverprofile=coverage.out -coverpkg=./... ./... && $(GO) tool cover -func=coverage.out | tail -1

bench: build     ## measure storage and batch, and write docs/performance.md
	$(BIN)/lode bench --markdown docs/performance.md

proto:           ## generate the Go code of every .proto
	@scripts/proto

conformance: build ## foreign clients and suites against a running Lode (downloads what they need)
	@test/conformance/run

docker: build ## the image and a smoke test with docker compose
	@docker/smoke

dist:            ## lode for linux and darwin, amd64 and arm64, without a C compiler
	@for os in linux darwin; do for arch in amd64 arm64; do echo dist/lode-$$os-$$arch; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/lode-$$os-$$arch ./cmd/lode || exit 1; done; done

fuzz:            ## each fuzz target for a short while (FUZZTIME=10s)
	@scripts/fuzz

clean:
	rm -rf $(BIN) dist coverage.out
