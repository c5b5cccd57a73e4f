package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A shell command, a task process and a datanode pay at every start for what this binary links (docs/architecture.md, section 5).
func TestLodeLinksNeitherIcebergNorDuckDB(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	heavy := regexp.MustCompile(`iceberg-go|duckdb|arrow-go|substrait`)
	for _, p := range strings.Fields(string(out)) {
		if heavy.MatchString(p) {
			t.Errorf("cmd/lode links %s, which only lode-gold may", p)
		}
	}
}
