# What each target does: make help
SHELL := /bin/bash
export CGO_ENABLED := 0
BIN := bin/flux-rehearse
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help
help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: build
build: ## build the program into bin/
	go build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/flux-rehearse

.PHONY: demo
demo: build ## rehearse the sample fleet: what a pull request would do to two clusters
	./fixtures/demo.sh $(BIN)

.PHONY: test
test: build ## run all tests
	FLUX_REHEARSE_BIN=$(CURDIR)/$(BIN) go test -timeout 30m ./...

.PHONY: check
check: lint test race ## what CI runs: format, vet, lint, tests, race detector

.PHONY: race
race: ## tests of the packages that run in parallel, under the race detector
	CGO_ENABLED=1 go test -race ./finding ./repo ./source ./render ./diff ./report/... ./schemas ./validate/... ./internal/effort ./internal/temporary

.PHONY: lint
lint: ## gofmt, go vet and the pinned linter
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	$(LINT) ./...

.PHONY: generate
generate: ## regenerate schemas/data and docs from the module's own sources
	go run ./schemas/generate
	UPDATE=1 go test ./report ./facts ./validate/rules ./internal/ledger -run 'Documentation|Schema' -count=1

.PHONY: golden
golden: build ## record the layout goldens again
	UPDATE=1 FLUX_REHEARSE_BIN=$(CURDIR)/$(BIN) go test ./report ./fixtures -count=1

.PHONY: conformance
conformance: build ## replay recorded cases through the program and compare [CASES=DIR] [RUN=name]
	go run ./internal/conformance -bin $(BIN) -cases $(or $(CASES),../shared/conformance/cases) $(if $(RUN),-run $(RUN))

.PHONY: bench
bench: build ## print times, memory and precision on the corpora and the fleet
	go run ./internal/bench -bin $(BIN)

.PHONY: fuzz
fuzz: ## fuzz whatever reads bytes, half a minute each
	go test ./repo -run '^$$' -fuzz FuzzAt -fuzztime 30s
	go test ./diff -run '^$$' -fuzz FuzzObjects -fuzztime 30s
	go test ./render/kustomize -run '^$$' -fuzz FuzzSubstitute -fuzztime 30s
	go test ./render/kustomize -run '^$$' -fuzz FuzzPrepare -fuzztime 30s
	go test ./render/helmrelease -run '^$$' -fuzz FuzzRender -fuzztime 30s
	go test ./render/helmrelease -run '^$$' -fuzz FuzzValues -fuzztime 30s
