package geth

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/lodehq/lode/ingest/replaynode"
	"github.com/lodehq/lode/table/storage"
)

func hash(n uint64, what byte) string { return fmt.Sprintf("0x%064x", n<<8|uint64(what)) }

// recorded makes a chain of small blocks with one transaction, receipt and trace each.
func recorded(t testing.TB, numbers ...uint64) *replaynode.Chain {
	t.Helper()
	dir := fstest.MapFS{}
	for _, n := range numbers {
		tx := map[string]any{"hash": hash(n, 1), "blockHash": hash(n, 0), "blockNumber": n, "from": "0xAB" + strings.Repeat("0", 38), "gas": 21000, "gasPrice": "5", "nonce": 1, "transactionIndex": 0, "value": "1000000000000000000000", "input": "0x", "v": "0x1b", "r": "0x01", "s": "0x02",
			"receipt": map[string]any{"transactionHash": hash(n, 1), "blockHash": hash(n, 0), "blockNumber": n, "cumulativeGasUsed": "21000", "gasUsed": 21000, "status": true, "transactionIndex": 0, "logsBloom": "0x00", "logs": []any{
				map[string]any{"address": "0xCD" + strings.Repeat("0", 38), "blockHash": hash(n, 0), "blockNumber": n, "data": "0x", "logIndex": 0, "topics": []any{hash(n, 2)}, "transactionHash": hash(n, 1), "transactionIndex": 0}}},
			"traces": []any{map[string]any{"type": "call", "blockHash": hash(n, 0), "transactionHash": hash(n, 1), "subtraces": 0, "traceAddress": []any{}, "action": map[string]any{"callType": "call"}, "result": nil}}}
		data, err := json.Marshal(map[string]any{"number": n, "hash": hash(n, 0), "parentHash": hash(n-1, 0), "difficulty": "1", "gasLimit": 1, "timestamp": 1, "transactions": []any{tx}})
		if err != nil {
			t.Fatal(err)
		}
		dir[fmt.Sprintf("%d.json", n)] = &fstest.MapFile{Data: data}
	}
	c, err := replaynode.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// faulty spoils answers by chance, as providers do.
type faulty struct {
	http.Handler
	mu   sync.Mutex
	rng  *rand.Rand
	each float64
	hits atomic.Int64
}

func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	kind := -1
	if f.rng.Float64() < f.each {
		kind = f.rng.Intn(9)
	}
	f.mu.Unlock()
	if kind < 0 {
		f.Handler.ServeHTTP(w, r)
		return
	}
	f.hits.Add(1)
	rec := httptest.NewRecorder()
	f.Handler.ServeHTTP(rec, r)
	body := rec.Body.Bytes()
	switch kind {
	case 0:
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case 1:
		http.Error(w, "<html>", http.StatusBadGateway)
	case 2:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	case 3:
		_, _ = w.Write(body[:len(body)/2])
	case 4:
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"busy"}}`))
	default:
		_, _ = w.Write(f.twist(kind, body))
	}
}

// twist gives a whole answer that is wrong: nulls, errors, repeated answers, another order, another block.
func (f *faulty) twist(kind int, body []byte) []byte {
	var answers []map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&answers) != nil || len(answers) == 0 {
		return body
	}
	switch kind {
	case 5: // receipts that are not there yet, and the like
		answers[len(answers)/2]["result"] = nil
	case 6:
		delete(answers[0], "result")
		answers[0]["error"] = map[string]any{"code": -32000, "message": "header not found"}
	case 7:
		answers = append(answers, answers[0])
		answers[0], answers[len(answers)-1] = answers[len(answers)-1], answers[0]
		answers = answers[1:]
	case 8: // a call answered with what belongs to another
		answers[0]["result"], answers[len(answers)-1]["result"] = answers[len(answers)-1]["result"], answers[0]["result"]
	}
	out, err := json.Marshal(answers)
	if err != nil {
		return body
	}
	return out
}

func local(t testing.TB) *storage.Local {
	t.Helper()
	l, err := storage.NewLocal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type landedLine struct {
	Chain    string `json:"chain"`
	ChainID  uint64 `json:"chain_id"`
	Number   uint64 `json:"number"`
	Block    map[string]any
	Receipts []map[string]any
	Traces   []map[string]any
}

// lines reads every landed block, in the order of the file names.
func lines(t testing.TB, fsys storage.FS) []landedLine {
	t.Helper()
	var out []landedLine
	err := storage.Walk(t.Context(), fsys, "/data", func(name string, _ fs.FileInfo) error {
		data, err := storage.ReadFile(t.Context(), fsys, name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(path.Base(name), leaseFile) {
			t.Errorf("a lease was left: %s", name)
			return nil
		}
		if strings.HasPrefix(path.Base(name), orphaned) {
			return nil
		}
		if !fileName.MatchString(name[strings.LastIndexByte(name, '/')+1:]) {
			t.Errorf("a file that is not landed was left: %s", name)
			return nil
		}
		z, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return err
		}
		defer z.Close()
		in := bufio.NewReader(z)
		for {
			line, err := in.ReadBytes('\n')
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			var l landedLine
			if err := json.Unmarshal(line, &l); err != nil {
				return err
			}
			out = append(out, l)
		}
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func wantNumbers(t testing.TB, fsys storage.FS, numbers []uint64) {
	t.Helper()
	wantForked(t, fsys, numbers, 1<<40)
}

// wantForked wants blocks that from a height on are those of forked.
func wantForked(t testing.TB, fsys storage.FS, numbers []uint64, from uint64) {
	t.Helper()
	seen := map[uint64]int{}
	for _, l := range lines(t, fsys) {
		seen[l.Number]++
		want := hash(l.Number, 0)
		if l.Number >= from {
			want = hash(l.Number, 9)
		}
		if l.Block["hash"] != want || len(l.Receipts) != 1 || l.Receipts[0]["blockHash"] != want {
			t.Errorf("block %d is not itself: %v", l.Number, l)
		}
	}
	for _, n := range numbers {
		if seen[n] != 1 {
			t.Errorf("block %d is landed %d times", n, seen[n])
		}
	}
	if len(seen) != len(numbers) {
		t.Errorf("%d blocks are landed, want %d", len(seen), len(numbers))
	}
}

func sequence(first, n uint64) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = first + uint64(i)
	}
	return out
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestLandsEachBlockOnceAndGoesOn(t *testing.T) {
	numbers := append(append(sequence(999_990, 20), 2_000_000), sequence(3_000_000, 7)...)
	url, fsys := serve(t, replaynode.New(recorded(t, numbers...), replaynode.Options{})), local(t)
	blocks, err := ParseBlocks("999990-1000009,2000000,3000000-3000006")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{RPC: url, Blocks: blocks[:1], FS: fsys, Once: true, Traces: true, FileBytes: 4000}
	rep, err := Run(t.Context(), cfg)
	if err != nil || rep.Landed != 20 {
		t.Fatalf("%+v %v", rep, err)
	}
	cfg.Blocks = blocks
	rep, err = Run(t.Context(), cfg)
	if err != nil || rep.Landed != 8 || rep.Already != 20 {
		t.Fatalf("%+v %v", rep, err)
	}
	if rep, err = Run(t.Context(), cfg); err != nil || rep.Landed != 0 || rep.Already != 28 {
		t.Fatalf("%+v %v", rep, err)
	}
	wantNumbers(t, fsys, numbers)
	l := lines(t, fsys)[0]
	if l.Chain != "ethereum" || l.ChainID != 1 || len(l.Traces) != 1 || l.Block["transactions"].([]any)[0].(map[string]any)["value"] != "0x3635c9adc5dea00000" {
		t.Fatalf("%+v", l)
	}
}

func TestFaultyNode(t *testing.T) {
	for seed := range int64(4) {
		numbers := sequence(100, 60)
		f := &faulty{Handler: replaynode.New(recorded(t, numbers...), replaynode.Options{GethOnly: seed%2 == 1}), rng: rand.New(rand.NewSource(seed)), each: 0.4}
		fsys := local(t)
		rep, err := Run(t.Context(), Config{RPC: serve(t, f), Blocks: []Range{{100, 159}}, FS: fsys, Once: true, Traces: true, FileBytes: 8000, Batch: 4, Timeout: 5 * time.Second})
		if err != nil || rep.Landed != 60 {
			t.Fatalf("seed %d: %+v %v", seed, rep, err)
		}
		wantNumbers(t, fsys, numbers)
		if f.hits.Load() < 3 {
			t.Errorf("seed %d: only %d faults", seed, f.hits.Load())
		}
	}
}

func TestStoppedAtAnyBlockLosesAndRepeatsNothing(t *testing.T) {
	numbers := sequence(500, 40)
	url, fsys := serve(t, replaynode.New(recorded(t, numbers...), replaynode.Options{})), local(t)
	for stop := 1; stop < 40; stop += 7 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Run(ctx, Config{RPC: url, Blocks: []Range{{500, 539}}, FS: fsys, Once: true, FileBytes: 5000, Batch: 3, Progress: func(p Progress) {
			if p.Done == stop {
				cancel()
			}
		}})
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := Run(t.Context(), Config{RPC: url, Blocks: []Range{{500, 539}}, FS: fsys, Once: true}); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, fsys, numbers)
}

func TestRefusals(t *testing.T) {
	fsys := local(t)
	url := serve(t, replaynode.New(recorded(t, 5, 6, 7), replaynode.Options{}))
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"wrong chain":   {Config{RPC: url, Chain: "palm", Blocks: []Range{{5, 5}}}, "wrong node"},
		"missing block": {Config{RPC: url, Blocks: []Range{{6, 8}}, Patience: 300 * time.Millisecond}, "does not have the block"},
		"no node":       {Config{RPC: "http://127.0.0.1:1", Blocks: []Range{{5, 5}}, Patience: 200 * time.Millisecond}, "refused"},
		"not a node":    {Config{RPC: serve(t, http.NotFoundHandler()), Blocks: []Range{{5, 5}}}, "404"},
	} {
		c.cfg.FS, c.cfg.Once = fsys, true
		if _, err := Run(t.Context(), c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// forked is a node whose blocks from a height on are others: their hashes end in another digit.
func forked(t testing.TB, from, last uint64) string {
	h := replaynode.New(recorded(t, sequence(1, last)...), replaynode.Options{})
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		for n := from; n <= last; n++ {
			body = bytes.ReplaceAll(body, []byte(hash(n, 0)), []byte(hash(n, 9)))
		}
		_, _ = w.Write(body)
	}))
}

// A reorganisation under landed blocks, at every depth, below, within and across files: what left the chain is gone, what stayed is there once, what is new is landed.
func TestReorganisationIsUndone(t *testing.T) {
	for from := uint64(4); from <= 12; from++ {
		fsys := local(t)
		old := serve(t, replaynode.New(recorded(t, sequence(1, 10)...), replaynode.Options{}))
		for _, blocks := range [][]Range{{{1, 6}}, {{7, 9}}, {{10, 10}}} { // three files
			if _, err := Run(t.Context(), Config{RPC: old, Blocks: blocks, FS: fsys, Once: true}); err != nil {
				t.Fatal(err)
			}
		}
		report, err := Run(t.Context(), Config{RPC: forked(t, from, 12), Blocks: []Range{{11, 12}}, FS: fsys, Once: true, Poll: time.Millisecond})
		if err != nil {
			t.Fatalf("from %d: %v", from, err)
		}
		want := 0
		if from <= 10 {
			want = int(11 - from)
		}
		if report.Orphaned != want {
			t.Errorf("from %d: %d blocks taken out", from, report.Orphaned)
		}
		wantForked(t, fsys, sequence(1, 12), from)
	}
}

// The same when the chain did not become longer: a follower looks at the block that it landed last.
func TestReplacedHead(t *testing.T) {
	fsys := local(t)
	old := serve(t, replaynode.New(recorded(t, sequence(1, 10)...), replaynode.Options{}))
	if _, err := Run(t.Context(), Config{RPC: old, Blocks: []Range{{First: 1}}, Latest: true, FS: fsys, Once: true}); err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), Config{RPC: forked(t, 8, 10), Blocks: []Range{{First: 1}}, Latest: true, FS: fsys, Once: true})
	if err != nil || report.Orphaned != 3 || report.Reorganisations != 1 {
		t.Fatalf("%+v %v", report, err)
	}
	wantForked(t, fsys, sequence(1, 10), 8)
}

func TestAnotherChainIsNoReorganisation(t *testing.T) {
	fsys := local(t)
	old := serve(t, replaynode.New(recorded(t, sequence(1, 10)...), replaynode.Options{}))
	if _, err := Run(t.Context(), Config{RPC: old, Blocks: []Range{{1, 10}}, FS: fsys, Once: true}); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), Config{RPC: forked(t, 2, 12), Blocks: []Range{{11, 12}}, FS: fsys, Once: true, MaxReorg: 5})
	if err == nil || !strings.Contains(err.Error(), "another chain") {
		t.Fatal(err)
	}
	wantNumbers(t, fsys, sequence(1, 10))
}

func TestFollowsTheHead(t *testing.T) {
	chain := recorded(t, sequence(1, 9)...)
	h := replaynode.New(chain, replaynode.Options{})
	var head atomic.Uint64
	head.Store(4)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if bytes.Contains(body, []byte("eth_blockNumber")) {
			var q struct{ ID json.RawMessage }
			_ = json.Unmarshal(body, &q)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":"0x%x"}`, q.ID, head.Add(1))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	}))
	fsys := local(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := Run(ctx, Config{RPC: url, Blocks: []Range{{First: 1}}, Latest: true, Confirmations: 2, FS: fsys, Poll: time.Millisecond, Progress: func(p Progress) {
		if p.Block == 7 {
			cancel()
		}
	}}); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	wantNumbers(t, fsys, sequence(1, 7))
}

func TestCallTracerBecomesFlat(t *testing.T) {
	in := `[{"txHash":"0x01","result":{"type":"CALL","from":"0xa","to":"0xb","value":"0x1","gas":"0x5","gasUsed":"0x4","input":"0x","calls":[
		{"type":"CREATE2","from":"0xb","to":"0xc","gas":"0x1","gasUsed":"0x1","input":"0x60","output":"0x61"},
		{"type":"STATICCALL","from":"0xb","to":"0xd","gas":"0x1","gasUsed":"0x1","error":"execution reverted","calls":[{"type":"SELFDESTRUCT","from":"0xd","to":"0xe","value":"0x2"}]}]}}]`
	got, err := flatten(json.RawMessage(in), true)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"action":{"callType":"call","from":"0xa","to":"0xb","gas":"0x5","input":"0x","value":"0x1"},"result":{"gasUsed":"0x4","output":"0x"},"subtraces":2,"traceAddress":[],"transactionHash":"0x01","transactionPosition":0,"type":"call"},` +
		`{"action":{"from":"0xb","gas":"0x1","init":"0x60","value":"0x0"},"result":{"gasUsed":"0x1","address":"0xc","code":"0x61"},"subtraces":0,"traceAddress":[0],"transactionHash":"0x01","transactionPosition":0,"type":"create"},` +
		`{"action":{"callType":"staticcall","from":"0xb","to":"0xd","gas":"0x1","input":"0x","value":"0x0"},"error":"Reverted","result":null,"subtraces":1,"traceAddress":[1],"transactionHash":"0x01","transactionPosition":0,"type":"call"},` +
		`{"action":{"address":"0xd","balance":"0x2","refundAddress":"0xe"},"result":null,"subtraces":0,"traceAddress":[1,0],"transactionHash":"0x01","transactionPosition":0,"type":"suicide"}]`
	if string(got) != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func FuzzIndex(f *testing.F) {
	good, err := encodeIndex([]entry{{1, "0x1", "0x0"}, {5, "0x5", "0x4"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append([]byte("some frames"), good...))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseIndex(bytes.NewReader(data), int64(len(data)))
		if err == nil && len(entries) > len(data) {
			t.Fatalf("%d entries out of %d bytes", len(entries), len(data))
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`[{"id":1,"result":{"number":"0x1"}},{"id":"2","error":{"code":1,"message":"x"}}]`))
	f.Add([]byte(`{"id":null,"error":{"code":-32600,"message":"batch too large"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := &call{}, &call{}
		_ = deliver(data, map[uint64]*call{1: a, 2: b})
		p := &pending{raw: raw{number: 1}}
		if a.result != nil && takeBlock(p, a.result) == nil && !isHash(p.hash) {
			t.Fatal("a block without a hash was taken")
		}
		_, _ = flatten(data, true)
	})
}
