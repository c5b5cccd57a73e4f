package cluster

import (
	"path/filepath"
	"testing"
)

// A namenode starts before the roles whose pages it passes on, so it learns their ports from what they write when they serve.
func TestUpstreamsFollowTheProcesses(t *testing.T) {
	u := &upstreams{dir: t.TempDir()}
	u.ready.Store(&Ready{Scheduler: "http://configured:8088", Query: "http://configured:8765"})
	if got := u.of("scheduler"); got != "http://configured:8088" {
		t.Errorf("before the scheduler runs: %q", got)
	}
	if err := writeJSON(filepath.Join(u.dir, "scheduler", "ready.json"), Ready{Scheduler: "http://127.0.0.1:4711", History: "http://127.0.0.1:4712"}); err != nil {
		t.Fatal(err)
	}
	if got := u.of("scheduler"); got != "http://127.0.0.1:4711" {
		t.Errorf("while the scheduler runs: %q", got)
	}
	if got := u.of("history"); got != "http://127.0.0.1:4712" {
		t.Errorf("its second port: %q", got)
	}
	if got := u.of("query"); got != "http://configured:8765" {
		t.Errorf("a role that has not been started: %q", got)
	}
}
