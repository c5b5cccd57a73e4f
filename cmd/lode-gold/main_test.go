//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodehq/lode/table/datafile"
)

// lode runs a command line as main does, without the process.
func lode(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := app(strings.NewReader(""), &out, io.Discard).RunContext(t.Context(), append([]string{"lode-gold"}, args...))
	return out.String(), err
}

func TestPlanAndCommit(t *testing.T) {
	dir := t.TempDir()
	fs := "--fs=file://" + dir
	out, err := lode(t, "table", "plan", fs, "--table", "gold.x")
	if err != nil || !strings.Contains(out, `"exists":false`) {
		t.Fatalf("%s %v", out, err)
	}
	if _, err := lode(t, "table", "plan", fs, "--table", "gold.x", "--must-exist"); err == nil {
		t.Error("a missing table passed for there")
	}
	m := datafile.Manifest{Table: "gold.x", Mode: datafile.Append, CommitID: "job-1", Create: &datafile.Table{Name: "gold.x", Schema: datafile.Schema{Fields: []datafile.Field{{ID: 1, Name: "n", Type: datafile.Long}}}},
		Files: []datafile.Descriptor{{Path: "/lode/warehouse/gold/x/data/a.parquet", Format: "parquet", RecordCount: 3, FileSizeBytes: 100}}}
	file := filepath.Join(t.TempDir(), "manifest.json")
	data, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"already":false`, `"already":true`} {
		if out, err := lode(t, "table", "commit", fs, "--manifest", file, "--json"); err != nil || !strings.Contains(out, want) || !strings.Contains(out, `"records":3`) {
			t.Fatalf("%d: %s %v", i, out, err)
		}
	}
	if out, err := lode(t, "table", "plan", fs, "--table", "gold.x"); err != nil || !strings.Contains(out, `"record_count":3`) || !strings.Contains(out, "file://"+dir+"/lode/warehouse/gold/x/data/a.parquet") {
		t.Fatalf("%s %v", out, err)
	}
	if out, err := lode(t, "table", "list", fs); err != nil || out != "gold.x\n" {
		t.Fatalf("%q %v", out, err)
	}
}

// Many tables are committed by one process; what went wrong with one does not keep the others back, and all of it can be done again.
func TestCommitMany(t *testing.T) {
	fs := "--fs=file://" + t.TempDir()
	manifest := func(name string) []byte {
		data, err := json.Marshal(&datafile.Manifest{Table: name, Mode: datafile.Append, CommitID: "job-1-" + name, Create: &datafile.Table{Name: name, Schema: datafile.Schema{Fields: []datafile.Field{{ID: 1, Name: "n", Type: datafile.Long}}}},
			Files: []datafile.Descriptor{{Path: "/lode/warehouse/gold/data/" + name + ".parquet", Format: "parquet", RecordCount: 3, FileSizeBytes: 100}}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	one, many := filepath.Join(t.TempDir(), "one,two.json"), filepath.Join(t.TempDir(), "many.json")
	var all []byte
	for i := range 20 {
		all = append(append(all, manifest(fmt.Sprintf("gold.t%02d", i))...), '\n')
	}
	if err := errors.Join(os.WriteFile(one, manifest("silver.x"), 0o644), os.WriteFile(many, all, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, already := range []bool{false, true} {
		out, err := lode(t, "table", "commit", fs, "--manifest", one, "--manifest", many, "--json")
		if err != nil {
			t.Fatal(err)
		}
		var got []struct {
			Table    string
			Records  int
			Snapshot int64
			Already  bool
		}
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 21 {
			t.Fatalf("%v %s", err, out)
		}
		for i, g := range got {
			want := "silver.x"
			if i > 0 {
				want = fmt.Sprintf("gold.t%02d", i-1)
			}
			if g.Table != want || g.Records != 3 || g.Snapshot == 0 || g.Already != already {
				t.Errorf("%d: %+v", i, g)
			}
		}
	}
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, append(manifest("gold/nothing"), manifest("gold.after")...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := lode(t, "table", "commit", fs, "--manifest", bad); err == nil || !strings.Contains(err.Error(), "gold/nothing") {
		t.Errorf("%v", err)
	}
	if out, err := lode(t, "table", "list", fs, "gold"); err != nil || !strings.Contains(out, "gold.after\n") {
		t.Errorf("%s %v", out, err)
	}
}

func TestWrongCommandLines(t *testing.T) {
	fs := "--fs=file://" + t.TempDir()
	for _, args := range [][]string{
		{"nonsense"}, {"table", "plan", fs, "--table", "gold.x", "--nope"}, {"table", "describe", fs}, {"table", "list", "--fs", "ftp://x"}, {"table", "list", fs, "-D", "dfs.replication=many"},
		{"ingest", "geth", fs, "--rpc", "http://127.0.0.1:1"}, {"ingest", "geth", fs, "--rpc", "http://127.0.0.1:1", "--blocks", "5-1"}, {"table", "plan", fs, "--table", "gold.x", "--filter", "{"}, {"table", "list", fs, "--log-level", "loud"},
		{"serve", fs, "--query-listen", "0.0.0.0:0"}, {"query", fs, "--listen", "127.0.0.1:0", "--pg-listen", "0.0.0.0:0"}, {"catalog", fs, "--listen", ":0"}, {"catalog", fs, "--listen", "127.0.0.1:0", "-D", "lode.trusted.networks=10.0.0.0/8,nowhere"},
	} {
		var u usageError
		if _, err := lode(t, args...); !errors.As(err, &u) {
			t.Errorf("%v: %v is not a usage error", args, err)
		}
	}
	if _, err := lode(t, "table", "list", "--fs=file:///no/such/directory"); err == nil || !strings.Contains(err.Error(), "make the directory first") {
		t.Errorf("%v", err)
	}
}

// The services come up, answer, and end when standard input ends.
func TestServe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready.json")
	stdin, parent := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- app(stdin, io.Discard, io.Discard).RunContext(context.Background(), []string{"lode-gold", "serve", "--fs=file://" + t.TempDir(), "--query-listen=127.0.0.1:0", "--catalog-listen=127.0.0.1:0", "--pg-listen=127.0.0.1:0", "--flight-listen=127.0.0.1:0",
			"--cache-dir", t.TempDir(), "--memory", "256m", "--ready-file", file, "--watch-parent"})
	}()
	var r ready
	deadline := time.Now().Add(30 * time.Second)
	for r.PID == 0 {
		if data, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-done:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("not ready in 30 s")
		}
	}
	resp, err := http.Post(r.Query+"/v1/query", "text/plain", strings.NewReader("select count(*) as n from silver.nft_sales"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, _ := io.ReadAll(resp.Body); string(data) != `{"n":0}`+"\n" {
		t.Errorf("%s", data)
	}
	if c, err := http.Get(r.Catalog + "/v1/namespaces"); err != nil || c.StatusCode != 200 {
		t.Errorf("catalog: %v", err)
	} else {
		c.Body.Close()
	}
	parent.Close()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the parent is gone, and the service is not")
	}
}
