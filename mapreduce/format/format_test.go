package format

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodehq/lode/mapreduce"
	"github.com/lodehq/lode/mapreduce/localfs"
)

func testEnv(t *testing.T, files map[string]string, pairs map[string]string) mapreduce.InputEnv {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return mapreduce.InputEnv{FS: localfs.FS{Root: dir}, Conf: mapreduce.NewConf(pairs)}
}

func readAll(t *testing.T, f mapreduce.InputFormat, env mapreduce.InputEnv) (records []string, splits int) {
	t.Helper()
	list, err := f.Splits(context.Background(), env)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		r, err := f.Open(context.Background(), s, env)
		if err != nil {
			t.Fatal(err)
		}
		for {
			k, v, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, string(k)+"="+string(v))
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return records, len(list)
}

// However a file is split, every line is read once, in order, with its offset.
func TestSplitsReadEveryLineOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteString(strings.Repeat("x", r.IntN(9)))
			b.WriteString([]string{"\n", "\r\n", "\r", "\n"}[r.IntN(4)])
		}
		b.WriteString(strings.Repeat("y", r.IntN(3)))
		text := b.String()
		whole, _ := readAll(t, Text{Paths: []string{"/a"}, KeyText: true}, testEnv(t, map[string]string{"a": text}, nil))
		for _, maps := range []int{1, 2, 3, 7, 50} {
			got, n := readAll(t, Text{Paths: []string{"/a"}, KeyText: true}, testEnv(t, map[string]string{"a": text}, map[string]string{"mapreduce.job.maps": fmt.Sprint(maps)}))
			if strings.Join(got, "|") != strings.Join(whole, "|") {
				t.Fatalf("round %d, %q in %d splits:\n%q\n%q", round, text, n, got, whole)
			}
		}
	}
}

func TestLineEnds(t *testing.T) {
	got, _ := readAll(t, Text{Paths: []string{"/a"}, KeyText: true}, testEnv(t, map[string]string{"a": "\xef\xbb\xbfunix\ndos\r\nmac\rend"}, nil))
	if fmt.Sprint(got) != "[0=unix 8=dos 13=mac 17=end]" {
		t.Error(got)
	}
}

func TestNLine(t *testing.T) {
	env := testEnv(t, map[string]string{"a": "1\n2\n3\n4\n5\n"}, map[string]string{"mapreduce.input.lineinputformat.linespermap": "2"})
	got, n := readAll(t, NLine{Paths: []string{"/a"}, KeyText: true}, env)
	if fmt.Sprint(got) != "[0=1 2=2 4=3 6=4 8=5]" || n != 3 {
		t.Error(got, n)
	}
}

func TestCodecsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(r.IntN(256))
	}
	inputs := map[string][]byte{"empty": nil, "one": []byte("x"), "run": bytes.Repeat([]byte("a"), 250_000), "noise": noise,
		"text": []byte(strings.Repeat("the quick brown fox ", 10_000))}
	for _, suffix := range []string{".gz", ".bz2", ".zst", ".s2", ".snappy", ".lz4", ".deflate", ".txt"} {
		for name, in := range inputs {
			var b bytes.Buffer
			w, err := Compress("a"+suffix, &b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(in); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			d, err := Decompress("a"+suffix, &b)
			if err != nil {
				t.Fatalf("%s %s: %v", suffix, name, err)
			}
			out, err := io.ReadAll(d)
			if err != nil || !bytes.Equal(out, in) {
				t.Errorf("%s %s: %d bytes, want %d (%v)", suffix, name, len(out), len(in), err)
			}
		}
	}
}

func TestExpand(t *testing.T) {
	env := testEnv(t, map[string]string{"in/a.txt": "", "in/b.log": "", "in/_hidden": "", "in/.x": "", "in/sub1/c.txt": "", "in/sub2/d.txt": ""}, nil)
	for _, c := range []struct{ paths, want string }{
		{"/in/*.txt", "/in/a.txt"},
		{"/in/{a.txt,b.log}", "/in/a.txt /in/b.log"},
		{"/in/sub[1-2]/*", "/in/sub1/c.txt /in/sub2/d.txt"},
		{"/in/a.txt,/in/sub2", "/in/a.txt /in/sub2/d.txt"},
		{"/in", "error: Not a file"},
		{"/in/*.none", "error: Input Pattern /in/*.none matches 0 files"},
		{"/none", "error: Input path does not exist: /none"},
	} {
		files, err := Expand(context.Background(), env.FS, SplitPaths(c.paths), false)
		var got []string
		for _, f := range files {
			got = append(got, f.Path)
		}
		if err != nil {
			if want, ok := strings.CutPrefix(c.want, "error: "); !ok || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: %v", c.paths, err)
			}
		} else if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v", c.paths, got)
		}
	}
}

func FuzzDecompress(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 0, 5, 0, 0, 0, 7, 5, 16, 'h', 'e', 'l', 'l', 'o'})
	f.Fuzz(func(_ *testing.T, kind uint8, data []byte) {
		suffix := []string{".snappy", ".lz4", ".s2", ".gz", ".bz2"}[kind%5]
		d, err := Decompress("a"+suffix, bytes.NewReader(data))
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(d, 1<<20))
		}
	})
}
