package chain

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/lodehq/lode/jobs/chain/block"
	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
)

type mini struct {
	n    int64
	hash string
}

func line(chain string, b mini) string {
	return fmt.Sprintf(`{"chain":"%s","chain_id":1,"number":%d,"block":{"number":"%#x","hash":"%s","transactions":[]},"receipts":[],"traces":null}`+"\n", chain, b.n, b.n, b.hash)
}

// land writes a file; names that end in .zst get the ingester's index.
func land(t *testing.T, root, name string, at int, chain string, blocks ...mini) {
	t.Helper()
	var text bytes.Buffer
	var index []map[string]any
	for _, b := range blocks {
		text.WriteString(line(chain, b))
		index = append(index, map[string]any{"n": b.n, "h": b.hash, "p": "0x0"})
	}
	data := text.Bytes()
	if strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		j, err := json.Marshal(index)
		if err != nil {
			t.Fatal(err)
		}
		data = z.EncodeAll(data, nil)
		data = binary.LittleEndian.AppendUint32(data, indexMagic)
		data = binary.LittleEndian.AppendUint32(data, uint32(len(j)+8))
		data = binary.LittleEndian.AppendUint64(append(data, j...), uint64(len(j)))
	}
	p := filepath.Join(root, "data/chain", chain, "raw/block=000000000", name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1_700_000_000+int64(at), 0)
	if err := os.Chtimes(p, when, when); err != nil {
		t.Fatal(err)
	}
}

func readLanded(t *testing.T, root string, chains ...string) []string {
	t.Helper()
	ctx, env := context.Background(), mapreduce.InputEnv{FS: localfs.FS{Root: root}, Conf: mapreduce.NewConf(nil)}
	in := RawInput(&mapreduce.Invocation{Conf: env.Conf}, chains)
	splits, err := in.Splits(ctx, env)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range splits {
		r, err := in.Open(ctx, s, env)
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, v, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			chain, n, hash, err := block.Head(v)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %d %s", chain, n, hash))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	return got
}

func TestAHeightIsReadOnce(t *testing.T) {
	root := t.TempDir()
	land(t, root, "part-000000001-000000003-3-aaaaaaaa.ndjson.zst", 0, "ethereum", mini{1, "0xa1"}, mini{2, "0xa2"}, mini{3, "0xa3"})
	land(t, root, "part-000000001-000000003-3-bbbbbbbb.ndjson.zst", 5, "ethereum", mini{1, "0xa1"}, mini{2, "0xa2"}, mini{3, "0xa3"})
	// A reorganisation, recorded later; and before all of it a file that nobody indexed, with a block twice.
	land(t, root, "part-000000003-000000004-2-cccccccc.ndjson.zst", 9, "ethereum", mini{3, "0xc3"}, mini{4, "0xc4"})
	land(t, root, "by-hand.ndjson", 3, "ethereum", mini{5, "0xa5"}, mini{2, "0xbad"}, mini{5, "0xb5"})
	land(t, root, "part-000000009-000000010-2-dddddddd.ndjson.zst", 1, "ethereum", mini{9, "0xa9"}, mini{10, "0xaa"})
	land(t, root, "part-000000001-000000001-1-eeeeeeee.ndjson.zst", 1, "palm", mini{1, "0xfa"})
	want := []string{"ethereum 1 0xa1", "ethereum 10 0xaa", "ethereum 2 0xa2", "ethereum 3 0xc3", "ethereum 4 0xc4", "ethereum 5 0xb5", "ethereum 9 0xa9", "palm 1 0xfa"}
	if got := readLanded(t, root, "ethereum", "palm"); !slices.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// TestFilesApartAreNotOpened: names tell that nothing is there twice, so a backfill of thousands of files is not read before it is read.
func TestFilesApartAreNotOpened(t *testing.T) {
	files := []*piece{{first: 1, last: 9, named: true}, {first: 10, last: 19, named: true}, {first: 30, last: 39, named: true}, {first: 35, last: 36, named: true}, {first: 39, last: 40, named: true}, {chain: "palm", first: 1, last: 100, named: true}}
	out := overlapping(files)
	if len(out) != 3 || !out[files[2]] || !out[files[3]] || !out[files[4]] {
		t.Fatalf("%d files would be opened", len(out))
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaaaaaaaa"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readIndex(bytes.NewReader(data), int64(len(data))); err != nil && !errors.Is(err, errNoIndex) {
			t.Fatal(err)
		}
	})
}
